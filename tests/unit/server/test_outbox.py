"""What a client has not taken in yet."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pyrolike._pieces import Pieces
from pyrolike.errors import ConnectionClosedError
from pyrolike.server.outbox import TCP_PIECE, UNIX_PIECE, BriefOutbox, Outbox
from pyrolike.transport import SocketConnection
from tests.support.daemon import Threads
from tests.support.rawpeer import RawPeer

BIG = bytes(range(256)) * 40_000


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, RawPeer]]:
    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer:
        yield ours, peer


def test_the_rest_is_kept_and_sent_on_in_order(ends: tuple[socket.socket, RawPeer]) -> None:
    ours, peer = ends
    outbox = Outbox(ours)
    outbox.sendall(b"first ")
    assert outbox.is_empty
    outbox.send_parts(b"second ", BIG)
    outbox.sendall(b"third")
    assert not outbox.is_empty
    expected = b"first second " + BIG + b"third"
    received: list[bytes] = []
    with Threads() as threads:
        threads.start(lambda: received.append(peer.receive(len(expected))))
        while not outbox.is_empty:
            outbox.flush()
    assert received == [expected]


@pytest.mark.parametrize("piece", [None, 1000, UNIX_PIECE, TCP_PIECE])
def test_a_payload_in_pieces_is_sent_in_their_order(
    ends: tuple[socket.socket, RawPeer], piece: int | None
) -> None:
    ours, peer = ends
    SocketConnection(ours, keep_open=True).limit_waiting(1.0, 0.01)
    outbox = Outbox(ours)
    if piece is not None:
        outbox = BriefOutbox(ours, is_unix=True)
        outbox._piece = piece
    pieces = Pieces([b"first ", BIG[:3_000_000], b" second ", b"", BIG[1:2_000_000]])
    expected = b"head " + bytes(pieces) + b" and more"
    outbox.send_parts(b"head ", pieces)
    outbox.send_parts(b" and ", b"more")
    assert not outbox.is_empty
    received: list[bytes] = []
    with Threads() as threads:
        threads.start(lambda: received.append(peer.receive(len(expected))))
        while not outbox.is_empty:
            outbox.flush()
    assert received == [expected]


def test_a_lost_connection_is_told(ends: tuple[socket.socket, RawPeer]) -> None:
    ours, peer = ends
    outbox = Outbox(ours)
    outbox.sendall(BIG)
    peer.sock.close()
    with pytest.raises(OSError, match=r"pipe|reset"):
        outbox.flush()
    with pytest.raises(ConnectionClosedError):
        Outbox(ours).send_parts(b"head", b"payload")
