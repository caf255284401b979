"""The door ``socketutil``: Pyro's helpers for sockets. See `pyrolike.transport`."""

from pyrolike.transport import (
    SocketConnection,
    bind_unused_port,
    create_bc_socket,
    create_socket,
    family_str,
    find_probably_unused_port,
    get_interface,
    get_ip_address,
    get_ssl_context,
    interrupt_socket,
    receive_data,
    send_data,
    set_keepalive,
    set_nodelay,
    set_noinherit,
    set_reuseaddr,
)
from pyrolike.transport.classic import (
    ERRNO_BADF,
    ERRNO_EADDRINUSE,
    ERRNO_EADDRNOTAVAIL,
    ERRNO_ENOTSOCK,
    ERRNO_RETRIES,
)
from pyrolike.transport.sockets import USE_MSG_WAITALL

__all__ = [
    "ERRNO_BADF",
    "ERRNO_EADDRINUSE",
    "ERRNO_EADDRNOTAVAIL",
    "ERRNO_ENOTSOCK",
    "ERRNO_RETRIES",
    "USE_MSG_WAITALL",
    "SocketConnection",
    "bind_unused_port",
    "create_bc_socket",
    "create_socket",
    "family_str",
    "find_probably_unused_port",
    "get_interface",
    "get_ip_address",
    "get_ssl_context",
    "interrupt_socket",
    "receive_data",
    "send_data",
    "set_keepalive",
    "set_nodelay",
    "set_noinherit",
    "set_reuseaddr",
]
