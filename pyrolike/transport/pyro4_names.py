"""The socket helpers of Pyro4's ``socketutil``, under its names.

Addresses are texts here, where Pyro5 and the functions of `address` have objects. What differs in
nothing but its name is that function itself. Source: the API page of the reference, B8.
"""

from __future__ import annotations

from .address import Host, get_interface, get_ip_address
from .classic import (
    bind_unused_port,
    create_bc_socket,
    create_socket,
    find_probably_unused_port,
    interrupt_socket,
)
from .sockets import (
    receive_data,
    send_data,
    set_keepalive,
    set_nodelay,
    set_noinherit,
    set_reuseaddr,
)
from .tls import get_ssl_context

createSocket = create_socket
createBroadcastSocket = create_bc_socket
receiveData = receive_data
sendData = send_data
setReuseAddr = set_reuseaddr
setNoDelay = set_nodelay
setKeepalive = set_keepalive
setNoInherit = set_noinherit
findProbablyUnusedPort = find_probably_unused_port
bindOnUnusedPort = bind_unused_port
interruptSocket = interrupt_socket
getSSLcontext = get_ssl_context


def getIpVersion(hostnameOrAddress: Host | None) -> int:
    """Return the version of a host's address: 4 or 6.

    Args:
        hostnameOrAddress: As for `get_ip_address`.

    Raises:
        OSError: The name is unknown.
    """
    return get_ip_address(hostnameOrAddress).version


def getIpAddress(
    hostname: Host | None, workaround127: bool = False, ipVersion: int | None = None
) -> str:
    """Return the address of a host as text; otherwise as `get_ip_address`."""
    return str(get_ip_address(hostname, workaround127, ipVersion))


def getInterfaceAddress(ip_address: Host) -> str:
    """Return, as text, the address of this machine's interface that reaches *ip_address*.

    Raises:
        OSError: There is no route, or the name is unknown.
    """
    return str(get_interface(get_ip_address(ip_address)).ip)
