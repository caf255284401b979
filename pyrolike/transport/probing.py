"""Is anybody there? Connects to many places at once, says nothing, and judges what came of it.

A place counts as dead only if something says so: the other machine's refusal, a missing socket
file, or silence from a whole machine. What may be our own fault (no network here, no descriptors
left) and what a busy server does (its backlog is full, so it answers nobody) is no proof.

Nothing here decides what follows from a verdict. One of them is a snapshot: the next may differ.

Source: nameserver.md section 4, where each place has 5 seconds; the judging is ours.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
import struct
import sys
import threading
from collections import deque
from enum import IntEnum
from time import monotonic
from typing import TYPE_CHECKING, Any

from .address import resolve_tcp
from .sockets import TCP_FAMILIES, is_connected_to_itself

if sys.platform == "linux":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

Place = str | tuple[str, int]
"""The path of a Unix socket, or host and port."""

Target = tuple[int, Any]
"""Exactly one address: its family, and what a socket of that family connects to."""

AT_ONCE = 100
"""Sockets that are open at the same time, at most."""

RESOLVERS = 8
"""Threads that look up host names, at most: no program can limit how long one look-up takes."""

HOST_SECONDS = 1.0
"""How long a silent machine may take to show that it lives."""

CLOSED_PORT = 1
"""A port that nobody serves: a machine that lives and gets our packets refuses it."""

LOOK_SECONDS = 0.05
"""How often a running probe looks if it should stop."""


class Verdict(IntEnum):
    """What is known of a place. Of several addresses the highest counts for their place."""

    NO_WAY = 0
    """It cannot be reached from here, which says nothing about it."""
    DEAD = 1
    """Nobody is there."""
    UNSURE = 2
    """It may be there."""
    ALIVE = 3
    """Somebody takes connections."""


_VERDICTS = {
    0: Verdict.ALIVE,
    errno.ECONNREFUSED: Verdict.DEAD,
    errno.EHOSTUNREACH: Verdict.DEAD,
    errno.ETIMEDOUT: Verdict.DEAD,
    # of Unix sockets
    errno.ENOENT: Verdict.DEAD,
    errno.ENOTDIR: Verdict.DEAD,
    errno.ENAMETOOLONG: Verdict.DEAD,
    errno.EPROTOTYPE: Verdict.DEAD,
    # our own network
    errno.ENETUNREACH: Verdict.NO_WAY,
    errno.ENETDOWN: Verdict.NO_WAY,
    errno.EADDRNOTAVAIL: Verdict.NO_WAY,
    errno.EAFNOSUPPORT: Verdict.NO_WAY,
}

# Numbers of Linux, from <linux/sockios.h> and <net/if.h>.
_SIOCGIFFLAGS = 0x8913
_IFF_LOOPBACK, _IFF_RUNNING = 0x8, 0x40

_SILENT = {errno.ETIMEDOUT, errno.EHOSTUNREACH}

_UNKNOWN_NAMES = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class Prober:
    """Looks which places are alive. One thread at a time may use it.

    Args:
        ip_version: 4 or 6 to insist on that kind of address for a host name, 0 for any.
    """

    def __init__(self, ip_version: int = 0) -> None:
        self._resolver = Resolver(ip_version)

    def probe(
        self, places: Collection[Place], seconds: float, is_stopped: Callable[[], bool]
    ) -> dict[Place, Verdict]:
        """Return a verdict on each place; on some of them only, if it is stopped.

        Args:
            places: Where to look.
            seconds: How long a place may take to answer.
            is_stopped: Asked all the time; true ends it.
        """
        names = {place[0] for place in places if not isinstance(place, str)}
        found = self._resolver.resolve(names, seconds, is_stopped)
        targets = {place: find_targets(place, found) for place in places}
        every = {target for some in targets.values() for target in some}
        codes = connect_all(every, seconds, is_stopped)
        silent = [target for target, code in codes.items() if code in _SILENT]
        for target, code in self._excuse(silent, is_stopped).items():
            codes[target] = code
        if is_stopped():
            return {}
        return {place: _judge(place, targets[place], found, codes) for place in places}

    def _excuse(self, silent: list[Target], is_stopped: Callable[[], bool]) -> dict[Target, int]:
        """Return better error numbers for targets that do not answer, where there are any.

        A machine that refuses another port lives, so it would have refused this one, too, if nobody
        were there: the server's backlog is full, or something in between keeps us away.
        """
        excuses = {}
        if silent and is_cut_off():
            excuses = {target: errno.ENETDOWN for target in silent if not is_loopback(target)}
        hosts = {
            target: (target[0], (target[1][0], CLOSED_PORT, *target[1][2:]))
            for target in silent
            if target not in excuses
        }
        codes = connect_all(set(hosts.values()), HOST_SECONDS, is_stopped)
        for target, host in hosts.items():
            if codes.get(host) in {0, errno.ECONNREFUSED}:
                excuses[target] = errno.EBUSY
        return excuses


class Resolver:
    """Looks up host names in a few threads, because any of them may get stuck.

    Args:
        ip_version: As for `Prober`.
    """

    def __init__(self, ip_version: int = 0) -> None:
        self._ip_version = ip_version
        # Guards all below, and tells of new answers.
        self._news = threading.Condition()
        self._waiting: deque[str] = deque()
        self._asked: set[str] = set()  # waiting, or being looked up just now
        self._answers: dict[str, list[Target] | Verdict] = {}
        self._thread_count = 0

    def resolve(
        self, names: Collection[str], seconds: float, is_stopped: Callable[[], bool]
    ) -> dict[str, list[Target] | Verdict]:
        """Return for each host its targets, with port 0, or the verdict if there are none.

        Args:
            names: Host names and addresses.
            seconds: How long all of them may take. An answer that comes later is kept for the next
                time.
            is_stopped: As for `Prober.probe`.
        """
        end = monotonic() + seconds
        with self._news:
            self._answers = {name: self._answers[name] for name in names if name in self._answers}
            for name in names:
                self._ask(name)
            self._start_threads()
            while len(self._answers) < len(names) and monotonic() < end and not is_stopped():
                self._news.wait(LOOK_SECONDS)
            return {name: self._answers.pop(name, Verdict.UNSURE) for name in names}

    def _ask(self, name: str) -> None:
        """Have a name looked up, unless it is already; the lock is held."""
        if name in self._answers or name in self._asked:
            return
        if is_numeric(name):
            self._answers[name] = look_up(name, self._ip_version)
            return
        self._asked.add(name)
        self._waiting.append(name)

    def _start_threads(self) -> None:
        """See that there are threads for the names that wait; the lock is held."""
        for _ in range(min(RESOLVERS - self._thread_count, len(self._waiting))):
            try:
                threading.Thread(target=self._work, name="Pyro-Resolver", daemon=True).start()
            except RuntimeError:  # the system gives no more; perhaps it does the next time
                return
            self._thread_count += 1

    def _work(self) -> None:
        while True:
            with self._news:
                if not self._waiting:
                    self._thread_count -= 1
                    return
                name = self._waiting.popleft()
            answer = look_up(name, self._ip_version)
            with self._news:
                self._asked.discard(name)
                self._answers[name] = answer
                self._news.notify_all()


def is_numeric(host: str) -> bool:
    """Say whether a host is an address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def look_up(host: str, ip_version: int) -> list[Target] | Verdict:
    """Return the targets of a host, with port 0, or the verdict if there are none."""
    try:
        return list(resolve_tcp(host, 0, ip_version))
    except socket.gaierror as fault:
        return Verdict.DEAD if fault.errno in _UNKNOWN_NAMES else Verdict.UNSURE
    except ValueError:  # this cannot be the name of a host
        return Verdict.DEAD
    except OSError:
        return Verdict.UNSURE


