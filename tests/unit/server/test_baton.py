"""Who is in the loop, and how the others get something done there."""

from __future__ import annotations

import logging
import threading

import pytest

from pyrolike.server.baton import Baton
from tests.support.daemon import PATIENCE, Threads


class Held:
    """A baton that a thread holds until it is told to lay it down."""

    def __init__(self, threads: Threads) -> None:
        self.woken = threading.Semaphore(0)
        self.is_free = threading.Semaphore(0)
        self.baton = Baton(self.woken.release, self.is_free.release)
        self.is_held = threading.Event()
        self.may_go = threading.Event()
        threads.start(self._hold)
        assert self.is_held.wait(PATIENCE)

    def _hold(self) -> None:
        assert self.baton.take()
        self.is_held.set()
        assert self.may_go.wait(PATIENCE)
        self.baton.lay_down()


def test_its_holder_may_take_it_again_and_lays_it_down_as_often() -> None:
    freed: list[bool] = []
    baton = Baton(lambda: None, lambda: freed.append(True))
    assert baton.take()
    assert baton.take()
    assert baton.is_ours
    baton.lay_down()
    assert not freed
    baton.lay_down()
    assert freed == [True]
    assert not baton.is_ours


def test_others_wait_until_it_is_free() -> None:
    with Threads() as threads:
        held = Held(threads)
        assert not held.baton.is_ours
        assert not held.baton.take(seconds=0.0)
        held.may_go.set()
        assert held.baton.take()
        held.baton.lay_down()


def test_who_waits_for_it_can_give_up() -> None:
    gives_up = threading.Event()
    with Threads() as threads:
        held = Held(threads)
        results: list[bool] = []
        threads.start(lambda: results.append(held.baton.take(gives_up.is_set)))
        gives_up.set()
        held.baton.tell()
        while not results:
            held.baton.tell()
        assert results == [False]
        held.may_go.set()


def test_an_errand_is_done_at_once_by_whoever_comes_if_nobody_holds_it() -> None:
    baton = Baton(lambda: None, lambda: None)
    done: list[bool] = []
    assert baton.perform(lambda: done.append(baton.is_ours), PATIENCE)
    assert done == [True]


def test_the_holder_is_woken_and_does_the_errands_before_it_lays_it_down() -> None:
    with Threads() as threads:
        held = Held(threads)
        done: list[str] = []
        assert not held.baton.perform(lambda: done.append(threading.current_thread().name), 0.0)
        assert held.woken.acquire(timeout=PATIENCE)
        assert done == []
        held.may_go.set()
        threads.wait()
        assert len(done) == 1
        assert done != [threading.current_thread().name]


def test_an_errand_of_the_holder_itself_is_done_at_once() -> None:
    baton = Baton(lambda: None, lambda: None)
    assert baton.take()
    done: list[bool] = []
    assert baton.perform(lambda: done.append(True), PATIENCE)
    assert done == [True]
    baton.lay_down()


def test_an_errand_may_have_errands() -> None:
    baton = Baton(lambda: None, lambda: None)
    done: list[str] = []

    def first() -> None:
        assert baton.perform(lambda: done.append("second"), PATIENCE)
        done.append("first")

    assert baton.perform(first, PATIENCE)
    assert done == ["second", "first"]


def test_an_errand_that_fails_is_logged_and_done(caplog: pytest.LogCaptureFixture) -> None:
    baton = Baton(lambda: None, lambda: None)

    def fail() -> None:
        raise ValueError("broken errand")

    with caplog.at_level(logging.ERROR, "pyrolike.server"):
        assert baton.perform(fail, PATIENCE)
    assert "broken errand" in caplog.text


def test_waiting_ends_with_the_condition_or_at_once_for_the_holder() -> None:
    baton = Baton(lambda: None, lambda: None)
    assert baton.take()
    baton.wait(lambda: False, PATIENCE)
    baton.lay_down()
    baton.wait(lambda: True, PATIENCE)
    baton.wait(lambda: False, 0.0)
