"""How long a search may take, so that everybody else's lookups stay quick.

Matching in Python keeps the interpreter busy. A search therefore runs freely for `AT_ONCE` seconds,
which is more than nearly all need. A longer one waits for its turn, so that only one of that kind
runs at a time; it makes a pause every few milliseconds, because a thread that wants the interpreter
only for a moment would otherwise wait its five milliseconds each time. Those that wait hold a
thread of the daemon each, so only `MOST_WAITING` may.

In the end it is given up: after `WORK` seconds of the processor's time, and some for each name that
it looks at. An expression that people write for names takes up to four microseconds for one, so it
has more than twice what it needs; and with a server that has one thread, nobody else is served
meanwhile. The processor's time, because on a machine that is busy with other things an honest
search takes longer by the clock, and no more work.
"""

from __future__ import annotations

import threading
import time
from typing import Self

from pyrolike._forking import call_after_fork
from pyrolike.errors import NamingError

AT_ONCE = 0.02
"""Seconds that every search has without waiting."""

WORK = 1.0
WORK_PER_NAME = 10e-6
"""Seconds of the processor's time after which a search is given up: the larger one counts."""

PATIENCE = 10.0
"""Seconds that it waits for its turn at most."""

MOST_WAITING = 16
"""Searches that may wait for their turn; few in comparison with config.THREADPOOL_SIZE."""

_STRETCH = 0.002
_PAUSE = 0.0002
"""Seconds: of work between two pauses, and of each of these."""


class _Turns:
    """Lets one long search run at a time. The locks are made anew in a forked child."""

    def __init__(self) -> None:
        self.running = threading.Lock()
        self.waiting = threading.BoundedSemaphore(MOST_WAITING)

    def take(self) -> bool:
        """Wait for the turn; False if that takes too long, or too many wait already."""
        if not self.waiting.acquire(blocking=False):
            return False
        try:
            return self.running.acquire(timeout=PATIENCE)
        finally:
            self.waiting.release()


_turns = _Turns()
call_after_fork(lambda: _turns.__init__())  # type: ignore[misc]  # all of it anew is the point


class Allowance:
    """The time of one search, in one thread; use it as a context manager.

    Whoever works calls `spend` often, a thousand times a second at the least.

    Attributes:
        names: How many names there are to look at, as soon as that is known.
    """

    def __init__(self) -> None:
        self.names = 0
        self._turn: threading.Lock | None = None
        self._pause_at = time.monotonic() + AT_ONCE
        self._begin = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._turn is not None:
            self._turn.release()
            self._turn = None

    def spend(self) -> None:
        """Make a pause if it is time for one.

        Raises:
            NamingError: The time is used up, or too many searches are going on.
        """
        now = time.monotonic()
        if now < self._pause_at:
            return
        if self._turn is None:
            self._wait_for_turn()
        else:
            self._check()
            time.sleep(_PAUSE)
        self._pause_at = time.monotonic() + _STRETCH

    def _check(self) -> None:
        limit = max(WORK, WORK_PER_NAME * self.names)
        if time.thread_time() - self._begin > limit:
            raise NamingError(
                f"the regex search was given up: it needs more than {limit:.3g} seconds of work; a"
                " regex that begins with letters, or a search by prefix, has less to look at"
            )

    def _wait_for_turn(self) -> None:
        turns = _turns
        if not turns.take():
            raise NamingError("too many long regex searches are going on; try again later")
        self._turn = turns.running
        self._begin = time.thread_time()
