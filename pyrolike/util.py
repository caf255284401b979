"""Pyro4's ``util``: serializers, tracebacks, and what of an object is remote."""

from pyrolike.errors import (
    excepthook,
    format_traceback,
    get_pyro_traceback,
)
from pyrolike.objects import is_private_attribute
from pyrolike.serializers import (
    CloudpickleSerializer,
    DillSerializer,
    JsonSerializer,
    MarshalSerializer,
    MsgpackSerializer,
    PickleSerializer,
    SerializerBase,
    SerpentSerializer,
    all_exceptions,
    get_serializer,
    get_serializer_by_id,
)
from pyrolike.server.exposed import (
    get_exposed_members,
    get_exposed_property_value,
    getAttribute,
    reset_exposed_members,
    set_exposed_property_value,
)

getPyroTraceback = get_pyro_traceback
formatTraceback = format_traceback

__all__ = [
    "CloudpickleSerializer",
    "DillSerializer",
    "JsonSerializer",
    "MarshalSerializer",
    "MsgpackSerializer",
    "PickleSerializer",
    "SerializerBase",
    "SerpentSerializer",
    "all_exceptions",
    "excepthook",
    "formatTraceback",
    "format_traceback",
    "getAttribute",
    "getPyroTraceback",
    "get_exposed_members",
    "get_exposed_property_value",
    "get_pyro_traceback",
    "get_serializer",
    "get_serializer_by_id",
    "is_private_attribute",
    "reset_exposed_members",
    "set_exposed_property_value",
]
