"""Values to bytes and back: serpent, json, marshal, msgpack, pickle; and how classes travel.

No sockets, threads or settings here. Source: the serialization page of the reference.
"""

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes

from .base import SerializerBase
from .blob import SerializedBlob
from .classes import TAGS, register_pyro_class
from .exceptions import ExceptionWrapper, all_exceptions, make_catchable
from .registry import (
    RUNNING_CODE,
    get_serializer,
    get_serializer_by_id,
    serializers,
    serializers_by_id,
)

if TYPE_CHECKING:
    from .extended_codec import CloudpickleSerializer, DillSerializer
    from .failures import UnserializableError
    from .json_codec import JsonSerializer
    from .marshal_codec import MarshalSerializer, load_marshal
    from .msgpack_codec import MsgpackSerializer
    from .pickle_codec import PickleSerializer
    from .serpent_codec import SerpentSerializer

__all__ = [
    "RUNNING_CODE",
    "TAGS",
    "CloudpickleSerializer",
    "DillSerializer",
    "ExceptionWrapper",
    "JsonSerializer",
    "MarshalSerializer",
    "MsgpackSerializer",
    "PickleSerializer",
    "SerializedBlob",
    "SerializerBase",
    "SerpentSerializer",
    "UnserializableError",
    "all_exceptions",
    "get_serializer",
    "get_serializer_by_id",
    "load_marshal",
    "make_catchable",
    "register_pyro_class",
    "serializers",
    "serializers_by_id",
]

# A program uses one or two of them.
_NAMES = {
    "CloudpickleSerializer": "extended_codec",
    "DillSerializer": "extended_codec",
    "JsonSerializer": "json_codec",
    "MarshalSerializer": "marshal_codec",
    "load_marshal": "marshal_codec",
    "MsgpackSerializer": "msgpack_codec",
    "PickleSerializer": "pickle_codec",
    "SerpentSerializer": "serpent_codec",
    "UnserializableError": "failures",
}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES)
