"""The socket helpers of Pyro's ``socketutil`` that pyrolike itself does not need.

Programs use them, with Pyro's names, arguments and plain `OSError`. Our own client and server use
`connect_socket` and `listen_socket`, which say in words what went wrong.

Source: api.md A9.
"""

import contextlib
import errno
import socket
import ssl
from typing import Any

from pyrolike.configure import config

from .address import Host, SocketAddress, resolve_tcp
from .sockets import BACKLOG, set_keepalive, set_nodelay, set_noinherit, set_reuseaddr

Address = str | tuple[str, int] | SocketAddress
"""The path of a Unix socket, or host and port."""

ERRNO_RETRIES = [errno.EINTR, errno.EAGAIN, errno.EWOULDBLOCK, errno.EINPROGRESS]
ERRNO_BADF = [errno.EBADF]
ERRNO_ENOTSOCK = [errno.ENOTSOCK]
ERRNO_EADDRNOTAVAIL = [errno.EADDRNOTAVAIL]
ERRNO_EADDRINUSE = [errno.EADDRINUSE]

_WAKE_UP = b"!" * 16


def create_socket(
    bind: Address | None = None,
    connect: Address | None = None,
    reuseaddr: bool = False,
    keepalive: bool = True,
    timeout: float | None = -1,
    noinherit: bool = False,
    ipv6: bool | None = False,
    nodelay: bool = True,
    sslContext: ssl.SSLContext | None = None,
) -> socket.socket:
    """Return a stream socket: listening, connected, or neither.

    Args:
        bind: Listen here: a path for a Unix socket, host and port for TCP.
        connect: Connect to this; excludes *bind*.
        reuseaddr: Set SO_REUSEADDR.
        keepalive: Set SO_KEEPALIVE.
        timeout: In seconds; None or 0 is blocking, -1 is what new sockets have by default.
        noinherit: Keep the socket from child processes; it is kept from them anyway.
        ipv6: Resolve host names to IPv6 addresses. None is the setting PREFER_IP_VERSION. A numeric
            address decides for itself.
        nodelay: Set TCP_NODELAY.
        sslContext: Wrap the socket in TLS: as a server if *bind* is given, else as a client.

    Raises:
        ValueError: Both *bind* and *connect* are given.
        OSError: It could not be done; no socket is left over.
    """
    if bind and connect:
        raise ValueError("bind and connect cannot both be given")
    family, address = _family_and_address(bind or connect, ipv6)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_options(sock, timeout, reuseaddr)
        if noinherit:
            set_noinherit(sock)
        if nodelay:
            set_nodelay(sock)
        if keepalive:
            set_keepalive(sock)
        if sslContext:
            sock = _wrap(sock, sslContext, bind, connect)
        if bind:
            sock.bind(address)
            sock.listen(BACKLOG)
        elif connect:
            sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def create_bc_socket(
    bind: Address | None = None,
    reuseaddr: bool = False,
    timeout: float | None = -1,
    ipv6: bool | None = False,
) -> socket.socket:
    """Return a UDP socket that may broadcast.

    Args:
        bind: Host and port to receive on.
        reuseaddr: Set SO_REUSEADDR.
        timeout: In seconds; None or 0 is blocking, -1 is what new sockets have by default.
        ipv6: As for `create_socket`. IPv6 has no broadcast.

    Raises:
        OSError: It could not be done; no socket is left over.
    """
    family, address = _family_and_address(bind, ipv6)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        _set_options(sock, timeout, reuseaddr)
        if family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if bind:
            sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def find_probably_unused_port(
    family: int = socket.AF_INET, socktype: int = socket.SOCK_STREAM
) -> int:
    """Return a port of the local host that was free a moment ago.

    Somebody else may take it before the caller does: binding to port 0 is the safe way.
    """
    with socket.socket(family, socktype) as sock:
        return bind_unused_port(sock)


def bind_unused_port(sock: socket.socket, host: Host = "localhost") -> int:
    """Bind a socket to a free port and return its number.

    Raises:
        OSError: *host* is not an address of this machine for the socket's family.
    """
    if sock.family == socket.AF_INET6 and host == "localhost":
        host = "::1"
    sock.bind((str(host), 0))
    port: int = sock.getsockname()[1]
    return port


def interrupt_socket(address: Address) -> None:
    """Wake up a server that is blocked while it waits at *address*: connect and send something.

    Errors are ignored: a server that cannot be reached is not waiting.
    """
    with contextlib.suppress(OSError):
        sock = create_socket(connect=address, keepalive=False, timeout=1.0)
        with sock:
            sock.sendall(_WAKE_UP)


def _set_options(sock: socket.socket, timeout: float | None, reuseaddr: bool) -> None:
    if timeout != -1:
        sock.settimeout(timeout or None)
    if reuseaddr:
        set_reuseaddr(sock)


def _wrap(
    sock: socket.socket, context: ssl.SSLContext, bind: Address | None, connect: Address | None
) -> ssl.SSLSocket:
    """Put TLS over a socket; the handshake comes with the connection."""
    # A Unix socket has no host name that a certificate could be compared with.
    hostname = None if connect is None or isinstance(connect, str) else connect[0]
    return context.wrap_socket(sock, server_side=bind is not None, server_hostname=hostname)


def _family_and_address(address: Address | None, ipv6: bool | None) -> tuple[int, Any]:
    if isinstance(address, str):
        return socket.AF_UNIX, address
    ip_version = _ip_version(ipv6)
    if address is None:
        return (socket.AF_INET6 if ip_version == 6 else socket.AF_INET), None
    host = address[0] or ("::" if ip_version == 6 else "0.0.0.0")
    return resolve_tcp(host, address[1], ip_version)[0]


def _ip_version(ipv6: bool | None) -> int:
    if ipv6 is None:
        return config.PREFER_IP_VERSION
    return 6 if ipv6 else 4
