"""Name servers that say what a test wants said, and answers to broadcasts that need not be true."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyrolike.constants import NAMESERVER_QUESTION
from tests.support.daemon import PATIENCE, changed_settings
from tests.support.rawpeer import RawPeer, Script
from tests.support.wire import RawMessage


def host_and_port(location: str) -> tuple[str, int]:
    """Split a location."""
    host, _, port = location.rpartition(":")
    return host, int(port)


def nowhere() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def name_server(*replies: Any, requests: list[RawMessage] | None = None) -> Script:
    """Return a script that gives one reply after the other, as bytes or as value; None is none."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        for reply in replies:
            request = peer.read_message()
            if requests is not None:
                requests.append(request)
            if isinstance(reply, bytes):
                peer.send(reply.replace(b"SQ", request.seq.to_bytes(2, "big")))
            elif reply is not None:
                peer.answer(request, reply)
        peer.wait_closed()

    return script


@contextmanager
def answering(*answers: str | bytes, settings: bool = True) -> Iterator[int]:
    """Give *answers* to whoever asks for a name server by UDP on this machine; give the port.

    Args:
        answers: All of them are given to each question.
        settings: Have the settings ask here, and have nothing in NS_HOST.
    """
    datagrams = [each.encode() if isinstance(each, str) else each for each in answers]

    def answer(sock: socket.socket) -> None:
        while True:
            data, address = sock.recvfrom(100)
            if data != NAMESERVER_QUESTION:
                return  # the end
            for datagram in datagrams:
                sock.sendto(datagram, address)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        thread = threading.Thread(target=answer, args=(sock,), daemon=True)
        thread.start()
        here: dict[str, Any] = {"BROADCAST_ADDRS": ["127.0.0.1"], "NS_BCPORT": port, "NS_HOST": ""}
        try:
            with changed_settings(**here if settings else {}):
                yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
                ender.sendto(b"end", ("127.0.0.1", port))
            thread.join(PATIENCE)
            assert not thread.is_alive()


@contextmanager
def full_backlog() -> Iterator[int]:
    """Give the port of a server that accepts nobody and has no room for more to wait."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting: list[socket.socket] = []
        try:
            for _ in range(4):  # the first fit, the others get no answer
                sock = socket.socket()
                waiting.append(sock)
                sock.setblocking(False)
                sock.connect_ex(listener.getsockname())
            yield listener.getsockname()[1]
        finally:
            for sock in waiting:
                sock.close()
