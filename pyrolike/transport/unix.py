"""Unix sockets: whose the file is, who may use it, and when one that is there may be removed.

The file is private: only its owner, and the administrator, can connect. It gets its rights between
`bind` and `listen`, when nobody can connect yet, so the umask plays no part and is not touched.

A file that is there already is removed in one case only: it is a socket, it is ours, and a connect
has been refused, twice. Then the server that made it is dead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import time
from dataclasses import dataclass
from typing import Any

from pyrolike.authentication import PeerCredentials
from pyrolike.uri import UNIX_PREFIX

from .faults import listen_fault
from .sockets import BACKLOG, Listener, unix_family

PRIVATE = stat.S_IRUSR | stat.S_IWUSR

CREDENTIALS = struct.Struct("@iII")
"""How Linux writes process, user and group."""

PROBE_SECONDS = 1.0
"""How long the attempt to connect may take that shows whether a server is there."""

PROBE_PAUSE = 0.1
"""Seconds between two such attempts: a server that is just about to listen refuses, too."""


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a listening Unix socket.

    Attributes:
        path: Where it is, from the root: the program may change its folder.
        identity: What tells it from another file at the same place.
    """

    path: str
    identity: tuple[int, int]

    def remove(self) -> None:
        """Remove it if it is still the same; call this while the socket is open.

        As long as it is, no other file can have its number.
        """
        with contextlib.suppress(OSError):
            if _identify(os.lstat(self.path)) == self.identity:
                os.unlink(self.path)


def listen_unix_socket(path: str, *, backlog: int = BACKLOG) -> socket.socket:
    """Return a Unix socket that listens at *path*; only the user of this process can connect.

    The file belongs to the caller, who removes it: see `find_socket_file`. A stale one, which a
    server of this user has left behind when it died, is replaced.

    Args:
        path: The file to make; or a name that starts with a NUL character, which on Linux needs no
            file, and can be connected to by every user.
        backlog: Connections that may wait to be accepted.

    Raises:
        OSError: With the type and errno that the system gave, and a text that helps: a server is
            running there, something else is there, or the file cannot be made.
    """
    location = UNIX_PREFIX + path
    try:
        sock = Listener(unix_family(), socket.SOCK_STREAM)
        try:
            _bind(sock, path)
            sock.listen(backlog)
        except BaseException:
            sock.close()
            raise
    except _TakenError as fault:
        text = f"cannot listen on {location}: {fault}"
        raise OSError(errno.EADDRINUSE, text) from fault
    except OSError as fault:
        raise listen_fault(fault, location) from fault
    return sock


def find_socket_file(path: str) -> SocketFile | None:
    """Return the file of a socket that listens at *path*; None for a name that needs no file."""
    if path.startswith("\0"):
        return None
    return SocketFile(os.path.abspath(path), _identify(os.lstat(path)))


def get_peer_credentials(sock: Any) -> PeerCredentials | None:
    """Return who is at the other end of a Unix socket; None for others, and where nobody knows.

    It is who connected, or made the pair of sockets; the socket may have been passed on since.
    """
    option = getattr(socket, "SO_PEERCRED", None)  # Linux only
    if option is None or sock.family != unix_family():
        return None
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, option, CREDENTIALS.size)
    except OSError:
        return None  # it is closed
    return PeerCredentials(*CREDENTIALS.unpack(data))


class _TakenError(Exception):
    """There is something that must not be removed; the text says what."""


def _bind(sock: socket.socket, path: str) -> None:
    try:
        sock.bind(path)
    except OSError as fault:
        if fault.errno != errno.EADDRINUSE or path.startswith("\0"):
            raise
        with contextlib.suppress(FileNotFoundError):  # it has just gone by itself
            _remove_stale(path)
        sock.bind(path)
    if not path.startswith("\0"):
        os.chmod(path, PRIVATE)


def _remove_stale(path: str) -> None:
    """Remove the socket file of a dead server.

    Raises:
        _TakenError: It is none.
    """
    found = os.lstat(path)
    if not stat.S_ISSOCK(found.st_mode):
        raise _TakenError("something is there that is no socket; it was left alone")
    for attempt in range(2):
        if attempt:
            time.sleep(PROBE_PAUSE)
        if _is_answered(path):
            raise _TakenError("a server is running there")
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise _TakenError("a server that crashed has left the file behind, but of another user")
    if _identify(os.lstat(path)) != _identify(found):
        raise _TakenError("another server was quicker")
    os.unlink(path)


def _is_answered(path: str) -> bool:
    """Say whether anybody listens at *path*; yes, if that cannot be said."""
    with socket.socket(unix_family(), socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # too busy to accept, of another kind, or not for us
    return True


def _identify(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
