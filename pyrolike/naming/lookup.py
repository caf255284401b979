"""Find a name server, and what its names mean: the functions a client program calls.

Finding and resolving themselves belong to `pyrolike.client.locating`, because a proxy with a
logical uri needs them. Here the results become proxies, and Pyro's functions get their names.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pyrolike.client import Proxy
from pyrolike.client.locating import locate_uri, patiently, resolve_uri
from pyrolike.configure import config
from pyrolike.errors import CommunicationError, NamingError
from pyrolike.protocol import key_bytes
from pyrolike.uri import URI


def locate_ns(
    host: str | IPv4Address | IPv6Address | None = "",
    port: int | None = None,
    broadcast: bool = True,
    *,
    hmac_key: bytes | str | None = None,
) -> Proxy:
    """Find a name server and return a connected proxy for it.

    Args:
        host: Where it is: a host name or address, or ``./u:`` and the path of a Unix socket. Empty
            or None tries the hosts of ``config.NS_HOST``, then a broadcast.
        port: Its port; None means ``config.NS_PORT``. Without a host it is, as in Pyro, the port of
            the broadcast too, for ``config.NS_BCPORT``; and if nothing is found there,
            ``config.NS_PORT`` is tried as well.
        broadcast: Whether to ask the network, by UDP and at ``config.BROADCAST_ADDRS``, when no
            host is given and none of ``config.NS_HOST`` answers. Who answers has to prove to be a
            name server; but anybody in the network can run one. An empty list never asks.
        hmac_key: The key of a name server whose messages are signed, which is one that speaks
            Pyro4's protocol; the proxy gets it too. A str is taken as UTF-8.

    Raises:
        NamingError: None was found; the text says what was tried, and the cause why the first
            place did not do.
        TypeError, ValueError: *hmac_key* is no key.
    """
    key = key_bytes(hmac_key)
    uri = locate_uri(host or "", port, broadcast, hmac_key=key)
    proxy = Proxy(uri)
    proxy._pyroHmacKey = key
    try:
        proxy._pyroBind()
    except CommunicationError as error:
        raise NamingError(f"the name server at {uri.location} has just gone: {error}") from error
    return proxy


locateNS = locate_ns


def resolve(uri: str | URI, delay_time: float = 0.0) -> URI:
    """Return the uri of an object itself, given its name or its tags.

    Args:
        uri: PYRO: comes back as it is. PYRONAME: is looked up. PYROMETA: one of the objects that
            have all the tags is chosen at random.
        delay_time: The longest wait, in seconds, for the name to appear, and for the name server if
            that is not there; 0 means ``config.NS_LOOKUP_DELAY``.

    Raises:
        TypeError: *uri* is neither text nor a URI.
        NamingError: The name is unknown, nothing has the tags, or there is no name server.
    """
    return resolve_uri(URI(uri), delay_time)


def lookup(
    nameserver: Any, name: str, return_metadata: bool = False, delay_time: float = 0.0
) -> Any:
    """Ask a name server for a name, and wait for it to appear if that is wanted.

    Args:
        nameserver: A proxy for a name server, or a NameServer of this process.
        name: The name.
        return_metadata: True gives a tuple of the uri and its tags.
        delay_time: The longest wait, in seconds; 0 means ``config.NS_LOOKUP_DELAY``. If that is 0
            too, the name server is asked exactly once.

    Raises:
        NamingError: The name is still unknown.
        CommunicationError: The name server never answered.
    """
    return patiently(
        lambda: nameserver.lookup(name, return_metadata=return_metadata),
        delay_time or config.NS_LOOKUP_DELAY,
    )


def yplookup(
    nameserver: Any,
    meta_all: Iterable[str] | None = None,
    meta_any: Iterable[str] | None = None,
    return_metadata: bool = True,
    delay_time: float = 0.0,
) -> Any:
    """Ask a name server for tags, and wait for something to have them if that is wanted.

    Args:
        nameserver: As for `lookup`.
        meta_all: Tags of which an entry must have every one.
        meta_any: Tags of which an entry must have one.
        return_metadata: False leaves the tags out of the result.
        delay_time: As for `lookup`.

    Returns:
        Name -> tuple of uri text and tags, or name -> uri text; empty if nothing came in time.
    """

    def ask() -> Any:
        found = nameserver.yplookup(meta_all, meta_any, return_metadata=return_metadata)
        if not found:
            raise _NothingYet
        return found

    try:
        return patiently(ask, delay_time or config.NS_LOOKUP_DELAY)
    except _NothingYet:
        return {}


class _NothingYet(NamingError):
    """Nothing has the tags: for the yellow pages an answer, while waiting a reason to ask again."""


def type_meta(class_or_object: object, prefix: str = "class:") -> set[str]:
    """Return tags that tell what an object is, for registering it with them.

    Args:
        class_or_object: A class, or an object whose class is meant.
        prefix: Put in front of each name.

    Returns:
        One tag for the class and each of its bases, builtins left out: ``class:shop.Printer``.
    """
    clazz = class_or_object if isinstance(class_or_object, type) else type(class_or_object)
    return {
        f"{prefix}{base.__module__}.{base.__name__}"
        for base in clazz.__mro__
        if base.__module__ != "builtins"
    }
