"""One-way calls: they run beside the calls that follow them, but in order among themselves.

The calls of one client wait in its queue; one task of the thread pool at a time works on it. So a
client cannot make more threads than one, however many one-way calls it sends, and its calls run in
the order it made them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from pyrolike.callcontext import ContextState, get_state, set_state

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("pyrolike.server")

LONGEST = 1000
"""Calls of one client that may wait. Beyond that nothing more is read from it until one has run."""

Job: TypeAlias = "tuple[ContextState, Callable[[], object]]"


class OnewayQueue:
    """The one-way calls of one client that have not run yet.

    Args:
        start: Has a function run in another thread; returns whether that is possible.
    """

    __slots__ = ("_has_room", "_is_running", "_jobs", "_start")

    def __init__(self, start: Callable[[Callable[[], None]], bool]) -> None:
        self._start = start
        self._has_room = threading.Condition(threading.Lock())  # guards the two below
        self._jobs: deque[Job] = deque()
        self._is_running = False

    @property
    def is_full(self) -> bool:
        """Whether `run` would wait."""
        return len(self._jobs) >= LONGEST

    def run(self, state: ContextState, call: Callable[[], object]) -> None:
        """Run *call* soon in a thread whose context shows *state*; here and now if none is free."""
        with self._has_room:
            while self.is_full:
                self._has_room.wait()
            self._jobs.append((state, call))
            if self._is_running:
                return
            self._is_running = True
            try:
                if self._start(self._work):
                    return
            except BaseException:
                self._is_running = False
                raise
        self._work()

    def _work(self) -> None:
        while (job := self._take_job()) is not None:
            state, call = job
            before = get_state()
            set_state(state)
            try:
                call()
            except BaseException:  # nobody waits for the result; the log is all there is
                log.warning("a oneway call failed", exc_info=True)
            finally:
                set_state(before)

    def _take_job(self) -> Job | None:
        with self._has_room:
            if not self._jobs:
                self._is_running = False
                return None
            self._has_room.notify()
            return self._jobs.popleft()
