"""The multiplex server: one thread runs all requests of all clients, in turn.

Methods need no locks then, and any number of clients costs no threads; a method that takes its time
keeps everybody waiting. A client cannot: see `loop`.

Several of these servers, and other things with sockets, can be served in one loop: `combine_loop`.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike.errors import PyroError

from .base import CLOSING_SECONDS, Acceptor, Server
from .onethread import LoopSettings, OneThreadServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from .loop import Loop
    from .patience import PatientSession

log = logging.getLogger("pyrolike.multiplexserver")


class MultiplexServer(OneThreadServer):
    """Serves the connections of one listening socket, and possibly others, in one thread.

    Args:
        listener: A listening socket; the server owns it.
        make_session: Makes the session for an accepted socket and its peer's address. The socket
            must be non-blocking then.
        housekeeping: Called every few seconds, in the loop.
        settings: Sizes and times.
    """

    kind = "multiplex"

    def __init__(
        self,
        listener: socket.socket,
        make_session: Callable[[socket.socket, Any], PatientSession],
        housekeeping: Callable[[], None],
        settings: LoopSettings,
    ) -> None:
        super().__init__(listener, housekeeping, settings)
        self._acceptor = Acceptor(listener, make_session, self._welcome, self.make_room)
        self._accept_again: float | None = None  # when, if the system has no room now
        self._combined: list[MultiplexServer] = []
        self._guests: list[Guest] = []
        self._loop.watch(listener, self._accept)

    @property
    def sockets(self) -> list[Any]:
        """What a foreign event loop has to watch for reading. It changes: look anew each time.

        The listening socket, the clients' connections, and those of the servers combined with this
        one. A client that has yet to read a reply is not among them; in its place there is
        something that tells when it has.
        """
        return [*self._get_own_sockets(), *self._loop.get_extra_sockets()]

    def _get_own_sockets(self) -> list[Any]:
        with self._sessions_changed:
            sessions: list[Any] = list(self._sessions)
        own = [session.connection for session in sessions if self._loop.is_read(session)]
        self._combined = [server for server in self._combined if not server.is_closed]
        for server in self._combined:
            own += server._get_own_sockets()
        for guest in self._guests:
            own += guest.sockets
        return [self.sock, *own]

    @property
    def selector(self) -> Any:
        """What the loop waits in. Leave what is in there alone."""
        return self._loop.selector

    def events(self, eventsockets: Iterable[Any]) -> None:
        """Serve what a foreign event loop has seen on some of `sockets`.

        All whole messages that have arrived are answered, although the sockets would not tell of
        them again. What else is due is done too, housekeeping for example.
        """
        self._loop.handle(eventsockets)

    # -- accepting --------------------------------------------------------------------------------

    def _accept(self) -> None:
        if self._accept_again is None and not self.is_closed and not self._acceptor.accept_some():
            # No more descriptors, or no memory: the connection stays in the backlog, and would be
            # reported again at once.
            self._loop.unwatch(self.sock)
            self._accept_again = monotonic() + self._acceptor.pause
            self.next_moment = min(self.next_moment, self._accept_again)

    def _welcome(self, session: PatientSession) -> None:
        if self.enter(session):
            self._loop.admit(session)

    def look_at_clock(self, now: float) -> None:
        """Do what is due; the loop calls it at `next_moment`."""
        super().look_at_clock(now)
        if self._accept_again is not None:
            if now >= self._accept_again and not self.is_closed:
                self._accept_again = None
                self._loop.watch(self.sock, self._accept)
            else:
                self.next_moment = min(self.next_moment, self._accept_again)

    # -- serving others too -----------------------------------------------------------------------

    def combine_loop(self, server: Any) -> None:
        """Serve another server in this one's loop, with all connections it will have.

        Args:
            server: Of this type; or anything with ``sockets``, a list, and ``events``, called with
                a list of those that can be read; or a daemon or other object with such a thing as
                its ``transportServer``.

        Raises:
            TypeError: It is nothing of that kind.
            PyroError: Its own request loop is running.
        """
        server = getattr(server, "transportServer", server)
        if isinstance(server, MultiplexServer):
            if server._loop is not self._loop:
                self._absorb(server)
            return
        if isinstance(server, Server):
            raise TypeError(
                f"a daemon with the server type {server.kind!r} runs its requests in its own way "
                "and cannot be combined; create it with config.SERVERTYPE = 'multiplex'"
            )
        if not callable(getattr(server, "events", None)) or not hasattr(server, "sockets"):
            raise TypeError(
                f"{server!r:.200} cannot be combined with a daemon: it needs 'sockets', a list, "
                "and 'events', to be called with those of them that can be read"
            )
        if all(guest.target is not server for guest in self._guests):
            self._guests.append(Guest(server))
        self._loop.wake()  # it looks at its guests before it waits again

    def _absorb(self, server: MultiplexServer) -> None:
        faults: list[PyroError] = []

        def absorb() -> None:
            try:
                self._loop.absorb(server._loop, self._adopt)
                self._combined.append(server)
            except PyroError as fault:  # for the caller, and not for the thread in the loop
                faults.append(fault)

        if not self._loop.perform(absorb, CLOSING_SECONDS):
            log.warning("a call takes long; %r is combined with %r when it is done", server, self)
        elif faults:
            raise faults[0]

    def _adopt(self, member: Any) -> None:
        member._loop = self._loop

    def prepare(self) -> None:
        """Find out what there is to watch beside connections; the loop calls it before it waits."""
        for guest in self._guests:
            guest.update(self._loop)

    # -- ending -----------------------------------------------------------------------------------

    def _close_own(self) -> None:
        self._loop.unwatch(self.sock)
        self.sock.close()
        for guest in self._guests:
            guest.leave(self._loop)
        self._guests.clear()
        self._combined.clear()


class Guest:
    """Something of the program's own, or of another Pyro's, that has its sockets served in a loop.

    Args:
        target: Has ``sockets``, read before each wait, and ``events``.

    Attributes:
        target: See above.
    """

    def __init__(self, target: Any) -> None:
        self.target = target
        self._watched: dict[int, Any] = {}  # by descriptor

    @property
    def sockets(self) -> list[Any]:
        """Its sockets that are open."""
        return [sock for sock in self.target.sockets if sock.fileno() != -1]

    def update(self, loop: Loop) -> None:
        """Have *loop* watch the sockets that there are now."""
        try:
            wanted = {sock.fileno(): sock for sock in self.sockets}
        except Exception:  # it is the program's; the clients are served on
            log.exception("%r does not tell its sockets", self.target)
            return
        if wanted == self._watched:
            return
        for number, sock in list(self._watched.items()):
            if wanted.get(number) is not sock:
                loop.unwatch(sock)
                del self._watched[number]
        for number, sock in wanted.items():
            if number not in self._watched:
                with contextlib.suppress(OSError, ValueError):
                    loop.watch(sock, partial(self._attend, sock))
                    self._watched[number] = sock

    def leave(self, loop: Loop) -> None:
        """Have its sockets watched no longer."""
        for sock in self._watched.values():
            loop.unwatch(sock)
        self._watched.clear()

    def _attend(self, sock: Any) -> None:
        try:
            self.target.events([sock])
        except Exception:  # it is the program's; the clients are served on
            log.exception("%r failed", self.target)
