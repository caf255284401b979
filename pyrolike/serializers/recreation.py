"""Dictionaries back to objects: what a peer may have us create, and nothing else.

Containers are walked from the top. A dict with the key ``__class__`` is handed on with its contents
as they are: the users' converters get nested class dicts as plain dicts, as in Pyro. No class is
ever looked up by importing what a peer names. Source: the serialization page of the reference, 4.2,
4.3 and 8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pyrolike.errors import PyroError, SecurityError, SerializeError
from pyrolike.tracebacks import remote_note

from .classes import find_dict_converter, find_maker, register_maker
from .exceptions import create_exception, find_exception_class, wrapper_from_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .base import Buffer

names_class = re.compile(rb"__class__").search
"""Finds out whether serialized data may have a class dict in it; if not, nothing is re-created.

A pattern, because it is the quickest of all ways to search, and takes views as well as bytes.
"""

LARGE = 64 * 1024
"""Bytes of data from which on a look at the values is quicker than a search for a name."""

LONG_DATA = 20_000
"""Bytes of data from which on a search from behind is quicker, where that is possible."""

TRACEBACK = "_pyroTraceback"
"""Attribute with the remote traceback of an exception, a list of text."""

TOO_DEEP = "the data is nested too deeply"

_CONTAINERS = frozenset({dict, list, tuple})  # a set cannot hold a dict, so it needs no walk
_FEW = 16  # items of a container that are looked at
_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


def may_have_objects(data: Buffer, values: Iterable[Any]) -> bool:
    """Say whether class dicts may be in *values*, which are all that *data* was decoded to."""
    if len(data) >= LARGE and _CONTAINERS.isdisjoint(map(type, values)):
        return False
    return long_names_class(data)


def long_names_class(data: Buffer) -> bool:
    """Do what `names_class` does, for data that may be long."""
    if len(data) < LONG_DATA or type(data) is memoryview:
        return names_class(data) is not None
    return data.rfind(b"__class__") >= 0


def is_flat(value: Any, depth: int) -> bool:
    """Say whether surely no class dict is in decoded data; found out by a look at a few values.

    Args:
        value: The data.
        depth: How many containers deep to look.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return True
    if not depth or len(value) > _FEW or (kind is dict and "__class__" in value):
        return False
    return all(is_flat(item, depth - 1) for item in (value.values() if kind is dict else value))


def dict_to_class(data: dict[str, Any]) -> Any:
    """Make the object that a class dict stands for.

    Returns:
        Whatever the user's converter for that class name returns; else one of Pyro's own objects,
        or an exception.

    Raises:
        SecurityError: The class name contains two underscores in a row.
        SerializeError: The class is not known, or the dict is not as that class needs it.
    """
    name = _class_name(data)
    converter = find_dict_converter(name)
    if converter is not None:
        return converter(name, data)
    if "__" in name:
        refusal = SecurityError(
            f"refused to create {_short(name)}; its name has two underscores, so that only a "
            "converter for exactly this name can allow it: register one with "
            "register_dict_to_class in the program that receives it, or send plain values"
        )
        raise _with_traceback(refusal, data)
    try:
        return _create(name, data)
    except PyroError:
        raise
    except _MALFORMED as exc:
        raise SerializeError(
            f"malformed {_short(name)}; {type(exc).__name__}: {exc}", class_name=_short(name)
        ) from exc


def _class_name(data: dict[str, Any]) -> str:
    name = data.get("__class__")
    if isinstance(name, bytes):
        name = name.decode("utf-8", errors="replace")
    if not isinstance(name, str):
        raise SerializeError(f"a class is named by {name!r:.40}; expected its name as text")
    return name


def _short(name: str) -> str:
    """Cut off what a peer may have added to bloat our messages."""
    return name[:200]


def _create(name: str, data: dict[str, Any]) -> object:
    make = find_maker(name)
    if make is not None:
        return make(data)
    exception_class = find_exception_class(name, data)
    if exception_class is None:
        unknown = SerializeError(
            f"unknown class {_short(name)}; register a converter with register_dict_to_class in "
            "the program that receives it, or send plain values",
            class_name=_short(name),
        )
        raise _with_traceback(unknown, data)
    if issubclass(exception_class, BaseExceptionGroup):
        # These are made of other exceptions, which must be there before them.
        data = {**data, "args": recreate(data["args"], "args")}
    return create_exception(exception_class, name, data)


