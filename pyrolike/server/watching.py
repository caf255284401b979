"""What a thread needs that waits for many: to be woken, and to keep track of who is waited for.

`Waker` ends a wait in a selector from any thread. `Lookout` is what remains of a selector where
always the same few things are waited for. `Watch` is the selector with the sessions in it,
and with the moments at which their time is over. They are the property of one thread; only
`Waker.wake` may be called from others.
"""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pyrolike._forking import tell_of_forks
from pyrolike.transport import wait_readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Session

CLOCK_SECONDS = 0.25
"""How exactly handshake and idle limits are kept: sessions with one are checked this often."""

S = TypeVar("S", bound="Session")


class Waker:
    """A pipe to oneself: watch it for reading, and any thread can end the wait."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Wake the parent no more, in a forked child."""
        self.close()

    def fileno(self) -> int:
        """Return the descriptor to watch; -1 after `close`."""
        return self._receiver.fileno()

    def wake(self) -> None:
        """Wake who waits, or will wait next. Never blocks."""
        # A full pipe is a pipe that wakes; a closed one means that nobody needs waking.
        with contextlib.suppress(OSError):
            self._sender.send(b"!")

    def drain(self) -> None:
        """Take note of having been woken."""
        with contextlib.suppress(BlockingIOError):
            self._receiver.recv(4096)

    def wait(self, seconds: float) -> None:
        """Wait for nothing else, for a while. Takes no descriptor: there may be none left."""
        wait_readable(self._receiver, seconds)

    def close(self) -> None:
        """Give the pipe back. Twice is fine."""
        self._receiver.close()
        self._sender.close()


class Lookout:
    """Watches a few things for reading, always the same ones.

    A selector does so too, and keeps books about it, which takes half a dozen functions each time.

    Args:
        things: What has a descriptor.

    Raises:
        ValueError: One of them is closed.
    """

    def __init__(self, *things: Any) -> None:
        self._things = {thing.fileno(): thing for thing in things}
        self._poller: Any = None
        if hasattr(select, "poll"):
            self._poller = select.poll()
            for number in self._things:
                self._poller.register(number, select.POLLIN)

    def wait(self, seconds: float) -> list[Any]:
        """Wait until some of them are readable, for up to *seconds*; return those."""
        if self._poller is None:
            still_open = [thing for thing in self._things.values() if thing.fileno() != -1]
            return select.select(still_open, (), (), seconds)[0]
        ready = []
        for number, _ in self._poller.poll(1000 * seconds):
            thing = self._things[number]
            if thing.fileno() == number:
                ready.append(thing)
            else:
                # It was closed, and the number is nobody's, or another one's.
                self._poller.unregister(number)
        return ready


class Watch(Generic[S]):
    """The sessions that one thread watches, for bytes and for the end of their time.

    Args:
        lose: Called with a session whose connection the program has closed while it was watched.

    Attributes:
        selector: Sessions are in it with themselves as the data.
    """

    def __init__(self, lose: Callable[[S], None]) -> None:
        self._lose = lose
        self.selector = selectors.DefaultSelector()
        self._limited: set[S] = set()  # sessions that have a deadline
        self._next_check = 0.0
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Close the child's copy of the selector: what is changed in there is changed for both."""
        self.selector.close()

    def add(self, session: S) -> None:
        """Watch *session* for bytes and for its deadline.

        Raises:
            OSError, ValueError: Its connection is closed.
        """
        self.register(session.connection.sock, session)
        if not session.is_open:
            self.follow(session)
        if session.deadline is not None:
            self._limited.add(session)

    def follow(self, session: S) -> None:
        """Watch a session for what it awaits now: a TLS handshake may want to write.

        Nothing happens if it is not watched, or if its connection has just been closed: then its
        deadline ends it.
        """
        sock = session.connection.sock
        with contextlib.suppress(KeyError, ValueError, OSError):
            if self.selector.get_key(sock).events != session.awaited:
                self.selector.modify(sock, session.awaited, session)

    def register(self, fileobj: Any, data: Any) -> None:
        """Watch something for bytes.

        Args:
            fileobj: What has a descriptor.
            data: What the selector shall give back: a session, or else something to call.

        Raises:
            OSError, ValueError: It is closed.
        """
        try:
            self.selector.register(fileobj, selectors.EVENT_READ, data)
        except KeyError:
            # The number belonged to something that was closed while it was watched.
            stale = self.selector.unregister(fileobj.fileno()).data
            if not callable(stale):
                self._lose(stale)
            self.selector.register(fileobj, selectors.EVENT_READ, data)

    def pause(self, fileobj: Any) -> None:
        """Do not watch *fileobj* for bytes any more; nothing happens if it is not watched."""
        # ValueError: it was closed meanwhile.
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(fileobj)

    def discard(self, session: S) -> None:
        """Let go of *session*; nothing happens if it is not here."""
        self._limited.discard(session)
        self.pause(session.connection.sock)

    def limit(self, session: S, deadline: float | None) -> None:
        """Give a watched session a new deadline, or none."""
        session.deadline = deadline
        if deadline is None:
            self._limited.discard(session)
        else:
            self._limited.add(session)

    def get_timeout(self, seconds: float) -> float:
        """Return how long to wait at most, if *seconds* are enough for everything else."""
        return min(seconds, CLOCK_SECONDS) if self._limited else seconds

    def find_expired(self, now: float) -> list[S]:
        """Return the sessions whose time is over; looked for every `CLOCK_SECONDS` only."""
        if now < self._next_check:
            return []
        self._next_check = now + CLOCK_SECONDS
        return [one for one in self._limited if (one.deadline or now) <= now]

    def close(self) -> None:
        """Give the selector back. The sessions stay open."""
        self.selector.close()
        self._limited.clear()
