"""Where connections wait that have nothing to say at the moment.

One thread watches them all. It takes what arrives, never waits for anybody, and hands a connection
to a worker when a whole message is there. So an idle client costs a file descriptor, and one that
sends half a message, or nothing at all, holds no thread that others need.

It also sends on what a client has not taken in when its worker has moved on to others: a reply of
which there is a rest. Such a connection is not read from until the rest is gone.

The thread also watches the clock: new connections that do not get their handshake done, idle ones
beyond the communication timeout, requests that no worker takes. All clients depend on it, so
nothing that fails for one of them may end it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from .patience import FLUSH_SECONDS, Overflow, PatientSession
from .watching import Waker, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from .pool import WorkerPool
    from .session import Session

log = logging.getLogger("pyrolike.threadpoolserver")


class Parking:
    """Watches parked connections.

    Args:
        pool: Whose queue of waiting tasks is watched too.
        dispatch: Called with a session that has a whole message.
        tick: Called every few seconds; must not block.
        tick_seconds: How often.
        idle_limit: Seconds a session may be idle, for those that have a deadline.
    """

    def __init__(
        self,
        pool: WorkerPool,
        dispatch: Callable[[Session], None],
        tick: Callable[[], None],
        tick_seconds: float,
        idle_limit: float | None = None,
    ) -> None:
        self._pool = pool
        self._dispatch = dispatch
        self._tick = tick
        self._tick_seconds = tick_seconds
        self._idle_limit = idle_limit
        self._watch: Watch[Session] = Watch(self._hand_over)
        self._waker = Waker()
        self._watch.register(self._waker, self._admit_arrivals)
        self._overflow = Overflow()
        if self._overflow.is_watchable:
            self._watch.register(self._overflow, partial(self._guard, self._send_on))
        self._arrivals: deque[Session] = deque()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="Pyro-Parking", daemon=True)
        self._thread.start()

    def park(self, session: Session) -> None:
        """Take over *session*; nobody else touches it until it is dispatched."""
        self._arrivals.append(session)
        self.wake()

    def wake(self) -> None:
        """Have the thread look around: something may have changed. Never blocks."""
        self._waker.wake()

    def close(self) -> None:
        """End the thread. The parked sessions are the server's to close."""
        self._is_closed = True
        self.wake()
        if self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _run(self) -> None:
        try:
            next_tick = monotonic() + self._tick_seconds
            while not self._is_closed:
                for key, _ in self._watch.selector.select(self._get_timeout(next_tick)):
                    if callable(key.data):
                        key.data()
                    else:
                        self._attend(key.data)
                if not self._overflow.is_watchable:
                    self._guard(self._send_on)
                self._guard(self._pool.refuse_late)
                now = monotonic()
                self._expire(now)
                if now >= next_tick:
                    self._sweep()
                    self._guard(self._tick)
                    next_tick = now + self._tick_seconds
        finally:
            self._watch.close()
            self._overflow.close()
            self._waker.close()

    @staticmethod
    def _guard(callback: Callable[[], None]) -> None:
        """Call *callback*; its failure must not end the thread that all clients depend on."""
        try:
            callback()
        except BaseException:
            log.exception("%s failed", callback)

    def _hand_over(self, session: Session) -> None:
        self._watch.discard(session)
        if isinstance(session, PatientSession):
            self._overflow.discard(session)
        self._guard(partial(self._dispatch, session))

    def _get_timeout(self, next_tick: float) -> float:
        """Return the seconds the selector may wait."""
        now = monotonic()
        timeout = self._watch.get_timeout(next_tick - now)
        deadline = self._pool.get_next_deadline()
        if deadline is not None:
            timeout = min(timeout, deadline - now)
        if self._overflow.sessions and not self._overflow.is_watchable:
            timeout = min(timeout, FLUSH_SECONDS)
        return max(0.0, timeout)

    def _admit_arrivals(self) -> None:
        self._waker.drain()
        while self._arrivals:
            session = self._arrivals.popleft()
            try:
                if isinstance(session, PatientSession) and session.rest:
                    self._overflow.add(session)
                    self._limit_sending(session)
                else:
                    self._watch.add(session)
            except (OSError, ValueError):
                self._hand_over(session)  # closed meanwhile: a worker ends it

    def _limit_sending(self, session: PatientSession) -> None:
        seconds = session.send_seconds
        self._watch.limit(session, monotonic() + seconds if seconds else None)

    def _send_on(self) -> None:
        """Send replies on to the clients that have made room."""
        for session in self._overflow.flush():
            if session.is_finished or (session.is_closing and not session.rest):
                self._hand_over(session)
            elif session.rest:
                self._limit_sending(session)
            else:
                self._overflow.discard(session)
                limit = self._idle_limit
                self._watch.limit(session, monotonic() + limit if limit else None)
                if session.hold_message():
                    self._hand_over(session)
                else:
                    self.park(session)

    def _attend(self, session: Session) -> None:
        """Take what has arrived on a session; a whole message, or the end, is for a worker."""
        try:
            needs_worker = session.receive_available()
        except BaseException:
            # No memory for a large body, perhaps: this client is lost, and only this one.
            log.exception("%s ended by an unexpected error", session)
            session.is_finished = needs_worker = True
        if needs_worker:
            self._hand_over(session)
        elif not session.is_open:
            self._watch.follow(session)
        elif self._idle_limit and session.deadline is not None:
            session.deadline = monotonic() + self._idle_limit  # who sends is not idle

    def _expire(self, now: float) -> None:
        """Dispatch the sessions whose time is over: a worker ends them."""
        for session in self._watch.find_expired(now):
            self._guard(session.expire)
            self._hand_over(session)

    def _sweep(self) -> None:
        """Dispatch the sessions whose connection the program has closed: nothing arrives there."""
        for key in list(self._watch.selector.get_map().values()):
            if not callable(key.data) and key.data.connection.sock.fileno() == -1:
                self._hand_over(key.data)
