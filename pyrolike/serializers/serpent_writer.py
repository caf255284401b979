"""Plain values to serpent text, byte for byte as the serpent library writes them.

A small container is written item by item. The text of a large one differs from its ``repr`` only in
the spaces behind commas and colons, provided that everything inside is of an exact builtin type
(which ``marshal`` finds out fastest: it refuses all others) and has no special form in serpent. So
for large containers the repr is taken, and those spaces are taken out of it.
"""

from __future__ import annotations

import marshal
from enum import Enum
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from .long_strings import has_any
from .record_lists import MANY, RecordWriter, are_finite
from .serpent_text import (
    GAP,
    MAX_DEPTH,
    has_unusual_brace,
    hide_escapes,
    is_deeper,
    split_encoded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIMPLE = frozenset({int, str, bool, type(None)})
"""Types whose text is their repr."""

_LARGE_SIZE = 12
"""Items from which on a container is written by way of its repr. Measured: about where it pays."""

_GAP = GAP.encode()
_are_str = frozenset({str}).issuperset
_BYTES = frozenset({bytes, bytearray, memoryview})
_ESCAPED = "'\\\x7f" + "".join(map(chr, range(32)))
"""The ASCII characters that the repr of a text may have in another form."""

_TOO_DEEP = f"more than {MAX_DEPTH} containers inside each other"
_NAN = "{'__class__':'float','value':'nan'}"  # there is no literal for it

_USUAL = b"[](){},:0123456789.+-eTrueFalsNon \x00"
"""What a structure is made of: anything else is of another word than None, True, False and the "e"
of exponents. Of "inf", "set()", "frozenset" or "Ellipsis", the "b" before bytes, the "j" of complex
numbers."""


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
        if kind in _BYTES:
            return self._write_bytes(value)
        if kind is set or kind is frozenset:
            return self._write_set(value, depth)
        return self._write_other(value)

    def write_arguments(self, vargs: Any) -> str:
        """Return the text of a call's arguments; as `write`, which few values need not go through.

        Raises:
            TypeError, ValueError: As for `write`.
        """
        if type(vargs) is not tuple or len(vargs) >= _LARGE_SIZE:
            return self.write(vargs, 1)
        write = self.write
        items = ",".join([repr(item) if type(item) in SIMPLE else write(item, 2) for item in vargs])
        return f"({items},)" if len(vargs) == 1 else f"({items})"

    def _write_sequence(self, value: Any, depth: int) -> str:
        if len(value) >= _LARGE_SIZE:
            text = _write_records(value, depth) or _write_as_repr(value, value, depth)
            if text is not None:
                return text
        items = self._write_items(value, depth)
        if type(value) is list:
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"

    def _write_dict(self, value: dict[Any, Any], depth: int) -> str:
        if len(value) >= _LARGE_SIZE:
            text = _write_as_repr(value, value.values(), depth)
            if text is not None:
                return text
        if depth >= MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        self._check_keys(value)
        write = self.write
        items = [
            f"{repr(key) if type(key) is str else write(key, depth + 1)}:"
            f"{repr(item) if type(item) in SIMPLE else write(item, depth + 1)}"
            for key, item in value.items()
        ]
        return f"{{{','.join(items)}}}"

    def _write_set(self, value: Any, depth: int) -> str:
        self._check_keys(value)
        # There is no literal for the empty set.
        return f"{{{self._write_items(value, depth)}}}" if value else "()"

    def _write_items(self, items: Iterable[Any], depth: int) -> str:
        if depth >= MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        write = self.write
        return ",".join(
            [repr(item) if type(item) in SIMPLE else write(item, depth + 1) for item in items]
        )

    def _check_keys(self, keys: Iterable[Any]) -> None:
        if not _are_str(map(type, keys)):
            for key in keys:
                self._check_key(type(key))

    def _check_key(self, kind: type) -> None:
        if kind is bytes and not self._bytes_repr:
            raise TypeError("bytes can be a key only if SERPENT_BYTES_REPR is on")
        import numbers  # keys are rarely anything but texts

        if kind is not bytes and not issubclass(kind, (str, tuple, numbers.Number, Enum)):
            raise TypeError(
                f"a {kind.__name__} cannot be a key or a member of a set here; "
                "use text, a number or a tuple"
            )

    def _write_bytes(self, value: bytes | bytearray | memoryview) -> str:
        if self._bytes_repr:
            return repr(bytes(value))
        return b"".join(write_base64(value)).decode("ascii")


def write_base64(value: bytes | bytearray | memoryview) -> tuple[bytes, bytes, bytes]:
    """Return the text of bytes, in pieces."""
    from base64 import b64encode

    return b"{'data': '", b64encode(value), b"', 'encoding': 'base64'}"


def is_written_as_is(text: str) -> bool:
    """Say whether the text of *text* is itself between single quotes; if in doubt, it is not."""
    return text.isascii() and not has_any(text, _ESCAPED)


def _write_float(value: float) -> str:
    if isfinite(value):
        return repr(value)
    if isnan(value):
        return _NAN
    return "1e30000" if value > 0 else "-1e30000"  # too large for a float: it becomes infinite


def _write_column(column: list[Any], kinds: set[type]) -> Iterable[str] | None:
    """Return the texts of some scalars; None if a float among them has no literal."""
    if not are_finite(column, kinds):
        return None
    return map(repr, column)


_record_writer = RecordWriter(",", ":", repr, _write_column)


def _write_records(value: Any, depth: int) -> str | None:
    """Return the text of a list or tuple of records, in a third of the time of the general way."""
    if len(value) < MANY or depth + 2 > MAX_DEPTH:
        return None
    rows = _record_writer.write(value)
    if rows is None:
        return None
    return f"[{rows}]" if type(value) is list else f"({rows})"


def _write_as_repr(value: Any, items: Iterable[Any], depth: int) -> str | None:
    """Return the text of a container if it can be made from its repr, else None."""
    if not _BYTES.isdisjoint(map(type, items)):
        return None  # the repr of a megabyte takes long, and would be thrown away
    try:
        marshal.dumps(value)
        text = repr(value)
    except (ValueError, RecursionError):
        return None
    has_escapes = "\\" in text
    pieces, quote = split_encoded(hide_escapes(text) if has_escapes else text)
    structure = _GAP.join(pieces[::2])
    if _is_special(structure) or is_deeper(structure.decode(), MAX_DEPTH - depth):
        return None
    # In a structure spaces stand behind commas and colons only.
    pieces[::2] = structure.replace(b" ", b"").split(_GAP)
    text = quote.join(pieces).decode()
    return text.replace("\1", r"\\").replace("\2", r"\'") if has_escapes else text


def _is_special(structure: bytes) -> bool:
    """Say whether something in a repr is written in another way by serpent, or refused."""
    # Deleting what is usual is several times quicker than a pattern that looks for something else.
    if structure.translate(None, _USUAL):
        return True
    if b"nan" in structure or b"..." in structure:
        return True  # "..." stands for what contains itself
    # None as a key or as a member of a set is refused.
    return b"None" in structure and (
        b"None:" in structure or has_unusual_brace(structure.decode()) is not None
    )
