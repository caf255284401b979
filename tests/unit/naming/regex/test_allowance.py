"""How long a search may take; the clock is the test's."""

import threading
from collections.abc import Iterator

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.regex import Allowance, allowance
from tests.support.daemon import Threads


class Clock:
    """Stands for the module `time`; sleeping makes it later."""

    def __init__(self) -> None:
        self.now = 100.0
        self.worked = 3.0
        self.pauses = 0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.worked

    def sleep(self, seconds: float) -> None:
        self.pauses += 1
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(allowance, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[allowance._Turns]:
    turns = allowance._Turns()
    monkeypatch.setattr(allowance, "_turns", turns)
    yield turns
    assert not turns.running.locked()


def test_a_short_search_waits_for_nobody(clock: Clock, turns: allowance._Turns) -> None:
    with turns.running, Allowance() as mine:
        for _ in range(19):
            clock.now += 0.001
            mine.spend()
    assert clock.pauses == 0


def test_a_long_one_takes_its_turn_makes_pauses_and_gives_the_turn_back(
    clock: Clock, turns: allowance._Turns
) -> None:
    with Allowance() as mine:
        clock.now += allowance.AT_ONCE
        mine.spend()
        assert turns.running.locked()
        for _ in range(10):
            clock.now += 0.001
            mine.spend()
        assert clock.pauses == 5
    assert not turns.running.locked()


@pytest.mark.parametrize(("names", "limit"), [(0, 1.0), (100_000, 1.0), (500_000, 5.0)])
def test_one_that_works_too_long_is_given_up_with_advice_by_the_number_of_names(
    clock: Clock, names: int, limit: float
) -> None:
    with Allowance() as mine:
        mine.names = names
        clock.now += allowance.AT_ONCE
        mine.spend()
        clock.now += 1
        clock.worked += limit - 0.01
        mine.spend()
        clock.now += 1
        clock.worked += 0.02
        with pytest.raises(NamingError, match=f"more than {limit:g} seconds of work; .* prefix"):
            mine.spend()


def test_a_busy_machine_is_no_reason_to_give_up(clock: Clock) -> None:
    with Allowance() as mine:
        clock.now += allowance.AT_ONCE
        mine.spend()
        clock.now += 100
        clock.worked += allowance.WORK / 2
        mine.spend()
    assert clock.pauses == 1


def test_the_turn_may_not_come_in_time(
    turns: allowance._Turns, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "PATIENCE", 0.01)
    with turns.running, Allowance() as mine:
        clock.now += 1
        with pytest.raises(NamingError, match="too many long regex searches"):
            mine.spend()


def test_only_some_may_wait(
    turns: allowance._Turns, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "waiting", threading.BoundedSemaphore(1))
    with turns.running, turns.waiting, Allowance() as mine:
        clock.now += 1
        with pytest.raises(NamingError, match="too many long regex searches"):
            mine.spend()


def test_those_that_wait_come_one_after_the_other() -> None:
    done = []

    def search(number: int) -> None:
        with Allowance() as mine:
            mine._pause_at = 0.0
            mine.spend()
            done.append(number)

    with Threads() as threads, Allowance() as first:
        first._pause_at = 0.0
        first.spend()
        for number in range(5):
            threads.start(search, number)
        assert done == []
        first.__exit__()
    assert sorted(done) == [0, 1, 2, 3, 4]