def _with_traceback(error: PyroError, data: dict[str, Any]) -> PyroError:
    """Return *error* with what is known of the remote exception that cannot be made again here.

    Its text and its place are in its traceback; without it nobody could say what has happened.
    """
    attributes = data.get("attributes")
    if data.get("__exception__") and isinstance(attributes, dict):
        lines = attributes.get(TRACEBACK)
        if isinstance(lines, list | tuple) and lines:
            told = [str(line) for line in lines]
            setattr(error, TRACEBACK, told)
            error.add_note(remote_note(told))
    return error


def _make_wrapper(data: dict[str, Any]) -> object:
    inner = data["exception"]
    return wrapper_from_dict(dict_to_class(inner) if type(inner) is dict else inner)


def _make_float(data: dict[str, Any]) -> float:
    """Serpent's form of a NaN, for which there is no literal."""
    return float(data["value"])


def _make_complex(data: dict[str, Any]) -> complex:
    """Serpent's form of a complex number that has a NaN in it. Pyro cannot read its own."""
    return complex(_number(data["real"]), _number(data["imag"]))


def _number(part: Any) -> float:
    return _make_float(part) if isinstance(part, dict) else float(part)


register_maker(_make_wrapper, "Pyro5.core._ExceptionWrapper", "Pyro4.futures._ExceptionWrapper")
register_maker(_make_float, "float")
register_maker(_make_complex, "complex")


class _Walk:
    """One walk through decoded data; remembers which class dict it is at, for the error message."""

    __slots__ = ("current",)

    def __init__(self) -> None:
        self.current: object = None

    def visit(self, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            if "__class__" in value:
                self.current = value
                return dict_to_class(value)
            return {
                key: self.visit(item) if type(item) in _CONTAINERS else item
                for key, item in value.items()
            }
        if kind is list:
            return [self.visit(item) if type(item) in _CONTAINERS else item for item in value]
        if kind is tuple:
            return tuple(self.visit(item) if type(item) in _CONTAINERS else item for item in value)
        return value


def recreate(literal: Any, root: str = "the value") -> Any:
    """Return *literal* with all class dicts in it turned into objects.

    Args:
        literal: Decoded data; it is not changed.
        root: What to call it in error messages, such as ``"args"``.

    Raises:
        SecurityError, SerializeError: As for :func:`dict_to_class`, with the place in the text; or
            the data is nested too deeply.
    """
    walk = _Walk()
    try:
        return walk.visit(literal)
    except (SecurityError, SerializeError) as exc:
        where = find_part(literal, lambda part: part is walk.current, root)
        raise located(exc, where) from exc.__cause__
    except RecursionError:
        raise SerializeError(TOO_DEEP) from None


def located(exc: PyroError, where: str | None) -> PyroError:
    """Return *exc* with the place in its text: behind the problem, before the advice."""
    if where is None or getattr(exc, "where", None):
        return exc
    problem, separator, advice = str(exc).partition("; ")
    text = f"{problem} at {where}{separator}{advice}"
    moved: PyroError = SecurityError(text)
    if isinstance(exc, SerializeError):
        moved = SerializeError(text, class_name=exc.class_name, where=where)
    for name in (TRACEBACK, "__notes__"):
        if hasattr(exc, name):
            setattr(moved, name, getattr(exc, name))
    return moved


def find_part(value: object, is_wanted: Callable[[object], bool], where: str) -> str | None:
    """Return the path from *value* to the first container inside it that is wanted.

    Without recursion and with a memory: the data may be as deep as its decoder allows, and marshal
    data may contain itself.
    """
    seen: set[int] = set()
    # Of msgpack data the value may be anything: what was wanted sat inside of an extension.
    pending = [(where, value)] if type(value) in _CONTAINERS else []
    while pending:
        where, value = pending.pop()
        if is_wanted(value):
            return where
        if id(value) not in seen:
            seen.add(id(value))
            pending.extend(reversed([(where + step, part) for step, part in _parts(value)]))
    return None


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    pairs = value.items() if type(value) is dict else enumerate(value)
    yield from ((f"[{key!r:.40}]", part) for key, part in pairs if type(part) in _CONTAINERS)
