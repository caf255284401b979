"""What scripted daemons and name servers answer to a proxy or a link."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pyrolike.serializers import get_serializer
from tests.support import wire
from tests.support.rawpeer import METADATA, PATIENCE, RawPeer, Script, scripted_server, serpent
from tests.support.wire import RawMessage

SERIALIZERS = {"serpent": 1, "marshal": 2, "json": 3, "msgpack": 4}
"""Numbers on the wire."""

Answers = Callable[[RawMessage], bytes]
"""Returns the bytes of the answer to a request."""


def contents(request: RawMessage) -> Any:
    """Return what is in the request of a call: object, method, arguments, keyword arguments."""
    name = next(name for name, number in SERIALIZERS.items() if number == request.serializer)
    return get_serializer(name).loadsCall(request.payload)


def answering(
    *answers: Answers | None,
    metadata: Mapping[str, list[str]] = METADATA,
    requests: list[RawMessage] | None = None,
) -> Script:
    """Return a script that answers one call after the other; None answers nothing.

    *requests* takes down all that was asked, the handshake included.
    """

    def script(peer: RawPeer) -> None:
        heard = [] if requests is None else requests
        peer.accept_handshake(metadata, heard)
        for answer in answers:
            heard.append(peer.read_message())
            if answer is not None:
                peer.send(answer(heard[-1]))
        peer.wait_closed()

    return script


def value(result: Any, **options: Any) -> Answers:
    """Return an answer with this value."""
    return lambda request: wire.message(
        wire.RESULT,
        serpent(result),
        seq=request.seq,
        serializer=options.pop("serializer", request.serializer),
        **options,
    )


def failure(class_name: str, *args: Any) -> Answers:
    """Return an answer that is an exception."""
    state = {
        "__class__": class_name,
        "__exception__": True,
        "args": args,
        "attributes": {"_pyroTraceback": ["remote line\n"]},
    }
    return value(state, flags=wire.EXCEPTION)


def named(uri: str, times: int = 1) -> Any:
    """Run a name server that says *uri* whatever it is asked, to so many clients."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.answer(peer.read_message(), uri)
        peer.wait_closed()

    return scripted_server(*[script] * times)


class Hall:
    """Where the far ends of connections wait for a test, their handshakes done."""

    def __init__(self) -> None:
        self._peers: queue.Queue[RawPeer] = queue.Queue()
        self._is_over = threading.Event()

    def script(self, peer: RawPeer) -> None:
        peer.accept_handshake()
        self._peers.put(peer)
        assert self._is_over.wait(PATIENCE)

    def next_peer(self) -> RawPeer:
        return self._peers.get(timeout=PATIENCE)

    def close(self) -> None:
        self._is_over.set()


class Slow:
    """Peers that take their time, each for its answers, until the test is over."""

    def __init__(self) -> None:
        self._is_over = threading.Event()

    def close(self) -> None:
        self._is_over.set()

    def name_server(self, uri: Callable[[], str], shaking: float, asking: float) -> Script:
        def script(peer: RawPeer) -> None:
            try:
                self._is_over.wait(shaking)
                peer.accept_handshake()
                request = peer.read_message()
                self._is_over.wait(asking)
                peer.answer(request, uri())
            except (OSError, EOFError):
                return  # given up

        return script

    def daemon(self, shaking: float, answering: float = 0.0) -> Script:
        def script(peer: RawPeer) -> None:
            try:
                self._is_over.wait(shaking)
                peer.accept_handshake()
                request = peer.read_message()
                self._is_over.wait(answering)
                peer.answer(request, "result")
                peer.wait_closed()
            except (OSError, EOFError):
                return  # given up

        return script
