"""Threads that are kept for a while, and a clock."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from time import monotonic

import pytest

from pyrolike._background import Clock, Crew
from tests.support.serving import HeldTask, settle

PATIENCE = 20.0
SHORT = 0.02
LONG = 3600.0


@pytest.fixture
def crew() -> Crew:
    return Crew("crew-of-a-test", SHORT)


def patient_crew() -> Crew:
    return Crew("crew-of-a-test", PATIENCE)


def wait_until_idle(crew: Crew) -> None:
    """Wait until the last thread that was used waits for its next task."""
    end = monotonic() + PATIENCE
    while not crew.idle:
        assert monotonic() < end


class Names:
    """A task that takes down in which thread it ran."""

    def __init__(self) -> None:
        self.seen: list[threading.Thread] = []
        self.done = threading.Semaphore(0)

    def __call__(self) -> None:
        self.seen.append(threading.current_thread())
        self.done.release()


def test_a_task_runs_in_another_thread_that_keeps_no_program_alive(crew: Crew) -> None:
    task = Names()
    crew.run(task)
    assert task.done.acquire(timeout=PATIENCE)
    assert task.seen[0] is not threading.current_thread()
    assert task.seen[0].daemon
    assert task.seen[0].name == "crew-of-a-test"


def test_an_idle_thread_gets_the_next_task() -> None:
    crew, task = patient_crew(), Names()
    for _ in range(3):
        crew.run(task)
        assert task.done.acquire(timeout=PATIENCE)
        wait_until_idle(crew)
    assert len(set(task.seen)) == 1
    crew.idle_seconds = 0
    crew.run(task)  # so that it ends


def test_tasks_run_at_once_however_many_wait(crew: Crew) -> None:
    tasks = [HeldTask() for _ in range(5)]
    for task in tasks:
        crew.run(task)
    for task in tasks:
        assert task.is_running.wait(PATIENCE)
        task.may_end.set()


def test_a_thread_that_was_idle_for_too_long_ends(crew: Crew) -> None:
    before = set(threading.enumerate())
    task = Names()
    crew.run(task)
    assert task.done.acquire(timeout=PATIENCE)
    assert settle(before) == []
    assert crew.idle == []


def test_a_task_that_comes_when_an_idle_thread_gives_up_is_run(crew: Crew) -> None:
    task = Names()

    class Unlucky(list):  # type: ignore[type-arg]
        """An idle list from which somebody takes the worker just before it leaves by itself."""

        def remove(self, worker: object) -> None:
            super().remove(worker)
            worker.give(task)  # type: ignore[attr-defined]
            raise ValueError

    crew.idle = Unlucky()
    crew.run(lambda: None)
    assert task.done.acquire(timeout=PATIENCE)
    crew.idle = []


def test_what_a_task_raises_is_logged_and_the_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crew, task = patient_crew(), Names()

    def fail() -> None:
        raise SystemExit("of a task")

    with caplog.at_level(logging.ERROR, "pyrolike.background"):
        crew.run(fail)
        wait_until_idle(crew)
    assert "a task in the background failed" in caplog.text
    crew.idle_seconds = 0
    crew.run(task)
    assert task.done.acquire(timeout=PATIENCE)


def test_an_idle_thread_keeps_nothing_of_its_task() -> None:
    crew, task = patient_crew(), Names()
    reference = weakref.ref(task)
    crew.run(task)
    assert task.done.acquire(timeout=PATIENCE)
    wait_until_idle(crew)
    del task
    gc.collect()
    assert reference() is None
    crew.idle_seconds = 0
    crew.run(lambda: None)


def test_a_forked_child_has_no_threads() -> None:
    crew, task = patient_crew(), Names()
    crew.run(task)
    assert task.done.acquire(timeout=PATIENCE)
    wait_until_idle(crew)
    parents = crew.idle
    crew.after_fork()
    crew.run(task)
    assert task.done.acquire(timeout=PATIENCE)
    assert len(set(task.seen)) == 2
    for idle in parents, crew.idle:
        crew.idle_seconds = 0
        wait_until_idle(crew)
        idle.pop().give(lambda: None)


# -- the clock


def test_tasks_are_run_in_the_order_in_which_they_are_due(crew: Crew) -> None:
    clock, heard, done = Clock(crew), [], threading.Semaphore(0)
    now = monotonic()

    def task(word: str) -> None:
        heard.append(word)
        done.release()

    clock.call_at(now + LONG, lambda: task("never"))
    clock.call_at(now + 3 * SHORT, lambda: task("second"))
    clock.call_at(now + SHORT, lambda: task("first"))
    assert done.acquire(timeout=PATIENCE)
    assert done.acquire(timeout=PATIENCE)
    assert heard == ["first", "second"]
    assert monotonic() - now >= 3 * SHORT
    clock.after_fork()


def test_a_task_that_is_overdue_runs_at_once(crew: Crew) -> None:
    done = threading.Event()
    Clock(crew).call_at(monotonic() - LONG, done.set)
    assert done.wait(PATIENCE)


def test_a_cancelled_task_is_not_run_and_the_clock_ends(crew: Crew) -> None:
    before = set(threading.enumerate())
    clock, wrong, right = Clock(crew), Names(), Names()
    alarm = clock.call_at(monotonic() + SHORT, wrong)
    alarm.cancel()
    clock.call_at(monotonic() + 2 * SHORT, right)
    assert right.done.acquire(timeout=PATIENCE)
    assert wrong.seen == []
    assert settle(before) == []


def test_a_clock_that_had_nothing_to_do_any_more_goes_on(crew: Crew) -> None:
    before = set(threading.enumerate())
    clock = Clock(crew)
    for _ in range(2):
        done = threading.Event()
        clock.call_at(monotonic() + SHORT, done.set)
        assert done.wait(PATIENCE)
        assert settle(before) == []
