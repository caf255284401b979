"""The marshal serializer: Python's own binary format for plain values, fast and narrow.

Only the arguments themselves (of a result: the value itself) are converted if they are objects;
whatever sits inside a container must be plain. Registered objects are sent as class dicts, never as
proxies. Source: the serialization page of the reference, 5.2.

Python's loader was not made for hostile data: all reading goes through :func:`load_marshal`, which
has it proven first that the data is plain and finished.
"""

from __future__ import annotations

import array
import marshal
import struct
import uuid
from typing import TYPE_CHECKING, Any

from pyrolike.errors import SerializeError

from . import marshal_check
from .base import Buffer, Call, SerializerBase, no_call
from .classes import class_to_dict
from .exceptions import ExceptionWrapper
from .failures import FAULTS, explain, name_arguments
from .long_values import LONG_COPY, pack_around
from .recreation import may_have_objects, recreate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyrolike._pieces import Payload

VERSION = 4
"""The format that Python 3.4 to 3.13 write by default, and that every later one reads."""

_PLAIN_TYPES = (
    type(None), bool, int, float, complex, str, bytes, bytearray,
    tuple, list, dict, set, frozenset,
)  # fmt: skip
_PLAIN = frozenset(_PLAIN_TYPES)
SHORTEST_CLASS = 9
"""Bytes of the key of a class dict: data that is no longer cannot contain one."""

_are_plain = _PLAIN.issuperset
_pack_size = struct.Struct("<I").pack

_BROKEN = (
    ValueError, TypeError, EOFError, OverflowError, MemoryError, RecursionError, SystemError,
)  # fmt: skip


class MarshalSerializer(SerializerBase):
    """Python's marshal format."""

    name = "marshal"
    serializer_id = 2
    _least_cut = LONG_COPY

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        try:
            if type(data) not in _PLAIN:
                data = self._convert(data)
            return marshal.dumps(data, VERSION)
        except FAULTS as exc:
            if type(data) is list and ExceptionWrapper in map(type, data):
                return self.dumps([self._open_wrapper(item) for item in data])
            raise explain([("the value", data)], self._try, exc, _try_plain) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        value = load_marshal(data)
        if len(data) > SHORTEST_CLASS and may_have_objects(data, (value,)):
            return recreate(value)
        return value

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        try:
            for value in vargs:
                if type(value) not in _PLAIN:
                    vargs = [self._convert(value) for value in vargs]
                    break
            if kwargs and not _are_plain(map(type, kwargs.values())):
                kwargs = {key: self._convert(value) for key, value in kwargs.items()}
            call: Any = (obj, method, [*vargs], kwargs)
            return marshal.dumps(call, VERSION)
        except FAULTS as exc:
            parts = name_arguments(vargs, kwargs)
            raise explain(parts, self._try, exc, _try_plain) from exc

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        call = load_marshal(data)
        try:
            obj, method, vargs, kwargs = call
            has_objects = may_have_objects(data, (*vargs, kwargs) if kwargs else vargs)
        except (TypeError, ValueError):
            raise no_call(call) from None
        if has_objects:
            return obj, method, recreate(vargs, "args"), recreate(kwargs, "kwargs")
        return obj, method, vargs, kwargs

    _call_depth = 2
    """Where marshal finds the same object again, it writes a reference to it. So nothing is looked
    for in containers that may be in there twice: the arguments. Those around them are made anew."""

    def _pack_around(self, value: Any, depth: int) -> Payload | None:
        return pack_around(value, depth, _make_token, _dumps, _cut)

    def _call_as_value(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> Any:
        if not _are_plain(map(type, (*vargs, *(kwargs or {}).values()))):
            return None  # some have to be converted: the usual way does that
        return obj, method, [*vargs], kwargs

    def _convert(self, value: Any) -> Any:
        """Return a top level value in a form that marshal may know."""
        if isinstance(value, _PLAIN_TYPES):
            return value
        if isinstance(value, array.array):
            return value.tounicode() if value.typecode == "u" else value.tolist()
        if isinstance(value, uuid.UUID):
            return str(value)
        if isinstance(value, memoryview):
            return bytes(value)
        return class_to_dict(value, self.tags)

    def _open_wrapper(self, item: Any) -> Any:
        """Convert the exception in the results of a batch, although it is inside of a list.

        Pyro: does not, and so cannot report which call of a batch failed.
        """
        return class_to_dict(item, self.tags) if type(item) is ExceptionWrapper else item

    def _try(self, value: object) -> None:
        _try_plain(self._convert(value))


def _make_token(number: int) -> bytes:
    return b"long value %010d" % number


def _cut(token: bytes, value: bytes | str) -> tuple[bytes, bytes, bytes] | None:
    """Say what is written of a token behind its type code, and of the bytes it stands for."""
    if type(value) is not bytes:
        return None
    return _pack_size(len(token)) + token, _pack_size(len(value)), value


def _dumps(value: Any) -> bytes:
    return marshal.dumps(value, VERSION)


def _try_plain(value: Any) -> None:
    try:
        marshal.dumps(value, VERSION)
    except ValueError as exc:
        if isinstance(value, _PLAIN_TYPES):
            raise  # too deep, a subclass of a builtin type, or something inside of it
        raise ValueError("marshal takes no objects inside of others; use plain values") from exc


def load_marshal(data: Buffer) -> Any:
    """Decode marshal data that a peer sent.

    Raises:
        SerializeError: The data is damaged, or anything but plain finished values.
    """
    if not marshal_check.is_simple(data):
        marshal_check.check_unusual(data)
    try:
        return marshal.loads(data)
    except _BROKEN as exc:
        raise SerializeError(f"invalid marshal data: {str(exc) or type(exc).__name__}") from exc
