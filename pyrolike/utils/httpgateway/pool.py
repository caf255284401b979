"""Connections to objects, kept open between requests.

Each is lent to one request at a time, because a connection's calls run one after the other. Few are
kept, and not for long: a stock daemon gives each connection a thread for as long as it lasts.

A connection that was kept may have ended meanwhile. That is looked at before it is lent again; it
is not found out by a call that fails, for then nobody knows whether the call was made.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from pyrolike._forking import tell_of_forks
from pyrolike.client import Proxy
from pyrolike.errors import CommunicationError
from pyrolike.transport import wait_readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .names import Names

MOST_OPEN = 200
"""Connections open at the same time, lent or kept."""

MOST_KEPT = 32
"""Connections kept while nobody uses them."""

KEPT_PER_NAME = 4

KEPT_SECONDS = 20.0
"""How long one is kept that nobody uses."""


class PoolFullError(Exception):
    """All connections that may be open are in use."""


class Lease:
    """A proxy that one request has for itself. Give it back or discard it, once.

    Attributes:
        name: The object's name.
        uri: Where that led.
        proxy: A connected proxy, whose calls return messages: JSON that is not opened.
        is_sure: The name server was asked only now.
    """

    __slots__ = ("_pool", "is_sure", "name", "proxy", "uri")

    def __init__(self, pool: ProxyPool, name: str, uri: str, proxy: Proxy, is_sure: bool) -> None:
        self._pool = pool
        self.name = name
        self.uri = uri
        self.proxy = proxy
        self.is_sure = is_sure

    def give_back(self) -> None:
        """Let the next request have the connection."""
        self._pool._take_back(self)

    def discard(self) -> None:
        """Close the connection."""
        self.proxy._pyroRelease()
        self._pool._count_down()


class ProxyPool:
    """Lends proxies by name; any thread may ask.

    Args:
        names: Knows where the names lead.
        clock: Counts seconds.

    Attributes:
        timeout: Seconds a call may take, or None.
    """

    def __init__(self, names: Names, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeout: float | None = None
        self._names = names
        self._clock = clock
        self._start_anew()

    def _start_anew(self) -> None:
        # Guards the two below. No connection is opened, and nobody is asked, while it is held.
        self._lock = threading.Lock()
        self._kept: deque[tuple[Lease, float]] = deque()  # with the time until when; oldest first
        self._open = 0

    def after_fork(self) -> None:
        """Have no connections, in a forked child."""
        self._start_anew()

    def __repr__(self) -> str:
        return f"<ProxyPool; {self._open} open, {len(self._kept)} of them not in use>"

    def take(self, name: str) -> Lease:
        """Return a connected proxy for the object *name*.

        Raises:
            NamingError: The name is unknown, or there is no name server.
            CommunicationError: The object cannot be reached.
            PoolFullError: Too many are in use.
        """
        tell_of_forks(self)
        self.prune()
        uri, is_old = self._names.look_up(name)
        lease = self._find_kept(name, uri) or self._open_new(name, uri, is_old)
        lease.is_sure = not is_old
        lease.proxy._pyroTimeout = self.timeout
        return lease

    def forget(self, name: str) -> None:
        """Look *name* up again before it is lent the next time."""
        self._names.forget(name)

    def has_moved(self, lease: Lease) -> bool:
        """Ask the name server whether the name leads elsewhere by now.

        Raises:
            NamingError: It leads nowhere.
        """
        self.forget(lease.name)
        return self._names.look_up(lease.name)[0] != lease.uri

    def prune(self) -> None:
        """Close what was kept long enough."""
        now = self._clock()
        late: list[Lease] = []
        with self._lock:
            while self._kept and (self._kept[0][1] <= now or len(self._kept) > MOST_KEPT):
                late.append(self._kept.popleft()[0])
        for lease in late:
            lease.discard()

    def close(self) -> None:
        """Close what is kept. What is lent is closed by whoever has it."""
        with self._lock:
            kept = [lease for lease, _ in self._kept]
            self._kept.clear()
        for lease in kept:
            lease.discard()

    def _find_kept(self, name: str, uri: str) -> Lease | None:
        """Return one that was kept and still lives, for where the name leads now."""
        while True:
            with self._lock:
                # The youngest, so that in quiet times the others grow old.
                found = next((each for each in reversed(self._kept) if each[0].name == name), None)
                if found is None:
                    return None
                self._kept.remove(found)
            lease = found[0]
            if lease.uri == uri and _is_alive(lease.proxy):
                return lease
            lease.discard()

    def _open_new(self, name: str, uri: str, is_old: bool) -> Lease:
        with self._lock:
            if self._open >= MOST_OPEN:
                raise PoolFullError
            self._open += 1
        try:
            return Lease(self, name, *self._connect(name, uri, is_old), not is_old)
        except BaseException:
            self._count_down()
            raise

    def _connect(self, name: str, uri: str, is_old: bool) -> tuple[str, Proxy]:
        try:
            return uri, self._make_proxy(uri)
        except CommunicationError:
            self._names.forget(name)
            if not is_old:
                raise
            newer, _ = self._names.look_up(name)
            if newer == uri:
                raise
        return newer, self._make_proxy(newer)

    def _make_proxy(self, uri: str) -> Proxy:
        proxy = Proxy(uri)
        proxy._pyroSerializer = "json"
        proxy._pyroTimeout = self.timeout
        try:
            proxy._pyroBind()
            proxy._pyroLink.ensure_metadata()
        except BaseException:
            proxy._pyroRelease()
            raise
        proxy._pyroRawWireResponse = True
        return proxy

    def _take_back(self, lease: Lease) -> None:
        until = self._clock() + KEPT_SECONDS
        with self._lock:
            same = sum(each.name == lease.name for each, _ in self._kept)
            is_kept = same < KEPT_PER_NAME
            if is_kept:
                self._kept.append((lease, until))
        if not is_kept:
            lease.discard()
        self.prune()

    def _count_down(self) -> None:
        with self._lock:
            self._open -= 1


def _is_alive(proxy: Proxy) -> bool:
    """Tell whether a connection that nobody uses is open, and has nothing to say."""
    connection = proxy._pyroConnection
    if connection is None:
        return False
    with contextlib.suppress(OSError, ValueError):
        return not wait_readable(connection.sock, 0)
    return False
