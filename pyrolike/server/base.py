"""What a server type is to its daemon, and what those that listen have in common.

A server type owns the sockets and the threads: it decides when a session's messages are read, and
in which thread they are answered. It gets its sessions made for it and never sees the daemon.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import threading
from abc import ABC, abstractmethod
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from pyrolike.callcontext import get_state

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from .session import Session
    from .stats import ThreadCount

log = logging.getLogger("pyrolike.server")

ACCEPT_PAUSE = 0.1
"""Seconds until the next attempt when the system has no room for another connection."""

BRIEF_PAUSE = 0.01
"""The same when others have been told to make room."""

ACCEPTED_AT_ONCE = 100
"""Connections accepted in one go, so that those who are there have their turn too."""

SHORTEST_POLL = 0.01
"""Seconds the loops wait at least: POLLTIMEOUT may be 0, but that must not mean to spin."""

CLOSING_SECONDS = 2.0
"""How long `close` waits for the clients' ends to be worked off before it closes them roughly."""

SHORTEST_GRACE = 0.5
"""Seconds that loops and threads with nothing to do are given at least to notice the end."""

NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system says when it has no descriptor, or no memory, for another connection."""

SURPLUS = 100
"""Connections beyond the limit of an address that are told why, before the next are just closed."""

SURPLUS_SECONDS = 1.0
"""How long these have to listen."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")


def get_tick_seconds(poll: float, idle_seconds: float | None) -> float:
    """Return how often housekeeping is done.

    Source: servers.md section 2; Pyro's housekeeper.
    """
    return max(SHORTEST_POLL, min(poll, max(idle_seconds or 0.0, 5.0)))


