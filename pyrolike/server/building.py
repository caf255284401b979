"""What a daemon is made of, from its arguments and the settings: where it is, and what serves it.

All that is read of the settings when a daemon is made or a connection accepted, is read here. The
rest is given values.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import sys
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from pyrolike.configure import config
from pyrolike.errors import PyroError, SecurityError
from pyrolike.serializers import RUNNING_CODE
from pyrolike.transport import (
    DONT_WAIT,
    BorrowedTlsSocket,
    SocketConnection,
    SocketFile,
    TlsSettings,
    TlsSocket,
    check_socket,
    find_socket_file,
    limit_waiting,
    listen_socket,
    listen_unix_socket,
    location_str,
    make_tls_context,
    set_nodelay,
    tune_keepalive,
    wrap_server_side,
)

from .base import is_loopback
from .existing import ExistingConnectionServer
from .multiplex import MultiplexServer
from .onethread import LoopSettings
from .outbox import MOMENT, BriefOutbox
from .patience import PatientSession
from .secure import SecurePatientSession
from .session import Session
from .threadpool import PoolSettings, ThreadPoolServer

if TYPE_CHECKING:
    from .base import Server
    from .service import Service

Host: TypeAlias = "str | ipaddress.IPv4Address | ipaddress.IPv6Address"

SEND_SECONDS = 60.0
"""How long a client may refuse to take any byte of a reply, unless COMMTIMEOUT is set."""

AF_UNIX = getattr(socket, "AF_UNIX", None)

INHERITED = sys.platform == "linux"
"""Whether an accepted socket has the options of the listening one, all but that it blocks. Setting
them again would take half a dozen system calls for each client."""


DOOR_SECONDS = 0.1
"""How long THREADPOOL_LINGER may be where workers accept connections: until they give up waiting,
they do so, and a loop that has ended is to let nobody in."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon is.

    Attributes:
        sock: The listening socket, or the one that is connected already.
        location: What it is called in uris.
        nat_location: What is published instead, or None.
        file: The Unix socket's file, which is to be removed in the end, or None.
        is_connected: Whether the socket is somebody else's and connected.
        tls: The context with which accepted connections get TLS, or None.
    """

    sock: socket.socket
    location: str
    nat_location: str | None = None
    file: SocketFile | None = None
    is_connected: bool = False
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """The arguments of a daemon that say where it shall be; see `Daemon`."""

    host: Host | None
    port: int
    unixsocket: str | None
    nathost: Host | None
    natport: int | None
    connected_socket: socket.socket | None
    tls: ssl.SSLContext | None = None


def check_wishes(wishes: Wishes) -> None:
    """Refuse what contradicts itself.

    Raises:
        ValueError: The arguments contradict each other.
    """
    if wishes.connected_socket is None:
        _find_nat_address(wishes)


def take_place(wishes: Wishes) -> Place:
    """Listen where it is wished, or take the connected socket.

    Raises:
        OSError: The address cannot be listened on, or the socket is not connected; or a file that
            TLS needs is missing or wrong.
        ValueError: TLS is wished for without a certificate.
        PyroError: TLS is wished for, and the connected socket has none.
        TypeError: It is no socket.
    """
    if wishes.connected_socket is not None:
        return _find_connected_place(wishes.connected_socket)
    tls = _find_tls_context(wishes)
    nat, nat_location = _find_nat_address(wishes), None
    if wishes.unixsocket:
        path = wishes.unixsocket
        sock = listen_unix_socket(path)
        return Place(sock, f"./u:{path}", file=find_socket_file(path), tls=tls)
    host = config.HOST if wishes.host is None else str(wishes.host)
    listener = listen_socket(
        host,
        wishes.port,
        reuse=config.SOCK_REUSE,
        nodelay=True,
        ip_version=config.PREFER_IP_VERSION,
    )
    if INHERITED:
        _tune(listener)
    port = listener.getsockname()[1]
    shown = host or ("::" if listener.family == socket.AF_INET6 else "0.0.0.0")
    if nat is not None:
        nat_location = location_str(str(nat[0]), nat[1] or port)
    return Place(listener, location_str(shown, port), nat_location, tls=tls)


def make_server(service: Service, place: Place) -> Server:
    """Make the server type for a place; it owns the socket then, unless that is connected.

    Raises:
        ValueError: The thread-pool sizes contradict each other.
        SecurityError: Strangers could run code.
    """
    sock, keep_house = place.sock, service.keep_house
    try:
        _check_serializers(service, place)
        if place.is_connected:
            make = partial(_make_connected_session, service)
            return ExistingConnectionServer(sock, make, keep_house, _take_loop_settings())
        server: Server
        if config.SERVERTYPE == "multiplex":
            make_session = partial(make_patient_session, service, tls=place.tls)
            server = MultiplexServer(sock, make_session, keep_house, _take_loop_settings())
        else:
            linger = _limit_waiting(place)
            make_for_threads = partial(
                make_session_for_threads, service, tls=place.tls, linger=linger
            )
            server = ThreadPoolServer(
                sock,
                make_for_threads,
                keep_house,
                _take_pool_settings(),
                may_open=linger is not None and linger <= DOOR_SECONDS,
            )
        server.most_per_client = config.CONNECTIONS_PER_CLIENT
        server.most_handshakes = config.HANDSHAKE_LIMIT
        return server
    except BaseException:
        if place.file is not None:
            place.file.remove()
        if not place.is_connected:
            sock.close()
        raise


def make_session_for_threads(
    service: Service,
    sock: socket.socket,
    address: Any,
    *,
    tls: ssl.SSLContext | None = None,
    linger: float | None = None,
) -> Session:
    """Make the session of an accepted connection whose thread may wait for it.

    Args:
        service: What it is served by.
        sock: The accepted socket.
        address: Its peer's.
        tls: The context to use TLS with, or None.
        linger: How long a receive waits on *sock* as it comes from its listener; None for ever.
    """
    ours: socket.socket | TlsSocket = sock
    if tls is not None or not INHERITED:
        ours = _set_up(sock, tls)
        ours.setblocking(True)
    connection = SocketConnection(ours)
    if linger != config.THREADPOOL_LINGER:
        connection.limit_waiting(config.THREADPOOL_LINGER, MOMENT)
    make = PatientSession if tls is None else SecurePatientSession
    return make(
        service,
        connection,
        address or None,
        _get_handshake_deadline(),
        send_seconds=config.COMMTIMEOUT or SEND_SECONDS,
        outbox=BriefOutbox(sock, not isinstance(address, tuple))
        if tls is None and DONT_WAIT
        else None,
    )


def _limit_waiting(place: Place) -> float | None:
    """Have accepted sockets wait as threads do, where they have that from their listener.

    Returns:
        How long a receive waits then.
    """
    if not INHERITED or place.tls is not None or place.sock.family == AF_UNIX:
        return None
    limit_waiting(place.sock, config.THREADPOOL_LINGER, MOMENT)
    return config.THREADPOOL_LINGER


def make_patient_session(
    service: Service, sock: socket.socket, address: Any, *, tls: ssl.SSLContext | None = None
) -> PatientSession:
    """Make the session of an accepted connection that must not keep its thread waiting."""
    ours = _set_up(sock, tls)
    ours.setblocking(False)
    make = PatientSession if tls is None else SecurePatientSession
    return make(
        service,
        SocketConnection(ours),
        address or None,
        _get_handshake_deadline(),
        idle_seconds=config.COMMTIMEOUT or None,
        send_seconds=config.COMMTIMEOUT or SEND_SECONDS,
    )


def _make_connected_session(service: Service, sock: socket.socket) -> PatientSession:
    """Make the session for somebody else's socket: nothing of it is changed."""
    address = sock.getpeername() or None
    if isinstance(sock, ssl.SSLSocket):
        connection = SocketConnection(BorrowedTlsSocket(sock), keep_open=True)
        return SecurePatientSession(service, connection, address, needs_handshake=False)
    connection = SocketConnection(sock, keep_open=True)
    return PatientSession(service, connection, address, needs_handshake=False)


