"""The address of a remote object: parsed, printed and compared.

A URI reads ``protocol:object@location``::

    PYRO:calculator@server.example:50002      an object, and where it is
    PYRO:calculator@[::1]:50002               the same over IPv6
    PYRO:calculator@./u:/run/calculator.sock  the same over a Unix domain socket
    PYRONAME:my.calculator                    a name, to be looked up
    PYRONAME:my.calculator@server.example     ... in the name server over there
    PYROMETA:printer,colour                   any object that has all these tags

This module only reads and writes the text. Looking up names needs a connection and belongs to the
client.

Source: the grammar and its odd corners are Pyro5's (``Pyro5.core.URI``), measured.
"""

import builtins
import re
from typing import Any

from pyrolike._remembering import Remembered
from pyrolike.configure import config
from pyrolike.errors import PyroError

PROTOCOLS = ("PYRO", "PYRONAME", "PYROMETA")
UNIX_PREFIX = "./u:"
"""How a location begins that is a Unix domain socket."""

URIState = tuple[str, str | set[str], str | None, str | None, int | None]
"""Protocol, object, socket name, host, port: the same five on the wire and in a pickle."""

_HELP = "expected PYRO:object@host:port, PYRONAME:name[@host[:port]] or PYROMETA:tag,tag[@host]"

# What follows the port is ignored, and "[::1]" alone means the default port, as in Pyro.
_IPV6 = r"\[(?P<host>[0-9a-f:%]+)\](?::(?P<port>\d+))?"


class URI:
    """The address of a remote object.

    Attributes:
        protocol: ``"PYRO"``, ``"PYRONAME"`` or ``"PYROMETA"``.
        object: The object's id or name; for PYROMETA a set of tags.
        sockname: Path of the Unix domain socket, or ``None``.
        host: Host name or address (IPv6 without brackets), or ``None``.
        port: TCP port, or ``None``.

    The attributes may be changed. A URI that is in a set or the key of a dictionary should then be
    left alone, for its hash changes with it.
    """

    # Declared here without types: `object: str` in a class body would hide the builtin below.
    __slots__ = ("__weakref__", "host", "object", "port", "protocol", "sockname")

    def __init__(self, uri: "str | URI") -> None:
        """Parse a text, or copy a URI.

        Args:
            uri: The text (the protocol in any case), or another URI.

        Raises:
            PyroError: The text is no URI; the message says why.
            TypeError: It is neither text nor a URI.
        """
        if isinstance(uri, str):
            state = _parsed.get(uri) or _parse(uri)
        elif isinstance(uri, URI):
            state = uri.__getstate__()
        else:
            raise TypeError(f"expected a str or a URI, got {type(uri).__name__}")
        self.protocol, thing, self.sockname, self.host, self.port = state
        # Always a new set: two URIs must not share one.
        self.object = set(thing) if isinstance(thing, set) else thing

    @property
    def location(self) -> str | None:
        """Where to connect: ``host:port``, ``[v6]:port``, ``./u:name``, or ``None`` if unsaid."""
        if self.host:
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{host}:{self.port}"
        return UNIX_PREFIX + self.sockname if self.sockname else None

    @staticmethod
    def isUnixsockLocation(location: str) -> bool:
        """Tell if a location is a Unix domain socket."""
        return location.startswith(UNIX_PREFIX)

    def asString(self) -> str:  # noqa: N802 - Pyro4's name for str(uri)
        """Return the URI as text, the same as ``str(uri)``."""
        # Tags are sorted so that equal URIs print equally; their order means nothing.
        thing = ",".join(sorted(self.object)) if isinstance(self.object, set) else self.object
        location = self.location
        return f"{self.protocol}:{thing}@{location}" if location else f"{self.protocol}:{thing}"

    def __str__(self) -> str:
        return self.asString()

    def __repr__(self) -> str:
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} at 0x{id(self):x}; {self}>"

    def __eq__(self, other: builtins.object) -> bool:
        if not isinstance(other, URI):
            return NotImplemented
        return self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        thing = frozenset(self.object) if isinstance(self.object, set) else self.object
        return hash((self.protocol, thing, self.sockname, self.host, self.port))

    def __getstate__(self) -> URIState:
        return self.protocol, self.object, self.sockname, self.host, self.port

    def __setstate__(self, state: Any) -> None:
        """Become the URI that another one's state describes.

        Args:
            state: The five items of :data:`URIState`. It may come from a peer, so anything else is
                refused; serializers that know no sets or tuples hand us lists.

        Raises:
            TypeError: An item has the wrong type.
            ValueError: There are more or fewer items, or the protocol is unknown.
        """
        protocol, thing, sockname, host, port = state
        if protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol in the state of a URI: {protocol!r}")
        self.protocol = protocol
        self.object = (
            {_expect(str, tag) for tag in thing} if protocol == "PYROMETA" else _expect(str, thing)
        )
        self.sockname = _expect(str, sockname, none=True)
        self.host = _expect(str, host, none=True)
        self.port = _expect(int, port, none=True)


