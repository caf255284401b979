"""What a client has not taken in yet: replies, where the thread that sends them must not wait.

A reply is sent as far as the connection takes it at once; the rest stays in the session's outbox
until the client reads on. As nothing more is read from a client with a rest, an outbox holds one
reply at most.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import Any

from pyrolike._pieces import drop, lay_out, take
from pyrolike.transport import send_available, send_parts_available, transfer_fault

TCP_PIECE = 8 * 1024 * 1024
UNIX_PIECE = 256 * 1024
"""Bytes given to the system at once where the sender may wait. With TCP a piece takes a moment at
most; with a Unix socket each of its parts may, of some ten thousand bytes."""

MOMENT = 0.1
"""Seconds a worker waits for a client to take a reply in, before the rest is sent without it."""


class Outbox:
    """The writing half of a session that must not wait.

    Args:
        sock: Where to; the socket's own timeout does not matter.

    Attributes:
        rest: What was not sent yet; only to look whether there is anything.
    """

    __slots__ = ("_sock", "rest")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.rest: list[memoryview] = []

    @property
    def is_empty(self) -> bool:
        """Whether everything was sent."""
        return not self.rest

    def sendall(self, data: Any) -> None:
        """Send *data* as far as that is possible now, and keep the rest.

        Raises:
            OSError: The connection is lost.
        """
        sent = 0 if self.rest else send_available(self._sock, data)
        if sent < len(data):
            self.rest.append(memoryview(data)[sent:])

    def send_parts(self, head: bytes, payload: Any) -> None:
        """Send *head* and *payload*, which may be in pieces, one after the other.

        Raises:
            ConnectionClosedError: The connection is lost.
        """
        parts = lay_out(head, payload)
        try:
            if not self.rest:
                parts = drop(parts, send_parts_available(self._sock, parts))
            self.rest += map(memoryview, parts)
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault

    def flush(self) -> None:
        """Send on as far as that is possible now.

        Raises:
            OSError: The connection is lost.
        """
        while self.rest:
            piece = self.rest[0]
            sent = send_available(self._sock, piece)
            if sent < len(piece):
                self.rest[0] = piece[sent:]
                return
            del self.rest[0]


class BriefOutbox(Outbox):
    """An outbox for a thread that may wait a moment, as long as the client takes something in.

    So most large replies are sent by who made them, and only those of slow clients by others.

    Args:
        sock: A blocking socket whose sending the system gives up after a `MOMENT`.
        is_unix: Whether it is a Unix socket.
    """

    __slots__ = ("_piece", "_send")

    def __init__(self, sock: socket.socket, is_unix: bool) -> None:
        super().__init__(sock)
        self._send = sock.send
        self._piece = UNIX_PIECE if is_unix else TCP_PIECE

    def sendall(self, data: Any) -> None:
        """Send *data* as far as that is possible in a moment, and keep the rest.

        Raises:
            OSError: The connection is lost.
        """
        if self.rest:
            self.rest.append(memoryview(data))
            return
        try:
            sent = self._send(data if len(data) <= self._piece else memoryview(data)[: self._piece])
        except BlockingIOError:
            sent = 0
        if sent != len(data):
            self._send_on([memoryview(data)[sent:]], sent >= self._piece)

    def send_parts(self, head: bytes, payload: Any) -> None:
        """Send *head* and *payload*, which may be in pieces, one after the other.

        Raises:
            ConnectionClosedError: The connection is lost.
        """
        try:
            self._send_on(lay_out(head, payload), not self.rest)
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault

    def _send_on(self, parts: list[Any], is_flowing: bool) -> None:
        """Send a long reply, piece by piece, while the client keeps pace; keep the rest."""
        end = monotonic() + MOMENT
        while is_flowing and parts and monotonic() < end:
            piece = take(parts, self._piece)
            try:
                sent = self._sock.sendmsg(piece)
            except BlockingIOError:
                sent = 0
            parts = drop(parts, sent)
            is_flowing = sent == sum(map(len, piece))
        self.rest += map(memoryview, parts)
