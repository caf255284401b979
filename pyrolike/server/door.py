"""A door: threads that wait at the listening socket, and serve whom they let in.

Usually the accept loop accepts a connection and hands it to a worker, so that two threads wake up
for it. Where clients come one after the other, each for a call or two, a few workers wait at the
listening socket instead: the system wakes one of them, and nothing is handed over. That saves a
twentieth of the time for such a client, on both sides together.

A door is open for a while only: until nobody has come for a moment, or until all its keepers are
busy with clients that stay. Then the accept loop accepts again. It must not do so before, because
the listening socket blocks as long as the door is open.
"""

from __future__ import annotations

import contextlib
import threading
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any

from pyrolike._forking import tell_of_forks

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .pool import WorkerPool


class Door:
    """Lets clients in, in several workers at once.

    Args:
        listener: A listening socket on which the system limits how long a receive may take; so it
            limits how long a keeper waits.
        pool: Whose workers the keepers are. A keeper at the door has lent its place: nothing is to
            be run there.
        tell: Called once the last keeper has closed the door: who else accepts has to do it.

    Attributes:
        is_open: Whether only the keepers may accept connections; in the beginning it is closed.
        keepers: How many there are just now. When it has been closed by `close`, some may be there
            still, until they notice.
    """

    def __init__(self, listener: socket.socket, pool: WorkerPool, tell: Callable[[], None]) -> None:
        # Guarded by the pool's lock, as what is lent.
        self.is_open = False
        self.keepers = 0
        self._listener = listener
        self._pool = pool
        self._tell = tell
        self._cleared = threading.Condition(pool.lock)
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Be closed, in a forked child; nothing is done to the socket, which is the parent's."""
        self.keepers = 0
        self.is_open = False

    def open(self, begin: Callable[[], None]) -> None:
        """Open the door; a worker does *begin*, which is to `gather` the keepers.

        For the accept loop. What is counted is left to the worker, for a signal's handler may end
        the loop anywhere; then it closes the door.
        """
        with self._pool.lock:
            self.is_open = True
            with contextlib.suppress(OSError):  # the socket is closed, as the keepers will notice
                self._listener.setblocking(True)
            if not self._pool.try_submit(begin):
                self.close()

    def gather(self, keep: Callable[[], None], count: int) -> bool:
        """Be the first keeper, and have others do *keep*: all in all *count*, if there are so many.

        Returns:
            Whether the door is open still.
        """
        pool = self._pool
        with pool.lock:
            if not self.is_open:
                return False
            self.keepers += 1
            pool.lent += 1
            while self.keepers < count and pool.try_submit(keep):
                self.keepers += 1
                pool.lent += 1
            return True

    def let_in(self) -> tuple[socket.socket, Any] | None:
        """Wait for a client, as one of the keepers; from then on the caller is none any more.

        Returns:
            Its socket and address; None if nobody came, or the system has no room for it.
        """
        is_last = False
        try:
            return self._listener.accept()
        except OSError:  # the accept loop says what it is, if it is still so
            return None
        finally:
            with self._pool.lock:
                self._pool.lent -= 1
                self.keepers -= 1
                if not self.keepers:
                    is_last = self.is_open
                    self.close()
                    self._cleared.notify_all()
            if is_last:
                self._tell()

    def come_back(self) -> bool:
        """Be a keeper again; False if the door is closed, or there is something else to do."""
        pool = self._pool
        with pool.lock:
            if not self.is_open or pool.waiting:
                return False
            self.keepers += 1
            pool.lent += 1
            return True

    def close(self) -> None:
        """Close the door. Keepers leave as soon as nobody has come for a moment."""
        with self._pool.lock:
            if self.is_open:
                with contextlib.suppress(OSError):  # the socket is closed
                    self._listener.setblocking(False)
                self.is_open = False  # only now others may accept

    def clear(self, seconds: float) -> None:
        """Close the door, and have all keepers leave; the socket listens no more.

        While one of them is there its descriptor must not be closed, for it might become another's.

        Args:
            seconds: How long to wait for them at most.
        """
        with self._pool.lock:
            self.close()
            if self.keepers:
                with contextlib.suppress(OSError):
                    self._listener.shutdown(SHUT_RDWR)
                self._cleared.wait_for(lambda: not self.keepers, seconds)
