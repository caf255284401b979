"""One thread for all: it waits for many connections at once, and answers what is complete in turn.

A `Loop` knows sessions, and *members*: the servers they belong to. Several servers can share one
loop, and then one thread serves them all. Nothing in here waits for a single client:

* What arrives is taken as far as it is there; half a message stays in its session.
* Whole messages are answered in turn: one of each session, then the next of each. A session that
  has one stands in `_ready`, until its turn has come.
* A reply is sent as far as possible. A session with a rest is not read from but watched by the
  overflow, and limited in time.
* A session whose one-way calls pile up is not read from either, until they have run.

So an idle session is in the selector, and only there; it costs nothing in a round.

Everything here belongs to the thread that is *in* the loop, which is the one that holds the baton.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from pyrolike.callcontext import get_state, set_state
from pyrolike.errors import PyroError

from .base import CLOSING_SECONDS
from .baton import Baton
from .patience import FLUSH_SECONDS, Overflow, PatientSession
from .watching import Waker, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger("pyrolike.server")


class Member(Protocol):
    """What a loop wants to know of the servers in it."""

    @property
    def is_done(self) -> bool:
        """Whether its own `run` is to end."""

    @property
    def next_moment(self) -> float:
        """When it wants `look_at_clock` to be called next."""

    def prepare(self) -> None:
        """Get ready for the loop to wait."""

    def look_at_clock(self, now: float) -> None:
        """Do what is due."""


class Loop:
    """Serves the sessions of its members.

    Attributes:
        members: The servers that share it. With the last of them it ends.
        sessions: All sessions that are served.
    """

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.sessions: set[PatientSession] = set()
        self._watch: Watch[PatientSession] = Watch(self.end)
        self._waker = Waker()
        self._overflow = Overflow()
        self._ready: deque[PatientSession] = deque()
        self._clogged: set[PatientSession] = set()
        self._paused: set[PatientSession] = set()  # have sent something while they were served
        self._baton = Baton(self._waker.wake, self._close_if_empty)
        self._runs: list[Member] = []  # for whom a thread is in `run`
        self._watch.register(self._waker, self._waker.drain)
        if self._overflow.is_watchable:
            self._watch.register(self._overflow, self._send_on)

    @property
    def selector(self) -> Any:
        """What it waits in."""
        return self._watch.selector

    # -- serving ----------------------------------------------------------------------------------

    def run(self, member: Member, condition: Callable[[], bool], poll: float) -> None:
        """Serve everybody until *condition* is false or *member* is done.

        The condition is looked at after each round, and at least every *poll* seconds. If another
        thread is in the loop, this one waits until it has left.
        """
        if not self._baton.take(lambda: member.is_done):
            return
        self._runs.append(member)
        try:
            while member in self.members and condition() and not member.is_done:
                self._turn(poll)
        finally:
            self._runs.remove(member)
            self._baton.lay_down()

    def handle(self, fileobjs: Iterable[Any]) -> None:
        """Serve what a foreign loop has seen on *fileobjs*, to the last complete message.

        Nothing happens if another thread is in the loop: then that one sees the same.
        """
        if not self._baton.take(seconds=0.0):
            return
        try:
            self._prepare()
            for fileobj in list(fileobjs) if self.members else ():
                try:
                    key = self.selector.get_key(fileobj)
                except (KeyError, ValueError):
                    continue  # it is not there any more, or never was
                self._attend(key.data)
            self._end_late(monotonic())
            self._look_at_clock()
            while self._ready and not self._baton.errands:
                self._answer_round()
                self._look_at_clock()  # who was not read from may be so again, and have messages
            self._baton.do_errands()
        finally:
            self._baton.lay_down()

    @property
    def is_running(self) -> bool:
        """Whether some thread is in the loop."""
        return bool(self._runs)

    def count_ready(self) -> int:
        """Return how many sessions have a message that waits for its turn; for any thread."""
        return len(self._ready)

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is in the loop."""
        return self._baton.is_ours

    def perform(self, errand: Callable[[], None], seconds: float) -> bool:
        """Have *errand* done in the loop; see `Baton.perform`."""
        return self._baton.perform(errand, seconds)

    def wait_left(self, member: Member, seconds: float) -> None:
        """Wait until no other thread is in *member*'s `run`."""
        self._baton.wait(lambda: member not in self._runs, seconds)

    def wake(self) -> None:
        """Have the running loop look at its condition now. Never blocks; for any thread."""
        self._waker.wake()

    def wake_clogged(self) -> None:
        """Take note that one-way calls have run; for any thread."""
        if self._clogged:
            self._waker.wake()

    # -- members and sessions ---------------------------------------------------------------------

    def watch(self, fileobj: Any, handler: Callable[[], None]) -> None:
        """Call *handler* whenever there is something to read from *fileobj*."""
        self._watch.register(fileobj, handler)

    def unwatch(self, fileobj: Any) -> None:
        """Let go of *fileobj*; nothing happens if it is not watched."""
        self._watch.pause(fileobj)

    def admit(self, session: PatientSession) -> None:
        """Serve *session* from now on."""
        self.sessions.add(session)
        self._listen_to(session)
        if session in self.sessions and session.hold_message():  # the program's TLS had read it
            self._ready.append(session)

    def absorb(self, other: Loop, heir: Callable[[Any], None]) -> None:
        """Take over all that *other* serves, which is of no further use then.

        Args:
            other: The loop.
            heir: Called with each member of *other*: from now on it belongs to this loop.

        Raises:
            PyroError: Another thread is in it.
        """
        if not other._baton.take(seconds=0.0):
            raise PyroError("the request loop of the daemon to combine is running")
        try:
            self._take_over(other, heir)
        finally:
            other._baton.lay_down()

    def _take_over(self, other: Loop, heir: Callable[[Any], None]) -> None:
        for key in list(other.selector.get_map().values()):
            if key.fileobj not in (other._waker, other._overflow):
                # ValueError: closed meanwhile; that its session must end is found out later.
                with contextlib.suppress(OSError, ValueError):
                    self._watch.register(key.fileobj, key.data)
        self.sessions |= other.sessions
        for session in other.sessions:
            self._watch.limit(session, session.deadline)
        for session in other._overflow.sessions:
            self._or_end(self._overflow.add, session)
        self._ready += other._ready
        self._clogged |= other._clogged
        self._paused |= other._paused
        for member in other.members:
            heir(member)
        self.members += other.members
        other.members.clear()  # so that it closes when it is left

    def get_extra_sockets(self) -> list[Any]:
        """Return what else a foreign loop must watch at the moment, to learn of our own needs."""
        extras: list[Any] = []
        if self._overflow.sessions and self._overflow.is_watchable:
            extras.append(self._overflow)
        if self._clogged:
            extras.append(self._waker)
        return extras

    def is_read(self, session: PatientSession) -> bool:
        """Say whether anything is read from *session* at the moment."""
        return session not in self._overflow.sessions and session not in self._clogged

    def end(self, session: PatientSession) -> None:
        """End *session*: the daemon's hooks run, and the connection is closed."""
        if session not in self.sessions:
            return
        self.sessions.remove(session)
        self._watch.discard(session)
        self._overflow.discard(session)
        self._clogged.discard(session)
        self._paused.discard(session)
        try:
            session.end()
        except Exception:  # no memory, perhaps; the others are served on
            log.exception("%s did not end well", session)
            session.connection.close()

    def flush_last(
        self, sessions: Iterable[PatientSession], limit: float = CLOSING_SECONDS
    ) -> None:
        """Wait up to *limit* seconds for the clients to take in what *sessions* have for them."""
        waiting = {session for session in sessions if not session.outbox.is_empty}
        for session in waiting:
            if session not in self._overflow.sessions:
                self._watch.pause(session.connection.sock)
                with contextlib.suppress(OSError, ValueError):
                    self._overflow.add(session)
        end = monotonic() + limit
        while waiting and (seconds := end - monotonic()) > 0:
            for session in self._overflow.flush(seconds):
                if session not in waiting:
                    self._go_on(session)  # another member's, perhaps, that is to be served on
                elif session.is_finished or session.outbox.is_empty:
                    self._overflow.discard(session)
            waiting &= self._overflow.sessions

    def _close_if_empty(self) -> None:
        if not self.members:
            self._watch.close()
            self._overflow.close()
            self._waker.close()

    # -- a round ----------------------------------------------------------------------------------

    def _turn(self, poll: float) -> None:
        """Wait up to *poll* seconds for something to happen, and see to it."""
        self._prepare()
        for key, _ in self.selector.select(self._get_timeout(poll)):
            self._attend(key.data)
        # Before anything is answered, which takes its time: who has sent something meanwhile must
        # not count as late.
        self._end_late(monotonic())
        self._answer_round()
        self._look_at_clock()
        self._baton.do_errands()

    def _prepare(self) -> None:
        for member in self.members:
            member.prepare()

    def _get_timeout(self, poll: float) -> float:
        if self._ready or self._baton.errands:
            return 0.0
        moment = min((member.next_moment for member in self.members), default=0.0)
        timeout = min(poll, max(0.0, moment - monotonic()))
        if self._overflow.sessions and not self._overflow.is_watchable:
            timeout = min(timeout, FLUSH_SECONDS)
        return self._watch.get_timeout(timeout)

    def _attend(self, data: Any) -> None:
        """See to something that has become readable."""
        if isinstance(data, PatientSession):
            self._receive(data)
        else:
            data()

    def _receive(self, session: PatientSession) -> None:
        """Take what has arrived on a session."""
        if session.is_busy:
            # A method of this client is in the loop itself: what else it wants is for afterwards.
            self._watch.pause(session.connection.sock)
            self._paused.add(session)
            return
        if session.has_message or session.is_finished:
            return  # its turn will come; or it has ended, since the selector told of it
        try:
            is_due = session.receive_available()
        except BaseException as fault:  # noqa: BLE001  it is logged; this client is lost, and only it
            self._give_up(session, fault)
            return
        if session.is_finished:
            self.end(session)
        elif is_due:
            self._ready.append(session)
        elif not session.is_open:
            self._watch.follow(session)
        elif session.idle_seconds:
            self._watch.limit(session, monotonic() + session.idle_seconds)  # it is not idle

    def _answer_round(self) -> None:
        """Answer one message of each session that has one."""
        for _ in range(len(self._ready)):
            if self._baton.errands or not self._ready:
                return
            session = self._ready.popleft()
            if session in self.sessions:
                self._answer(session)

    def _answer(self, session: PatientSession) -> None:
        message = session.take_message()
        assert message is not None
        before = get_state()
        session.is_busy = True
        try:
            set_state(session.state)
            session.process(message)
        except BaseException as fault:  # noqa: BLE001  of a hook of the program; it is logged
            session.is_busy = False
            self._give_up(session, fault)
        finally:
            set_state(before)
        session.is_busy = False
        if session in self._paused:
            self._paused.discard(session)
            self._listen_to(session)
        self._settle(session)

    def _settle(self, session: PatientSession) -> None:
        """Decide what becomes of a session that was just served."""
        if session.must_end or session.connection.is_closed:
            if session.is_closing:
                self.flush_last([session])
            self.end(session)
        elif not session.outbox.is_empty:
            self._watch.pause(session.connection.sock)
            seconds = session.send_seconds
            self._watch.limit(session, monotonic() + seconds if seconds else None)
            self._or_end(self._overflow.add, session)
        elif session.is_clogged:
            self._watch.pause(session.connection.sock)
            self._watch.limit(session, None)
            self._clogged.add(session)
            self._look_at_clogged()  # they may all have run while it was not in there yet
        elif session.hold_message():
            self._ready.append(session)
        elif session.is_finished:
            self.end(session)
        elif session.is_open and (session.idle_seconds or session.deadline is not None):
            seconds = session.idle_seconds
            self._watch.limit(session, monotonic() + seconds if seconds else None)

    def _listen_to(self, session: PatientSession) -> None:
        self._or_end(self._watch.add, session)

    def _or_end(self, add: Callable[[PatientSession], None], session: PatientSession) -> None:
        """Have a session watched; if its connection is closed already, it ends."""
        try:
            add(session)
        except (OSError, ValueError):
            self.end(session)

    def _give_up(self, session: PatientSession, fault: BaseException) -> None:
        """End a session after an unexpected error; Ctrl-C goes on to end the loop."""
        if not isinstance(fault, KeyboardInterrupt):
            log.error("%s ended by an unexpected error", session, exc_info=fault)
        session.is_finished = True
        self.end(session)
        if isinstance(fault, KeyboardInterrupt):
            raise fault

    def _send_on(self) -> None:
        """Send replies on to the clients that have made room."""
        for session in self._overflow.flush():
            self._go_on(session)

    def _go_on(self, session: PatientSession) -> None:
        """See to a session that has been sent on something of its reply, or could not be."""
        if session.is_finished:
            self.end(session)
        elif session.outbox.is_empty:
            self._overflow.discard(session)
            self._listen_to(session)
            self._settle(session)
        elif session.send_seconds:
            self._watch.limit(session, monotonic() + session.send_seconds)

    def _look_at_clogged(self) -> None:
        for session in [one for one in self._clogged if not one.is_clogged]:
            self._clogged.discard(session)
            self._listen_to(session)
            self._settle(session)

    # -- the clock --------------------------------------------------------------------------------

    def _end_late(self, now: float) -> None:
        """End the sessions whose time is over."""
        for session in self._watch.find_expired(now):
            if not session.is_busy and not session.has_message:
                session.expire()
                self.end(session)

    def _look_at_clock(self) -> None:
        if self._clogged:
            self._look_at_clogged()
        if not self._overflow.is_watchable:
            self._send_on()
        now = monotonic()
        for member in list(self.members):
            if now >= member.next_moment:
                self.end_closed()
                member.look_at_clock(now)

    def end_closed(self) -> None:
        """End the sessions whose connection the program has closed: nothing arrives there."""
        for session in [one for one in self.sessions if one.connection.fileno() == -1]:
            if not session.is_busy:
                self.end(session)
