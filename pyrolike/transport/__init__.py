"""The only floor that knows sockets: addresses, connecting, listening, moving bytes.

Above it nobody makes a socket or sees the `OSError` of a connection; below it nobody knows that
sockets exist.
"""

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes

from .address import get_interface, get_ip_address, location_str, read_number
from .connection import CHUNK, SocketConnection
from .faults import transfer_fault
from .secured import is_ssl_socket, is_tls_socket
from .sockets import (
    check_socket,
    connect_socket,
    family_str,
    limit_waiting,
    listen_socket,
    receive_data,
    send_data,
    set_keepalive,
    set_nodelay,
    set_noinherit,
    set_reuseaddr,
    tune_keepalive,
)
from .waiting import (
    DONT_WAIT,
    send_available,
    send_parts_available,
    wait_readable,
    wait_writable,
)

if TYPE_CHECKING:
    from .broadcast import ask_around
    from .classic import (
        bind_unused_port,
        create_bc_socket,
        create_socket,
        find_probably_unused_port,
        interrupt_socket,
    )
    from .probing import Place, Prober, Verdict
    from .tls import TlsSettings, get_ssl_context, make_tls_context
    from .tls_faults import explain_to_server
    from .tls_socket import BorrowedTlsSocket, TlsSocket
    from .tls_wrapping import wrap_client_side, wrap_server_side
    from .unix import SocketFile, find_socket_file, listen_unix_socket

__all__ = [
    "CHUNK",
    "DONT_WAIT",
    "BorrowedTlsSocket",
    "Place",
    "Prober",
    "SocketConnection",
    "SocketFile",
    "TlsSettings",
    "TlsSocket",
    "Verdict",
    "ask_around",
    "bind_unused_port",
    "check_socket",
    "connect_socket",
    "create_bc_socket",
    "create_socket",
    "explain_to_server",
    "family_str",
    "find_probably_unused_port",
    "find_socket_file",
    "get_interface",
    "get_ip_address",
    "get_ssl_context",
    "interrupt_socket",
    "is_ssl_socket",
    "is_tls_socket",
    "limit_waiting",
    "listen_socket",
    "listen_unix_socket",
    "location_str",
    "make_tls_context",
    "read_number",
    "receive_data",
    "send_available",
    "send_data",
    "send_parts_available",
    "set_keepalive",
    "set_nodelay",
    "set_noinherit",
    "set_reuseaddr",
    "transfer_fault",
    "tune_keepalive",
    "wait_readable",
    "wait_writable",
    "wrap_client_side",
    "wrap_server_side",
]

# Clients come here first of all: what few of them need loads on first use.
_NAMES = {
    "ask_around": "broadcast",
    "bind_unused_port": "classic",
    "create_bc_socket": "classic",
    "create_socket": "classic",
    "find_probably_unused_port": "classic",
    "interrupt_socket": "classic",
    "Place": "probing",
    "Prober": "probing",
    "Verdict": "probing",
    "TlsSettings": "tls",
    "get_ssl_context": "tls",
    "make_tls_context": "tls",
    "explain_to_server": "tls_faults",
    "BorrowedTlsSocket": "tls_socket",
    "TlsSocket": "tls_socket",
    "wrap_client_side": "tls_wrapping",
    "wrap_server_side": "tls_wrapping",
    "SocketFile": "unix",
    "find_socket_file": "unix",
    "listen_unix_socket": "unix",
}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES)
