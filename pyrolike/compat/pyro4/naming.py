"""The module ``Pyro4.naming``: finding and running name servers, with Pyro4's arguments.

The one thing that is not ours under another name is the key with which messages are signed.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pyrolike.client import Proxy
from pyrolike.client.locating import resolve_uri
from pyrolike.client.searching import find_name_server
from pyrolike.errors import CommunicationError, NamingError
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
from pyrolike.naming.daemon import introduction
from pyrolike.protocol import key_bytes
from pyrolike.server.signals import until_terminated
from pyrolike.uri import URI

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

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
    if hmac_key is None:
        return locate_ns(host or "", port, broadcast)
    key = key_bytes(hmac_key)
    line = find_name_server(host or "", port, broadcast=broadcast, hmac_key=key)
    line.close()
    proxy = Proxy(line.uri)
    proxy._pyroHmacKey = key
    try:
        proxy._pyroBind()
    except CommunicationError as error:
        raise NamingError(
            f"the name server at {line.uri.location} has just gone: {error}"
        ) from error
    return proxy


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
    uri, daemon, broadcaster = start_ns(
        host, port, enableBroadcast, bchost, bcport, unixsocket, nathost, natport, storage
    )
    if hmac is not None:
        try:
            daemon._pyroHmacKey = hmac
        except BaseException:
            daemon.close()
            raise
    return uri, daemon, broadcaster


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
    wishes = (
        host, port, enableBroadcast, bchost, bcport, unixsocket, nathost, natport, storage,
    )  # fmt: skip
    if hmac is None:
        start_ns_loop(*wishes)
        return
    _, daemon, broadcaster = startNS(*wishes, hmac=hmac)
    with daemon, ExitStack() as closing:
        if broadcaster is not None:
            closing.callback(broadcaster.close)
            broadcaster.runInThread()
        with until_terminated(daemon) as condition:
            for line in introduction(daemon, broadcaster, enableBroadcast):
                print(line, flush=True)
            daemon.requestLoop(condition)
    print("NS shut down.", flush=True)
