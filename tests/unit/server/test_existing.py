"""The server for somebody else's connection; what it does over sockets is tried elsewhere."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from pyrolike.errors import PyroError
from pyrolike.server.existing import ExistingConnectionServer
from pyrolike.server.onethread import LoopSettings
from pyrolike.server.patience import PatientSession
from pyrolike.transport import SocketConnection
from tests.support import wire
from tests.support.rawpeer import RawPeer
from tests.support.serving import Hooks, make_service

SETTINGS = LoopSettings(threads=1, idle_limit=None, poll=1000.0)


class Served:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.hooks = Hooks()
        self.service = make_service(daemon=self.hooks)
        self.peer = RawPeer(theirs)
        self.server = ExistingConnectionServer(ours, self._make, lambda: None, SETTINGS)
        self.service.server = self.server

    def _make(self, sock: socket.socket) -> PatientSession:
        connection = SocketConnection(sock, keep_open=True)
        return PatientSession(self.service, connection, needs_handshake=False)

    def close(self) -> None:
        self.server.close()
        self.server.sock.close()
        self.peer.sock.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with contextlib.closing(Served()) as served:
        yield served


def test_messages_are_answered_without_a_handshake_until_the_client_is_gone(
    served: Served,
) -> None:
    served.peer.send(wire.message(wire.PING, seq=1) + wire.message(wire.PING, seq=2))
    served.peer.sock.shutdown(socket.SHUT_WR)
    served.server.loop(lambda: True)
    assert [served.peer.read_message().seq for _ in range(2)] == [1, 2]
    assert served.server.is_done
    assert len(served.hooks.left) == 1
    served.server.loop(lambda: True)  # ends at once


def test_it_shows_its_socket_and_nothing_else(served: Served) -> None:
    assert served.server.sockets == [served.server.sock]
    with pytest.raises(TypeError):
        _ = served.server.selector
    with pytest.raises(PyroError):
        served.server.events([])
    with pytest.raises(PyroError):
        served.server.combine_loop(None)
