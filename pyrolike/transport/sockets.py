"""Make sockets that are connected or listening, and move an exact number of bytes.

`connect_socket` is how a client gets its connection, `listen_socket` how a server gets its own; for
Unix sockets that is `listen_unix_socket`, in `unix`. They return sockets with every option set,
blocking unless a timeout was given, and never inherited by programs that are started (Python's own
default since 3.4). What can go wrong is put into words in `faults`. Settings are arguments: nothing
here reads the global ones.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import socket
import struct
import time
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any, TypeAlias

from pyrolike.errors import CommunicationError, ConnectionClosedError
from pyrolike.uri import URI

from .address import Host, SocketAddress, location_str, resolve_tcp
from .faults import connect_fault, listen_fault, transfer_fault
from .secured import is_ssl_socket
from .waiting import wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger("pyrolike.transport")

BACKLOG = 1000
"""Connections that may wait to be accepted, if the system allows so many.

Pyro has 100; when a burst of clients has filled that up, the others try again after a second only.
"""

KEEPALIVE_PROBES = 4
"""How often a silent peer is asked before it counts as gone."""

_LONGEST_KEEPALIVE = 32_767  # Linux takes no more

USE_MSG_WAITALL = hasattr(socket, "MSG_WAITALL") and os.name != "nt"
"""Whether a receive may be asked to wait for all its bytes. Windows does not keep that promise."""

# The most that is asked of the system in one receive. The size that a peer announces is not
# believed: memory is taken as the data arrives.
_RECEIVE_SIZE = 1 << 20

EVERYWHERE = "::"
"""The address that means all interfaces, for IPv6 and, where the system can, for IPv4 too."""

TCP_FAMILIES = (socket.AF_INET, socket.AF_INET6)

Option: TypeAlias = tuple[int, int, int]
"""What `socket.setsockopt` takes: level, number, value."""

NODELAY: Option = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
KEEPALIVE: Option = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


class Listener(socket.socket):
    """A listening socket. Of what kind the accepted ones are is the same for all.

    Python asks for it each time, and makes members of enumerations of it: a dozen functions.
    """

    @functools.cached_property
    def family(self) -> socket.AddressFamily:
        """See `socket.socket.family`."""
        return super().family

    @functools.cached_property
    def type(self) -> socket.SocketKind:
        """See `socket.socket.type`."""
        return super().type


def connect_socket(
    uri: URI,
    *,
    timeout: float | None = None,
    nodelay: bool = True,
    keepalive: bool = True,
    keepalive_seconds: float = 0.0,
    ip_version: int = 0,
) -> socket.socket:
    """Connect to the place where a URI says that its object is.

    All addresses of a host are tried in turn, so that a server which listens on one kind of
    ``localhost`` only is found.

    Args:
        uri: A URI with a location: host and port, or a Unix socket.
        timeout: Seconds for the whole attempt, without the resolver's time, which no program can
            limit; divided among the addresses. The socket keeps it as its timeout. None and 0 leave
            the limit to the system, and the socket blocking.
        nodelay: Send small messages at once. Without this a call can wait 40 ms, when Nagle's
            algorithm here meets delayed acknowledgements there.
        keepalive: Let the system notice a peer that has vanished.
        keepalive_seconds: As for `tune_keepalive`.
        ip_version: 4 or 6 to insist on that kind of address for a host name, 0 for any.

    Raises:
        TimeoutError: Pyro's: nobody answered in time.
        CommunicationError: Any other failure. The text says what failed and what may help; the
            cause is the system's error.
    """
    if not uri.host and not uri.sockname:
        raise CommunicationError(f"cannot connect to {uri}: it does not say where the object is")
    timeout = timeout or None
    try:
        if uri.sockname:
            only = (KEEPALIVE,) if keepalive else ()
            return _open(unix_family(), uri.sockname, timeout, only)
        candidates = resolve_tcp(uri.host or "", uri.port or 0, ip_version)
        return _connect_tcp(candidates, timeout, (nodelay, keepalive, keepalive_seconds))
    except (OSError, ValueError) as fault:
        raise connect_fault(fault, str(uri.location), timeout) from fault


def listen_socket(
    host: Host,
    port: int,
    *,
    reuse: bool = True,
    nodelay: bool = False,
    ip_version: int = 0,
    backlog: int = BACKLOG,
) -> socket.socket:
    """Return a TCP socket that listens on *host* and *port*.

    Args:
        host: A name or an address of this machine; of a name the first address is taken. Empty
            means all interfaces, with both kinds of addresses if *ip_version* is 6, else those of
            IPv4. "::" means all interfaces and both kinds too, where the system can do that.
        port: 0 for a free one, chosen by the system.
        reuse: Allow to take over a port whose former connections are still fading away. Not on
            Windows, where it would allow to take over a port in use.
        nodelay: As for `connect_socket`; accepted connections inherit it.
        ip_version: 4 or 6 to insist on that kind of address for a host name, 0 for any.
        backlog: Connections that may wait to be accepted.

    Raises:
        OSError: With the type and errno that the system gave, and a text that helps.
        ValueError: There is no such port or IP version.
    """
    host = str(host or (EVERYWHERE if ip_version == 6 else "0.0.0.0"))
    try:
        family, address = resolve_tcp(host, port, ip_version)[0]
        return _listen(family, address, reuse and os.name != "nt", nodelay, backlog)
    except (OSError, UnicodeError) as fault:
        raise listen_fault(fault, location_str(host, port)) from fault


def set_reuseaddr(sock: socket.socket) -> None:
    """Let the socket bind to a port whose former connections are still fading away."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def set_nodelay(sock: socket.socket) -> None:
    """Let the socket send small messages at once; does nothing to one that is not TCP."""
    if sock.family in TCP_FAMILIES and sock.type == socket.SOCK_STREAM:
        sock.setsockopt(*NODELAY)


