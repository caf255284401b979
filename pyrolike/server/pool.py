"""Threads for requests: as many as run at the same time, within bounds.

A worker takes one task after the other. Idle workers stand on a stack, so that the one that became
idle last, with warm caches, goes first, and those beyond the minimum, at its bottom, get tired and
leave. When as many are busy as may be, tasks wait in a bounded queue; each with a moment after
which somebody should be told that nobody comes.

A worker whose task waits for somebody else, who may need a thread of this very pool to answer,
*lends* its place: as long as that lasts, one more may run. When it goes on there may be more
running than the maximum for a while; who is finished first leaves then.

Invariants, under the lock: a worker is either idle (on the stack, asleep) or running; while anybody
is idle, and fewer than the maximum are busy, the queue is empty; ``len(idle) + running == size``;
``running == busy + lent``.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from pyrolike._forking import tell_of_forks

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("pyrolike.threadpool")

IDLE_SECONDS = 10.0
"""How long a worker beyond the minimum stays idle before it leaves: bursts come in rows."""

Task: TypeAlias = "Callable[[], None]"

_numbers = itertools.count(1)


class _Worker:
    """One thread and the task it was given while it slept."""

    __slots__ = ("task", "wake")

    def __init__(self, task: Task | None) -> None:
        self.task = task
        self.wake = threading.Lock()
        self.wake.acquire()


class WorkerPool:
    """Runs tasks in threads.

    Args:
        size_min: Threads that stay when there is nothing to do; they are started at once.
        size_max: Most threads.
        queue_size: Most tasks that wait for a thread.
        nested_max: Most further threads, in the places that are lent.

    Attributes:
        waiting: The tasks that wait. Only to look whether there are any: then who can give his
            thread back should.
        lock: Guards everything here; re-entrant.
        lent: How many threads have lent their place, because their task waits for somebody else.

    Raises:
        ValueError: The sizes make no sense.
    """

    def __init__(self, size_min: int, size_max: int, queue_size: int, nested_max: int = 0) -> None:
        if not 1 <= size_min <= size_max:
            raise ValueError(
                "THREADPOOL_SIZE_MIN must be at least 1 and not more than THREADPOOL_SIZE; "
                f"they are {size_min} and {size_max}"
            )
        self._size_min = size_min
        self._size_max = size_max
        self._queue_size = queue_size
        self._ceiling = size_max + nested_max
        # Guards all of the below. Re-entrant, because a signal handler may close the daemon while
        # the very thread it interrupts, the main one, is in here to hand over a connection.
        self.lock = threading.RLock()
        self._idle: list[_Worker] = []
        self.waiting: deque[tuple[float, Task, Task | None]] = deque()
        self._refusable = 0  # of the tasks in the queue
        self._size = 0
        self.lent = 0
        self._is_closed = False
        tell_of_forks(self)
        try:
            for _ in range(size_min):
                self._size += 1
                self._start(None)
        except BaseException:
            self.close()
            raise

    def after_fork(self) -> None:
        """Be closed, in a forked child, where the threads do not exist."""
        self.lock = threading.RLock()
        self._is_closed = True

    def __repr__(self) -> str:
        waiting = len(self.waiting)
        return f"<WorkerPool {self._size} threads, {self.busy_count} busy, {waiting} waiting>"

    @property
    def busy_count(self) -> int:
        """Number of threads that run a task, but for those that have lent their place."""
        return self._size - len(self._idle) - self.lent

    @property
    def idle_count(self) -> int:
        """Number of threads that wait for a task."""
        return len(self._idle)

    def submit(self, task: Task, refuse: Task | None = None, wait: float = inf) -> None:
        """Have *task* run in a thread.

        Args:
            task: What to run; what it raises is logged.
            refuse: Called instead, at once if there is no room in the queue, or by `refuse_late`
                if no thread came free in time. It must not block. None for a task that must not be
                lost: it waits as long as it takes.
            wait: Seconds the task may wait for a thread.
        """
        with self.lock:
            if self._hand_out(task):
                return
            if refuse is None or (self._refusable < self._queue_size and not self._is_closed):
                self._refusable += refuse is not None
                self.waiting.append((monotonic() + wait, task, refuse))
                return
        refuse()

    @property
    def is_overrun(self) -> bool:
        """Whether a task waits for a thread, or more of them run tasks than should."""
        return self.busy_count > self._size_max or bool(self.waiting)

    def try_submit(self, task: Task) -> bool:
        """Have *task* run in a thread if one is free, or can be started; say whether that is so."""
        with self.lock:
            return self._hand_out(task)

    def lend(self) -> None:
        """Let another worker run in the place of the calling one, which waits for somebody else."""
        with self.lock:
            self.lent += 1
            if self.waiting and self._hand_out(self.waiting[0][1]):
                _, _, refuse = self.waiting.popleft()
                self._refusable -= refuse is not None

    def take_back(self) -> None:
        """Undo `lend`; at once, even if there are more running than may be then."""
        with self.lock:
            self.lent -= 1

    def get_next_deadline(self) -> float | None:
        """Return the moment at which a waiting task must be refused; None if nothing waits."""
        with self.lock:
            return min((entry[0] for entry in self.waiting), default=None)

    def refuse_late(self) -> None:
        """Refuse the tasks that have waited too long."""
        if not self.waiting:
            return
        now = monotonic()
        with self.lock:
            late = [one for one in self.waiting if one[0] <= now and one[2] is not None]
            for entry in late:
                self.waiting.remove(entry)
            self._refusable -= len(late)
        for _, _, refuse in late:
            assert refuse is not None
            refuse()

    def close(self) -> None:
        """Let idle workers leave, busy ones after their task; refuse what waits. Does not wait."""
        with self.lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            waiting = [entry for entry in self.waiting if entry[2] is not None]
            for entry in waiting:
                self.waiting.remove(entry)
            self._refusable -= len(waiting)
            for worker in idle:
                worker.wake.release()
        for _, _, refuse in waiting:
            assert refuse is not None
            refuse()

    def _hand_out(self, task: Task) -> bool:
        """Have an idle worker or a new one run *task*, if one more may run; the lock is held."""
        if self._size - len(self._idle) - self.lent >= self._size_max:
            return False
        if self._idle:
            worker = self._idle.pop()
            worker.task = task
            worker.wake.release()
            return True
        return self._size < self._ceiling and self._try_start(task)

    def _try_start(self, task: Task) -> bool:
        """Start a worker with *task*; the lock is held."""
        if self._is_closed:
            return False
        self._size += 1
        try:
            self._start(task)
        except (RuntimeError, MemoryError):
            # The system has no more threads for us: go on with those there are.
            self._size -= 1
            log.warning("cannot start a new thread; %d are running", self._size)
            return False
        return True

    def _start(self, task: Task | None) -> None:
        name = f"Pyro-Worker-{next(_numbers)}"
        threading.Thread(target=self._work, args=(_Worker(task),), name=name, daemon=True).start()

    def _work(self, worker: _Worker) -> None:
        """Run tasks until there is no place for this worker any more."""
        while True:
            task, worker.task = worker.task, None
            if task is not None:
                try:
                    task()
                except BaseException:  # a worker survives whatever a task raises, SystemExit too
                    log.exception("a task of the thread pool failed")
                task = None
            if not self._get_next_task(worker):
                return

    def _get_next_task(self, worker: _Worker) -> bool:
        """Give *worker* its next task, waiting for one; False if it is to leave."""
        with self.lock:
            is_surplus = self.busy_count > self._size_max
            if self.waiting and not is_surplus:
                _, worker.task, refuse = self.waiting.popleft()
                self._refusable -= refuse is not None
                return True
            if self._is_closed or is_surplus:
                self._size -= 1
                return False
            self._idle.append(worker)
        while not worker.wake.acquire(timeout=IDLE_SECONDS):
            with self.lock:
                if worker in self._idle and self._size > self._size_min:
                    self._idle.remove(worker)
                    self._size -= 1
                    return False
        if worker.task is None:  # woken by close
            with self.lock:
                self._size -= 1
            return False
        return True
