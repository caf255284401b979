"""What may be registered: the form of names, uris and tags, and how long they may be.

Pyro takes any text of any length. A name then breaks the lines of a listing, or is one that no
serializer and no database can hold, or is a hundred megabytes by mistake; whoever lists the names
afterwards suffers from it. The limits are far above what people use.

A wrong type is a TypeError, as in Pyro, and everything else a NamingError.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyrolike.errors import NamingError
from pyrolike.uri import URI

LONGEST_NAME = 1000
"""Characters in a name, and in a tag."""

LONGEST_URI = 4000
"""Characters in a uri: a logical one may hold several tags."""

MOST_TAGS = 1000
"""Tags of one registration."""

_SHOWN = 100
_CONTROL = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))


RESERVED = "__class__"
"""No name: a listing is a dictionary, and one with this key cannot be read by any client."""


def check_name(name: object) -> None:
    """Raise an error unless something may be registered under *name*."""
    text = check_text("name", name)
    _check_form("name", text, LONGEST_NAME)
    if text == RESERVED:
        raise NamingError(f"{RESERVED} cannot be a name; nobody could list the names any more")


def check_uri(uri: URI | str) -> str:
    """Return the text to keep: of a str, exactly that, provided that it can be parsed.

    Raises:
        TypeError: It is neither text nor a URI.
        PyroError: It is not a uri.
        NamingError: It is too long, or has characters that no uri has.
    """
    if not isinstance(uri, URI | str):
        raise TypeError(f"only URIs or strings can be registered, not {type(uri).__name__}")
    text = str(uri)
    _check_form("uri", text, LONGEST_URI)
    URI(text)  # the attributes of a URI are anybody's: whoever looks it up has to parse the text
    return text


def check_tags(argument: str, value: Iterable[str] | None) -> frozenset[str]:
    """Return the tags that the caller gave for *argument*, to be kept; none for None.

    Raises:
        TypeError: It is a lone str, or no collection of str.
        NamingError: There are too many, or one is too long.
    """
    tags = check_wanted_tags(argument, value)
    for tag in tags:
        _check_form(f"each tag in {argument}", tag, LONGEST_NAME)
    return tags


def check_wanted_tags(argument: str, value: Iterable[str] | None) -> frozenset[str]:
    """Return the tags that the caller looks for. One that nothing can have is merely not found.

    Raises:
        TypeError: It is a lone str, or no collection of str.
        NamingError: There are too many.
    """
    if isinstance(value, str):
        raise TypeError(f"{argument} should not be a str, but another iterable (set, list, etc)")
    tags = frozenset(value or ())
    if len(tags) > MOST_TAGS:
        raise NamingError(f"{argument} has {len(tags)} tags; at most {MOST_TAGS} are allowed")
    for tag in tags:
        check_text(f"each tag in {argument}", tag)
    return tags


def check_text(argument: str, value: object) -> str:
    """Return *value*, which must be a str."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}")
    return value


def shown(name: str) -> str:
    """Return a name as an error may contain it: one that nobody would register is shortened."""
    rest = "..." if len(name) > _SHOWN else ""
    return name if not rest and _is_clean(name) else ascii(name[:_SHOWN]) + rest


def _check_form(argument: str, text: str, longest: int) -> None:
    if not text:
        raise NamingError(f"{argument} is empty")
    if len(text) > longest:
        raise NamingError(
            f"{argument} has {len(text)} characters; at most {longest} are allowed: {shown(text)}"
        )
    if not _is_clean(text):
        raise NamingError(
            f"{argument} has control characters or halves of surrogate pairs: {text[:_SHOWN]!a}"
        )


def _is_clean(text: str) -> bool:
    """Tell if all characters can be printed on one line and written as UTF-8."""
    return _CONTROL.isdisjoint(text) and not any("\ud800" <= char <= "\udfff" for char in text)
