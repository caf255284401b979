"""From host names to addresses, and which of this machine's addresses to use.

Nothing here opens a connection or sends anything, except what the resolver does to look up a name.

Source: api.md A9; servers.md 8.
"""

from __future__ import annotations

import contextlib
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pyrolike.configure import config

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

IPAddress: TypeAlias = "IPv4Address | IPv6Address"
Host: TypeAlias = "str | IPv4Address | IPv6Address"

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
"""What a TCP socket is bound or connected to; the long form is IPv6's."""

_FAMILIES = {
    0: socket.AF_UNSPEC,
    4: socket.AF_INET,
    6: socket.AF_INET6,
}

# Any address that is certainly not ours does, for nothing is sent to it. This one is Pyro's choice.
_OUTSIDE = "4.2.2.2"
_OUTSIDE_PORT = 9  # "discard"


def get_ip_address(
    hostname: Host | None, workaround127: bool = False, version: int | None = None
) -> IPAddress:
    """Return the address of a host: the first one that the resolver gives.

    Args:
        hostname: A name or an address, which is returned as it is. Empty or None is this machine.
        workaround127: If the result is a loopback address, which others cannot reach, return the
            address of the interface to the outside instead; without a network it stays loopback.
        version: 4 or 6 to insist on that kind, 0 to take what comes first; None is the setting
            PREFER_IP_VERSION.

    Raises:
        ValueError: There is no such version.
        OSError: The name is unknown, or has no address of that version.
    """
    version = config.PREFER_IP_VERSION if version is None else version
    found = _numeric(hostname) or _resolve_first(str(hostname or socket.gethostname()), version)
    if workaround127 and found.is_loopback:
        try:
            return get_interface(_OUTSIDE).ip
        except OSError:
            return found
    return found


def get_interface(ip_address: Host) -> IPv4Interface | IPv6Interface:
    """Return the address of the interface of this machine that reaches *ip_address*.

    Nothing is sent: only the system's routes are asked.

    Raises:
        OSError: There is no route.
        ValueError: *ip_address* is not an address.
    """
    import ipaddress

    target = ipaddress.ip_address(ip_address)
    family = socket.AF_INET if target.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(target), _OUTSIDE_PORT))
        return ipaddress.ip_interface(probe.getsockname()[0])


def resolve_tcp(
    host: Host, port: int, ip_version: int = 0
) -> list[tuple[socket.AddressFamily, SocketAddress]]:
    """Return all addresses of *host* for TCP, in the order in which they should be tried.

    Args:
        host: A name or an address; an address keeps its own family whatever *ip_version* says.
        port: Between 0 and 65535.
        ip_version: 4 or 6 to insist on that kind, 0 for what the system prefers.

    Raises:
        TypeError: The port is no whole number.
        ValueError: There is no such version, or no such port.
        OSError: The name is unknown, or has no address of that version.
    """
    given: Any = port
    if not isinstance(given, int):
        raise TypeError(f"a port is a whole number, not {given!r}")
    if not 0 <= port <= 65535:
        # The resolver of some systems would silently take the port modulo 65536.
        raise ValueError(f"a port is between 0 and 65535, not {port}")
    if _is_ipv4(str(host)):
        return [(socket.AF_INET, (str(host), port))]  # there is nothing to look up
    family = socket.AF_UNSPEC
    if ip_version and not _numeric(host):
        family = _family(ip_version)
    found = socket.getaddrinfo(str(host), port, family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # The stubs think of systems whose Python cannot do IPv6.
    return [(family, cast(SocketAddress, address)) for family, _, _, _, address in found]


def location_str(host: str, port: int) -> str:
    """Return host and port as a URI has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_number(host: str) -> IPAddress | None:
    """Return the address that a host is, if it is a number in any of the ways to write one.

    The system takes many: ``127.1`` and ``0x7f000001`` are 127.0.0.1, and so is
    ``::ffff:127.0.0.1``. Whoever judges a host must know what it will be taken for.

    Args:
        host: What a stranger has sent; an IPv6 address without brackets.
    """
    import ipaddress

    address = _numeric(host)
    if address is None:
        with contextlib.suppress(OSError, ValueError):
            address = ipaddress.IPv4Address(socket.inet_aton(host))
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=100)  # of many connections the hosts are few
def _is_ipv4(host: str) -> bool:
    """Whether *host* is an address as it is usually written."""
    try:
        return bool(socket.inet_pton(socket.AF_INET, host))
    except (OSError, ValueError):
        return False


def _numeric(host: Host | None) -> IPAddress | None:
    import ipaddress

    try:
        return ipaddress.ip_address(host or "")
    except ValueError:
        return None


def _resolve_first(name: str, version: int) -> IPAddress:
    import ipaddress

    _, address = resolve_tcp(name, 0, version)[0]
    return ipaddress.ip_address(address[0])


def _family(ip_version: int) -> socket.AddressFamily:
    try:
        return _FAMILIES[ip_version]
    except KeyError:
        raise ValueError(f"an IP version is 4, 6 or 0 for either, not {ip_version!r}") from None