def _expect(cls: type, value: Any, *, none: bool = False) -> Any:
    if isinstance(value, cls) or (none and value is None):
        return value
    raise TypeError(f"expected {cls.__name__} in the state of a URI, not {type(value).__name__}")


LONGEST_KEPT = 200
"""Characters of a text whose parts are kept: it may come from strangers."""

# Programs make proxies of the same few texts again and again.
_parsed: Remembered[str, URIState] = Remembered(100)


def _parse(text: str) -> URIState:
    protocol, thing, location = _split(text)
    sockname, host, port = _parse_location(text, protocol, location)
    if protocol == "PYROMETA":
        return protocol, {tag.strip() for tag in thing.split(",")}, sockname, host, port
    state = protocol, thing, sockname, host, port
    if protocol == "PYRO" and len(text) <= LONGEST_KEPT:  # others may depend on a setting
        _parsed.keep(text, state)
    return state


def _split(text: str) -> tuple[str, str, str]:
    """Return protocol, object, and location (empty if there is none).

    Name servers parse what strangers send, so this takes one look at each character; a regular
    expression for the same rules needs quadratic time for a line of "@".
    """
    # A newline at the end, as read from a file, has always been allowed.
    protocol, _, rest = text.removesuffix("\n").partition(":")
    protocol = protocol.upper()
    if protocol not in PROTOCOLS:
        raise _invalid(text, _HELP)
    # The object ends at the first "@" with something behind it: a location may contain "@", an
    # object may only end in one.
    end = rest.find("@", 1)
    thing, location = (rest, "") if end in (-1, len(rest) - 1) else (rest[:end], rest[end + 1 :])
    if thing.split() != [thing]:
        raise _invalid(text, "the object must not be empty nor contain blanks")
    if "\n" in location:
        raise _invalid(text, "it must be a single line")
    return protocol, thing, location


def _parse_location(
    text: str, protocol: str, location: str
) -> tuple[str | None, str | None, int | None]:
    """Return socket name, host and port, each ``None`` where it does not apply."""
    if not location:
        if protocol == "PYRO":
            raise _invalid(text, "a PYRO uri needs a location behind the object: @host:port")
        return None, None, None
    if URI.isUnixsockLocation(location):
        return _parse_sockname(text, location), None, None
    host, port = _parse_ipv6(text, location) if location[0] == "[" else _split_port(location)
    if port:
        return None, host, _parse_port(text, port)
    if protocol == "PYRO":
        raise _invalid(text, "a PYRO uri needs a port behind the host: @host:port")
    return None, host, config.NS_PORT


def _parse_sockname(text: str, location: str) -> str:
    sockname = location.removeprefix(UNIX_PREFIX)
    if not sockname or ":" in sockname:
        raise _invalid(
            text, f"{UNIX_PREFIX} must be followed by the path of a socket, without a ':'"
        )
    return sockname


def _parse_ipv6(text: str, location: str) -> tuple[str, str | None]:
    if location.startswith("[["):
        raise _invalid(text, "an IPv6 address is written in one pair of brackets: [::1]:port")
    match = re.match(_IPV6, location, re.IGNORECASE)
    if match is None:
        raise _invalid(text, "between [ and ] stands a numeric IPv6 address, such as [::1]:port")
    return match["host"], match["port"]


def _split_port(location: str) -> tuple[str, str]:
    host, _, port = location.partition(":")
    return host, port


def _parse_port(text: str, port: str) -> int:
    try:
        return int(port)
    except ValueError:
        hint = "; an IPv6 address is written in brackets: [::1]:port" if ":" in port else ""
        raise _invalid(text, f"the port must be a number, not {port!r}{hint}") from None


def _invalid(text: str, reason: str) -> PyroError:
    shown = text if len(text) <= 200 else text[:200] + "..."
    return PyroError(f"invalid uri {shown!r}: {reason}")
