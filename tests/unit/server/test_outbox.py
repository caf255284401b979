"""What a client has not taken in yet, and sending without ever waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pyrolike.errors import ConnectionClosedError
from pyrolike.server import outbox as outbox_module
from pyrolike.server.outbox import Outbox, send_available
from tests.support.daemon import Threads
from tests.support.rawpeer import RawPeer

BIG = bytes(range(256)) * 40_000


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, RawPeer]]:
    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer:
        yield ours, peer


@pytest.mark.parametrize("timeout", [None, 0.0, 1000.0])
@pytest.mark.parametrize("has_flag", [True, False], ids=["flag", "no flag"])
def test_what_can_be_sent_is_sent_whatever_the_timeout(
    ends: tuple[socket.socket, RawPeer],
    timeout: float | None,
    has_flag: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_flag:  # as on Windows
        monkeypatch.setattr(outbox_module, "DONT_WAIT", 0)
    ours, peer = ends
    ours.settimeout(timeout)
    sent = send_available(ours, BIG)
    assert 0 < sent < len(BIG)
    while send_available(ours, BIG):
        pass
    assert ours.gettimeout() == timeout
    assert peer.receive(sent) == BIG[:sent]


@pytest.mark.parametrize("timeout", [None, 0.0, 1000.0])
def test_sending_on_a_closed_socket_is_an_error(timeout: float | None) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(timeout)
    with pytest.raises(OSError, match="descriptor"):
        send_available(ours, b"data")


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


def test_a_lost_connection_is_told(ends: tuple[socket.socket, RawPeer]) -> None:
    ours, peer = ends
    outbox = Outbox(ours)
    outbox.sendall(BIG)
    peer.sock.close()
    with pytest.raises(OSError, match=r"pipe|reset"):
        outbox.flush()
    with pytest.raises(ConnectionClosedError):
        Outbox(ours).send_parts(b"head", b"payload")
