"""Peers made of a bare socket: a client and a server that say exactly what a test wants said.

They speak with `tests.support.wire`, not with the package, and so can be as wrong, as slow and as
silent as no real peer ever is on request.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from tests.support import wire
from tests.support.wire import RawMessage

PATIENCE = 20.0
"""Seconds to wait for bytes that must come."""

METADATA: Mapping[str, list[str]] = {"methods": ["call"], "oneway": [], "attrs": []}
"""What a scripted server says its object has."""


def serpent(value: Any) -> bytes:
    """Return plain *value* as serpent writes it; `repr` is close enough for any reader."""
    return b"# serpent utf-8 python3.2\n" + repr(value).encode()


class RawPeer:
    """One end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self, size: int) -> bytes:
        """Return exactly *size* bytes."""
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise EOFError(f"{size} bytes expected, the connection ended after {len(data)}")
            data += piece
        return data

    def read_message(self) -> RawMessage:
        return wire.read_message(self.receive)

    def wait_closed(self) -> None:
        """Wait until the other end closes; it may not say anything more."""
        try:
            data = self.sock.recv(1)
        except ConnectionError:
            return
        assert data == b"", f"expected the end of the connection, got {data!r}"

    # -- as a client

    def connect(self, object_id: str = "calc") -> RawMessage:
        """Shake hands and return the daemon's answer."""
        payload = serpent({"handshake": "hello", "object": object_id})
        self.send(wire.message(wire.CONNECT, payload))
        return self.read_message()

    def send_call(self, method: str, *args: Any, seq: int = 1, object_id: str = "calc") -> None:
        self.send(call_message(method, *args, seq=seq, object_id=object_id))

    def call(self, method: str, *args: Any, seq: int = 1, object_id: str = "calc") -> RawMessage:
        """Make a call and return the answer."""
        self.send_call(method, *args, seq=seq, object_id=object_id)
        return self.read_message()

    # -- as a server

    def accept_handshake(
        self,
        metadata: Mapping[str, list[str]] = METADATA,
        requests: list[RawMessage] | None = None,
    ) -> RawMessage:
        """Answer a client's handshake, and return what it said.

        *requests* takes it down before the answer: the client may go on to the next connection.
        """
        message = self.read_message()
        if requests is not None:
            requests.append(message)
        assert message.type == wire.CONNECT
        answer = serpent({"handshake": "hello", "meta": dict(metadata)})
        self.send(wire.message(wire.CONNECTOK, answer, seq=message.seq))
        return message

    def answer(self, request: RawMessage, value: Any) -> None:
        self.send(wire.message(wire.RESULT, serpent(value), seq=request.seq))


def call_message(method: str, *args: Any, seq: int = 1, object_id: str = "calc") -> bytes:
    """Return the message of a call."""
    return wire.message(wire.INVOKE, serpent((object_id, method, args, {})), seq=seq)


def raw_client(location: str) -> RawPeer:
    """Connect to ``host:port`` and say nothing."""
    host, _, port = location.rpartition(":")
    return RawPeer(socket.create_connection((host, int(port)), PATIENCE))


Script = Callable[[RawPeer], None]


@contextmanager
def scripted_server(*scripts: Script) -> Iterator[str]:
    """Listen, and play one script for each connection, in their order; give the location.

    A connection is closed when its script returns. What a script raises is raised at the end.
    """
    failures: list[BaseException] = []
    players: list[threading.Thread] = []

    def play(script: Script, sock: socket.socket) -> None:
        try:
            with RawPeer(sock) as peer:
                script(peer)
        except BaseException as failure:  # noqa: BLE001  # raised again in the test's own thread
            failures.append(failure)

    def accept(listener: socket.socket) -> None:
        for script in scripts:
            try:
                sock, _ = listener.accept()
            except OSError:
                return  # the test is over, or nobody came
            player = threading.Thread(target=play, args=(script, sock), daemon=True)
            players.append(player)
            player.start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=accept, args=(listener,), daemon=True)
        acceptor.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Closing alone does not wake a thread that waits in accept.
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *players):
                thread.join(PATIENCE)
    if failures:
        raise failures[0]
