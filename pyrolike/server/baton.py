"""Who is in the loop: one thread at a time, and how the others get something done there.

The thread that holds the baton may take it again, because a method that is called from the loop may
itself run the loop for a while, as programs with a window do. Who does not hold it leaves an
*errand*, and the holder does it as soon as it has finished what it is at.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("pyrolike.server")


class Baton:
    """A lock that can be taken several times by its holder, who also does errands.

    Args:
        wake: Has the holder look for errands; called from any thread.
        on_free: Called when the baton is laid down, before anybody else can take it.

    Attributes:
        errands: What the holder is to do, each with the event that says it is done. Only to look
            whether there are any.
    """

    def __init__(self, wake: Callable[[], None], on_free: Callable[[], None]) -> None:
        self._wake = wake
        self._on_free = on_free
        self.errands: deque[tuple[Callable[[], None], threading.Event]] = deque()
        # Guards the two below. Re-entrant, because a signal handler may close a server while the
        # very thread it interrupts, the main one, is in here.
        self._changed = threading.Condition(threading.RLock())
        self._holder: int | None = None  # the thread
        self._depth = 0  # how many times it has taken it

    def take(
        self, gives_up: Callable[[], bool] = lambda: False, seconds: float | None = None
    ) -> bool:
        """Wait until the baton is free, or ours already, and take it.

        Args:
            gives_up: Ends the wait; looked at when somebody calls `tell`.
            seconds: How long to wait; None for ever.

        Returns:
            Whether it was taken. Then `lay_down` is due.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_free or gives_up(), seconds)
            if not self._is_free:
                return False
            self._holder = threading.get_ident()
            self._depth += 1
            return True

    def lay_down(self) -> None:
        """Give it back as often as it was taken; then others can have it."""
        try:
            if self._depth == 1:
                self.do_errands()
        finally:  # a Ctrl-C in an errand must not leave it with us
            with self._changed:
                self._depth -= 1
                if self._depth == 0:
                    self._on_free()
                    self._holder = None
                self._changed.notify_all()

    def perform(self, errand: Callable[[], None], seconds: float) -> bool:
        """Have *errand* done by the holder, or here if there is none. What it raises is logged.

        Returns:
            Whether it was done within *seconds*. If not, it will still be done.
        """
        is_done = threading.Event()
        self.errands.append((errand, is_done))
        self._wake()
        if self.take(is_done.is_set, seconds):
            try:
                self.do_errands()
            finally:
                self.lay_down()
        return is_done.is_set()

    def do_errands(self) -> None:
        """Do what others want to be done; for the holder."""
        while self.errands:
            errand, is_done = self.errands.popleft()
            try:
                errand()
            except Exception:  # who wanted it cannot be told; the clients are served on
                log.exception("%s failed", errand)
            finally:
                is_done.set()
                self.tell()

    def tell(self) -> None:
        """Have those who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until *condition* is true, unless we hold the baton; looked at as by `take`."""
        with self._changed:
            self._changed.wait_for(lambda: condition() or self.is_ours, seconds)

    @property
    def is_ours(self) -> bool:
        """Whether the calling thread holds it."""
        return self._holder == threading.get_ident()

    @property
    def _is_free(self) -> bool:
        return self._holder is None or self.is_ours
