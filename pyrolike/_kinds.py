"""What values a setting accepts, how they are checked, and how the environment spells them.

A :class:`Kind` is the rule for one sort of value. Its check takes what a program assigns and
returns the form that is stored; it raises ValueError or TypeError without a text, for the caller
knows the name of the setting and makes the sentence. Containers are copied on the way, so that
nobody shares them by accident.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pyrolike.constants import PROTOCOL_VERSION, PYRO4_PROTOCOL_VERSION

DEFAULT_MESSAGE_SIZE = 1024 * 1024 * 1024
"""Pyro5's limit for a message, in bytes."""

# Of IPv6 what a URI takes, too.
_HOST = re.compile(
    r"(\[(?P<bracketed>[0-9a-f:%]+)\]|(?P<name>[^\s:\[\]]+))(:(?P<port>[0-9]{1,5}))?"
    r"|(?P<ipv6>[0-9a-f%]*:[0-9a-f%]*:[0-9a-f:%]*)",
    re.IGNORECASE,
)

_BOOL_WORDS = {
    **dict.fromkeys(("0", "off", "no", "false"), False),
    **dict.fromkeys(("1", "on", "yes", "true"), True),
}


class Kind(NamedTuple):
    """The rule for one sort of value.

    Attributes:
        expected: The rule in words, for error messages.
        check: Returns a value in its stored form, or raises ValueError or TypeError.
        parse: Turns the text of an environment variable into something for *check*; may raise
            ValueError.
    """

    expected: str
    check: Callable[[Any], Any]
    parse: Callable[[str], Any] = str


def _parse_bool(text: str) -> bool | str:
    return _BOOL_WORDS.get(text.strip().lower(), text)


def _check_bool(value: Any) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise ValueError


def _check_tracebacks(value: Any) -> bool | str:
    return "known" if value == "known" else _check_bool(value)


def _whole(low: int, high: float = math.inf) -> Callable[[Any], int]:
    """Return a check for whole numbers from *low* to *high*."""

    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError

    return check


def _check_message_size(value: Any) -> int:
    # Zero once meant "unlimited" to Pyro4 and "nothing fits" to Pyro5. Neither is worth having.
    return _whole(0)(value) or DEFAULT_MESSAGE_SIZE


def _check_seconds(value: Any) -> float:
    if value is None:  # "no time limit", as sockets and proxies spell it
        return 0.0
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise ValueError


def _check_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError


def _check_optional_text(value: Any) -> str | None:
    # An environment variable cannot say None; empty is as close as it gets.
    return None if value is None else _check_text(value) or None


def _one_of(*choices: object) -> Callable[[Any], Any]:
    """Return a check for a closed list of values."""

    def check(value: Any) -> Any:
        if value in choices and not isinstance(value, bool):
            return value
        raise ValueError

    return check


def _check_names(value: Any) -> set[str]:
    parts: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    return {name for part in parts if (name := _check_text(part).strip())}


def _check_protocols(value: Any) -> set[int]:
    """Return versions of the wire protocol, given in a set or in a text with commas."""
    parts: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    versions = {int(part) if isinstance(part, str) else part for part in parts}
    if not versions or not versions <= {PROTOCOL_VERSION, PYRO4_PROTOCOL_VERSION}:
        raise ValueError
    return versions


def check_addresses(value: Any) -> list[str]:
    """Return host addresses, given in a list or, as Pyro4 does it, in a text with commas.

    Two single quotes written out stand for the empty address.

    Raises:
        TypeError: It is neither, or an element is not a text.
    """
    parts: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    addresses = [address for part in parts if (address := _check_text(part).strip())]
    return ["" if address == "''" else address for address in addresses]


def split_hosts(text: str) -> list[tuple[str, int | None]]:
    """Return the hosts of a text with commas, each with its port or None.

    A host is a name, an address (IPv6 in brackets if a port follows) or ``./u:`` and the path of a
    Unix socket.

    Raises:
        ValueError: One of them is none.
    """
    return [_split_host(part) for part in map(str.strip, text.split(",")) if part]


def _split_host(text: str) -> tuple[str, int | None]:
    if text.startswith("./u:"):
        return text, None
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError
    host = match["bracketed"] or match["ipv6"] or match["name"]
    return host, _whole(1, 65535)(int(match["port"])) if match["port"] else None


def _check_hosts(value: Any) -> str:
    split_hosts(_check_text(value))
    return str(value)


BOOL = Kind("true or false (or 1, on, yes, 0, off, no)", _check_bool, _parse_bool)
TRACEBACKS = Kind("'known', true or false", _check_tracebacks, _parse_bool)
COUNT = Kind("a whole number, 0 or more", _whole(0), int)
POSITIVE = Kind("a whole number, 1 or more", _whole(1), int)
PORT = Kind("a port number from 0 to 65535", _whole(0, 65535), int)
PICKLING = Kind("a whole number, -1 or more", _whole(-1), int)
IP_VERSION = Kind("4, 6, or 0 for the system's choice", _one_of(0, 4, 6), int)
MESSAGE_SIZE = Kind("a number of bytes, or 0 for the default", _check_message_size, int)
SECONDS = Kind("a number of seconds, 0 or more", _check_seconds, float)
TEXT = Kind("a text", _check_text)
OPTIONAL_TEXT = Kind("a text or None", _check_optional_text)
SERVER_TYPE = Kind("'thread' or 'multiplex'", _one_of("thread", "multiplex"))
NAMES = Kind("names, in a set or separated by commas", _check_names)
PROTOCOLS = Kind("502, 48 or both, in a set or separated by commas", _check_protocols)
HOSTS = Kind("hosts, each alone or as host:port, separated by commas", _check_hosts)
ADDRESSES = Kind("addresses, in a list or separated by commas", check_addresses)
