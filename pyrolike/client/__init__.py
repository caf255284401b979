"""The client side: proxies, batches, and finding what a logical uri means."""

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes
from pyrolike.serializers import SerializedBlob, SerializerBase

from .methods import RemoteMethod
from .proxy import Proxy

if TYPE_CHECKING:
    from .asynchronous import AsyncMethod, asyncproxy
    from .batches import BatchProxy, batch
    from .iterator import StreamResultIterator, StreamResultIterator as _StreamResultIterator

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

# A program's first call needs none of these.
_NAMES = {
    "AsyncMethod": "asynchronous",
    "BatchProxy": "batches",
    "StreamResultIterator": "iterator",
    "_StreamResultIterator": "iterator:StreamResultIterator",
    "asyncproxy": "asynchronous",
    "batch": "batches",
}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES)
