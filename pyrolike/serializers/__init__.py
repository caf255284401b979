"""Values to bytes and back: serpent, json, marshal, msgpack, pickle; and how classes travel.

No sockets, threads or settings here. Source: the serialization page of the reference.
"""

from .base import SerializerBase
from .blob import SerializedBlob
from .classes import TAGS, register_pyro_class
from .exceptions import ExceptionWrapper, all_exceptions
from .extended_codec import CloudpickleSerializer, DillSerializer
from .failures import UnserializableError
from .json_codec import JsonSerializer
from .marshal_codec import MarshalSerializer, load_marshal
from .msgpack_codec import MsgpackSerializer
from .pickle_codec import PickleSerializer
from .registry import (
    RUNNING_CODE,
    get_serializer,
    get_serializer_by_id,
    serializers,
    serializers_by_id,
)
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
    "register_pyro_class",
    "serializers",
    "serializers_by_id",
]
