"""From words of the command line to values, and from values to JSON.

JSON knows less than a remote method may return. What it lacks is written so:

* tuples and sets are arrays; a set's items are sorted where they can be compared
* bytes are ``{"data": "...", "encoding": "base64"}``, which is Pyro's form of them with serpent
* the numbers that are none are the texts ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``
* a complex number is ``{"real": 1.0, "imag": 2.0}``
* dates and times are texts in ISO 8601; decimals and UUIDs are texts
* remote objects and uris are the uri as text, which can be called next
* an exception is ``{"__class__": "ValueError", "args": [...]}``
* a dictionary whose keys are more than texts, numbers, true, false and null, or would become the
  same text, is ``{"__class__": "dict", "items": [[key, value], ...]}``
* anything else is ``{"__class__": "its.Class", "repr": "..."}``
"""

import base64
import datetime
import json
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from pyrolike._terminal import CommandError
from pyrolike.client import Proxy
from pyrolike.uri import URI

_LOOKS_LIKE_JSON = ("{", "[", '"')
_KEYS = (str, bool, int, float, type(None))


def read_word(word: str, *, as_text: bool = False) -> Any:
    """Return the value that a word stands for: JSON, or else the word itself.

    Args:
        word: The word.
        as_text: It is a text, whatever it looks like.

    Raises:
        ValueError: It begins like JSON, but is none: that is a slip, not a text.
    """
    if as_text:
        return word
    try:
        return json.loads(word)
    except RecursionError:
        raise ValueError(f"this JSON is nested too deeply: {word[:40]}...") from None
    except json.JSONDecodeError as error:
        if not word.lstrip().startswith(_LOOKS_LIKE_JSON):
            return word
        raise ValueError(
            f"{word!r:.200} begins like JSON, but is none: {error.msg} at character "
            f"{error.pos + 1}; with --text every argument is taken as it stands"
        ) from None
    except ValueError:  # a number with more digits than Python reads
        return word


def to_json(value: Any) -> Any:
    """Return what stands for a value in JSON; see the module.

    Raises:
        CommandError: It is nested too deeply.
    """
    try:
        return _convert(value)
    except RecursionError:
        raise CommandError("the result is nested too deeply to be shown") from None


def _convert(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    for classes, convert in _CONVERTERS:
        if isinstance(value, classes):
            return convert(value)
    cls = type(value)
    return {"__class__": f"{cls.__module__}.{cls.__qualname__}", "repr": repr(value)}


def _float(value: float) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _bytes(value: bytes) -> Any:
    return {"data": base64.b64encode(value).decode(), "encoding": "base64"}


def _array(value: Iterable[Any]) -> Any:
    return [_convert(item) for item in value]


def _set(value: Iterable[Any]) -> Any:
    try:
        return _array(sorted(value))
    except TypeError:
        return _array(value)


def _mapping(value: Mapping[Any, Any]) -> Any:
    converted = {key: _convert(item) for key, item in value.items()}
    # A float is an odd key, but JSON has a text for the finite ones.
    if all(isinstance(key, _KEYS) and _is_finite(key) for key in value):
        texts = {_key(key): item for key, item in converted.items()}
        if len(texts) == len(converted):
            return texts
    pairs = [[_convert(key), item] for key, item in converted.items()]
    return {"__class__": "dict", "items": pairs}


def _is_finite(key: Any) -> bool:
    return not isinstance(key, float) or math.isfinite(key)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def _exception(value: BaseException) -> Any:
    return {"__class__": type(value).__name__, "args": _array(value.args)}


_CONVERTERS: list[tuple[Any, Callable[[Any], Any]]] = [
    (float, _float),
    ((bytes, bytearray, memoryview), lambda value: _bytes(bytes(value))),
    ((Proxy,), lambda value: str(value._pyroUri)),
    ((URI, Decimal, UUID), str),
    (complex, lambda value: {"real": _float(value.real), "imag": _float(value.imag)}),
    ((datetime.date, datetime.time), lambda value: value.isoformat()),
    (BaseException, _exception),
    (Mapping, _mapping),
    ((set, frozenset), _set),
    ((list, tuple), _array),
]
"""What is tried in turn. A proxy comes before all that would ask it whether it is a mapping."""
