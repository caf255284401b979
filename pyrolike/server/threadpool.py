"""The thread-pool server: a thread per running request, none for idle connections.

Three parties:

* The *accept loop* is the thread in ``requestLoop``. It accepts connections and hands them on; it
  never reads from them and never waits for anybody else. Where many come one after the other, a few
  workers accept in its place: see `door`.
* A *worker* serves a connection as long as there is something to do: it reads a request, runs it,
  answers, and lingers a moment for the next one. On a busy connection nothing is handed from thread
  to thread.
* *Parking* watches the connections that have nothing to say, and hands one to a worker when a
  whole message is there.

So a session is owned by exactly one of: a worker, the pool's queue, parking. It changes hands by
`_dispatch` and `Parking.park` only.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike.callcontext import this_thread

from .base import (
    CLOSING_SECONDS,
    SHORTEST_GRACE,
    SHORTEST_POLL,
    Acceptor,
    Server,
    get_tick_seconds,
)
from .door import Door
from .parking import Parking
from .patience import Overflow, PatientSession
from .pool import WorkerPool
from .stats import ThreadCount
from .watching import Lookout, Waker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .session import Session

log = logging.getLogger("pyrolike.threadpoolserver")

SHORTEST_WAIT = 0.1
"""Seconds a request may wait for a thread at least: a few times what a thread lingers for more."""


KEEPERS = 3
"""Workers at an open door: the next client comes before who serves the last one is back, and with
two of them both would be away half of the time."""

OFTEN = 20
"""Connections that have to come in a row, one each `RUSH_SECONDS`, until a door is opened."""

RUSH_SECONDS = 0.005

RUSH_POLL = 0.1
"""How often the loop condition is looked at while a door is open, which it is not for long."""

LAST_SECONDS = 60.0
"""How long the reply to a call that has closed its own daemon may take to be read."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Sizes and times of the server, in threads, requests and seconds.

    Attributes:
        size_min: Threads kept.
        size_max: Most threads.
        nested: Most further threads, in the places of those that wait for calls of their own.
        queue_size: Most requests that wait for a thread.
        queue_wait: How long each may wait.
        idle_limit: How long a client may be idle; None for ever.
        poll: How often the loop condition and housekeeping are looked at.
    """

    size_min: int
    size_max: int
    queue_size: int
    queue_wait: float
    idle_limit: float | None
    poll: float
    nested: int = 1000


class ThreadPoolServer(Server):
    """Serves the connections of one listening socket.

    Args:
        listener: A listening socket; the server owns it.
        make_session: Makes the session for an accepted socket and its peer's address.
        housekeeping: Called every few seconds, in a worker.
        settings: Sizes and times.
        may_open: Whether the system limits a receive on *listener*, and the sockets accepted there,
            to how long a thread lingers: then there may be a door.
    """

    kind = "thread"

    def __init__(
        self,
        listener: socket.socket,
        make_session: Callable[[socket.socket, Any], Session],
        housekeeping: Callable[[], None],
        settings: PoolSettings,
        *,
        may_open: bool = False,
    ) -> None:
        super().__init__(listener)
        self._acceptor = Acceptor(listener, make_session, self._welcome, self.make_room)
        self._housekeeping = housekeeping
        self._settings = settings
        # A thread that only lingers is as good as free: it must be possible to wait for one.
        self._poll = max(SHORTEST_POLL, settings.poll)
        self._queue_wait = max(settings.queue_wait, SHORTEST_WAIT)
        self._pool = WorkerPool(
            settings.size_min, settings.size_max, settings.queue_size, settings.nested
        )
        self._is_housekeeping = threading.Lock()
        self._waker = Waker()
        self._door: Door | None = None
        # There must be room: who waits at the door has lent its place, as a call that waits for
        # another one.
        if may_open and min(settings.size_max, settings.nested) >= 2 * KEEPERS:
            self._door = Door(listener, self._pool, self._waker.wake)
        self._row = 0  # connections the accept loop has accepted since the next
        self._row_began = 0.0
        self._looping = threading.Lock()  # held by the thread that is in the loop
        self._loop_thread: threading.Thread | None = None
        # Last: its thread may call us from now on.
        try:
            self._parking = Parking(
                self._pool,
                self._dispatch,
                self._start_housekeeping,
                get_tick_seconds(settings.poll, settings.idle_limit),
                settings.idle_limit,
            )
        except BaseException:
            self._pool.close()
            self._waker.close()
            raise

    def __repr__(self) -> str:
        return f"<ThreadPoolServer {len(self._sessions)} clients, {self._pool!r}>"

    @property
    def sockets(self) -> list[Any]:
        """The sockets to watch in a foreign event loop: the listening one."""
        return [self.sock]

    @property
    def selector(self) -> Any:
        """Not to be had: Pyro offers it for the multiplex server only."""
        raise TypeError("the thread-pool server has no selector to share; use multiplex")

    # -- accepting --------------------------------------------------------------------------------

    def loop(self, condition: Callable[[], bool]) -> None:
        """Accept connections until *condition* is false, the server is closed, or Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt), self._looping:
            if self.is_closed:
                return
            self._loop_thread = threading.current_thread()
            door = self._door
            try:
                lookout = Lookout(self.sock, self._waker)
                while condition() and not self.is_closed:
                    if door is not None and door.is_open:
                        # Others accept connections. Not for long, and there is the condition.
                        self._waker.wait(min(self._poll, RUSH_POLL))
                        self._waker.drain()
                    elif self._accept_or_wait(lookout) and door is not None:
                        self._count_row(door)
            finally:
                self._loop_thread = None
                if door is not None:
                    door.close()
                if self.is_closed:
                    self._waker.close()

    def _accept_or_wait(self, lookout: Lookout) -> bool:
        """Wait until something happens, but not longer than the poll time, and see to it.

        Returns:
            Whether there was a connection.
        """
        has_come = False
        for thing in lookout.wait(self._poll):
            if thing is self._waker:
                self._waker.drain()
            elif self._acceptor.accept_some(most=1):  # the next one will be told of
                has_come = True
            else:
                # No more descriptors, or no memory: the connection stays in the backlog, and would
                # be reported again at once.
                self._waker.wait(self._acceptor.pause)
        return has_come

    def _count_row(self, door: Door) -> None:
        """Take note of a connection, and open the door if it is the last of many in a row."""
        self._row += 1
        if self._row < OFTEN:
            return
        now = monotonic()
        is_rush = now - self._row_began < OFTEN * RUSH_SECONDS
        self._row, self._row_began = 0, now
        if is_rush and not self._pool.is_overrun:
            door.open(partial(self._begin_to_keep, door))

    def _begin_to_keep(self, door: Door) -> None:
        """Be the first keeper of the door, and have others come. A worker's task."""
        if door.gather(partial(self._keep, door), KEEPERS):
            self._keep(door)

    def _keep(self, door: Door) -> None:
        """Let clients in, and serve them, as long as the door is open. A worker's task."""
        while True:
            arrival = door.let_in()
            if arrival is None:
                return
            self._acceptor.admit(*arrival, self._serve_here)
            if not door.come_back():
                return

    def _serve_here(self, session: Session) -> None:
        """Take a new connection over in the calling worker, if it is not one too many."""
        if not self.enter(session):
            return
        if self._pool.is_overrun:
            self._parking.park(session)
        else:
            self._serve(session)

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is in the loop."""
        return self._loop_thread is threading.current_thread()

    @property
    def answers_itself(self) -> bool:
        """Whether it can answer a request while the calling thread waits: another thread does."""
        return True

    def begin_wait(self) -> None:
        """Give the calling worker's place to another one."""
        self._pool.lend()

    def end_wait(self) -> None:
        """Take note that it goes on with its request."""
        self._pool.take_back()

    def events(self, eventsockets: Iterable[Any]) -> None:
        """Accept the connections that wait, if the listening socket is among *eventsockets*."""
        if self.sock in eventsockets:
            self.accept_all()

    def accept_all(self) -> bool:
        """Accept what waits in the backlog; False if there is more that cannot be accepted now."""
        if self._door is not None and self._door.is_open:
            return True  # its keepers do
        return self._acceptor.accept_some()

    def wakeup(self) -> None:
        """Have the loop look at its condition now. Never blocks; any thread may call it."""
        self._waker.wake()

    def _welcome(self, session: Session) -> None:
        """Take a new connection over. Who connects speaks at once: a free worker goes ahead."""
        if not self.enter(session):
            return
        if self._pool.waiting or not self._pool.try_submit(partial(self._serve, session)):
            self._parking.park(session)

    # -- serving ----------------------------------------------------------------------------------

    def _dispatch(self, session: Session) -> None:
        """Have a worker serve a session that has a message, or is to be ended."""
        task = partial(self._serve, session)
        if session.is_finished and not session.is_open:
            session.end()  # here and now: no hook of the program has to do with it
        elif session.must_end:
            self._pool.submit(task)
        else:
            self._pool.submit(task, partial(self._refuse, session), self._queue_wait)

    def _serve(self, session: Session) -> None:
        """Answer a session's messages as long as they come. A worker's task."""
        before, this_thread.state = this_thread.state, session.state
        session.thread = get_ident()
        others_waiting = self._pool.waiting
        try:
            # Not `while` with a condition: what it jumps back to is not optimized by Python 3.11.
            while True:
                message = session.take_message()
                if message is None:
                    break
                session.is_busy = True
                if session.is_closing:
                    break
                session.process(message)
                session.is_busy = False
                del message  # a large one's room is not held while there is nothing to do
                if session.is_finished or session.rest or others_waiting:
                    break
        except BaseException:
            # A hook of the program failed: whatever it was, this client is lost, and only this one.
            session.is_finished = True
            log.exception("%s ended by an unexpected error", session)
        finally:
            this_thread.state = before
        if session.is_closing and session.rest and isinstance(session, PatientSession):
            session.is_busy = True
            flush_last(session)
        if session.is_finished or session.is_closing:
            session.is_busy = True  # with its own end
            session.end()
        else:
            session.thread = None
            self._pass_on(session)

    def _pass_on(self, session: Session) -> None:
        """Let go of a session: parking watches it, or, others waiting, it queues up behind them."""
        idle_limit = self._settings.idle_limit
        if session.is_open:
            session.deadline = monotonic() + idle_limit if idle_limit else None
        if not session.rest and (session.hold_message() or session.is_finished):
            self._dispatch(session)
        else:
            self._parking.park(session)

    def _refuse(self, session: Session) -> None:
        """Tell a session's client that no worker has come, for each message that is there."""
        log.warning("no free workers for %s", session)
        session.refuse_busy()
        while not session.is_finished and session.hold_message():
            session.refuse_busy()
        if session.is_finished:
            self._dispatch(session)
        else:
            self._pass_on(session)

    def count_threads(self) -> ThreadCount:
        """Say what the threads do just now; never waits."""
        pool, door = self._pool, self._door
        at_door = 0 if door is None else door.keepers
        return ThreadCount(
            pool.busy_count,
            max(0, pool.lent - at_door),
            pool.idle_count + at_door,
            len(pool.waiting),
        )

    def start_task(self, task: Callable[[], None]) -> bool:
        """Run *task* in a worker, if one is free; say whether that is so."""
        return self._pool.try_submit(task)

    def _start_housekeeping(self) -> None:
        """Run the daemon's housekeeping in a worker, unless the last one still runs."""
        if not self._is_housekeeping.acquire(False):
            return
        if not self._pool.try_submit(self._do_housekeeping):
            self._is_housekeeping.release()

    def _do_housekeeping(self) -> None:
        try:
            self._housekeeping()
        finally:
            self._is_housekeeping.release()

    # -- ending -----------------------------------------------------------------------------------

    def combine_loop(self, server: Any) -> None:
        """Not possible with threads.

        Raises:
            TypeError: Always.
        """
        raise TypeError("the thread-pool server cannot be combined with another; use multiplex")

    def close(self, grace: float = CLOSING_SECONDS) -> None:
        """Close the listening socket and all connections; afterwards nothing is served any more.

        May be called twice, from any thread, and from a running call.

        Args:
            grace: Seconds that running calls may take, and get their answer out. The calling one,
                and if there is such a one, those that wait for somebody else, who may be it, have
                no limit, and are not waited for.
        """
        now = monotonic()
        self._refuse_new()
        # Not for ever: the loop condition is the program's, and may take its time.
        if not self.is_inside and self._looping.acquire(timeout=CLOSING_SECONDS):
            self._looping.release()
        if self._door is not None:
            self._door.clear(CLOSING_SECONDS)
        self.sock.close()
        try:
            self._close_sessions(now + grace, now + max(grace, SHORTEST_GRACE))
        finally:
            self._parking.close()
            self._pool.close()
            if not self.is_inside:  # else a signal handler has interrupted the wait that this ends
                self._waker.close()

    def _close_sessions(self, deadline: float, idle_deadline: float) -> None:
        """End the sessions: running calls by *deadline*, and who has none by *idle_deadline*."""
        with self._sessions_changed:
            sessions = list(self._sessions)
        spared = {session for session in sessions if self._is_served_here(session)}
        if spared:
            spared.update(session for session in sessions if session.state.is_waiting)
        self._spared = spared
        for session in sessions:
            session.is_closing = True
            if not (session.is_busy or session.rest):
                shut_down(session)
        with self._sessions_changed:
            seconds = max(0.0, deadline - monotonic())
            self._sessions_changed.wait_for(lambda: self._sessions <= spared, seconds)
            late = self._sessions - spared
            for session in late:
                shut_down(session)  # its worker ends it when it is done with the call
            # Those that had nothing to do end at once, unless all workers are busy.
            self._sessions_changed.wait_for(
                lambda: all(one.is_busy for one in self._sessions - spared),
                max(0.0, idle_deadline - monotonic()),
            )
            leftover = [one for one in self._sessions - spared if not one.is_busy]
        for session in leftover:
            session.connection.close()


def flush_last(session: PatientSession) -> None:
    """Wait until the client has taken in the rest of its last reply, but not for ever."""
    overflow = Overflow()
    end = monotonic() + (session.send_seconds or LAST_SECONDS)
    try:
        overflow.add(session)
        while session.rest and not session.is_finished and (left := end - monotonic()) > 0:
            overflow.flush(left)
    except (OSError, ValueError):
        session.is_finished = True  # closed meanwhile
    finally:
        overflow.close()


def shut_down(session: Session) -> None:
    """End the connection, so that everybody who uses it notices; it is not closed yet."""
    with contextlib.suppress(OSError):
        session.connection.sock.shutdown(socket.SHUT_RDWR)
