"""Waking a thread that waits, and keeping track of who is waited for."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from selectors import EVENT_WRITE
from time import monotonic
from typing import Any

import pytest

from pyrolike.server.session import Session
from pyrolike.server.watching import CLOCK_SECONDS, Lookout, Waker, Watch
from tests.support.daemon import PATIENCE
from tests.support.serving import Serving, make_service, run_bounded, serving


@pytest.fixture
def lost() -> list[Session]:
    return []


@pytest.fixture
def watch(lost: list[Session]) -> Iterator[Watch[Session]]:
    watch: Watch[Session] = Watch(lost.append)
    yield watch
    watch.close()


@pytest.fixture
def one() -> Iterator[Serving]:
    with serving(make_service()) as one:
        yield one


def seen(watch: Watch[Session]) -> list[Any]:
    return [key.data for key, _ in watch.selector.select(0)]


def test_a_waker_wakes_who_waits_and_who_will_wait(watch: Watch[Session]) -> None:
    waker = Waker()
    watch.register(waker, waker.drain)
    assert seen(watch) == []
    waker.wake()
    assert seen(watch) == [waker.drain]
    waker.drain()
    waker.drain()
    assert seen(watch) == []
    waker.wake()
    before = monotonic()
    waker.wait(PATIENCE)
    assert monotonic() - before < PATIENCE
    waker.close()
    waker.close()
    waker.wake()
    assert waker.fileno() == -1


def test_waking_never_blocks() -> None:
    waker = Waker()

    def wake_often() -> None:
        for _ in range(3000):
            waker.wake()

    assert run_bounded(wake_often)
    waker.close()


@pytest.mark.parametrize("has_poll", [True, False])
def test_a_lookout_tells_what_is_readable_and_nothing_of_what_is_closed(
    monkeypatch: pytest.MonkeyPatch, has_poll: bool
) -> None:
    if not has_poll:
        monkeypatch.delattr(select, "poll", raising=False)
    first, second = socket.socketpair()
    with closing(Waker()) as waker, first, second:
        lookout = Lookout(first, waker)
        assert lookout.wait(0.0) == []
        waker.wake()
        assert lookout.wait(PATIENCE) == [waker]
        waker.drain()
        assert lookout.wait(0.01) == []
        number = first.fileno()
        first.close()
        os.dup2(second.fileno(), number)  # the number may come back, here with an end to be read
        try:
            second.shutdown(socket.SHUT_RDWR)
            assert lookout.wait(0.0) == []
            waker.wake()
            assert lookout.wait(PATIENCE) == [waker]
        finally:
            os.close(number)


def test_a_session_is_seen_when_something_arrives_until_it_is_paused(
    watch: Watch[Session], one: Serving
) -> None:
    watch.add(one.session)
    assert seen(watch) == []
    one.peer.send(b"x")
    assert seen(watch) == [one.session]
    watch.pause(one.session.connection.sock)
    watch.pause(one.session.connection.sock)
    assert seen(watch) == []
    watch.add(one.session)
    assert seen(watch) == [one.session]
    watch.discard(one.session)
    assert seen(watch) == []


def test_whose_time_is_over_is_found_every_now_and_then(
    watch: Watch[Session], one: Serving
) -> None:
    assert watch.get_timeout(100.0) == 100.0
    one.session.deadline = 5.0
    watch.add(one.session)
    assert watch.get_timeout(100.0) == CLOCK_SECONDS
    assert watch.find_expired(4.0) == []
    assert watch.find_expired(4.0 + CLOCK_SECONDS / 2) == []
    assert watch.find_expired(5.0) == [one.session]
    assert watch.find_expired(5.0 + CLOCK_SECONDS / 2) == []  # not looked at so soon again
    watch.limit(one.session, None)
    assert watch.find_expired(100.0) == []
    watch.limit(one.session, 50.0)
    assert watch.find_expired(200.0) == [one.session]
    watch.discard(one.session)
    assert watch.get_timeout(100.0) == 100.0


def reuse(number: int) -> socket.socket:
    """Return a new socket that has a certain descriptor, which was closed."""
    taken: list[socket.socket] = []
    while True:
        sock = socket.socket()
        if sock.fileno() == number:
            for one in taken:
                one.close()
            return sock
        taken.append(sock)


@pytest.mark.parametrize("is_session", [True, False])
def test_a_descriptor_that_comes_back_belongs_to_the_new_one(
    watch: Watch[Session], lost: list[Session], one: Serving, is_session: bool
) -> None:
    sock = one.session.connection.sock
    number = sock.fileno()
    handler: Callable[[], None] = lambda: None  # noqa: E731  an identity is all it is here for
    if is_session:
        watch.add(one.session)
    else:
        watch.register(sock, handler)
    sock.close()
    with reuse(number) as new:
        watch.register(new, handler)
        assert watch.selector.get_key(new).data is handler
        assert lost == ([one.session] if is_session else [])
        watch.discard(one.session)
        assert watch.selector.get_key(new).data is handler


def test_what_is_closed_cannot_be_watched(watch: Watch[Session], one: Serving) -> None:
    one.session.connection.close()
    with pytest.raises(ValueError, match="descriptor"):
        watch.add(one.session)


def test_what_is_closed_while_it_is_followed_does_no_harm(
    watch: Watch[Session], one: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.add(one.session)
    number = one.session.connection.sock.fileno()
    kept = os.dup(number)
    os.close(number)  # under the socket, which knows its number still: as in the midst of a close
    try:
        monkeypatch.setattr(type(one.session), "awaited", EVENT_WRITE, raising=False)
        watch.follow(one.session)
    finally:
        os.dup2(kept, number)
        os.close(kept)
