"""What the server types have in common that run all requests in the thread of the request loop.

They share the `Loop`; here is what a server adds to it: its own housekeeping, threads for one-way
calls, and its end.
"""

from __future__ import annotations

import contextlib
import socket
from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from .base import CLOSING_SECONDS, SHORTEST_GRACE, SHORTEST_POLL, Server, get_tick_seconds
from .loop import Loop
from .pool import WorkerPool
from .stats import ThreadCount

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """Sizes and times of a server, in threads and seconds.

    Attributes:
        threads: Most threads for one-way calls.
        idle_limit: How long a client may be idle; None for ever.
        poll: How often the loop condition and housekeeping are looked at.
    """

    threads: int
    idle_limit: float | None
    poll: float


class OneThreadServer(Server):
    """Runs requests in the thread that runs the loop.

    Args:
        sock: The socket that the daemon shows as its own.
        housekeeping: Called every few seconds, in the loop.
        settings: Sizes and times.

    Attributes:
        next_moment: When there is something to do without a client.
    """

    def __init__(
        self, sock: socket.socket, housekeeping: Callable[[], None], settings: LoopSettings
    ) -> None:
        super().__init__(sock)
        self._housekeeping = housekeeping
        self._settings = settings
        self._poll = max(SHORTEST_POLL, settings.poll)
        self._tick_seconds = get_tick_seconds(settings.poll, settings.idle_limit)
        self._next_tick = self.next_moment = monotonic() + self._tick_seconds
        self._closing_end = 0.0
        self._pool: WorkerPool | None = None  # only the thread in the loop makes it
        self._loop = Loop()
        self._loop.members.append(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self._sessions)} clients>"

    @property
    def is_done(self) -> bool:
        """Whether the loop has nothing more to do."""
        return self.is_closed

    def loop(self, condition: Callable[[], bool]) -> None:
        """Serve until *condition* is false, there is nothing more to serve, or Ctrl-C.

        The condition is looked at whenever something was done, and at least every POLLTIMEOUT.
        """
        with contextlib.suppress(KeyboardInterrupt):
            self._loop.run(self, condition, self._poll)

    def wakeup(self) -> None:
        """Have the loop look at its condition now. Never blocks; any thread may call it."""
        self._loop.wake()

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is in the loop."""
        return self._loop.is_inside

    @property
    def answers_itself(self) -> bool:
        """Whether it can answer a request while the calling thread waits."""
        return not self._loop.is_inside

    def is_own(self, address: Any) -> bool:
        """Whether *address* is where this server listens, or another one in the same loop."""
        return any(
            Server.is_own(member, address)
            for member in list(self._loop.members)
            if isinstance(member, Server)
        )

    def prepare(self) -> None:
        """Get ready for the loop to wait."""

    def look_at_clock(self, now: float) -> None:
        """Do what is due; the loop calls it at `next_moment`."""
        if now >= self._next_tick:
            self._housekeeping()
            # Counted from its end: housekeeping that takes longer than that must not be all we do.
            self._next_tick = monotonic() + self._tick_seconds
        self.next_moment = self._next_tick

    def count_threads(self) -> ThreadCount:
        """Say what the threads do just now; never waits."""
        busy = int(any(session.is_busy for session in list(self._sessions)))
        idle = int(self._loop.is_running and not busy)
        queued = self._loop.count_ready()
        pool = self._pool
        if pool is None:
            return ThreadCount(busy, 0, idle, queued)
        return ThreadCount(busy + pool.busy_count, pool.lent, idle + pool.idle_count, queued)

    def start_task(self, task: Callable[[], None]) -> bool:
        """Run *task* in another thread, if one is free; say whether that is so."""
        if self.is_closed:
            return False
        if self._pool is None:
            self._pool = WorkerPool(1, self._settings.threads, 0)
        return self._pool.try_submit(partial(self._run_beside, task))

    def _run_beside(self, task: Callable[[], None]) -> None:
        try:
            task()
        finally:
            self._loop.wake_clogged()

    def close(self, grace: float = CLOSING_SECONDS) -> None:
        """Close what is open; afterwards nothing is served any more.

        May be called twice, from any thread, and from a running call, which is not waited for.

        Args:
            grace: Seconds that the running call may take, and get its answer out.
        """
        if self.is_closed and self not in self._loop.members:
            return
        sessions = self._refuse_new()
        self._closing_end = monotonic() + grace
        is_done = self._loop.perform(self._finish, max(grace, SHORTEST_GRACE))
        if not is_done:
            # A call takes longer than that. What it does not need is closed without the loop.
            self._close_own()
            for session in sessions:
                session.is_closing = True
                if not session.connection.keep_open:
                    with contextlib.suppress(OSError):
                        session.connection.sock.shutdown(socket.SHUT_RDWR)
        if self._pool is not None:
            self._pool.close()
        if is_done:
            self._loop.wait_left(self, CLOSING_SECONDS)

    def _finish(self) -> None:
        """Leave the loop and end the sessions, but for those whose call is running; in the loop."""
        self._close_own()
        with self._sessions_changed:
            sessions: list[Any] = list(self._sessions)
        for session in sessions:
            session.is_closing = True
        idle = [session for session in sessions if not session.is_busy]
        self._loop.flush_last(idle, self._closing_end - monotonic())
        for session in idle:
            self._loop.end(session)
        if self in self._loop.members:
            self._loop.members.remove(self)

    @abstractmethod
    def _close_own(self) -> None:
        """Close what is open beside the sessions. May be called twice."""