def connect_all(
    targets: Iterable[Target], seconds: float, is_stopped: Callable[[], bool]
) -> dict[Target, int]:
    """Connect to each target, `AT_ONCE` at a time, and hang up.

    Args:
        targets: Where to.
        seconds: How long each may take.
        is_stopped: Asked all the time; true ends it.

    Returns:
        The error number for each of them: 0 if it could be connected, ETIMEDOUT if it said nothing.
        Some are missing if it was stopped.
    """
    waiting = deque(targets)
    codes: dict[Target, int] = {}
    # No epoll: that takes a descriptor, and there may be none left.
    with getattr(selectors, "PollSelector", selectors.SelectSelector)() as selector:
        try:
            while (waiting or selector.get_map()) and not is_stopped():
                while waiting and len(selector.get_map()) < AT_ONCE and not is_stopped():
                    target = waiting.popleft()
                    code = _begin(target, selector, monotonic() + seconds)
                    if code is not None:
                        codes[target] = code
                for key, _ in selector.select(LOOK_SECONDS) if selector.get_map() else ():
                    codes[key.data[0]] = _finish(key.fileobj, selector)
                now = monotonic()
                for key in list(selector.get_map().values()):
                    if key.data[1] <= now:
                        codes[key.data[0]] = _finish(key.fileobj, selector, errno.ETIMEDOUT)
        finally:
            for key in list(selector.get_map().values()):
                key.fileobj.close()
    return codes


