"""What the serpent serializer leaves to the serpent library, which has a registry of its own.

Loaded when the first such value is written: the library, and all the types it knows, take a while.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import serpent

from pyrolike.errors import PyroError

from . import classes
from .serpent_codec import SerpentSerializer, convert
from .serpent_text import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

# The library writes these in the same way, but takes its time.
_COMMON_LEAVES: dict[type, Callable[[Any], object]] = {
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: str,
    datetime.timedelta: datetime.timedelta.total_seconds,
    decimal.Decimal: str,
    uuid.UUID: str,
}


class _Library(serpent.Serializer):  # type: ignore[misc]  # the library has no types
    """The library's serializer; knows for which of ours it works, and so which names we write."""

    def __init__(self, codec: SerpentSerializer) -> None:
        super().__init__(module_in_classname=True, bytes_repr=codec.bytes_repr)
        self.codec = codec


def write_by_library(obj: Any, codec: SerpentSerializer) -> str:
    """Return the text of a value that only the library knows how to write."""
    to_plain = _COMMON_LEAVES.get(type(obj))
    if to_plain is not None:
        return repr(to_plain(obj))
    if isinstance(obj, classes.NEVER_DATA):
        raise TypeError(f"{classes.kind_of(obj)} has no attributes to send")
    text: bytes = _Library(codec).serialize(obj)
    return text[len(HEADER) :].decode()


_default_codec = SerpentSerializer()


def _write_registered(obj: Any, library: Any, out: list[str], level: int) -> None:
    """Write an object the library has found inside of another, and whose class is registered."""
    codec = getattr(library, "codec", _default_codec)
    converted = convert(obj, codec.tags)
    if converted is not obj:
        out.append(codec._write(converted, level))
        return
    # Registered with a daemon once, but not now: it is written as if it had never been.
    kinds = (kind for kind in type(obj).__mro__ if kind in library.dispatch)
    write = library.dispatch.get(next(kinds, None), type(library).ser_default_class)
    write(library, obj, out, level)


def _teach_library(cls: type) -> None:
    serpent.register_class(cls, _write_registered)


_teach_library(PyroError)  # it would write the names of our own modules
classes.on_registration(_teach_library)
