"""Who leaves a channel last closes its descriptor: the number must not be another's meanwhile."""

from __future__ import annotations

import socket
import threading

import pytest

from pyrolike.client.channel import Channel
from pyrolike.errors import ConnectionClosedError
from pyrolike.protocol import V502, MessageReader
from pyrolike.transport import SocketConnection
from tests.support.daemon import PATIENCE, Threads


class SlowSocket:
    """A socket whose receiver is somewhere between Python and the system when it is woken."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.is_receiving = threading.Event()
        self.may_return = threading.Event()
        self.sendall = sock.sendall
        self.shutdown = sock.shutdown
        self.close = sock.close
        self.fileno = sock.fileno

    def recv(self, size: int) -> bytes:
        self.is_receiving.set()
        data = self._sock.recv(size)
        assert self.may_return.wait(PATIENCE)
        assert self._sock.fileno() != -1, "the descriptor was closed under its reader"
        return data


@pytest.mark.parametrize("times", [1, 2])
def test_who_reads_keeps_the_descriptor_until_he_has_left(times: int) -> None:
    ours, theirs = socket.socketpair()
    slow = SlowSocket(ours)
    connection = SocketConnection(slow)  # type: ignore[arg-type]
    channel = Channel(connection, MessageReader(1000), V502)

    def call() -> None:
        with pytest.raises(ConnectionClosedError, match="released"):
            channel.exchange(1, 0, b"x", None, None, None)

    with theirs, Threads() as threads:
        threads.start(call)
        assert slow.is_receiving.wait(PATIENCE)
        for _ in range(times):
            channel.close()
        assert ours.fileno() != -1
        theirs.settimeout(PATIENCE)
        while theirs.recv(1000):  # the peer learns of it at once
            pass
        slow.may_return.set()
        threads.wait()
        assert ours.fileno() == -1
        assert connection.is_closed


def test_who_comes_after_the_end_reads_nothing() -> None:
    ours, theirs = socket.socketpair()
    connection = SocketConnection(ours)
    channel = Channel(connection, MessageReader(1000), V502)
    with theirs:
        channel.close()
        assert ours.fileno() == -1
        with pytest.raises(ConnectionClosedError):
            channel.exchange(1, 0, b"x", None, None, None)