def _begin(target: Target, selector: Any, end: float) -> int | None:
    """Begin to connect; return the error number if that has ended already."""
    family, address = target
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as fault:
        return fault.errno or errno.EMFILE
    try:
        sock.setblocking(False)
        code = sock.connect_ex(address)
    except (OSError, ValueError):  # Python itself finds that a path is too long, or can be none
        sock.close()
        return errno.EADDRNOTAVAIL if family in TCP_FAMILIES else errno.ENAMETOOLONG
    if code in {errno.EINPROGRESS, errno.EWOULDBLOCK} and family in TCP_FAMILIES:
        selector.register(sock, selectors.EVENT_WRITE, (target, end))
        return None
    sock.close()
    # On a Unix socket "again" is the word for a full backlog: there is somebody.
    return 0 if code == errno.EAGAIN else code


def _finish(sock: Any, selector: Any, code: int | None = None) -> int:
    """Hang up, and return the error number; *code* if it is known."""
    selector.unregister(sock)
    with sock:
        if code is None:
            code = int(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            try:
                if code == 0 and is_connected_to_itself(sock):
                    code = errno.ECONNREFUSED
            except OSError:
                pass  # it was there, and has gone at once
    return code


def find_targets(place: Place, found: dict[str, list[Target] | Verdict]) -> list[Target]:
    """Return the targets of a place.

    Args:
        place: Where.
        found: What the resolver has said.
    """
    if isinstance(place, str):
        family = getattr(socket, "AF_UNIX", None)
        return [] if family is None else [(family, place)]
    host, port = place
    answer = found.get(host, Verdict.UNSURE)
    if isinstance(answer, Verdict) or not 0 < port < 65536:
        return []
    return [(family, (address[0], port, *address[2:])) for family, address in answer]


def _judge(
    place: Place,
    targets: list[Target],
    found: dict[str, list[Target] | Verdict],
    codes: dict[Target, int],
) -> Verdict:
    if not targets and isinstance(place, str):
        return Verdict.UNSURE  # this system has no Unix sockets
    if not targets:
        answer = found.get(place[0], Verdict.UNSURE)
        return answer if isinstance(answer, Verdict) else Verdict.DEAD  # there is no such port
    verdicts = [_VERDICTS.get(codes.get(target, errno.EBUSY), Verdict.UNSURE) for target in targets]
    if isinstance(place, str) and not os.path.isabs(place) and verdicts == [Verdict.DEAD]:
        return Verdict.UNSURE  # it is in the folder of its server, which need not be ours
    return max(verdicts)


def is_loopback(target: Target) -> bool:
    """Say whether a TCP target is on this machine."""
    return ipaddress.ip_address(target[1][0].partition("%")[0]).is_loopback


def is_cut_off() -> bool:
    """Say whether this machine has no network: no interface has a carrier but loopback.

    Only Linux tells; elsewhere it is never sure.
    """
    if sys.platform != "linux":
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            return not any(_has_carrier(sock, name) for _, name in socket.if_nameindex())
    except OSError:
        return True  # there are no descriptors left: we can say nothing about others


def _has_carrier(sock: socket.socket, interface: str) -> bool:
    request = struct.pack("16sH14x", interface.encode(), 0)
    try:
        answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, request)
    except OSError:
        return False  # it has just gone
    flags: int = struct.unpack("16xH14x", answer)[0]
    return bool(flags & _IFF_RUNNING) and not flags & _IFF_LOOPBACK
