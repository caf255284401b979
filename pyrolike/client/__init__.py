"""The client side: proxies, batches, and finding what a logical uri means."""

from pyrolike.serializers import SerializedBlob, SerializerBase

from .asynchronous import AsyncMethod, asyncproxy
from .batches import BatchProxy, batch
from .iterator import StreamResultIterator, StreamResultIterator as _StreamResultIterator
from .methods import RemoteMethod
from .proxy import Proxy

__all__ = [
    "AsyncMethod",
    "BatchProxy",
    "Proxy",
    "RemoteMethod",
    "SerializedBlob",
    "SerializerBase",
    "StreamResultIterator",
    "_StreamResultIterator",
    "asyncproxy",
    "batch",
]
