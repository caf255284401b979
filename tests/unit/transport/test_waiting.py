"""Sending without waiting, and waiting until a moment."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic

import pytest

from pyrolike.transport import (
    send_available,
    send_parts_available,
    wait_readable,
    wait_writable,
    waiting,
)
from tests.support.rawpeer import PATIENCE, RawPeer

BIG = bytes(range(256)) * 40_000


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, RawPeer]]:
    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer:
        yield ours, peer


@pytest.fixture(params=["poll", "select"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "select":  # as on Windows
        monkeypatch.delattr(select, "poll")


@pytest.mark.usefixtures("way")
def test_one_waits_until_there_is_something_to_receive(ends: tuple[socket.socket, RawPeer]) -> None:
    ours, peer = ends
    assert not wait_readable(ours, 0)
    assert not wait_readable(ours, -1.0)
    peer.send(b"x")
    assert wait_readable(ours, PATIENCE)
    assert ours.recv(10) == b"x"
    peer.sock.close()
    assert wait_readable(ours, float("inf"))  # the end


@pytest.mark.usefixtures("way")
def test_one_waits_until_there_is_room_to_send(ends: tuple[socket.socket, RawPeer]) -> None:
    ours, peer = ends
    assert wait_writable(ours, PATIENCE)
    sent = 0
    while more := send_available(ours, BIG):
        sent += more
    assert not wait_writable(ours, 0)
    peer.receive(sent)
    assert wait_writable(ours, PATIENCE)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("event", [EVENT_READ, EVENT_WRITE])
def test_who_waits_for_ever_waits_for_a_moment_only_if_it_is_there(
    ends: tuple[socket.socket, RawPeer], event: int
) -> None:
    ours, peer = ends
    peer.send(b"x")
    assert waiting.wait_ready(ours, event, None)


def test_a_wait_is_never_shorter_than_it_should_be(ends: tuple[socket.socket, RawPeer]) -> None:
    """The system counts milliseconds: a smaller time must not become none."""
    begin = monotonic()
    assert not wait_readable(ends[0], 0.0005)
    assert monotonic() - begin >= 0.0005


@pytest.mark.parametrize("wait", [wait_readable, wait_writable])
def test_waiting_for_a_closed_socket_is_an_error(wait: type) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pass
    with pytest.raises(ValueError, match="descriptor"):
        wait(ours, 1.0)


@pytest.mark.parametrize("timeout", [None, 0.0, 1000.0])
@pytest.mark.parametrize("has_flag", [True, False], ids=["flag", "no flag"])
def test_what_can_be_sent_is_sent_whatever_the_timeout(
    ends: tuple[socket.socket, RawPeer],
    timeout: float | None,
    has_flag: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_flag:  # as on Windows
        monkeypatch.setattr(waiting, "DONT_WAIT", 0)
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


@pytest.mark.parametrize("timeout", [None, 0.0, 1000.0])
@pytest.mark.parametrize("has_flag", [True, False], ids=["flag", "no flag"])
def test_parts_are_sent_together_as_far_as_possible(
    ends: tuple[socket.socket, RawPeer],
    timeout: float | None,
    has_flag: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_flag:  # as on Windows
        monkeypatch.setattr(waiting, "DONT_WAIT", 0)
    ours, peer = ends
    ours.settimeout(timeout)
    assert send_parts_available(ours, [b"first ", b"", b"second"]) == 12
    assert peer.receive(12) == b"first second"
    sent = send_parts_available(ours, [b"head", BIG, b"tail"])
    assert 0 < sent < len(BIG)
    while send_parts_available(ours, [BIG, b"tail"]):
        pass
    assert send_parts_available(ours, [b"more"]) == 0
    assert ours.gettimeout() == timeout
    assert peer.receive(sent) == (b"head" + BIG)[:sent]


def test_what_has_no_way_to_send_parts_sends_them_joined() -> None:
    class OneAtATime:
        """As a TLS connection."""

        def __init__(self) -> None:
            self.sent: list[bytes] = []

        def gettimeout(self) -> None:
            return None

        def send(self, data: bytes, flags: int) -> int:
            self.sent.append(data)
            return len(data)

    sock = OneAtATime()
    assert send_parts_available(sock, [b"first ", b"second"]) == 12
    assert sock.sent == [b"first second"]