def _set_up(sock: socket.socket, tls: ssl.SSLContext | None) -> socket.socket | TlsSocket:
    """Return an accepted socket as it is to be used."""
    if not INHERITED and sock.family != AF_UNIX:
        _tune(sock)
    return sock if tls is None else wrap_server_side(sock, tls)


def _tune(sock: socket.socket) -> None:
    set_nodelay(sock)  # a reply that waits for an acknowledgement would take 40 ms
    tune_keepalive(sock, config.KEEPALIVE_SECONDS, config.COMMTIMEOUT or SEND_SECONDS)


def _get_handshake_deadline() -> float | None:
    return monotonic() + config.HANDSHAKE_TIMEOUT if config.HANDSHAKE_TIMEOUT else None


def _find_tls_context(wishes: Wishes) -> ssl.SSLContext | None:
    """Return the context for accepted connections, or None for those without TLS.

    Raises:
        ValueError: There is no certificate, or the context is no server's.
        OSError: A file is missing or wrong.
    """
    context = wishes.tls
    if context is None and config.SSL:
        context = make_tls_context(
            TlsSettings(
                is_server=True,
                cert=config.SSL_SERVERCERT,
                key=config.SSL_SERVERKEY,
                password=config.SSL_SERVERKEYPASSWD,
                cacerts=config.SSL_CACERTS,
                requires_cert=config.SSL_REQUIRECLIENTCERT,
            )
        )
    if context is not None and context.check_hostname:
        raise ValueError(
            "this TLS context is a client's; a daemon needs one for the server side, such as "
            "ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)"
        )
    return context


