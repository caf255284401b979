"""The msgpack serializer: compact and fast; needs the package ``msgpack``.

Knows what json knows, and bytes, complex numbers, naive datetimes and dates as well. Tuples and
sets arrive as lists; keys of dicts must be text or bytes. A datetime is sent as its moment in the
sender's time zone, and so arrives unchanged only if the receiver is in the same one.

Source: the serialization page of the reference, 5.4.

Nested objects are made from the inside out, so converters get contents that are already objects.
"""

from __future__ import annotations

import array
import datetime
import decimal
import struct
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike.errors import SecurityError, SerializeError

from .base import Buffer, Call, SerializerBase, no_call
from .classes import class_to_dict, replace
from .failures import FAULTS, explain, name_arguments
from .long_values import LONG_COPY, pack_around
from .msgpack_plain import PLAIN_DATA, read_plain
from .recreation import (
    LONG_DATA,
    dict_to_class,
    find_part,
    is_flat,
    located,
    long_names_class,
    names_class,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from pyrolike._pieces import Payload

_COMPLEX, _NUMBER, _DATETIME, _DATE = 0x30, 0x31, 0x32, 0x33
"""Pyro's extension types."""

# Pyro writes its machine's own byte order and sizes. Nearly all machines are like this.
_pack_complex = struct.Struct("<dd")
_pack_double = struct.Struct("<d")
_pack_long = struct.Struct("<q")
_pack_short_long = struct.Struct("<l")  # what a peer on Windows sends

_pack_short = struct.Struct(">H").pack
_pack_size = struct.Struct(">I").pack
_BINARY_CODES = b"\xc5", b"\xc6"  # before sizes of 16 and of 32 bits
_TEXT_CODES = b"\xda", b"\xdb"

# ExtType is a tuple, too.
_KNOWN = (str, float, dict, list, tuple, bytes, bytearray, memoryview)

_MOST_KEPT = 16
_LARGEST_KEPT = 0x10000

_BROKEN = (*FAULTS, OSError, MemoryError, struct.error)
_CALL_DEPTH = 3
"""Containers around what is in an argument that is a list."""
_HEAD = 2000
"""Bytes of a long message in which a list of objects shows that it is one."""
_CALL_PARTS = ("the object id", "the method", "args", "kwargs")


class MsgpackSerializer(SerializerBase):
    """MessagePack with Pyro's extension types."""

    name = "msgpack"
    serializer_id = 4
    _least_cut = LONG_COPY

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Packers that nobody is using. One cannot serve two threads, or a converter that serializes
        # something itself; making one takes longer than packing a small message.
        self._packers: list[Any] = []

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        try:
            return self._pack(data)
        except FAULTS as exc:
            raise explain([("the value", data)], self._pack, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        return _load(data)

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        try:
            return self._pack((obj, method, vargs, kwargs))
        except FAULTS as exc:
            raise explain(name_arguments(vargs, kwargs), self._pack, exc) from exc

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        call = _load(data, _CALL_PARTS)
        try:
            obj, method, vargs, kwargs = call
        except (TypeError, ValueError):
            raise no_call(call) from None
        return obj, method, vargs, kwargs

    def _pack(self, data: object) -> bytes:
        try:
            packer = self._packers.pop()
        except IndexError:
            packer = _library().Packer(use_bin_type=True, default=self._default)
        packed: bytes = packer.pack(data)
        # Not kept after a failure, for it has half a message in it, nor with a large buffer.
        if len(packed) <= _LARGEST_KEPT and len(self._packers) < _MOST_KEPT:
            self._packers.append(packer)
        return packed

    def _pack_records(self, value: list[Any]) -> bytes | None:
        return _pack_exact(value)

    def _pack_records_call(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes | None:
        return _pack_exact([obj, method, [*vargs], kwargs])

    def _pack_around(self, value: Any, depth: int) -> Payload | None:
        return pack_around(value, depth, _make_token, self._pack, _cut)

    def _default(self, obj: Any) -> Any:
        """Return what is sent in place of something that msgpack does not know.

        It asks only once: what it gets it must know, though not what is inside.
        """
        converted = self._convert(obj)
        return converted if _is_known(converted) else self._default(converted)

    def _convert(self, obj: Any) -> Any:
        replacement = replace(obj)
        if replacement is not obj:
            return replacement
        if isinstance(obj, set | frozenset):
            return tuple(obj)
        if isinstance(obj, uuid.UUID | decimal.Decimal):
            return str(obj)
        if isinstance(obj, array.array):
            return obj.tounicode() if obj.typecode == "u" else obj.tolist()
        extension = _extension(obj)
        if extension is not None:
            return _library().ExtType(*extension)
        return class_to_dict(obj, self.tags)


def _pack_exact(value: Any) -> bytes | None:
    """Encode a value if it is made of exact builtin types, and no tuples; else return None.

    A packer that need not think of derived classes takes seven eighths of the time.
    """
    packer = _library().Packer(use_bin_type=True, strict_types=True, default=_refuse)
    try:
        packed: bytes = packer.pack(value)
    except FAULTS:
        return None
    return packed


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} is no exact builtin type")


def _make_token(number: int) -> bytes:
    return b"long value %010d" % number


def _cut(token: bytes, value: bytes | str) -> tuple[bytes, bytes, bytes]:
    """Say what is written of a token, and of the bytes or the text it stands for."""
    content = value if type(value) is bytes else value.encode()  # type: ignore[union-attr]
    codes = _BINARY_CODES if content is value else _TEXT_CODES
    size = len(content)
    header = codes[0] + _pack_short(size) if size <= 0xFFFF else codes[1] + _pack_size(size)
    return b"\xc4%c%b" % (len(token), token), header, content


def _is_known(value: object) -> bool:
    """Say whether msgpack itself has a form for *value*, whatever may be inside."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    return value is None or isinstance(value, _KNOWN)


def _extension(obj: Any) -> tuple[int, bytes] | None:
    """Return type and content of the extension for *obj*, None if there is none for its class."""
    if isinstance(obj, complex):
        return _COMPLEX, _pack_complex.pack(obj.real, obj.imag)
    if isinstance(obj, datetime.datetime):
        if obj.tzinfo is not None:
            raise SerializeError("msgpack cannot send a datetime that has a time zone")
        return _DATETIME, _pack_double.pack(obj.timestamp())
    if isinstance(obj, datetime.date):
        return _DATE, _pack_long.pack(obj.toordinal())
    if isinstance(obj, int):
        return _NUMBER, str(obj).encode("ascii")
    return None


def _read_extension(code: int, content: bytes) -> Any:
    if code == _COMPLEX:
        return complex(*_pack_complex.unpack(content))
    if code == _NUMBER:
        return int(content)
    if code == _DATETIME:
        return datetime.datetime.fromtimestamp(_pack_double.unpack(content)[0])
    if code == _DATE:
        ordinal = _pack_long if len(content) == _pack_long.size else _pack_short_long
        return datetime.date.fromordinal(ordinal.unpack(content)[0])
    raise SerializeError(f"unknown msgpack extension type {code}")


@cache
def _library() -> ModuleType:
    """Import msgpack when it is first needed: it is an extra."""
    import msgpack

    module: ModuleType = msgpack
    return module


def _unpack_first(data: Buffer, **hooks: Any) -> Any:
    """Stand in for `_unpack` until it is first needed."""
    global _unpack
    _unpack = _library().unpackb
    return _unpack(data, **hooks)


_unpack: Callable[..., Any] = _unpack_first
"""The library's function; looked for once, and not for each message."""


def _load(data: Buffer, parts: tuple[str, ...] = ()) -> Any:
    """Decode a message; *parts* are the names of its items, if it is known to be a list."""
    if len(data) >= LONG_DATA:
        return _load_long(data, parts)
    if names_class(data):
        return _load_objects(data, parts)
    try:
        if len(data) >= PLAIN_DATA:
            return _read(data)
        return _unpack(data, ext_hook=_read_extension)
    except _BROKEN as exc:
        raise _invalid(exc) from exc


def _load_long(data: Buffer, parts: tuple[str, ...]) -> Any:
    """Decode a long message: without objects, and once more if there may be any further on.

    To ask at each dictionary takes a fifth of the time for a list of records, and to look for the
    name takes longer than all the rest for a megabyte of bytes. So both is done only if need be.
    """
    if names_class(data, 0, _HEAD):
        return _load_objects(data, parts)
    try:
        value = _read(data)
    except _BROKEN as exc:
        raise _invalid(exc) from exc
    if is_flat(value, _CALL_DEPTH) or not long_names_class(data):
        return value
    del value  # there need not be two
    return _load_objects(data, parts)


def _read(data: Buffer) -> Any:
    value = read_plain(data)
    return _unpack(data, ext_hook=_read_extension) if value is None else value


class _Maker:
    """Makes the objects of one message.

    Attributes:
        current: The class it is at, for the error message.
        failure: What it raised; to be told from the decoder's own errors.
    """

    __slots__ = ("current", "failure")

    def __init__(self) -> None:
        self.current: object = None
        self.failure: Exception | None = None

    def __call__(self, data: dict[Any, Any]) -> Any:
        if "__class__" not in data:
            return data
        self.current = data["__class__"]
        try:
            return dict_to_class(data)
        except Exception as exc:
            self.failure = exc
            raise


def _load_objects(data: Buffer, parts: tuple[str, ...]) -> Any:
    maker = _Maker()
    try:
        return _library().unpackb(data, ext_hook=_read_extension, object_hook=maker)
    except (SecurityError, SerializeError) as exc:
        raise located(exc, _find(data, parts, maker.current)) from exc.__cause__
    except _BROKEN as exc:
        if exc is maker.failure:
            raise  # a user's converter
        raise _invalid(exc) from exc


def _find(data: Buffer, parts: tuple[str, ...], name: object) -> str | None:
    """Return the path to the class dict of that name, by decoding once more without objects."""
    try:
        value = _library().unpackb(data, ext_hook=lambda code, content: None)
    except _BROKEN:
        return None  # damaged as well, further on

    def is_wanted(part: object) -> bool:
        return type(part) is dict and part.get("__class__") == name

    if not parts or not isinstance(value, list):
        return find_part(value, is_wanted, "the value")
    places = (find_part(item, is_wanted, part) for item, part in zip(value, parts, strict=False))
    return next(filter(None, places), None)


def _invalid(exc: BaseException) -> SerializeError:
    text = str(exc) or type(exc).__name__
    if "strict_map_key" in text:  # an option of the library's, which means nothing to its readers
        kind = text.partition(" ")[0]
        text = (
            f"a key of a dictionary is of the type {kind}, and with msgpack they must be text or "
            "bytes; send a list of pairs, or use another serializer"
        )
    return SerializeError(f"invalid msgpack data: {text}")
