"""Plain values to serpent text, byte for byte as the serpent library writes them.

A container of plain values differs from its ``repr`` only in the spaces behind commas and colons.
So that is what we take, provided that everything inside is of an exact builtin type (which
``marshal`` finds out fastest: it refuses all others) and that its text has no special form. What has
one, or is not plain, goes the long way, item by item.
"""

from __future__ import annotations

import marshal
import numbers
import re
from base64 import b64encode
from enum import Enum
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from .serpent_text import GAP, MAX_DEPTH, is_deeper, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Their text is their repr. So is that of most floats, but not of all.
SIMPLE = frozenset({int, str, bool, type(None)})
_only_simple = SIMPLE.issuperset
_LARGE = frozenset({bytes, bytearray, memoryview})

_NAN = "{'__class__':'float','value':'nan'}"  # there is no literal for it

# What a structure must not contain if repr is to be right: characters of words other than None, True
# and False ("inf", "set()", "frozenset", the "b" before bytes, the "j" of complex numbers); NaN; None
# as a key or in a set, which serpent refuses; and the sign for "contains itself".
_is_special = re.compile(
    r"[^][(){},:0-9.+\-eTrueFalsNon \0]|nan|None:|\{[^:{}]*None|\.\.\."
).search


class LiteralWriter:
    """Writes values as serpent text.

    Args:
        write_other: Makes the text of anything that is not a plain value.
        bytes_repr: Write bytes as Python writes them, not as dicts of base64.
    """

    __slots__ = ("_bytes_repr", "_write_other")

    def __init__(self, write_other: Callable[[Any], str], *, bytes_repr: bool) -> None:
        self._write_other = write_other
        self._bytes_repr = bytes_repr

    def write(self, value: Any, depth: int = 0) -> str:
        """Return the text of a value.

        Args:
            value: Anything.
            depth: How many containers it is already in.

        Raises:
            TypeError: A key of a dict, or a member of a set, is of a kind that serpent refuses.
            ValueError: Nesting is too deep, or something contains itself.
        """
        kind = type(value)
        if kind in SIMPLE:
            return repr(value)
        if kind is tuple or kind is list:
            return self._write_sequence(value, depth)
        if kind is dict:
            return self._write_dict(value, depth)
        if kind is float:
            return _write_float(value)
        if kind in _LARGE:
            return self._write_bytes(value)
        if kind is set or kind is frozenset:
            return self._write_set(value, depth)
        return self._write_other(value)

    def _write_sequence(self, value: Any, depth: int) -> str:
        if _only_simple(map(type, value)):
            _check_depth(depth)
            return _compact_flat(repr(value), len(value) - 1)
        text = _write_quickly(value, value, depth)
        if text is not None:
            return text
        items = ",".join(self._write_items(value, depth))
        if type(value) is list:
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"

    def _write_dict(self, value: dict[Any, Any], depth: int) -> str:
        text = _write_quickly(value, value.values(), depth)
        if text is not None:
            return text
        items = zip(self._write_keys(value, depth), self._write_items(value.values(), depth))
        return "{" + ",".join([f"{key}:{item}" for key, item in items]) + "}"

    def _write_set(self, value: Any, depth: int) -> str:
        # There is no literal for the empty set.
        return "{" + ",".join(self._write_keys(value, depth)) + "}" if value else "()"

    def _write_items(self, items: Iterable[Any], depth: int) -> list[str]:
        _check_depth(depth)
        return [self.write(item, depth + 1) for item in items]

    def _write_keys(self, keys: Iterable[Any], depth: int) -> list[str]:
        for key in keys:
            self._check_key(type(key))
        return self._write_items(keys, depth)

    def _check_key(self, kind: type) -> None:
        if kind is bytes and not self._bytes_repr:
            raise TypeError("bytes can be a key only if SERPENT_BYTES_REPR is on")
        if kind is not bytes and not issubclass(kind, (str, tuple, numbers.Number, Enum)):
            raise TypeError(
                f"a {kind.__name__} cannot be a key or a member of a set here; "
                "use text, a number or a tuple"
            )

    def _write_bytes(self, value: bytes | bytearray | memoryview) -> str:
        if self._bytes_repr:
            return repr(bytes(value))
        return f"{{'data': '{b64encode(value).decode('ascii')}', 'encoding': 'base64'}}"


def _write_float(value: float) -> str:
    if isfinite(value):
        return repr(value)
    if isnan(value):
        return _NAN
    return "1e30000" if value > 0 else "-1e30000"  # too large for a float: it becomes infinite


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} containers inside each other, or one in itself")


def _write_quickly(value: Any, items: Iterable[Any], depth: int) -> str | None:
    """Return the text of a container if its repr can be used, else None."""
    if not _LARGE.isdisjoint(map(type, items)):
        return None  # the repr of a megabyte takes long, and would be thrown away
    try:
        marshal.dumps(value)
        text = repr(value)
    except (ValueError, RecursionError):
        return None
    return _compact(text, MAX_DEPTH - depth)


def _compact_flat(text: str, comma_count: int) -> str:
    """Take the spaces out of the repr of a sequence of simple values."""
    if ("'" not in text and '"' not in text) or text.count(", ") == comma_count:
        return text.replace(", ", ",")
    pieces, quote = split(text)
    pieces[::2] = GAP.join(pieces[::2]).replace(", ", ",").split(GAP)
    return quote.join(pieces)


def _compact(text: str, max_depth: int) -> str | None:
    """Take the spaces out of a repr; return None if something in it has another form in serpent."""
    pieces, quote = split(text)
    structure = GAP.join(pieces[::2])
    if _is_special(structure) or is_deeper(structure, max_depth):
        return None
    pieces[::2] = structure.replace(", ", ",").replace(": ", ":").split(GAP)
    return quote.join(pieces)