def _check_serializers(service: Service, place: Place) -> None:
    """Refuse serializers that run code where strangers may use them.

    Raises:
        SecurityError: So it is, and PICKLE_WITHOUT_AUTHENTICATION is off.
    """
    unsafe = service.accepted & RUNNING_CODE
    if not unsafe or config.PICKLE_WITHOUT_AUTHENTICATION or _is_local(place):
        return
    tls = place.sock.context if isinstance(place.sock, ssl.SSLSocket) else place.tls
    if tls is not None and tls.verify_mode == ssl.CERT_REQUIRED:
        return
    if service.checks_clients and not place.is_connected:
        return
    raise SecurityError(
        f"SERIALIZERS_ACCEPTED has {', '.join(sorted(unsafe))}, with which whoever reaches "
        f"{place.nat_location or place.location} could run any code here: give the daemon an "
        "authenticator or a validateHandshake, let TLS require client certificates, or listen on "
        "localhost. If you know that nobody else can reach it, set "
        "config.PICKLE_WITHOUT_AUTHENTICATION"
    )


def _is_local(place: Place) -> bool:
    """Whether only programs on this machine can come: over loopback, or a Unix socket."""
    name = place.sock.getsockname()
    if not isinstance(name, tuple):
        return True
    nat_host = place.nat_location.rpartition(":")[0] if place.nat_location else None
    return is_loopback(name[0]) and (nat_host is None or is_loopback(nat_host.strip("[]")))


def _find_nat_address(wishes: Wishes) -> tuple[Host, int] | None:
    """Return the host and port to publish, or None for the daemon's own."""
    # Empty is what a script passes on that was given none.
    nathost = wishes.nathost or None
    if nathost is None:
        if wishes.natport is not None:
            raise ValueError("natport needs a nathost")
        nathost = None if wishes.unixsocket else config.NATHOST
    if nathost is None:
        return None
    if wishes.unixsocket:
        raise ValueError("a Unix socket is not translated: nathost and natport make no sense")
    return nathost, config.NATPORT if wishes.natport is None else wishes.natport


def _find_connected_place(sock: socket.socket) -> Place:
    """Look at a socket that is said to be connected.

    Source: servers.md section 4; Pyro5's words for a socket without a name.
    """
    check_socket(sock)
    if config.SSL and not isinstance(sock, ssl.SSLSocket):
        raise PyroError(
            "config.SSL is on: the connected_socket of a daemon must have TLS already, as an "
            "ssl.SSLSocket"
        )
    try:
        sock.getpeername()
        is_stream = sock.type == socket.SOCK_STREAM
    except OSError as fault:
        raise OSError(
            fault.errno,
            f"the connected_socket of a daemon must be connected already ({fault.strerror}); "
            "connect it or accept it before the daemon is created",
        ) from fault
    if not is_stream:
        raise OSError("the connected_socket of a daemon must be a stream: SOCK_STREAM")
    name = sock.getsockname()
    if sock.family == AF_UNIX:
        text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
        location = f"./u:{text or '<<not-bound>>'}"
    else:
        location = location_str(name[0], name[1])
    return Place(sock, location, is_connected=True)


def _take_loop_settings() -> LoopSettings:
    return LoopSettings(
        threads=config.THREADPOOL_SIZE,
        idle_limit=config.COMMTIMEOUT or None,
        poll=config.POLLTIMEOUT,
    )


def _take_pool_settings() -> PoolSettings:
    return PoolSettings(
        size_min=config.THREADPOOL_SIZE_MIN,
        size_max=config.THREADPOOL_SIZE,
        queue_size=config.THREADPOOL_QUEUE_SIZE,
        queue_wait=config.THREADPOOL_QUEUE_WAIT,
        idle_limit=config.COMMTIMEOUT or None,
        poll=config.POLLTIMEOUT,
        nested=config.THREADPOOL_NESTED,
    )