def set_keepalive(sock: socket.socket) -> None:
    """Let the system look from time to time if the peer is still there."""
    sock.setsockopt(*KEEPALIVE)


def tune_keepalive(sock: socket.socket, seconds: float, send_seconds: float | None = None) -> None:
    """Let the system find out that a silent peer has vanished, within about twice *seconds*.

    Where the system cannot be told how long to wait (and for other sockets than TCP's) nothing is
    done but to switch its own way on, which may take hours.

    Args:
        sock: The socket.
        seconds: After so much silence the peer is asked, and then given as much to answer; 0
            leaves the times to the system.
        send_seconds: How long the peer may refuse to take any byte, if we limit that anyway. Then
            what was sent to a peer that has vanished is not repeated for long either. Without this
            it is, because the system's limit (TCP_USER_TIMEOUT) also ends connections to peers that
            live and answer but are too busy to read.
    """
    set_keepalive(sock)
    if sock.family in TCP_FAMILIES:
        _set_options(sock, _keepalive_times(seconds, send_seconds))


@functools.lru_cache(maxsize=100)  # of many connections the hosts are few
def _tcp_options(
    address: str, nodelay: bool, keepalive: bool, keepalive_seconds: float
) -> tuple[Option, ...]:
    """Return the options of a client's TCP socket that is to be connected to *address*.

    A peer on this very machine cannot vanish without a word: the system itself sees its end.
    """
    is_near = address.startswith("127.") or address == "::1"
    alive = (KEEPALIVE, *_keepalive_times(keepalive_seconds)) if keepalive and not is_near else ()
    return (NODELAY, *alive) if nodelay else alive


def _keepalive_times(seconds: float, send_seconds: float | None = None) -> tuple[Option, ...]:
    """Return the options for `tune_keepalive`, as far as this system has them."""
    if seconds <= 0:
        return ()
    idle = max(1, min(round(seconds), _LONGEST_KEEPALIVE))
    interval = max(1, round(idle / KEEPALIVE_PROBES))
    options = [
        ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", idle),  # macOS
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", max(1, round(idle / interval))),
    ]
    if send_seconds is not None and send_seconds <= 2 * idle:
        options.append(("TCP_USER_TIMEOUT", 2000 * idle))
    return tuple(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in options
        if hasattr(socket, name)
    )


def _set_options(sock: socket.socket, options: Iterable[Option]) -> None:
    """Set what makes a connection better; a system that will not have it does without."""
    try:
        for option in options:
            sock.setsockopt(*option)
    except OSError as fault:
        log.debug("a socket option is not to be had: %s", fault)


