"""Sessions whose replies may wait, and who watches them."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from collections.abc import Iterator

import pytest

from pyrolike.server.patience import Overflow, PatientSession
from pyrolike.transport import SocketConnection
from tests.support import wire
from tests.support.daemon import PATIENCE
from tests.support.rawpeer import RawPeer
from tests.support.serving import make_service

BIG = bytes(10_000_000)


class Slow:
    """A session and its client."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        connection = SocketConnection(ours)
        self.session = PatientSession(make_service(), connection)
        self.peer = RawPeer(theirs)

    def close(self) -> None:
        self.session.connection.close()
        self.peer.sock.close()


@pytest.fixture
def slow() -> Iterator[Slow]:
    with contextlib.closing(Slow()) as slow:
        yield slow


@pytest.fixture
def overflow() -> Iterator[Overflow]:
    with contextlib.closing(Overflow()) as overflow:
        yield overflow


def test_why_a_session_expires_is_logged(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pyrolike.server"):
        slow.session.expire()
        assert "no handshake in time" in caplog.text
        slow.session.outbox.sendall(BIG)
        slow.session.expire()
    assert "does not read its reply" in caplog.text
    assert slow.session.is_finished


def test_last_words_do_not_land_in_the_middle_of_a_reply(slow: Slow) -> None:
    slow.session.outbox.sendall(BIG)
    slow.peer.send(b"no message at all, but more than six bytes")
    slow.session.receive_available()
    slow.session.end()
    data = b""
    while piece := slow.peer.sock.recv(1_000_000):
        data += piece
    assert set(data) == {0}


def test_without_a_rest_last_words_are_sent(slow: Slow) -> None:
    slow.peer.send(b"no message at all, but more than six bytes")
    slow.session.receive_available()
    slow.session.end()
    assert slow.peer.read_message().type == wire.CONNECTFAIL


def test_who_makes_room_is_sent_on(slow: Slow, overflow: Overflow) -> None:
    assert overflow.flush(PATIENCE) == []  # nobody to wait for
    outbox = slow.session.outbox
    outbox.sendall(BIG)
    overflow.add(slow.session)
    assert overflow.flush() == []
    assert select.select([overflow], [], [], 0)[0] == []
    size = 0
    while not outbox.is_empty:
        size += len(slow.peer.sock.recv(1_000_000))
        if select.select([overflow], [], [], 0)[0]:
            assert overflow.flush(PATIENCE) == [slow.session]
    overflow.discard(slow.session)
    overflow.discard(slow.session)
    assert overflow.flush(PATIENCE) == []
    assert slow.peer.receive(len(BIG) - size)


def test_who_has_gone_is_finished(slow: Slow, overflow: Overflow) -> None:
    slow.session.outbox.sendall(BIG)
    overflow.add(slow.session)
    slow.peer.sock.close()
    assert overflow.flush(PATIENCE) == [slow.session]
    assert slow.session.is_finished


def test_a_descriptor_that_comes_back_belongs_to_the_new_one(overflow: Overflow) -> None:
    old = Slow()
    number = old.session.connection.fileno()
    overflow.add(old.session)
    old.close()
    slows: list[Slow] = []
    while not slows or slows[-1].session.connection.fileno() < number:
        slows.append(Slow())
    for slow in slows:
        overflow.add(slow.session)
    assert set(overflow.flush()) == {slow.session for slow in slows}
    for slow in slows:
        slow.close()
