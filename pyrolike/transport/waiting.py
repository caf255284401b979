"""Waiting for a socket until a moment, and sending without waiting.

The timeout of a Python socket is one for all threads that use it, and setting it switches the
descriptor between blocking and not: a thread that is in the middle of a receive or a send then
fails for no reason of its own. So where several threads share a socket, or a deadline is one for
several operations, its timeout is left alone. Each operation is told not to wait, and the waiting
is done here.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any

from pyrolike._pieces import take

from .secured import is_ssl_socket

if TYPE_CHECKING:
    from collections.abc import Sequence

DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)
"""The flag that tells one receive or send not to wait. Windows has none: there it is 0."""

MOST_JOINED = 256 * 1024
"""Bytes that are joined to be sent at once, where parts cannot be."""

_LONGEST = 14 * 86_400.0
"""Seconds, a fortnight: what every system can count."""


def wait_readable(sock: Any, seconds: float) -> bool:
    """Wait until there is something to receive, or the connection ends; say whether that is so.

    Args:
        sock: An open socket.
        seconds: How long to wait; less than 0 is 0, and more than a fortnight a fortnight.

    Raises:
        ValueError: The socket is closed.
    """
    return wait_ready(sock, EVENT_READ, seconds)


def wait_writable(sock: Any, seconds: float) -> bool:
    """Wait until there is room to send, or the connection ends; otherwise as `wait_readable`."""
    return wait_ready(sock, EVENT_WRITE, seconds)


def wait_ready(sock: Any, event: int, seconds: float | None) -> bool:
    """Wait for EVENT_READ or EVENT_WRITE; None waits for ever. Otherwise as `wait_readable`."""
    if seconds is not None:
        seconds = min(max(0.0, seconds), _LONGEST)
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, select.POLLIN if event == EVENT_READ else select.POLLOUT)
        # Rounded up: a wait of half a millisecond must not become one of none.
        return bool(poller.poll(None if seconds is None else math.ceil(1000 * seconds)))
    both = [sock], [sock]
    wanted = (both[0], [], []) if event == EVENT_READ else ([], both[1], both[1])
    return any(select.select(*wanted, seconds))


def send_available(sock: Any, data: Any) -> int:
    """Send what can be sent without waiting, whatever timeout the socket has; return how much.

    Raises:
        OSError: The connection is lost.
    """
    timeout = sock.gettimeout()
    try:
        if not DONT_WAIT and timeout != 0:
            return _send_without_flag(sock, data, timeout)
        # With a timeout of the program's Python itself waits for room; so there must be some.
        if timeout and not _has_room(sock):
            return 0
        return int(sock.send(data, DONT_WAIT))
    except (BlockingIOError, TimeoutError):
        return 0


def takes_parts(sock: Any) -> bool:
    """Say whether *sock* sends several parts at once."""
    return hasattr(sock, "sendmsg") and not is_ssl_socket(sock)


def send_parts_available(sock: Any, parts: Sequence[Any]) -> int:
    """Do with several parts, one after the other, what `send_available` does with one.

    All at once: a few bytes behind many would else find no room, where all together had some.
    """
    if not DONT_WAIT or not takes_parts(sock):
        return send_available(sock, b"".join(take(parts, MOST_JOINED)))
    if sock.gettimeout() and not _has_room(sock):
        return 0
    try:
        return int(sock.sendmsg(parts, (), DONT_WAIT))
    except (BlockingIOError, TimeoutError):
        return 0


def _send_without_flag(sock: Any, data: Any, timeout: float | None) -> int:
    sock.settimeout(0)
    try:
        return int(sock.send(data))
    finally:
        with contextlib.suppress(OSError):
            sock.settimeout(timeout)


def _has_room(sock: Any) -> bool:
    return sock.fileno() == -1 or wait_writable(sock, 0)  # closed: the system will say so