def limit_waiting(sock: socket.socket, receive_seconds: float, send_seconds: float) -> None:
    """Let a receive that finds nothing, and a send that is stuck, give up after a while.

    The system itself keeps these limits: the socket stays a blocking one, and no operation pays for
    its timeout with a second system call. A limit that passes is a BlockingIOError, on Windows a
    TimeoutError.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _time_value(receive_seconds))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _time_value(send_seconds))


def _time_value(seconds: float) -> Any:
    """Return *seconds* as the socket options want it: a structure; on Windows milliseconds."""
    if os.name == "nt":
        return max(1, round(seconds * 1000))
    return struct.pack("@ll", *divmod(max(1, round(seconds * 1_000_000)), 1_000_000))


def set_noinherit(sock: socket.socket) -> None:
    """Keep the socket from child processes, as every new socket is anyway."""
    sock.set_inheritable(False)


def check_socket(sock: object) -> None:
    """Refuse what is given as a connected socket and is none; wrappers of other makers are.

    Raises:
        TypeError: It cannot send and receive.
    """
    if not (hasattr(sock, "recv_into") and hasattr(sock, "sendall")):
        raise TypeError(f"connected_socket must be a socket, not {type(sock).__name__}")


def family_str(sock: socket.socket) -> str:
    """Return "IPv4", "IPv6" or "Unix", and "???" for anything else."""
    names = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6", _unix_family_or_none(): "Unix"}
    return names.get(sock.family, "???")


def receive_data(sock: socket.socket, size: int) -> bytes:
    """Receive exactly *size* bytes; on a non-blocking socket, wait until they are there.

    Raises:
        TimeoutError: Pyro's: the socket's timeout passed between two pieces.
        ConnectionClosedError: The connection ended before; the attribute ``partialData`` has what
            had come.
    """
    data = _receive_some(sock, size) if size else b""
    if len(data) == size:
        return data
    received = bytearray(data)
    while data and len(received) < size:
        data = _receive_some(sock, size - len(received))
        received += data
    if len(received) < size:
        raise ConnectionClosedError(
            f"receiving: connection closed after {len(received)} of {size} bytes",
            partial_data=bytes(received),
        )
    return bytes(received)


def send_data(sock: socket.socket, data: bytes | bytearray | memoryview) -> None:
    """Send all of *data*; on a non-blocking socket, wait until there is room for it.

    Raises:
        TimeoutError: Pyro's: the socket's timeout passed; it is unknown how much was sent.
        ConnectionClosedError: The connection is lost.
    """
    rest = memoryview(data)
    try:
        if sock.gettimeout() != 0:
            sock.sendall(rest)
            return
        while rest:
            try:
                rest = rest[sock.send(rest) :]
            except BlockingIOError:
                wait_ready(sock, EVENT_WRITE, None)
    except OSError as fault:
        raise transfer_fault(fault, "sending") from fault


def _connect_tcp(
    candidates: list[tuple[socket.AddressFamily, SocketAddress]],
    timeout: float | None,
    wishes: tuple[bool, bool, float],
) -> socket.socket:
    """Return a socket connected to one of several addresses, which are tried in turn.

    Args:
        candidates: They.
        timeout: Seconds for all of them, or None.
        wishes: Of `connect_socket`: nodelay, keepalive, keepalive_seconds.
    """
    if len(candidates) == 1:
        ((family, address),) = candidates
        return _open(family, address, timeout, _tcp_options(address[0], *wishes))
    deadline = None if timeout is None else time.monotonic() + timeout
    faults: list[OSError] = []
    for number, (family, address) in enumerate(candidates):
        share = timeout
        if deadline is not None:
            # A silent first address must leave time for the others. Never 0: that is "do not wait".
            share = max((deadline - time.monotonic()) / (len(candidates) - number), 0.001)
        try:
            sock = _open(family, address, share, _tcp_options(address[0], *wishes))
        except OSError as fault:
            faults.append(fault)
        else:
            if share != timeout:
                sock.settimeout(timeout)
            return sock
    try:
        raise min(faults, key=_tells_little)
    finally:
        faults.clear()  # the traceback refers to this frame, and must not come back to itself


def _open(
    family: int,
    address: SocketAddress | str,
    timeout: float | None,
    options: tuple[Option, ...],
) -> socket.socket:
    """Return a socket connected to exactly this address."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        _set_options(sock, options)
        sock.connect(address)
        # That the ports are the same is rare enough to look no further.
        is_suspect = family in TCP_FAMILIES and sock.getsockname()[1] == address[1]
        if is_suspect and is_connected_to_itself(sock):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:
        sock.close()
        raise
    return sock


def is_connected_to_itself(sock: socket.socket) -> bool:
    """Say whether TCP has joined a socket with itself.

    It does so if nobody listens on a port of this machine and the system happens to give that very
    port to the socket that wants to connect: sooner or later to somebody who keeps on trying.
    """
    return sock.family in TCP_FAMILIES and sock.getsockname() == sock.getpeername()


def _tells_little(fault: OSError) -> bool:
    """Sort the errors of several addresses: what the host did tells more than what we lack."""
    return not isinstance(fault, (ConnectionRefusedError, TimeoutError))


def _listen(
    family: int, address: SocketAddress | str, reuse: bool, nodelay: bool, backlog: int
) -> socket.socket:
    sock = Listener(family, socket.SOCK_STREAM)
    try:
        if reuse:
            set_reuseaddr(sock)
        if nodelay:
            set_nodelay(sock)
        set_keepalive(sock)
        if family == socket.AF_INET6 and address[0] == EVERYWHERE:
            with contextlib.suppress(OSError, AttributeError):  # then IPv6 only
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _receive_some(sock: socket.socket, size: int) -> bytes:
    """Receive up to *size* bytes, at least one; empty at the end of the connection."""
    # TLS knows no flags.
    flags = socket.MSG_WAITALL if USE_MSG_WAITALL and not is_ssl_socket(sock) else 0
    while True:
        try:
            return sock.recv(min(size, _RECEIVE_SIZE), flags)
        except BlockingIOError:
            wait_ready(sock, EVENT_READ, None)
        except OSError as fault:
            raise transfer_fault(fault, "receiving") from fault


def unix_family() -> int:
    """Return the family of Unix sockets.

    Raises:
        OSError: This system has none.
    """
    family = _unix_family_or_none()
    if family is None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    return family


def _unix_family_or_none() -> int | None:
    return getattr(socket, "AF_UNIX", None)
