"""The serpent serializer: Python literals as text; Pyro's default.

Plain values, which is what most calls are made of, are written and read by our own code; see
`serpent_writer` and `serpent_reader`. Objects that users or Pyro registered are converted here.
Everything else that serpent knows (dates, decimals, arrays, enums, the classes of `collections`,
objects with attributes) is left to the serpent library, see `serpent_library`.

Source: the serialization page of the reference, 4.1 and 5.1.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pyrolike.errors import SerializeError

from . import classes
from .base import Buffer, Call, SerializerBase, no_call
from .failures import FAULTS, explain, name_arguments
from .long_strings import find_naming
from .long_values import LONG, pack_around
from .recreation import recreate
from .serpent_reader import read, read_call, read_long
from .serpent_text import HEADER
from .serpent_writer import SIMPLE, LiteralWriter, is_written_as_is, write_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyrolike._pieces import Payload


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
        writer = LiteralWriter(self._write_other, bytes_repr=bytes_repr)
        self._write, self._write_arguments = writer.write, writer.write_arguments

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        if type(data) in SIMPLE:
            return f"{HEADER}{data!r}".encode()
        try:
            return self._encode(data)
        except FAULTS as exc:
            raise explain([("the value", data)], self._write, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        value, text = _read(data, read)
        return recreate(value) if "__class__" in text else value

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        try:
            args = self._write_arguments(vargs)
            named = self._write(kwargs, 1) if kwargs else "{}" if kwargs is not None else "None"
        except FAULTS as exc:
            raise explain(name_arguments(vargs, kwargs), self._write, exc) from exc
        return f"{HEADER}({obj!r},{method!r},{args},{named})".encode()

    def _pack_around(self, value: Any, depth: int) -> Payload | None:
        return pack_around(value, depth, _make_token, self._encode, self._cut)

    def _encode(self, value: Any) -> bytes:
        return (HEADER + self._write(value)).encode()

    def _cut(self, token: str, value: bytes | str) -> tuple[bytes, ...] | None:
        """Say what is written of a token, and of what it stands for, if that can be known here."""
        written = repr(token).encode()
        if type(value) is bytes:
            if self.bytes_repr:
                return None
            return written, *write_base64(value)
        if not is_written_as_is(value):  # type: ignore[arg-type]  # it is a str
            return None
        return written, b"'", value.encode(), b"'"  # type: ignore[union-attr]

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        call, text = _read(data, read_call)
        try:
            obj, method, vargs, kwargs = call
        except (TypeError, ValueError):
            raise no_call(call) from None
        if "__class__" in text:
            return obj, method, recreate(vargs, "args"), recreate(kwargs, "kwargs")
        return obj, method, vargs, kwargs

    def _write_other(self, obj: Any) -> str:
        """Return the text of something that is not a plain value."""
        converted = convert(obj, self.tags)
        if converted is not obj:
            return self._write(converted)
        from .serpent_library import write_by_library  # what most values do not need

        return write_by_library(obj, self)


def _make_token(number: int) -> str:
    return f"long value {number}"


def _read(data: Buffer, parse: Callable[[str], Any]) -> tuple[Any, str]:
    """Return the value of a text, and as much of the text as may name a class."""
    try:
        around = read_long(data) if len(data) >= LONG else None
        if around is not None:
            return around
        text = str(data, "utf-8")
    except UnicodeDecodeError as exc:
        raise SerializeError(f"invalid serpent data: {exc}") from exc
    return parse(text), text if len(text) < LONG else find_naming(text)


def convert(obj: Any, tags: str) -> Any:
    """Return what is sent in place of *obj* if its class is registered, or is an exception."""
    replacement = classes.replace(obj)
    if replacement is not obj:
        return replacement
    special = classes.find_special(obj, tags, serpent=True)
    if special is not None:
        return special(obj)
    if classes.is_replaceable(type(obj)) and "_pyroDaemon" in getattr(obj, "__dict__", ()):
        # A registered object that is not replaced: the library would go on into its daemon.
        return classes.class_to_dict(obj, tags)
    return obj


if "serpent" in sys.modules:
    # The program uses the library itself, and may write our objects with it.
    from . import serpent_library as serpent_library
