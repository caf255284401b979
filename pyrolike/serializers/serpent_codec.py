"""The serpent serializer: Python literals as text; Pyro's default.

Plain values, which is what most calls are made of, are written and read by our own code; see
`serpent_writer` and `serpent_reader`. Objects that users or Pyro registered are converted here.
Everything else that serpent knows (dates, decimals, arrays, enums, the classes of `collections`,
objects with attributes) is left to the serpent library.

Source: the serialization page of the reference, 4.1 and 5.1.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import serpent

from pyrolike.errors import PyroError, SerializeError

from . import classes
from .base import Buffer, Call, SerializerBase
from .failures import FAULTS, explain, name_arguments
from .long_strings import LONG
from .recreation import recreate
from .serpent_reader import read, read_call, read_long
from .serpent_text import HEADER
from .serpent_writer import SIMPLE, LiteralWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The library writes these in the same way, but takes its time.
_COMMON_LEAVES: dict[type, Callable[[Any], object]] = {
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: str,
    datetime.timedelta: datetime.timedelta.total_seconds,
    decimal.Decimal: str,
    uuid.UUID: str,
}


class SerpentSerializer(SerializerBase):
    """Python literals.

    Attributes:
        bytes_repr: Write bytes as Python writes them, and not as dicts of base64. A receiver gets
            bytes then, and need not convert; old peers do not understand it.
    """

    name = "serpent"
    serializer_id = 1

    def __init__(self, *, bytes_repr: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.bytes_repr = bytes_repr
        self._write = LiteralWriter(self._write_other, bytes_repr=bytes_repr).write

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        if type(data) in SIMPLE:
            return f"{HEADER}{data!r}".encode()
        try:
            return (HEADER + self._write(data)).encode()
        except FAULTS as exc:
            raise explain([("the value", data)], self._write, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        text = _decode(data)
        value, text = read_long(text) if len(text) >= LONG else (read(text), text)
        return recreate(value) if "__class__" in text else value

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        try:
            args = self._write(vargs, 1)
            named = self._write(kwargs, 1) if kwargs else "{}" if kwargs is not None else "None"
        except FAULTS as exc:
            raise explain(name_arguments(vargs, kwargs), self._write, exc) from exc
        return f"{HEADER}({obj!r},{method!r},{args},{named})".encode()

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        text = _decode(data)
        try:
            call, text = read_long(text) if len(text) >= LONG else (read_call(text), text)
            obj, method, vargs, kwargs = call
        except (TypeError, ValueError):
            raise SerializeError("the data is not a call") from None
        if "__class__" in text:
            return obj, method, recreate(vargs, "args"), recreate(kwargs, "kwargs")
        return obj, method, vargs, kwargs

    def _write_other(self, obj: Any) -> str:
        """Return the text of something that is not a plain value."""
        converted = _convert(obj, self.tags)
        if converted is not obj:
            return self._write(converted)
        to_plain = _COMMON_LEAVES.get(type(obj))
        if to_plain is not None:
            return repr(to_plain(obj))
        return _write_by_library(obj, self)


def _decode(data: Buffer) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as exc:
        raise SerializeError(f"invalid serpent data: {exc}") from exc


def _convert(obj: Any, tags: str) -> Any:
    """Return what is sent in place of *obj* if its class is registered, or is an exception."""
    replacement = classes.replace(obj)
    if replacement is not obj:
        return replacement
    convert = classes.find_special(obj, tags, serpent=True)
    if convert is not None:
        return convert(obj)
    if classes.is_replaceable(type(obj)) and "_pyroDaemon" in getattr(obj, "__dict__", ()):
        # A registered object that is not replaced: the library would go on into its daemon.
        return classes.class_to_dict(obj, tags)
    return obj


# ── the serpent library ──────────────────────────────────────────────────────────────────────────


class _Library(serpent.Serializer):  # type: ignore[misc]  # the library has no types
    """The library's serializer; knows for which of ours it works, and so which names we write."""

    def __init__(self, codec: SerpentSerializer) -> None:
        super().__init__(module_in_classname=True, bytes_repr=codec.bytes_repr)
        self.codec = codec


def _write_by_library(obj: Any, codec: SerpentSerializer) -> str:
    if isinstance(obj, classes.NEVER_DATA):
        raise TypeError(f"{classes.kind_of(obj)} has no attributes to send")
    text: bytes = _Library(codec).serialize(obj)
    return text[len(HEADER) :].decode()


_default_codec = SerpentSerializer()


def _write_registered(obj: Any, library: Any, out: list[str], level: int) -> None:
    """Write an object the library has found inside of another, and whose class is registered."""
    codec = getattr(library, "codec", _default_codec)
    converted = _convert(obj, codec.tags)
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
