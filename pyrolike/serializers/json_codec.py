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
from .long_strings import LONG, has_any, read_around, write_around
from .recreation import TOO_DEEP, may_have_objects, recreate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
        self._load: Callable[[Buffer], Any] = self._load_first
        if module == STANDARD:
            self._encode, self._load = _make_encode(self._default), _load

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        try:
            if type(data) is str and len(data) >= LONG and not has_any(data, ESCAPED):
                return f'"{data}"'.encode()
            return self._encode(data).encode()
        except UnfitModuleError:
            raise
        except FAULTS as exc:
            raise explain([("the value", data)], self._try, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        value = self._load(data)
        return recreate(value) if may_have_objects(data, (value,)) else value

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        call = {"object": obj, "method": method, "params": vargs, "kwargs": kwargs}
        try:
            for value in vargs:
                if type(value) is str and len(value) >= LONG:
                    text = write_around(
                        vargs, ESCAPED, lambda values: self._encode({**call, "params": values})
                    )
                    if text is not None:
                        return text.encode()
                    break
            return self._encode(call).encode()
        except UnfitModuleError:
            raise
        except FAULTS as exc:
            raise explain(name_arguments(vargs, kwargs), self._try, exc) from exc

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        call = self._load(data)
        try:
            obj, method, vargs, kwargs = (
                call["object"], call["method"], call["params"], call["kwargs"]
            )  # fmt: skip
            has_objects = may_have_objects(data, (*vargs, kwargs) if kwargs else vargs)
        except (LookupError, TypeError):
            raise no_call(call) from None
        if has_objects:
            return obj, method, recreate(vargs, "args"), recreate(kwargs, "kwargs")
        return obj, method, vargs, kwargs

    def _try(self, value: object) -> None:
        self._encode(value).encode()

    def _encode_first(self, value: Any) -> str:
        self._use_module()
        return self._encode(value)

    def _load_first(self, data: Buffer) -> Any:
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


def _load(data: Buffer) -> Any:
    text = _decode(data)
    try:
        if len(text) >= LONG:
            around = read_around(text, '"', CONTROL, _decoder.decode)
            if around is not None:
                return around[0]
        value, end = _raw_decode(text)
        if end == len(text):
            return value
    except ValueError:
        pass  # perhaps only because of white space around it
    except RecursionError:
        raise SerializeError(TOO_DEEP) from None
    return _decode_with(_decoder.decode, text)


def _load_with(decode: Callable[[str], Any], data: Buffer) -> Any:
    return _decode_with(decode, _decode(data))


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
