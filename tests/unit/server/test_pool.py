"""The pool of threads: tasks run once, in bounds, and nothing is lost; without any network."""

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import Any

import pytest

from pyrolike.server import pool as pool_module
from pyrolike.server.pool import WorkerPool
from tests.support.daemon import PATIENCE
from tests.support.serving import HeldTask, run_bounded, settle

Make = Callable[..., WorkerPool]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make pools that are closed in the end."""
    made: list[WorkerPool] = []

    def make(size_min: int = 1, size_max: int = 1, queue_size: int = 10) -> WorkerPool:
        made.append(WorkerPool(size_min, size_max, queue_size))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def held() -> Iterator[Callable[[WorkerPool], HeldTask]]:
    """Keep a thread of a pool at work; every such task ends with the test."""
    tasks: list[HeldTask] = []

    def hold(pool: WorkerPool) -> HeldTask:
        task = HeldTask()
        tasks.append(task)
        pool.submit(task)
        assert task.is_running.wait(PATIENCE)
        return task

    yield hold
    for task in tasks:
        task.may_end.set()


Hold = Callable[[WorkerPool], HeldTask]


def never() -> None:
    raise AssertionError("this must not be called")


def run_and_wait(pool: WorkerPool) -> threading.Thread:
    """Run a task and return the thread it ran in."""
    ran: list[threading.Thread] = []
    done = threading.Event()

    def task() -> None:
        ran.append(threading.current_thread())
        done.set()

    pool.submit(task, never)
    assert done.wait(PATIENCE)
    return ran[0]


def refuse_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the system has no more threads."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


# -- sizes


@pytest.mark.parametrize(("size_min", "size_max"), [(0, 1), (0, 0), (-1, 5), (5, 4), (1, 0)])
def test_sizes_that_make_no_sense_are_refused(size_min: int, size_max: int) -> None:
    with pytest.raises(ValueError, match=f"they are {size_min} and {size_max}"):
        WorkerPool(size_min, size_max, 10)


def test_the_smallest_number_of_threads_is_started_at_once(make: Make) -> None:
    before = set(threading.enumerate())
    make(3, 5)
    names = {thread.name for thread in set(threading.enumerate()) - before}
    assert len(names) == 3
    assert all(name.startswith("Pyro-Worker-") for name in names)


def test_threads_do_not_keep_a_program_from_ending(make: Make) -> None:
    assert run_and_wait(make()).daemon


def test_a_pool_tells_how_it_is(make: Make, held: Hold) -> None:
    pool = make(1, 2)
    held(pool)
    held(pool)
    pool.submit(lambda: None)
    assert repr(pool) == "<WorkerPool 2 threads, 2 busy, 1 waiting>"
    assert pool.busy_count == 2


# -- running


def test_a_task_runs_in_another_thread(make: Make) -> None:
    assert run_and_wait(make()) is not threading.current_thread()


def test_threads_are_started_while_all_are_busy_up_to_the_limit(make: Make, held: Hold) -> None:
    pool = make(1, 3)
    tasks = [held(pool) for _ in range(3)]
    assert len({task.thread for task in tasks}) == 3
    assert not pool.try_submit(never)
    assert not pool.waiting
    pool.submit(lambda: None)
    assert pool.waiting


def test_a_task_runs_at_once_if_a_thread_is_idle(make: Make, held: Hold) -> None:
    pool = make(2, 2)
    task = HeldTask()
    assert pool.try_submit(task)
    assert task.is_running.wait(PATIENCE)
    held(pool)
    assert not pool.try_submit(never)
    task.may_end.set()


def test_tasks_that_wait_run_in_their_order(make: Make, held: Hold) -> None:
    pool = make()
    first = held(pool)
    order: list[int] = []
    done = threading.Event()
    for number in range(5):
        pool.submit(lambda number=number: order.append(number))  # type: ignore[misc]
    pool.submit(done.set)
    first.may_end.set()
    assert done.wait(PATIENCE)
    assert order == [0, 1, 2, 3, 4]
    assert not pool.waiting


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_thread_survives_whatever_a_task_raises(
    make: Make, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    pool = make()

    def fail() -> None:
        raise error("gone")

    thread = run_and_wait(pool)
    with caplog.at_level(logging.ERROR, "pyrolike.threadpool"):
        pool.submit(fail)
        assert run_and_wait(pool) is thread
    assert "a task of the thread pool failed" in caplog.text


def test_a_thread_keeps_nothing_of_a_task_that_has_run(make: Make) -> None:
    import weakref

    class Thing:
        def run(self) -> None: ...

    pool, thing = make(), Thing()
    gone = weakref.ref(thing)
    pool.submit(thing.run)
    del thing
    run_and_wait(pool)
    # Without the collector: that is the promise, and it would find what other tests have left, and
    # blame this one.
    assert gone() is None


# -- waiting and refusing


def test_where_there_is_no_room_a_task_is_refused_at_once(make: Make, held: Hold) -> None:
    pool = make(queue_size=2)
    first = held(pool)
    refused: list[int] = []
    ran = threading.Semaphore(0)
    for number in range(4):
        pool.submit(ran.release, lambda number=number: refused.append(number))  # type: ignore[misc]
    assert refused == [2, 3]
    first.may_end.set()
    for _ in range(2):
        assert ran.acquire(timeout=PATIENCE)


def test_without_a_queue_whatever_finds_no_thread_is_refused(make: Make, held: Hold) -> None:
    pool = make(queue_size=0)
    held(pool)
    refused: list[bool] = []
    pool.submit(never, lambda: refused.append(True))
    assert refused == [True]


def test_a_task_that_must_not_be_lost_is_not_refused_for_lack_of_room(
    make: Make, held: Hold
) -> None:
    pool = make(queue_size=0)
    first, done = held(pool), threading.Event()
    pool.submit(done.set)
    first.may_end.set()
    assert done.wait(PATIENCE)


def test_who_waits_too_long_is_refused_and_the_others_go_on_waiting(make: Make, held: Hold) -> None:
    pool = make()
    first = held(pool)
    told: list[str] = []
    done = threading.Event()
    pool.submit(never, lambda: told.append("impatient"), wait=0.0)
    pool.submit(lambda: told.append("patient"), never, wait=1000.0)
    pool.submit(done.set)
    pool.refuse_late()
    assert told == ["impatient"]
    first.may_end.set()
    assert done.wait(PATIENCE)
    assert told == ["impatient", "patient"]


def test_a_task_that_must_not_be_lost_outlives_its_moment(make: Make, held: Hold) -> None:
    pool = make()
    first, done = held(pool), threading.Event()
    pool.submit(done.set, wait=0.0)
    pool.refuse_late()
    first.may_end.set()
    run_and_wait(pool)
    assert done.is_set()


def test_the_next_moment_to_refuse_is_the_earliest(make: Make, held: Hold) -> None:
    pool = make()
    held(pool)
    assert pool.get_next_deadline() is None
    pool.submit(lambda: None)
    assert pool.get_next_deadline() == inf
    pool.submit(lambda: None, lambda: None, wait=2000.0)
    before = monotonic()
    pool.submit(lambda: None, lambda: None, wait=1000.0)
    deadline = pool.get_next_deadline()
    assert deadline is not None
    assert before + 1000.0 <= deadline <= monotonic() + 1000.0


def test_where_nobody_waits_nobody_is_refused(make: Make) -> None:
    make().refuse_late()


def test_a_refusal_may_submit_again(make: Make, held: Hold) -> None:
    pool = make(queue_size=1)
    first, done = held(pool), threading.Event()
    pool.submit(never, lambda: pool.submit(done.set), wait=0.0)
    pool.refuse_late()  # no lock is held while it is told
    first.may_end.set()
    assert done.wait(PATIENCE)


# -- idle threads


def test_idle_threads_beyond_the_minimum_leave(
    make: Make, held: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", 0.01)
    pool = make(1, 3)
    tasks = [held(pool) for _ in range(3)]
    for task in tasks:
        task.may_end.set()
        assert task.has_ended.wait(PATIENCE)
    threads = [task.thread for task in tasks if task.thread is not None]
    left = threading.Event()

    def watch() -> None:
        # Two of the three leave, whichever they are: wait for them in turn.
        while sum(thread.is_alive() for thread in threads) > 1:
            for thread in threads:
                thread.join(0.01)
        left.set()

    assert run_bounded(watch)
    assert left.is_set()
    assert run_and_wait(pool) in threads  # the last one stays, however long it is idle


def test_who_became_idle_last_goes_first(make: Make, held: Hold) -> None:
    pool = make(2, 2)
    tasks = [held(pool), held(pool)]
    for task in tasks:
        task.may_end.set()
    last = run_and_wait(pool)
    for _ in range(5):
        again = run_and_wait(pool)
        if again is not last:  # the other one had not become idle yet when the first task came
            last = again
    assert run_and_wait(pool) is last


# -- no more threads to be had


def test_where_no_thread_can_be_started_tasks_wait(
    make: Make, held: Hold, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make(1, 5)
    first, done = held(pool), threading.Event()
    with monkeypatch.context() as patch:
        refuse_to_start(patch)
        with caplog.at_level(logging.WARNING, "pyrolike.threadpool"):
            pool.submit(done.set, never)
            assert not pool.try_submit(never)
    assert "cannot start a new thread; 1 are running" in caplog.text
    assert repr(pool) == "<WorkerPool 1 threads, 1 busy, 1 waiting>"
    first.may_end.set()
    assert done.wait(PATIENCE)


def test_a_pool_that_cannot_start_its_threads_leaves_none_behind() -> None:
    before = set(threading.enumerate())
    half_made: list[WorkerPool] = []

    class Poor(WorkerPool):
        def _start(self, task: Any) -> None:
            if len(half_made) == 2:
                raise RuntimeError("can't start new thread")
            half_made.append(self)
            super()._start(task)

    with pytest.raises(RuntimeError, match="start new thread"):
        Poor(4, 4, 10)
    left = settle(before, 0.5)
    half_made[0].close()  # for the tests that follow
    assert left == []


# -- closing


def test_a_closed_pool_has_no_threads(make: Make) -> None:
    before = set(threading.enumerate())
    pool = make(3, 3)
    run_and_wait(pool)
    pool.close()
    assert settle(before) == []
    assert pool.busy_count == 0


def test_closing_twice_is_fine(make: Make) -> None:
    pool = make()
    pool.close()
    pool.close()


def test_a_running_task_is_not_disturbed_by_closing(make: Make, held: Hold) -> None:
    pool = make()
    task = held(pool)
    pool.close()  # does not wait for it
    assert not task.has_ended.is_set()
    task.may_end.set()
    assert task.has_ended.wait(PATIENCE)
    assert task.thread is not None
    task.thread.join(PATIENCE)
    assert not task.thread.is_alive()


def test_closing_refuses_what_waits_except_what_must_not_be_lost(make: Make, held: Hold) -> None:
    pool = make()
    task, done = held(pool), threading.Event()
    refused: list[int] = []
    pool.submit(never, lambda: refused.append(1))
    pool.submit(done.set)
    pool.submit(never, lambda: refused.append(2))
    pool.close()
    assert refused == [1, 2]
    task.may_end.set()
    assert done.wait(PATIENCE)


def test_a_closed_pool_takes_no_tasks(make: Make) -> None:
    pool = make(1, 5)
    pool.close()
    refused: list[bool] = []
    pool.submit(never, lambda: refused.append(True))
    assert refused == [True]
    assert not pool.try_submit(never)


def test_a_task_may_close_its_own_pool(make: Make) -> None:
    pool = make()
    done = threading.Event()

    def task() -> None:
        pool.close()
        done.set()

    pool.submit(task)
    assert done.wait(PATIENCE)


def test_a_pool_may_be_closed_by_a_signal_that_interrupts_the_start_of_a_thread(
    make: Make, held: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python runs signal handlers between any two steps of the main thread, which may be the one
    # that accepts connections; and "shut down" is what handlers do.
    pool, start = make(1, 2), threading.Thread.start
    held(pool)

    def interrupted(self: threading.Thread) -> None:
        monkeypatch.undo()
        pool.close()  # the signal handler
        start(self)

    def submit() -> None:
        monkeypatch.setattr(threading.Thread, "start", interrupted)
        with contextlib.suppress(RuntimeError):  # of the lock, if it was taken away below
            pool.try_submit(lambda: None)

    submitting = threading.Thread(target=submit, name="bounded", daemon=True)
    submitting.start()
    submitting.join(2.0)
    is_stuck = submitting.is_alive()
    if is_stuck:
        pool._lock.release()  # let the thread out, for the tests that follow
        submitting.join(PATIENCE)
    assert not is_stuck


# -- everything at once


@pytest.mark.parametrize("idle_seconds", [10.0, 0.0005])
@pytest.mark.parametrize("close_early", [False, True])
def test_every_task_runs_once_or_is_refused_once(
    make: Make, monkeypatch: pytest.MonkeyPatch, idle_seconds: float, close_early: bool
) -> None:
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", idle_seconds)
    pool = make(1, 4, 20)
    outcomes: Counter[Any] = Counter()
    counted = threading.Semaphore(0)
    start = threading.Barrier(5)

    def count(outcome: Any) -> None:
        outcomes[outcome] += 1  # one key per task and outcome: no two threads share one
        counted.release()

    def submit(number: int) -> None:
        start.wait(PATIENCE)
        for task in range(200):
            pool.submit(
                lambda task=task: count((number, task, "ran")),  # type: ignore[misc]
                lambda task=task: count((number, task, "refused")),  # type: ignore[misc]
                wait=0.001,
            )
            if task % 10 == 0:
                pool.refuse_late()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    start.wait(PATIENCE)
    if close_early:
        pool.close()
    for thread in threads:
        thread.join(PATIENCE)
    for _ in range(800):
        assert counted.acquire(timeout=PATIENCE)
    assert set(outcomes.values()) == {1}
    assert len({key[:2] for key in outcomes}) == 800


# -- places that are lent


def make_nested(make: Make, size: int, nested: int) -> WorkerPool:
    pool = make(1, size)
    pool._ceiling = size + nested
    return pool


def test_while_a_place_is_lent_one_more_task_runs(make: Make, held: Hold) -> None:
    pool = make_nested(make, 1, 1)
    held(pool)
    assert not pool.try_submit(never)
    pool.lend()
    second = held(pool)
    assert (pool.busy_count, pool.lent, pool.idle_count) == (1, 1, 0)
    assert not pool.try_submit(never)
    pool.take_back()
    assert (pool.busy_count, pool.lent) == (2, 0)
    second.may_end.set()
    assert second.has_ended.wait(PATIENCE)


def test_the_task_that_waits_longest_gets_the_place_that_is_lent(make: Make, held: Hold) -> None:
    pool = make_nested(make, 1, 1)
    held(pool)
    order: list[int] = []
    done = threading.Event()
    pool.submit(lambda: order.append(1), never, PATIENCE)
    pool.submit(lambda: (order.append(2), done.set()), never, PATIENCE)  # type: ignore[arg-type]
    pool.lend()
    assert done.wait(PATIENCE)
    assert order == [1, 2]
    assert not pool.waiting
    pool.take_back()


def test_no_more_threads_are_started_for_places_than_there_may_be(make: Make, held: Hold) -> None:
    pool = make_nested(make, 1, 1)
    held(pool)
    pool.lend()
    held(pool)
    pool.lend()
    assert not pool.try_submit(never)
    pool.take_back()
    pool.take_back()


def test_who_is_too_many_leaves_and_the_others_have_their_turn(make: Make, held: Hold) -> None:
    pool = make_nested(make, 1, 1)
    first = held(pool)
    pool.lend()
    second = held(pool)
    pool.take_back()
    done = threading.Event()
    pool.submit(done.set)
    second.may_end.set()
    assert second.thread is not None
    second.thread.join(PATIENCE)
    assert not second.thread.is_alive()
    assert not done.is_set()  # only one may run
    first.may_end.set()
    assert done.wait(PATIENCE)


def test_an_idle_worker_is_not_used_while_too_many_run(make: Make, held: Hold) -> None:
    pool = make_nested(make, 2, 2)
    tasks = [held(pool), held(pool)]
    pool.lend()
    pool.lend()
    tasks += [held(pool), held(pool)]
    pool.take_back()
    pool.take_back()
    assert pool.busy_count == 4
    assert not pool.try_submit(never)
    for task in tasks:
        task.may_end.set()
    assert run_and_wait(pool)
