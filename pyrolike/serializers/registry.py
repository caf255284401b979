"""Which serializers there are, by name and by number."""

from __future__ import annotations

from importlib.util import find_spec
from pickle import HIGHEST_PROTOCOL
from typing import TYPE_CHECKING

from pyrolike.errors import SerializeError

from .classes import TAGS, register_maker
from .extended_codec import CloudpickleSerializer, DillSerializer
from .json_codec import STANDARD, JsonSerializer
from .marshal_codec import MarshalSerializer
from .msgpack_codec import MsgpackSerializer
from .pickle_codec import PickleSerializer
from .serpent_codec import SerpentSerializer

if TYPE_CHECKING:
    from .base import SerializerBase

_CLASSES: tuple[type[SerializerBase], ...] = (
    SerpentSerializer,
    MarshalSerializer,
    JsonSerializer,
    PickleSerializer,
    MsgpackSerializer,
    DillSerializer,
    CloudpickleSerializer,
)

RUNNING_CODE = frozenset({"pickle", "dill", "cloudpickle"})
"""Serializers with which whoever writes the data can run any code where it is read."""

_EXTRAS = frozenset({"msgpack", "dill", "cloudpickle"})
"""Serializers that need a package, which is the extra's name, too."""


def make_serializers() -> dict[str, SerializerBase]:
    """Return one of each serializer whose requirements are installed, by name."""
    return {cls.name: cls() for cls in _CLASSES if cls.name not in _EXTRAS or find_spec(cls.name)}


class UnknownSerializerError(SerializeError, ValueError):
    """There is no serializer of that name. Pyro5 raises a ValueError for it, Pyro4 the other."""


serializers = make_serializers()
"""All serializers that can be used, by name. What a daemon *accepts* is another matter."""

serializers_by_id: dict[int, SerializerBase] = {
    serializer.serializer_id: serializer for serializer in serializers.values()
}
"""The same by their numbers in Pyro5's protocol; 200 and above are ours."""

_with_bytes_repr = SerpentSerializer(bytes_repr=True)
_with_modules: dict[str, JsonSerializer] = {}
_with_protocols: dict[tuple[str, int], PickleSerializer] = {}
_with_tags: dict[tuple[int, str], tuple[SerializerBase, SerializerBase]] = {}


def get_serializer(
    name: str,
    *,
    bytes_repr: bool = False,
    json_module: str = STANDARD,
    pickle_protocol: int = HIGHEST_PROTOCOL,
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
    if bytes_repr and type(serializer) is SerpentSerializer:
        return _with_bytes_repr
    if json_module != STANDARD and type(serializer) is JsonSerializer:
        made = _with_modules.get(json_module)
        return made or _with_modules.setdefault(json_module, JsonSerializer(module=json_module))
    if isinstance(serializer, PickleSerializer):
        return _with_protocol(serializer, protocol)
    return serializer


def _with_protocol(serializer: PickleSerializer, protocol: int) -> PickleSerializer:
    if serializer.protocol == protocol or type(serializer) not in _CLASSES:
        return serializer
    key = serializer.name, protocol
    made = _with_protocols.get(key)
    return made or _with_protocols.setdefault(key, type(serializer)(protocol=protocol))


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


def _make_known(cls: type[SerializerBase]) -> None:
    """Let peers name a serializer's class, by the module it had in Pyro long ago."""
    register_maker(lambda data: cls(), *(f"{family}.util.{cls.__name__}" for family in TAGS))


for _serializer in serializers.values():
    _make_known(type(_serializer))
