"""Asking everybody: one UDP question to many addresses, and whatever answers come back.

Nothing here knows what is asked. Whoever asks has to judge the answers: anybody in the network can
send one.

Source: the client's half of nameserver.md section 6. Pyro waits 0.7 seconds after each of three
questions; here they are spread over the whole time.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

from .address import resolve_tcp
from .classic import create_bc_socket

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

EVERYBODY = "<broadcast>"
"""The word for all hosts of the network that this machine is in."""

MOST_BYTES = 1000
"""What is read of an answer; Pyro reads 100."""

MOST_ANSWERS = 50
"""How many are looked at: somebody may send without end."""


def ask_around(
    question: bytes,
    addresses: Iterable[str],
    port: int,
    *,
    seconds: float,
    rounds: int = 3,
    ip_version: int = 0,
) -> Generator[tuple[bytes, str]]:
    """Yield the answers to a question as they come, each with the address of who sent it.

    Close the iterator when an answer is good enough. Between two answers the caller may take its
    time; what has arrived meanwhile is still yielded.

    Args:
        question: The datagram to send.
        addresses: Whom to ask: "<broadcast>" for everybody, host names, addresses. Those that
            cannot be asked are left out. IPv6 has no broadcast, but its hosts can be asked.
        port: Their UDP port.
        seconds: How long to wait for answers in all. If nobody could be asked, not at all.
        rounds: How often to ask, because a datagram may get lost.
        ip_version: 4 or 6 to ask only addresses of that kind, 0 for any.
    """
    end = monotonic() + seconds
    pause = seconds / rounds
    with contextlib.ExitStack() as closing:
        selector = closing.enter_context(selectors.DefaultSelector())
        targets = _open_sockets(list(_resolve(addresses, port, ip_version)), closing, selector)
        answers = asked = 0
        while answers < MOST_ANSWERS:
            now = monotonic()
            due = end - (rounds - asked) * pause
            if asked < rounds and now >= due:
                if not _send(question, targets) and not asked:
                    return
                asked += 1
                due += pause
            ready = selector.select(max(0.0, due - now))
            if not ready and monotonic() >= end:
                return
            for key, _ in ready:
                with contextlib.suppress(OSError):  # an answer of the system, that nobody is there
                    data, address = key.fileobj.recvfrom(MOST_BYTES)  # type: ignore[union-attr]
                    answers += 1
                    yield data, address[0]


def _resolve(addresses: Iterable[str], port: int, ip_version: int) -> Iterator[tuple[int, Any]]:
    """Yield family and address of everybody who is to be asked, once each."""
    seen = set()
    for host in addresses:
        host = "255.255.255.255" if host == EVERYBODY else host or "0.0.0.0"
        with contextlib.suppress(OSError, ValueError):  # the name is unknown, or cannot be one
            for family, address in resolve_tcp(host, port, ip_version):
                is_wanted = ip_version != 6 or family == socket.AF_INET6
                if is_wanted and address not in seen:
                    seen.add(address)
                    yield family, address


def _open_sockets(
    targets: list[tuple[int, Any]],
    closing: contextlib.ExitStack,
    selector: selectors.BaseSelector,
) -> list[tuple[socket.socket, Any]]:
    """Return for each target the socket to ask it with; one for each kind of address."""
    sockets: dict[int, socket.socket] = {}
    for family in {family for family, _ in targets}:
        with contextlib.suppress(OSError):  # this machine has no such addresses, or nothing left
            sock = create_bc_socket(ipv6=family == socket.AF_INET6)
            sockets[family] = closing.enter_context(sock)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
    return [(sockets[family], address) for family, address in targets if family in sockets]


def _send(question: bytes, targets: list[tuple[socket.socket, Any]]) -> int:
    """Ask everybody; return how many could be asked."""
    count = 0
    for sock, address in targets:
        with contextlib.suppress(OSError):  # no way into that network
            sock.sendto(question, address)
            count += 1
    return count
