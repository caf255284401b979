"""The module ``Pyro4.naming``: finding and running name servers, with Pyro4's arguments.

The one thing that is not ours under another name is the key with which messages are signed.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pyrolike.client import Proxy
from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import CommunicationError, NamingError, PyroError
from pyrolike.naming import (
    AutoCleaner,
    BroadcastServer,
    MemoryStorage,
    NameServer,
    NameServerDaemon,
    locate_ns,
    resolve as resolve_plainly,
    start_ns,
    start_ns_loop,
    type_meta,
)
from pyrolike.naming.cli import main
from pyrolike.naming.daemon import introduction
from pyrolike.server.signals import until_terminated
from pyrolike.transport import location_str
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
        hmac_key: The key of the name server. With a key nothing is looked for: without *host* it is
            ``config.NS_HOST``.

    Raises:
        NamingError: None was found.
    """
    if hmac_key is None:
        return locate_ns(host or "", port, broadcast)
    place = str(host or config.NS_HOST)
    if not URI.isUnixsockLocation(place):
        place = location_str(place, port or config.NS_PORT)
    proxy = Proxy(f"PYRO:{NAMESERVER_NAME}@{place}")
    set_key(proxy, hmac_key)
    try:
        proxy._pyroBind()
    except CommunicationError as error:
        raise NamingError(f"failed to locate the name server at {place}: {error}") from error
    return proxy


def resolve(uri: str | URI, hmac_key: str | bytes | None = None) -> URI:
    """Return the uri of an object itself, given its name or its tags; see `pyrolike.resolve`.

    Args:
        uri: See there.
        hmac_key: The key of the name server.

    Raises:
        NamingError: See there.
    """
    uri = URI(uri)
    if hmac_key is None or uri.protocol == "PYRO":
        return resolve_plainly(uri)
    host = uri.location if uri.sockname else uri.host
    with locateNS(host, uri.port, hmac_key=hmac_key) as name_server:
        if uri.protocol == "PYRONAME":
            return URI(name_server.lookup(uri.object))
        found = name_server.list(metadata_all=list(uri.object), return_metadata=False)
    if not found:
        raise NamingError(f"nothing is registered with all of the tags in {uri}")
    return URI(random.choice(list(found.values())))


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
            set_key(daemon, hmac)
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


def set_key(target: Any, key: str | bytes) -> None:
    """Give a proxy or daemon the key that signs its messages.

    Raises:
        PyroError: It cannot sign. Nothing is done then as if it could.
    """
    if not hasattr(type(target), "_pyroHmacKey"):
        raise PyroError("this version of pyrolike signs no messages; use TLS, or leave out the key")
    target._pyroHmacKey = key
