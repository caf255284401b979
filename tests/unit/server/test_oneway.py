"""One-way calls: beside everything else, but in order among themselves; without any network."""

import logging
import sys
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from pyrolike.callcontext import ContextState, current_context, get_state
from pyrolike.server.oneway import Backlog, OnewayQueue
from tests.support.daemon import PATIENCE, Threads
from tests.support.serving import HeldTask

STATE = ContextState("client", "address")


class Starter:
    """Starts a thread for each task, and knows how many it started."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def __call__(self, task: Callable[[], None]) -> bool:
        thread = threading.Thread(target=task, daemon=True)
        self.threads.append(thread)
        thread.start()
        return True

    def join(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)


def refuse(task: Callable[[], None]) -> bool:
    return False


def test_a_call_runs_in_another_thread_whose_context_describes_the_request() -> None:
    seen: list[object] = []
    start = Starter()

    def call() -> None:
        seen.extend((threading.current_thread(), current_context.client))

    OnewayQueue(start).run(STATE, call)
    start.join()
    assert seen == [start.threads[0], "client"]


def test_without_a_thread_a_call_runs_here_and_now() -> None:
    seen: list[object] = []
    before = get_state()
    queue = OnewayQueue(refuse)
    for _ in range(2):
        queue.run(STATE, lambda: seen.append(current_context.client))
    assert seen == ["client", "client"]
    assert get_state() is before


def test_calls_run_in_their_order_in_one_thread() -> None:
    start, held, order = Starter(), HeldTask(), []
    queue = OnewayQueue(start)
    queue.run(STATE, held)
    assert held.is_running.wait(PATIENCE)
    for number in range(100):
        queue.run(STATE, lambda number=number: order.append(number))  # type: ignore[misc]
    assert order == []
    held.may_end.set()
    start.join()
    assert order == list(range(100))
    assert len(start.threads) == 1


def test_a_queue_that_was_empty_starts_anew() -> None:
    start, ran = Starter(), []
    queue = OnewayQueue(start)
    for number in range(3):
        queue.run(STATE, lambda number=number: ran.append(number))  # type: ignore[misc]
        start.join()
    assert ran == [0, 1, 2]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_call_that_fails_is_logged_and_the_next_one_runs(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error("nobody hears this")

    ran: list[bool] = []
    queue = OnewayQueue(refuse)
    with caplog.at_level(logging.WARNING, "pyrolike.server"):
        queue.run(STATE, fail)
        queue.run(STATE, lambda: ran.append(True))
    assert "a oneway call failed" in caplog.text
    assert ran == [True]


def test_a_call_may_make_another_one() -> None:
    start, ran = Starter(), threading.Event()
    queue = OnewayQueue(start)
    queue.run(STATE, lambda: queue.run(STATE, ran.set))
    assert ran.wait(PATIENCE)
    start.join()


def test_who_makes_too_many_calls_waits_until_one_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["pyrolike.server.oneway"], "LONGEST", 3)
    start, held, order = Starter(), HeldTask(), []
    queue = OnewayQueue(start)
    queue.run(STATE, held)
    assert held.is_running.wait(PATIENCE)
    waits = threading.Event()

    def call_often() -> None:
        for number in range(6):
            if number == 3:
                waits.set()
            queue.run(STATE, lambda number=number: order.append(number))  # type: ignore[misc]

    with Threads() as threads:
        threads.start(call_often)
        assert waits.wait(PATIENCE)
        assert queue.is_full
        held.may_end.set()
    start.join()
    assert order == [0, 1, 2, 3, 4, 5]


def test_what_waits_may_not_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["pyrolike.server.oneway"], "MOST_BYTES", 1000)
    start, held, order = Starter(), HeldTask(), []
    queue = OnewayQueue(start)
    queue.run(STATE, held, 5000)  # one goes, whatever its size
    assert held.is_running.wait(PATIENCE)
    assert not queue.is_full
    for number, size in enumerate([999, 2000]):
        assert not queue.is_full
        queue.run(STATE, lambda number=number: order.append(number), size)  # type: ignore[misc]
    assert queue.is_full
    assert queue.drop() == 2
    assert not queue.is_full
    queue.run(STATE, lambda: order.append(2), 2000)
    assert queue.is_full
    held.may_end.set()
    start.join()
    assert order == [2]
    assert not queue.is_full


def test_a_start_that_fails_does_not_stop_the_calls_that_follow() -> None:
    attempts: list[bool] = []
    ran: list[str] = []

    def start(task: Callable[[], None]) -> bool:
        attempts.append(True)
        if len(attempts) == 1:
            raise MemoryError("no room for a thread")
        return False

    queue = OnewayQueue(start)
    with pytest.raises(MemoryError):
        queue.run(STATE, lambda: ran.append("first"))
    queue.run(STATE, lambda: ran.append("second"))
    assert ran[-1:] == ["second"]


def test_many_threads_share_a_queue_and_no_call_is_lost() -> None:
    start, counted, both = Starter(), [], threading.Barrier(4)
    queue = OnewayQueue(start)

    def call_often() -> None:
        both.wait(PATIENCE)
        for _ in range(200):
            queue.run(STATE, lambda: counted.append(1))

    with Threads() as threads:
        for _ in range(4):
            threads.start(call_often)
    start.join()
    assert len(counted) == 800


# -- the end of a daemon


def test_a_backlog_is_closed_when_all_has_run() -> None:
    backlog, start, held = Backlog(), Starter(), HeldTask()
    queue = OnewayQueue(start, backlog)
    queue.run(STATE, held)
    queue.run(STATE, lambda: None)
    assert held.is_running.wait(PATIENCE)
    assert len(backlog) == 1
    with Threads() as threads:
        dropped: list[int] = []
        closing = threads.start(lambda: dropped.append(backlog.close(monotonic() + PATIENCE)))
        held.may_end.set()
        closing.join(PATIENCE)
    assert dropped == [0]
    start.join()


def test_what_has_not_begun_in_time_is_dropped_and_counted() -> None:
    backlog, start, held = Backlog(), Starter(), HeldTask()
    ran: list[int] = []
    queue = OnewayQueue(start, backlog)
    queue.run(STATE, held)
    assert held.is_running.wait(PATIENCE)
    for number in range(3):
        queue.run(STATE, lambda number=number: ran.append(number))  # type: ignore[misc]
    assert backlog.close(monotonic()) == 3
    queue.run(STATE, lambda: ran.append(4))
    held.may_end.set()
    start.join()
    assert ran == []


def test_who_waits_for_room_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["pyrolike.server.oneway"], "LONGEST", 1)
    backlog, start, held = Backlog(), Starter(), HeldTask()
    queue = OnewayQueue(start, backlog)
    queue.run(STATE, held)
    assert held.is_running.wait(PATIENCE)
    queue.run(STATE, lambda: None)
    with Threads() as threads:
        threads.start(queue.run, STATE, lambda: None)
        assert backlog.close(monotonic()) >= 1
        threads.wait()
        held.may_end.set()
    start.join()


def test_a_call_that_closes_its_own_backlog_does_not_wait_for_itself() -> None:
    backlog, start = Backlog(), Starter()
    dropped: list[int] = []
    OnewayQueue(start, backlog).run(
        STATE, lambda: dropped.append(backlog.close(monotonic() + PATIENCE))
    )
    start.join()
    assert dropped == [0]
