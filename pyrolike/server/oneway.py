"""One-way calls: they run beside the calls that follow them, but in order among themselves.

The calls of one client wait in its queue; one task of the thread pool at a time works on it. So a
client cannot make more threads than one, however many one-way calls it sends, and its calls run in
the order it made them.

A queue may outlive its client, who need not wait for anything. So the `Backlog` of a daemon knows
the queues that have something to do, and brings them to an end with it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from pyrolike.callcontext import ContextState, get_state, set_state

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("pyrolike.server")

LONGEST = 1000
"""Calls of one client that may wait. Beyond that nothing more is read from it until one has run."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes that the requests of one client's waiting calls may have had; as above. One call waits
however large it is."""

Job: TypeAlias = "tuple[ContextState, Callable[[], object], int]"


class Backlog:
    """The queues of a daemon in which calls run or wait.

    Args:
        on_failure: Called when a call has failed.

    Attributes:
        is_closed: No call is begun any more.
        on_failure: See above.
    """

    def __init__(self, on_failure: Callable[[], None] = lambda: None) -> None:
        self.on_failure = on_failure
        self.is_closed = False
        # Re-entrant, because a signal handler may close the daemon while the very thread it
        # interrupts is in here. Guards the queues.
        self._changed = threading.Condition()
        self._queues: set[OnewayQueue] = set()

    def __len__(self) -> int:
        """Return how many calls wait."""
        return sum(len(queue) for queue in list(self._queues))

    def enter(self, queue: OnewayQueue) -> None:
        """Take note that *queue* has something to do."""
        with self._changed:
            self._queues.add(queue)

    def leave(self, queue: OnewayQueue) -> None:
        """Take note that it has not."""
        with self._changed:
            self._queues.discard(queue)
            self._changed.notify_all()

    def close(self, deadline: float) -> int:
        """Wait until all calls have run, but for the one that is the caller, then begin no more.

        Args:
            deadline: Moment on the monotonic clock until which to wait.

        Returns:
            How many calls were dropped.
        """
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(
                lambda: all(queue.thread == me for queue in self._queues),
                max(0.0, deadline - monotonic()),
            )
            self.is_closed = True
            queues = list(self._queues)
        return sum(queue.drop() for queue in queues)


class OnewayQueue:
    """The one-way calls of one client that have not run yet.

    Args:
        start: Has a function run in another thread; returns whether that is possible.
        backlog: The daemon's.

    Attributes:
        thread: Identity of the thread that runs its calls; None as long as there is none.
    """

    __slots__ = ("_backlog", "_has_room", "_is_running", "_jobs", "_size", "_start", "thread")

    def __init__(
        self, start: Callable[[Callable[[], None]], bool], backlog: Backlog | None = None
    ) -> None:
        self._start = start
        self._backlog = Backlog() if backlog is None else backlog
        # Guards the three below. Re-entrant for the same reason as the backlog's.
        self._has_room = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._size = 0  # bytes of what waits
        self._is_running = False
        self.thread: int | None = None

    def __len__(self) -> int:
        """Return how many calls wait."""
        return len(self._jobs)

    @property
    def is_full(self) -> bool:
        """Whether `run` would wait."""
        return len(self._jobs) >= LONGEST or self._size >= MOST_BYTES

    @property
    def is_at_work(self) -> bool:
        """Whether a call runs or waits."""
        return self._is_running

    def run(self, state: ContextState, call: Callable[[], object], size: int = 0) -> None:
        """Run *call* soon in a thread whose context shows *state*; here and now if none is free.

        Args:
            state: See above.
            call: See above.
            size: Bytes that its request has taken.
        """
        with self._has_room:
            self._has_room.wait_for(lambda: not self.is_full)
            self._jobs.append((state, call, size))
            self._size += size
            if self._backlog.is_closed:
                log.warning("%d one-way calls came too late: the daemon closes", self.drop())
            if self._is_running or not self._jobs:
                return
            self._is_running = True
            self._backlog.enter(self)
            try:
                if self._start(self._work):
                    return
            except BaseException:
                self._is_running = False
                self._backlog.leave(self)
                raise
        self._work()

    def drop(self) -> int:
        """Forget the calls that have not begun; return how many there were."""
        with self._has_room:
            count = len(self._jobs)
            self._jobs.clear()
            self._size = 0
            self._has_room.notify_all()
        return count

    def _work(self) -> None:
        self.thread = threading.get_ident()
        while (job := self._take_job()) is not None:
            state, call, _ = job
            before = get_state()
            set_state(state)
            try:
                call()
            except BaseException:  # nobody waits for the result; the log is all there is
                self._backlog.on_failure()
                log.warning("a oneway call failed", exc_info=True)
            finally:
                set_state(before)

    def _take_job(self) -> Job | None:
        with self._has_room:
            if not self._jobs or self._backlog.is_closed:
                self._is_running = False
                self.thread = None
                self._backlog.leave(self)
                return None
            self._has_room.notify()
            job = self._jobs.popleft()
            self._size -= job[2]
            return job
