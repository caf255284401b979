"""Work behind the program's back: threads that are kept for a while, and a clock.

Nothing exists before it is used, and everything ends by itself: a thread that has nothing to do is
kept for `IDLE_SECONDS`, the clock until nothing is due any more. All threads are daemon threads: a
program that ends does not wait for them.

There is no limit: a task always runs at once. What is run here either waits for something, or calls
the program's code, which may wait for the next task.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING

from pyrolike._forking import call_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("pyrolike.background")

IDLE_SECONDS = 1.0
"""How long a thread waits for its next task, so that calls in a row do not start one each."""


class _Worker:
    """A thread that runs one task after the other, as long as there are some."""

    __slots__ = ("_crew", "_task", "_wake")

    def __init__(self, crew: Crew, task: Callable[[], None]) -> None:
        self._crew = crew
        self._task: Callable[[], None] | None = task
        self._wake = threading.Lock()
        self._wake.acquire()

    def give(self, task: Callable[[], None]) -> None:
        """Have the idle worker run *task*."""
        self._task = task
        self._wake.release()

    def work(self) -> None:
        while (task := self._task) is not None:
            self._task = None
            _run(task)
            del task  # what it refers to must not live as long as an idle thread
            self._wait()

    def _wait(self) -> None:
        self._crew.idle.append(self)
        if not self._wake.acquire(timeout=self._crew.idle_seconds):
            try:
                self._crew.idle.remove(self)
            except ValueError:
                self._wake.acquire()  # taken off the list meanwhile: a task is on its way


class Crew:
    """Threads for tasks.

    Args:
        name: What the threads are called.
        idle_seconds: How long a thread without a task is kept.

    Attributes:
        idle: The threads without a task; operations of a list are atomic.
        idle_seconds: See above.
    """

    def __init__(self, name: str, idle_seconds: float) -> None:
        self.idle: list[_Worker] = []
        self.idle_seconds = idle_seconds
        self._name = name

    def run(self, task: Callable[[], None]) -> None:
        """Run *task* in a thread, at once. What it raises is logged.

        Raises:
            RuntimeError: There are no more threads, or the interpreter is about to end.
        """
        try:
            self.idle.pop().give(task)
        except IndexError:
            worker = _Worker(self, task)
            threading.Thread(target=worker.work, name=self._name, daemon=True).start()

    def after_fork(self) -> None:
        """Have no threads, in a forked child."""
        self.idle = []


class Alarm:
    """A task for a certain moment, from `Clock.call_at`."""

    __slots__ = ("moment", "task")

    def __init__(self, moment: float, task: Callable[[], None]) -> None:
        self.moment = moment
        self.task: Callable[[], None] | None = task

    def cancel(self) -> None:
        """Forget the task, if it has not begun."""
        self.task = None


class Clock:
    """Starts tasks when their time has come.

    Args:
        crew: Whose threads run the tasks, and the clock itself as long as something is due.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._numbers = itertools.count()
        self.after_fork()

    def after_fork(self) -> None:
        """Have nothing due, in a forked child: it was the parent's."""
        # Guards the two below, and wakes the thread that looks at them.
        self._changed = threading.Condition(threading.Lock())
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._is_running = False

    def call_at(self, moment: float, task: Callable[[], None]) -> Alarm:
        """Run *task* in a thread when the monotonic clock shows *moment*.

        Raises:
            RuntimeError: There are no more threads, or the interpreter is about to end.
        """
        alarm = Alarm(moment, task)
        with self._changed:
            heapq.heappush(self._alarms, (moment, next(self._numbers), alarm))
            if not self._is_running:
                self._crew.run(self._tick)
                self._is_running = True
            elif self._alarms[0][2] is alarm:
                self._changed.notify()
        return alarm

    def _tick(self) -> None:
        while (due := self._next_due()) is not None:
            if due.task is not None:
                self._crew.run(due.task)

    def _next_due(self) -> Alarm | None:
        """Wait for the next alarm and return it; None if there is none left."""
        with self._changed:
            while self._alarms:
                moment, _, alarm = self._alarms[0]
                remaining = moment - monotonic()
                if remaining <= 0 or alarm.task is None:
                    heapq.heappop(self._alarms)
                    return alarm
                self._changed.wait(min(remaining, threading.TIMEOUT_MAX))
            self._is_running = False
            return None


def _run(task: Callable[[], None]) -> None:
    try:
        task()
    except BaseException:  # the thread goes on: others may need it
        log.exception("a task in the background failed")


_crew = Crew("pyrolike-background", IDLE_SECONDS)
_clock = Clock(_crew)
call_after_fork(_crew.after_fork)
call_after_fork(_clock.after_fork)

run = _crew.run
call_at = _clock.call_at
