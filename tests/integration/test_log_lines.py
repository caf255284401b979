"""Peers whose names and texts have line breaks and terminal escapes: each record stays one line."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from pyrolike.api import (
    Daemon,
    Proxy,
    SerializerBase,
    callback,
    current_context,
    expose,
    oneway,
)
from pyrolike.authentication import SharedKeyCheck
from pyrolike.errors import PyroError
from pyrolike.naming import NameServer
from pyrolike.server.multiplex import Guest
from pyrolike.utils.httpgateway import Gateway
from pyrolike.utils.httpgateway.server import GatewayServer
from tests.support import wire
from tests.support.answers import answering, failure
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.rawpeer import RawPeer, call_message, raw_client, scripted_server, serpent
from tests.support.siege import hear_out
from tests.support.waiting import wait_until

EVIL = "mark\nLOG forged\r\x1b[2J\x9b0m\u2028LOG forged\u202e"


class Trouble:
    """Fails with whatever a client says, wherever it is asked to."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    @expose
    def fail(self, text: str) -> None:
        raise ValueError(text)

    @expose
    @callback
    def call_back(self, text: str) -> None:
        raise ValueError(text)

    @expose
    @oneway
    def fire(self, text: str) -> None:
        self.begun.set()
        raise ValueError(text)

    @expose
    def stream(self, text: str) -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError(text)

    @expose
    def track(self, text: str) -> None:
        current_context.track_resource(Resource(text))


class Resource:
    """Fails when it is closed."""

    kept: ClassVar[list[Resource]] = []

    def __init__(self, text: str) -> None:
        self.text = text
        self.kept.append(self)

    def close(self) -> None:
        raise ValueError(self.text)


class HookDaemon(Daemon):
    """Its hooks fail with what clients have said."""

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        if data == "refuse":
            raise ValueError(EVIL)
        conn.said = data
        return super().validateHandshake(conn, data)

    def clientDisconnect(self, conn: Any) -> None:
        if getattr(conn, "said", "") == EVIL:
            raise ValueError(conn.said)

    def annotations(self) -> Any:
        return {EVIL: b""} if self.has_bad_annotations else {}

    has_bad_annotations = False


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged; afterwards every line must be ours."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("LOG %(name)s %(message)s"))
    logger = logging.getLogger("pyrolike")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    lines = stream.getvalue().splitlines()
    assert lines
    for line in lines:
        assert line.startswith(("LOG pyrolike", "  ")), line
        assert line.replace("\t", "").isprintable(), line
        assert len(line) < 50_000


def seen(log: io.StringIO, *words: str) -> None:
    """Wait until all of *words* are in the log."""
    for word in words:
        wait_until(lambda word=word: word in log.getvalue())


