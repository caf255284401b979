"""A relay between client and server: it writes down what passes, cuts it in pieces, or off."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE = 20.0
"""Seconds either end may stay silent before the relay gives up on a connection."""


@dataclass(slots=True)
class Record:
    """What passed through one connection."""

    sent: bytearray = field(default_factory=bytearray)
    """From the client to the server."""
    received: bytearray = field(default_factory=bytearray)
    """From the server to the client."""


class Relay:
    """A place that behaves like a server's, because everything said there is passed on to it.

    Attributes:
        location: Where it listens, ``host:port``.
        records: One for each connection so far, oldest first.
    """

    def __init__(self, target: str, step: int | None = None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._step = step
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._cuts = 0  # connections still to be cut instead of passing a reply on
        self.records: list[Record] = []
        self.location = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def close(self) -> None:
        """Stop listening and cut every connection."""
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):  # the other end may have been quicker
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def cut_at_next_reply(self, times: int = 1) -> None:
        """Cut the connection on which the server speaks next, instead of passing that on.

        Args:
            times: How many connections, one after the other, shall fare so.
        """
        self._cuts = times

    def _must_cut(self) -> bool:
        self._cuts -= 1
        return self._cuts >= 0

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]  # one of ours
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            server = socket.create_connection(self._target, PATIENCE)
            record = Record()
            self.records.append(record)
            for sock in (client, server):
                sock.settimeout(PATIENCE)
                # Pieces shall arrive as they are cut, not be put together again on the way.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(sock)
            self._start(self._pass_on, client, server, record.sent, False)
            self._start(self._pass_on, server, client, record.received, True)

    def _pass_on(
        self, source: socket.socket, target: socket.socket, record: bytearray, is_reply: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if is_reply and self._cuts > 0 and self._must_cut():
                    for sock in (source, target):
                        sock.shutdown(socket.SHUT_RDWR)
                    return
                record += data
                step = self._step or len(data)
                for start in range(0, len(data), step):
                    target.sendall(data[start : start + step])
            target.shutdown(socket.SHUT_WR)


@contextmanager
def relay(target: str, step: int | None = None) -> Iterator[Relay]:
    """Run a relay to *target*, ``host:port``.

    Args:
        target: Where the server is.
        step: Pass on at most so many bytes at once; None passes on what has arrived.
    """
    relay = Relay(target, step)
    try:
        yield relay
    finally:
        relay.close()
