"""A client's words to a server, from the first byte on: the handshake, and calls after it."""

from __future__ import annotations

import contextlib
import io
import socket
from typing import Any

from pyrolike.objects import expose
from pyrolike.server.session import Session
from pyrolike.transport import SocketConnection
from tests.fuzz.messages import SPOKEN, repair
from tests.fuzz.target import Target
from tests.support import wire
from tests.support.rawpeer import call_message, serpent
from tests.support.serving import Hooks, make_service


class Calc:
    """What is served. Remembers whether anybody has reached it."""

    def __init__(self) -> None:
        self.calls = 0
        self.secrets = 0

    @expose
    def add(self, a: Any, b: Any) -> Any:
        self.calls += 1
        return a if b is None else b

    @expose
    def gen(self) -> Any:
        self.calls += 1
        yield from range(3)

    def hidden(self) -> None:
        self.secrets += 1

    def _private(self) -> None:
        self.secrets += 1


HELLO = wire.message(wire.CONNECT, serpent({"handshake": "hello", "object": "calc"}))
OPENED = b"\0"
"""First byte of an input that begins after the handshake."""

_calc = Calc()
_hooks = Hooks()
_service = make_service({"calc": _calc}, _hooks)


def check(data: bytes) -> None:
    """Say all of it to a session, and look at what it answers."""
    data = HELLO + data[1:] if data[:1] == OPENED else repair(data)
    _calc.calls = 0
    _hooks.shaken.clear()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            theirs.send(data)
        theirs.shutdown(socket.SHUT_WR)
        ours.setblocking(True)
        session = Session(_service, SocketConnection(ours), None, None)
        while (message := session.take_message()) is not None:
            was_open, shaken, before = session.is_open, len(_hooks.shaken), _calc.calls
            session.process(message)
            assert was_open or _calc.calls == before, "called without a handshake"
            assert not session.is_open or len(_hooks.shaken) > 0, "open without being asked"
            assert len(_hooks.shaken) - shaken <= 1
            if session.is_finished:
                break
            with contextlib.suppress(BlockingIOError):
                _look_at(theirs.recv(1 << 20))
        session.end()
        with contextlib.suppress(BlockingIOError, ConnectionError):
            _look_at(theirs.recv(1 << 20))
    assert _calc.secrets == 0
    _service.streams.release(session.connection, 0)


def _look_at(answers: bytes) -> None:
    """See that only whole messages of the kinds that servers send were sent."""
    stream = io.BytesIO(answers)
    while stream.tell() < len(answers):
        if answers[stream.tell() + 4 : stream.tell() + 6] != b"\x01\xf6":
            return  # protocol 48 is looked at by its own tests
        message = wire.read_message(stream.read)
        assert message.type in (wire.CONNECTOK, wire.CONNECTFAIL, wire.RESULT, wire.PING)


def _corpus() -> list[bytes]:
    requests = [each.data for each in SPOKEN if each.is_request]
    calls = [
        call_message("add", 1, 2), call_message("hidden"), call_message("_private"),
        call_message("__init__"), call_message("gen"), call_message("add.__globals__"),
        call_message("get_metadata", "calc", object_id="Pyro.Daemon"),
        call_message("registered", object_id="Pyro.Daemon"),
        call_message("get_next_stream_item", "x", object_id="Pyro.Daemon"),
        wire.message(wire.PING, b"ping", serializer=42),
        wire.message(wire.INVOKE, serpent(("calc", "<batch>", [("add", (1, 2), {})], None)),
                     flags=wire.BATCH),
        wire.message(wire.INVOKE, serpent(("calc", "add", (1, 2), {})), flags=wire.KEEPSERIALIZED,
                     annotations={"BLBI": b"\xa9\x02\xda\x04calc\xda\x03add"}),
        wire.message(wire.INVOKE, serpent(("calc", "__getattr__", ("secrets",), None))),
        wire.message(wire.INVOKE, serpent(("calc", "__setattr__", ("secrets", 1), None))),
    ]  # fmt: skip
    return [
        b"",
        HELLO,
        *requests,
        *(HELLO + each for each in requests),
        *(OPENED + c for c in calls),
    ]


TARGET = Target(
    "Whatever a client says is answered with whole messages or ends its session; nothing is called"
    " before an accepted handshake, and never what is not exposed.",
    check,
    _corpus(),
    tokens=[
        HELLO, b"PYRO\x01\xf6", b"PYRO\0\x30", b"\x4d\xc5", b"'object':'calc'", b"'handshake':",
        b"calc",
        b"__getattr__", b"__setattr__", b"hidden", b"_private", b"Pyro.Daemon", b"<batch>", b"BLBI",
        b"get_metadata", b"STRM", b"__class__", b"'add',(1,2),{})",
    ],
)  # fmt: skip