class Server(ABC):
    """What a daemon and its sessions want of a server type.

    Args:
        sock: The socket that the daemon shows as its own.

    Attributes:
        kind: What clients are told about the server type.
        sock: See above.
        shown_host: What uris call the machine it listens on.
        is_closed: Nothing more is served.
        most_per_client: Connections that one address may have; 0 for any number.
        most_handshakes: Connections that may be without a handshake at once; 0 for any number.
    """

    kind: ClassVar[str]

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.shown_host: str | None = None
        self.is_closed = False
        self._sessions: set[Session] = set()
        self._spared: set[Session] = set()  # of those that closing has let go on, if they still do
        self.most_per_client = self.most_handshakes = 0
        self._past_calls = 0  # of the sessions that have ended
        self._per_host: dict[str, int] = {}  # sessions, if that is limited
        # Without a handshake when they were last looked at, the oldest first. They are looked at
        # when there seem to be too many, so that handshakes need not tell.
        self._newcomers: dict[Session, None] = {}
        self._lock = threading.RLock()  # guards the five
        self._sessions_changed = threading.Condition(self._lock)  # told of once it is closed

    @property
    @abstractmethod
    def sockets(self) -> list[Any]:
        """What a foreign event loop has to watch for reading."""

    @property
    @abstractmethod
    def selector(self) -> Any:
        """What the loop waits in, where that can be shared.

        Raises:
            TypeError: It cannot.
        """

    @abstractmethod
    def loop(self, condition: Callable[[], bool]) -> None:
        """Serve until *condition* is false, the server is closed, or Ctrl-C."""

    @property
    @abstractmethod
    def is_inside(self) -> bool:
        """Whether the calling thread is in the loop."""

    @property
    @abstractmethod
    def answers_itself(self) -> bool:
        """Whether it can answer a request while the calling thread waits."""

    @abstractmethod
    def events(self, eventsockets: Iterable[Any]) -> None:
        """Serve what a foreign event loop has seen on some of `sockets`."""

    @abstractmethod
    def combine_loop(self, server: Any) -> None:
        """Serve another server in this one's loop.

        Raises:
            TypeError: That is not possible.
        """

    @abstractmethod
    def wakeup(self) -> None:
        """Have the loop look at its condition now. Never blocks; any thread may call it."""

    @abstractmethod
    def start_task(self, task: Callable[[], None]) -> bool:
        """Run *task* in another thread, if one is free; say whether that is so."""

    @abstractmethod
    def close(self, grace: float = CLOSING_SECONDS) -> None:
        """Close what is open; afterwards nothing is served any more.

        May be called twice, from any thread, and from a running call, which is not waited for.

        Args:
            grace: Seconds that running calls may take, and get their answer out.
        """

    @abstractmethod
    def count_threads(self) -> ThreadCount:
        """Say what the threads do just now; never waits."""

    def count_calls(self) -> tuple[int, int]:
        """Return how many clients there are, and how many calls so far."""
        # The lock is held for moments only: nothing is waited for and nothing is run in there.
        with self._lock:
            calls = self._past_calls + sum(session.calls for session in self._sessions)
            return len(self._sessions), calls

    def is_own(self, address: Any) -> bool:
        """Whether *address*, host and port or a path, is where this server listens."""
        try:
            own = self.sock.getsockname()
        except OSError:
            return False  # it is closed
        if isinstance(own, tuple) and isinstance(address, tuple):
            host, port = address[:2]
            is_here = host in (own[0], self.shown_host) or is_loop(host, own[0])
            return is_here and bool(port == own[1])
        return bool(own) and bool(own == address)

    def begin_wait(self) -> None:  # noqa: B027  not all have to do something about it
        """Take note that the calling thread, in a request, waits for somebody else."""

    def end_wait(self) -> None:  # noqa: B027
        """Take note that it goes on."""

    def shutdown(self) -> None:
        """End the loop; what is open stays open until `close`."""
        self.is_closed = True
        self.wakeup()

    def enter(self, session: Session) -> bool:
        """Take note of a new session; False, and it is closed, if the server is closed already.

        So it is if its address has far too many already. If it has a few too many, the session
        stays until it could be told. If there are too many without a handshake, the oldest of them
        makes room.
        """
        leaving: list[Session] = []
        with self._lock:
            is_late = self.is_closed or not self._has_room(session, leaving)
            if not is_late:
                self._sessions.add(session)
                session.state.host = self
                self._newcomers[session] = None
                if 0 < self.most_handshakes < len(self._newcomers):
                    leaving += self._take_surplus()
        if leaving:
            _show_out(leaving)
        # A signal handler may have closed the server in this very thread, and in between.
        if is_late or self.is_closed:
            session.connection.close()
            self.forget(session)
            return False
        return True

    def wait_for_calls(self, seconds: float) -> None:
        """Wait until the calls that a closed server has spared are answered; not for ever."""
        with self._sessions_changed:
            self._sessions_changed.wait_for(
                lambda: self._sessions.isdisjoint(self._spared), seconds
            )

    def forget(self, session: Session) -> None:
        """Take note that a session has ended."""
        with self._lock:
            if session in self._sessions:
                self._sessions.remove(session)
                self._newcomers.pop(session, None)
                host = session.host
                if host is not None:
                    others = self._per_host.pop(host) - 1
                    if others:
                        self._per_host[host] = others
                self._past_calls += session.calls
            if self.is_closed:
                self._sessions_changed.notify_all()

    def _has_room(self, session: Session, leaving: list[Session]) -> bool:
        """Count a new session's address, and object to the session if that has too many.

        One of the address that has not said hello is put among those that are *leaving* instead.
        """
        address, limit = session.state.client_sock_addr, self.most_per_client
        if not limit or not isinstance(address, tuple):
            return True
        host = address[0]
        count = self._per_host.get(host, 0)
        if count < limit:
            session.host = host
            self._per_host[host] = count + 1
            return True
        silent = self._take_silent(1, host)
        if count - limit >= SURPLUS and not silent:
            return False
        leaving += silent
        session.host = host
        self._per_host[host] = count + 1
        if not silent:
            session.objection = (
                f"too many connections from {host}: this daemon takes {limit:,}, see its setting "
                "CONNECTIONS_PER_CLIENT"
            )
            end = monotonic() + SURPLUS_SECONDS
            session.deadline = end if session.deadline is None else min(session.deadline, end)
            log.warning("%s", session.objection)
        return True

    def make_room(self) -> bool:
        """Have some of the connections without a handshake end; say whether there are any."""
        with self._lock:
            leaving = self._take_silent(ACCEPTED_AT_ONCE)
        _show_out(leaving)
        return bool(leaving)

    def _take_surplus(self) -> list[Session]:
        """Take some of the silent, if there are really too many: each time all are looked at."""
        self._look_at_newcomers()
        too_many = len(self._newcomers) > self.most_handshakes
        return self._take_silent(1 + self.most_handshakes // 20) if too_many else []

    def _take_silent(self, count: int, host: str | None = None) -> list[Session]:
        """Return newcomers that have not said hello, of *host* or of any, and forget them.

        Only the older half is in question, for what the others say may be on its way. Of those, the
        ones that have said nothing at all come first: who has begun to, needs a moment for TLS. In
        the place of one of *host* that is not welcome itself nobody else may come.
        """
        self._look_at_newcomers()
        silent = list(self._newcomers)
        if host is not None:
            silent = [s for s in silent if s.host == host and s.objection is None]
        older = silent[: (len(silent) + 1) // 2]
        mute = (session for session in older if not session.has_spoken)
        found = list(islice(mute, count)) or older[:count]
        for session in found:
            del self._newcomers[session]
        return found

    def _look_at_newcomers(self) -> None:
        """Forget those that have said hello. Who waits for the answer only is not at fault."""
        self._newcomers = {
            session: None
            for session in self._newcomers
            if not (session.is_open or session.has_message or session.is_busy)
        }

    @property
    def is_serving_here(self) -> bool:
        """Whether the calling thread serves a client, or is in the loop, just now."""
        with self._sessions_changed:
            return self.is_inside or any(self._is_served_here(one) for one in self._sessions)

    def _is_served_here(self, session: Session) -> bool:
        return (
            session.thread == threading.get_ident()
            or get_state().client is session.connection  # a one-way call runs in another thread
        )

    def _refuse_new(self) -> list[Session]:
        """Let nobody in any more, end the loop, and return the sessions there are."""
        with self._sessions_changed:  # so that no connection is let in unseen meanwhile
            self.shutdown()
            return list(self._sessions)


def _show_out(sessions: Iterable[Session]) -> None:
    """End sessions that another thread may be watching, and which notices by itself."""
    for session in sessions:
        log.info("%s makes room: it has not said hello, and there are too many", session)
        session.connection.hang_up()


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is only ever this machine."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)  # until Python 3.13 it has to be asked itself
    return bool((mapped or address).is_loopback)


def is_loop(host: str, own_host: str) -> bool:
    """Whether *host* is this machine seen from inside, and who listens on *own_host* hears that."""
    return host in LOOPBACK and own_host in (*LOOPBACK, *EVERYWHERE)


class Acceptor:
    """Accepts the connections of a listening socket, without ever waiting for one.

    Args:
        listener: A listening socket.
        make_session: Makes the session for an accepted socket and its peer's address.
        welcome: Called with each new session.
        make_room: Called when the system has no room for another connection; says whether there
            will be some.

    Attributes:
        pause: Seconds after which to try again, when `accept_some` could not.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_session: Callable[[socket.socket, Any], Any],
        welcome: Callable[[Any], None],
        make_room: Callable[[], bool],
    ) -> None:
        self.pause = ACCEPT_PAUSE
        self._listener = listener
        self._make_session = make_session
        self._welcome = welcome
        self._make_room = make_room
        listener.setblocking(False)

    def accept_some(self, most: int = ACCEPTED_AT_ONCE) -> bool:
        """Accept what waits in the backlog; False if there is more that cannot be accepted now."""
        for _ in range(most):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return True
            except OSError as fault:
                if self._listener.fileno() == -1:
                    return True  # it was closed
                has_room = fault.errno in NO_ROOM and self._make_room()
                self.pause = BRIEF_PAUSE if has_room else ACCEPT_PAUSE
                level = logging.INFO if has_room else logging.ERROR
                log.log(level, "cannot accept a connection: %s", fault)
                return False
            self.admit(sock, address, self._welcome)
        return True

    def admit(self, sock: socket.socket, address: Any, welcome: Callable[[Any], None]) -> None:
        """Make a session for an accepted connection, and call *welcome* with it."""
        try:
            session = self._make_session(sock, address)
        except Exception as fault:  # noqa: BLE001  it is gone already; the others are to come
            log.debug("a new connection failed at once: %s", fault)
            sock.close()
        else:
            welcome(session)
