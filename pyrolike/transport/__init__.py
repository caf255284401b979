"""The only floor that knows sockets: addresses, connecting, listening, moving bytes.

Above it nobody makes a socket or sees the `OSError` of a connection; below it nobody knows that
sockets exist.
"""

from .address import get_interface, get_ip_address, location_str
from .classic import (
    bind_unused_port,
    create_bc_socket,
    create_socket,
    find_probably_unused_port,
    interrupt_socket,
)
from .connection import CHUNK, JOINABLE, SocketConnection
from .faults import transfer_fault
from .sockets import (
    connect_socket,
    family_str,
    listen_socket,
    listen_unix_socket,
    receive_data,
    send_data,
    set_keepalive,
    set_nodelay,
    set_noinherit,
    set_reuseaddr,
    wait_readable,
)

__all__ = [
    "CHUNK",
    "JOINABLE",
    "SocketConnection",
    "bind_unused_port",
    "connect_socket",
    "create_bc_socket",
    "create_socket",
    "family_str",
    "find_probably_unused_port",
    "get_interface",
    "get_ip_address",
    "interrupt_socket",
    "listen_socket",
    "listen_unix_socket",
    "location_str",
    "receive_data",
    "send_data",
    "set_keepalive",
    "set_nodelay",
    "set_noinherit",
    "set_reuseaddr",
    "transfer_fault",
    "wait_readable",
]
