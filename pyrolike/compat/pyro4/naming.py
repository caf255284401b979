"""The module ``Pyro4.naming``: finding and running name servers, with Pyro4's arguments.

The one thing that has another name here is the key with which messages are signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike.client.locating import resolve_uri
from pyrolike.naming import (
    AutoCleaner,
    BroadcastServer,
    MemoryStorage,
    NameServer,
    NameServerDaemon,
    locate_ns,
    start_ns,
    start_ns_loop,
    type_meta,
)
from pyrolike.naming.cli import main
from pyrolike.protocol import key_bytes
from pyrolike.uri import URI

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from pyrolike.client import Proxy

__all__ = [
    "AutoCleaner",
    "BroadcastServer",
    "MemoryStorage",
    "NameServer",
    "NameServerDaemon",
    "locateNS",
    "main",
    "resolve",
    "startNS",
    "startNSloop",
    "type_meta",
]


def locateNS(
    host: str | IPv4Address | IPv6Address | None = None,
    port: int | None = None,
    broadcast: bool = True,
    hmac_key: str | bytes | None = None,
) -> Proxy:
    """Find a name server and return a connected proxy for it; see `pyrolike.locate_ns`.

    Args:
        host: As for `pyrolike.locate_ns`, like *port* and *broadcast*.
        port: See there.
        broadcast: See there.
        hmac_key: The key of the name server.

    Raises:
        NamingError: None was found that has this key.
    """
    return locate_ns(host, port, broadcast, hmac_key=hmac_key)


def resolve(uri: str | URI, hmac_key: str | bytes | None = None) -> URI:
    """Return the uri of an object itself, given its name or its tags; see `pyrolike.resolve`.

    Args:
        uri: See there.
        hmac_key: The key of the name server.

    Raises:
        NamingError: See there.
    """
    return resolve_uri(URI(uri), hmac_key=key_bytes(hmac_key))


def startNS(
    host: str | None = None,
    port: int | None = None,
    enableBroadcast: bool = True,
    bchost: str | None = None,
    bcport: int | None = None,
    unixsocket: str | None = None,
    nathost: str | None = None,
    natport: int | None = None,
    storage: Any = None,
    hmac: str | bytes | None = None,
) -> tuple[URI, NameServerDaemon, BroadcastServer | None]:
    """Make a name server, without serving it yet; see `pyrolike.start_ns`.

    Args:
        host: As for `pyrolike.start_ns`, like all others but the last.
        port: See there.
        enableBroadcast: See there.
        bchost: See there.
        bcport: See there.
        unixsocket: See there.
        nathost: See there.
        natport: See there.
        storage: See there.
        hmac: The key with which its messages are signed, and those of its clients must be.
    """
    where = host, port, enableBroadcast, bchost, bcport, unixsocket, nathost, natport
    return start_ns(*where, storage, hmac_key=hmac)


def startNSloop(
    host: str | None = None,
    port: int | None = None,
    enableBroadcast: bool = True,
    bchost: str | None = None,
    bcport: int | None = None,
    unixsocket: str | None = None,
    nathost: str | None = None,
    natport: int | None = None,
    storage: Any = None,
    hmac: str | bytes | None = None,
) -> None:
    """Make a name server, print where it is, and serve it until it is told to end.

    See `pyrolike.start_ns_loop`, and for the arguments `startNS`.
    """
    where = host, port, enableBroadcast, bchost, bcport, unixsocket, nathost, natport
    start_ns_loop(*where, storage, hmac_key=hmac)
