"""The json serializer: for peers that are not Python, and for readable wire data.

Knows text, numbers, booleans, None, lists and dicts with text as keys; tuples and sets arrive as
lists, other keys as text. Source: the serialization page of the reference, 5.3.
"""

from __future__ import annotations

import array
import datetime
import decimal
import json
import uuid
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from pyrolike.errors import SerializeError

from .base import Buffer, Call, SerializerBase, no_call
from .classes import class_to_dict, replace
from .failures import FAULTS, explain, name_arguments
from .json_modules import JsonModule, UnfitModuleError
from .long_strings import find_naming, has_any, read_around
from .long_values import LONG, pack_around
from .record_lists import RecordWriter, are_finite, are_records
from .recreation import TOO_DEEP, recreate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pyrolike._pieces import Payload

    EncodeCall = Callable[[str, str, Sequence[Any], Mapping[str, Any] | None], str]

_decoder = json.JSONDecoder()
_raw_decode = _decoder.raw_decode

CONTROL = "".join(map(chr, range(32)))
ESCAPED = f'{CONTROL}"\\'
"""Characters that JSON does not allow inside of strings as they are."""

STANDARD = "json"
"""Name of the standard module."""


class JsonSerializer(SerializerBase):
    """JSON text in UTF-8.

    Args:
        module: Name of the module that writes and reads it, see `json_modules`; it is imported
            when the serializer is first used.
        options: Those of every serializer.

    Attributes:
        module: See above.
    """

    name = "json"
    serializer_id = 3

    def __init__(self, *, module: str = STANDARD, **options: Any) -> None:
        super().__init__(**options)
        self.module = module
        self._encode: Callable[[Any], str] = self._encode_first
        self._load: Callable[[Buffer], tuple[Any, str]] = self._load_first
        self._encode_call: EncodeCall = self._encode_as_dict
        if module == STANDARD:
            self._encode, self._load = _make_encode(self._default), _load
            self._encode_call = _make_encode_call(self._encode)

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        try:
            return self._encode(data).encode()
        except UnfitModuleError:
            raise
        except FAULTS as exc:
            raise explain([("the value", data)], self._to_bytes, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        value, text = self._load(data)
        return recreate(value) if "__class__" in text else value

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        try:
            return self._encode_call(obj, method, vargs, kwargs).encode()
        except UnfitModuleError:
            raise
        except FAULTS as exc:
            raise explain(name_arguments(vargs, kwargs), self._to_bytes, exc) from exc

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        call, text = self._load(data)
        try:
            obj, method, vargs, kwargs = (
                call["object"], call["method"], call["params"], call["kwargs"]
            )  # fmt: skip
        except (LookupError, TypeError):
            raise no_call(call) from None
        if "__class__" in text:
            return obj, method, recreate(vargs, "args"), recreate(kwargs, "kwargs")
        return obj, method, vargs, kwargs

    def _pack_around(self, value: Any, depth: int) -> Payload | None:
        return pack_around(value, depth, _make_token, self._to_bytes, _cut)

    def _pack_records(self, value: list[Any]) -> bytes | None:
        try:
            text = self._encode_records(value)
            return None if text is None else text.encode()
        except FAULTS:
            return None  # the usual way fails, too, and says why

    def _pack_records_call(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes | None:
        def encode(value: Any) -> str:
            """Encode a part of the call; the arguments one by one."""
            if value is vargs:
                return f"[{', '.join(map(encode_argument, vargs))}]"
            return self._encode(value)

        def encode_argument(value: Any) -> str:
            records = self._encode_records(value) if are_records(value) else None
            return self._encode(value) if records is None else records

        if self.module != STANDARD:
            return None
        try:
            return _make_encode_call(encode)(obj, method, vargs, kwargs).encode()
        except FAULTS:
            return None

    def _encode_records(self, value: list[Any]) -> str | None:
        """Return the text of a list of records, in four fifths of the usual time."""
        rows = _record_writer.write(value) if self.module == STANDARD else None
        return None if rows is None else f"[{rows}]"

    def _to_bytes(self, value: object) -> bytes:
        return self._encode(value).encode()

    def _call_as_value(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> Any:
        return {"object": obj, "method": method, "params": vargs, "kwargs": kwargs}

    def _encode_as_dict(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> str:
        return self._encode(self._call_as_value(obj, method, vargs, kwargs))

    def _encode_first(self, value: Any) -> str:
        self._use_module()
        return self._encode(value)

    def _load_first(self, data: Buffer) -> tuple[Any, str]:
        self._use_module()
        return self._load(data)

    def _use_module(self) -> None:
        """Take the module into use, once it is asked for; in several threads at once, perhaps."""
        module = JsonModule(self.module, self._default)
        self._encode = module.encode
        self._load = lambda data: _load_with(module.decode, data)

    def _default(self, obj: Any) -> Any:
        """Return what is sent in place of something that JSON does not know."""
        replacement = replace(obj)
        if replacement is not obj:
            return replacement
        if isinstance(obj, set | frozenset):
            return tuple(obj)
        if isinstance(obj, uuid.UUID | decimal.Decimal):
            return str(obj)
        if isinstance(obj, datetime.date):  # a datetime is one, too
            return obj.isoformat()
        if isinstance(obj, array.array):
            return obj.tounicode() if obj.typecode == "u" else obj.tolist()
        return class_to_dict(obj, self.tags)


def _make_token(number: int) -> str:
    return f"long value {number}"


def _cut(token: str, value: bytes | str) -> tuple[bytes, bytes, bytes, bytes] | None:
    """Say what is written of a token, and of a text that is written as it is."""
    if type(value) is not str or has_any(value, ESCAPED):
        return None
    return f'"{token}"'.encode(), b'"', value.encode(), b'"'


def _make_encode(default: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Return a function that encodes a value.

    ``JSONEncoder.encode`` makes a new C encoder for every value, which takes as long as encoding a
    small call. We make one and keep it. It is without a memory of where it is, which threads could
    not share: what contains itself is found by the limit of recursion.
    """
    encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=default).encode
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter whose json module has no C part
        return encode
    iterate = make(None, default, encode_basestring, None, ": ", ", ", False, False, True)
    return lambda value: "".join(iterate(value, 0))


_SCALAR_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: repr,
    float: repr,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}


def _write_column(column: list[Any], kinds: set[type]) -> Iterable[str] | None:
    """Return the texts of some scalars; None if a float among them needs a word."""
    if not are_finite(column, kinds):
        return None
    if len(kinds) == 1:
        return map(_SCALAR_WRITERS[type(column[0])], column)
    return [_SCALAR_WRITERS[type(item)](item) for item in column]


_record_writer = RecordWriter(", ", ": ", encode_basestring, _write_column)


def _make_encode_call(encode: Callable[[Any], str]) -> EncodeCall:
    """Return a function that encodes a call, given what encodes values.

    The encoder would make a text of each bracket, comma and key, and join them all: for a small
    call that takes half as long again.
    """

    def encode_call(
        obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> str:
        named = encode(kwargs) if kwargs else "{}" if kwargs is not None else "null"
        return (
            f'{{"object": {encode_basestring(obj)}, "method": {encode_basestring(method)}, '
            f'"params": {encode(vargs)}, "kwargs": {named}}}'
        )

    return encode_call


def _load(data: Buffer) -> tuple[Any, str]:
    """Return the value of a text, and as much of the text as may name a class."""
    try:
        if len(data) >= LONG:
            around = read_around(data, b'"', b"\\", CONTROL.encode(), _decoder.decode)
            if around is not None:
                return around
        text = str(data, "utf-8")
        value, end = _raw_decode(text)
        if end == len(text):
            return value, text if end < LONG else find_naming(text)
    except ValueError:
        pass  # perhaps only because of white space around it
    except RecursionError:
        raise SerializeError(TOO_DEEP) from None
    return _load_with(_decoder.decode, data)


def _load_with(decode: Callable[[str], Any], data: Buffer) -> tuple[Any, str]:
    text = _decode(data)
    return _decode_with(decode, text), text


def _decode_with(decode: Callable[[str], Any], text: str) -> Any:
    try:
        return decode(text)
    except ValueError as exc:
        raise SerializeError(f"invalid json data: {exc}") from exc
    except RecursionError:
        raise SerializeError(TOO_DEEP) from None


def _decode(data: Buffer) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as exc:
        raise SerializeError(f"invalid json data: {exc}") from exc
