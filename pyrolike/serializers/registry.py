"""Which serializers there are, by name and by number.

A program uses one or two of them. So the modules of the others, and what those need, are not loaded
before somebody asks for them.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pyrolike.constants import PICKLE_PROTOCOL
from pyrolike.errors import SerializeError

from .classes import TAGS, register_maker

if TYPE_CHECKING:
    from .base import SerializerBase

_PLACES = {
    "serpent": ("serpent_codec", "SerpentSerializer", 1),
    "marshal": ("marshal_codec", "MarshalSerializer", 2),
    "json": ("json_codec", "JsonSerializer", 3),
    "pickle": ("pickle_codec", "PickleSerializer", 200),
    "msgpack": ("msgpack_codec", "MsgpackSerializer", 4),
    "dill": ("extended_codec", "DillSerializer", 201),
    "cloudpickle": ("extended_codec", "CloudpickleSerializer", 202),
}
"""Module, class and number by name."""

RUNNING_CODE = frozenset({"pickle", "dill", "cloudpickle"})
"""Serializers with which whoever writes the data can run any code where it is read."""

_EXTRAS = frozenset({"msgpack", "dill", "cloudpickle"})
"""Serializers that need a package, which is the extra's name, too."""

_STANDARD_JSON = "json"

K = TypeVar("K", str, int)


def _load_class(name: str) -> type[SerializerBase]:
    module, clazz, _ = _PLACES[name]
    return cast("type[SerializerBase]", getattr(import_module(f"{__package__}.{module}"), clazz))


_made: dict[str, SerializerBase] = {}


def _make(name: str) -> SerializerBase:
    """Return the one serializer of that name."""
    return _made.get(name) or _made.setdefault(name, _load_class(name)())


class Shelf(UserDict[K, "SerializerBase"]):
    """Serializers by some key. One that nobody has asked for is only known by its name.

    Args:
        names: Key to name.
    """

    def __init__(self, names: Mapping[K, str]) -> None:
        super().__init__()
        self.data: dict[K, Any] = dict(names)

    def __getitem__(self, key: K) -> SerializerBase:
        found: SerializerBase | str = self.data[key]
        if isinstance(found, str):
            found = self.data[key] = _make(found)
        return found


def find_names() -> list[str]:
    """Return the names of the serializers whose requirements are installed."""
    return [name for name in _PLACES if name not in _EXTRAS or find_spec(name)]


class UnknownSerializerError(SerializeError, ValueError):
    """There is no serializer of that name. Pyro5 raises a ValueError for it, Pyro4 the other."""


serializers: Shelf[str] = Shelf({name: name for name in find_names()})
"""All serializers that can be used, by name. What a daemon *accepts* is another matter."""

serializers_by_id: Shelf[int] = Shelf({_PLACES[name][2]: name for name in serializers})
"""The same by their numbers in Pyro5's protocol; 200 and above are ours."""

_variants: dict[tuple[str, Any], SerializerBase] = {}  # by the name, and what is different
_with_tags: dict[tuple[int, str], tuple[SerializerBase, SerializerBase]] = {}


def get_serializer(
    name: str,
    *,
    bytes_repr: bool = False,
    json_module: str = _STANDARD_JSON,
    pickle_protocol: int = PICKLE_PROTOCOL,
    dill_protocol: int = -1,
    tags: str = TAGS[0],
) -> SerializerBase:
    """Return the serializer of that name; always the same object for the same arguments.

    Args:
        name: Such as ``"serpent"``.
        bytes_repr: Have serpent write bytes as Python writes them, not as dicts of base64.
            Means nothing to the other serializers.
        json_module: Name of the module by which json is written and read. It is imported when the
            serializer is first used, which fails with a SerializeError if it is not fit for that.
            Means nothing to the other serializers.
        pickle_protocol: What pickle and cloudpickle write; -1 is the newest.
        dill_protocol: What dill writes; -1 is the newest.
        tags: The family of names to write for Pyro's own classes.

    Raises:
        SerializeError: There is none of that name, or what it needs is not installed.
    """
    protocol = dill_protocol if name == "dill" else pickle_protocol
    serializer = _find_variant(name, bytes_repr, json_module, protocol)
    if tags == serializer.tags:
        return serializer
    # By identity, and beside the original: a program may replace a serializer by one of its own.
    key = id(serializer), tags
    if key not in _with_tags:
        _with_tags[key] = serializer, serializer.with_tags(tags)
    return _with_tags[key][1]


def _find_variant(name: str, bytes_repr: bool, json_module: str, protocol: int) -> SerializerBase:
    serializer = serializers.get(name)
    if serializer is None:
        raise UnknownSerializerError(_missing(name))
    if name == "serpent" and bytes_repr:
        return _vary(serializer, bytes_repr=True)
    if name == "json" and json_module != _STANDARD_JSON:
        return _vary(serializer, module=json_module)
    if name in RUNNING_CODE and getattr(serializer, "protocol", protocol) != protocol:
        return _vary(serializer, protocol=protocol)
    return serializer


def _vary(serializer: SerializerBase, **option: Any) -> SerializerBase:
    """Return ours with another option; one that a program has put in its place stays as it is."""
    if not _is_ours(serializer):
        return serializer
    key = serializer.name, tuple(option.values())
    return _variants.get(key) or _variants.setdefault(key, type(serializer)(**option))


def _is_ours(serializer: SerializerBase) -> bool:
    name = serializer.name
    return name in _PLACES and type(serializer) is _load_class(name)


def get_serializer_by_id(number: int) -> SerializerBase:
    """Return the serializer with that number in Pyro5's protocol.

    Raises:
        SerializeError: There is none.
    """
    serializer = serializers_by_id.get(number)
    if serializer is None:
        known = ", ".join(f"{one.serializer_id} ({one.name})" for one in serializers.values())
        raise SerializeError(f"no serializer has the number {number}; known are {known}")
    return serializer


def _missing(name: str) -> str:
    if name in _EXTRAS:
        return f"the {name} serializer needs its package: pip install {name}"
    return f"there is no serializer {name!r}; known are {', '.join(serializers)}"


def _make_known(name: str) -> None:
    """Let peers name a serializer's class, by the module it had in Pyro long ago."""
    _, clazz, _ = _PLACES[name]
    register_maker(lambda data: _load_class(name)(), *(f"{tags}.util.{clazz}" for tags in TAGS))


for _name in serializers:
    _make_known(_name)