@pytest.fixture(params=["thread", "multiplex"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningDaemon]:
    with (
        changed_settings(SERVERTYPE=request.param, LOGWIRE=True),
        running_daemon({"calc": Trouble()}, daemon_class=HookDaemon) as running,
    ):
        running.daemon.methodcall_error_handler = handle_error
        yield running


def handle_error(*args: Any) -> None:
    raise ValueError(args[-1])


def invoke(method: str, flags: int = 0, *, text: str = EVIL, object_id: str = "calc") -> bytes:
    payload = serpent((object_id, method, (text,), {}))
    return wire.message(wire.INVOKE, payload, flags=flags, annotations={"EVIL": EVIL.encode()})


def hello(handshake: Any = "hello", object_id: str = "calc", **options: Any) -> bytes:
    content = {"handshake": handshake, "object": object_id}
    return wire.message(wire.CONNECT, serpent(content), **options)


def say(running: RunningDaemon, *messages: bytes) -> None:
    """Say something, and listen until the server hangs up or has nothing more to say."""
    with raw_client(running.location) as peer:
        for message in messages:
            peer.send(message)
        peer.sock.shutdown(socket.SHUT_WR)
        hear_out(peer)


def test_what_clients_say_to_a_daemon(running: RunningDaemon, log: io.StringIO) -> None:
    say(running, hello(object_id=EVIL))
    seen(log, "handshake refused: unknown object", "sending CONNECTFAIL")
    say(running, hello("refuse"))
    say(running, hello(EVIL))
    seen(log, "clientDisconnect failed")
    say(running, hello(serializer=99))
    say(running, EVIL.encode() * 10)
    head = wire.header(wire.CONNECT, data_size=4, annotations_size=12)
    say(running, head + struct.pack("!4sI", b"\n\x1b\r\0", 4) + b"1234" + b"data")
    say(running, b"PYRO\x0a\x0a" + bytes(40))
    seen(log, "ended by a protocol error")
    for method in ("fail", "call_back", "fire", EVIL, "track"):
        say(running, hello(), invoke(method), invoke(method, wire.ONEWAY))
    seen(log, "the callback", "a oneway call failed", "methodcall_error_handler failed")
    seen(log, "a oneway call cannot be made", "a tracked resource failed to close")
    say(running, hello(), invoke("stream"))
    running.daemon._pyroService.streams.expire(1e-9, 0)
    assert r"mark\nLOG forged\r\x1b[2J\x9b0m" in log.getvalue()


def test_a_daemon_whose_own_annotations_fail(
    running: RunningDaemon, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_client(running.location) as peer:
        peer.connect()
        monkeypatch.setattr(HookDaemon, "has_bad_annotations", True)
        peer.send(wire.message(wire.PING, EVIL.encode(), serializer=42))
        assert peer.read_message().type == wire.PING
    seen(log, "the daemon's annotations cannot be sent")


def test_streams_that_fail_to_close(running: RunningDaemon, log: io.StringIO) -> None:
    with running.proxy() as proxy:
        stream = proxy.stream(EVIL)
        assert next(stream) == 1
        stream.close()
        with contextlib.suppress(ValueError):
            proxy.fail("and the next call")
    seen(log, "the iterator of an item stream failed to close", r"ValueError: mark")


def test_who_is_refused_by_an_authenticator(log: io.StringIO) -> None:
    check = SharedKeyCheck({"ada": "a key that is long enough"})
    with running_daemon({"calc": Trouble()}, authenticator=check) as running:
        login = {"user": EVIL, "time": 1, "nonce": EVIL, "mac": EVIL}
        for handshake in (EVIL, login, {EVIL: EVIL}, {**login, "user": "ada"}):
            say(running, hello(handshake))
    seen(log, "was refused")


def test_names_of_the_name_server(log: io.StringIO) -> None:
    server = NameServer()
    odd = "mark \u202eLOG forged\u2028"
    for name in (EVIL, odd):
        for tell in (
            lambda name=name: server.register(name, "PYRO:x@h:1", metadata=[odd]),
            lambda name=name: server.set_metadata(name, [odd]),
            lambda name=name: server.remove(name),
        ):
            with contextlib.suppress(PyroError):
                tell()
    seen(log, "registered mark", "set the metadata of mark")


def test_servers_that_a_client_calls(log: io.StringIO) -> None:
    script = answering(failure("builtins.ValueError", EVIL))
    with (
        changed_settings(LOGWIRE=True),
        scripted_server(script) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
        pytest.raises(ValueError, match="mark"),
    ):
        proxy.call(EVIL)
    seen(log, "mark")

    def refuse(peer: RawPeer) -> None:
        peer.read_message()
        peer.send(wire.message(wire.CONNECTFAIL, serpent(EVIL)))

    with (
        changed_settings(LOGWIRE=True),
        scripted_server(refuse) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
        pytest.raises(PyroError, match="mark"),
    ):
        proxy.add(1)


@pytest.mark.slow
def test_what_is_asked_of_the_gateway(log: io.StringIO) -> None:
    app = Gateway()
    with contextlib.closing(app):
        server = GatewayServer(app, "127.0.0.1", 0)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for line in (b"GET /\x1b[2J\x9b", b"GET /pyro/a%0aLOG%20forged", b"\x1b[2J\x07 /"):
                with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
                    sock.sendall(line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    while sock.recv(65_536):
                        pass
            seen(log, "pyrolike.httpgateway")
        finally:
            server.shutdown()
            thread.join(PATIENCE)
            server.server_close()


def test_a_guest_of_the_loop_that_fails(log: io.StringIO) -> None:
    class Failing:
        sockets: ClassVar[list[Any]] = []

        def __repr__(self) -> str:
            return EVIL

        def events(self, sockets: Any) -> None:
            raise ValueError(EVIL)

    Guest(Failing())._attend(None)
    seen(log, "mark")


def test_a_proxy_and_its_serializer_with_strange_names(log: io.StringIO) -> None:
    SerializerBase.register_dict_to_class(EVIL, lambda name, data: 1)
    try:
        with (
            changed_settings(LOGWIRE=True),
            running_daemon({"calc": Trouble()}) as running,
            raw_client(running.location) as peer,
        ):
            peer.connect()
            peer.send(call_message("fail", {"__class__": EVIL, EVIL: 1}))
            peer.read_message()
        seen(log, "received INVOKE")
    finally:
        SerializerBase.unregister_dict_to_class(EVIL)
