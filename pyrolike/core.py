"""The names that both Pyros, or their manuals, find in a module called ``core``.

Pyro5 keeps addresses and look-up there, Pyro4 nearly everything. This door offers both sets.
"""

from pyrolike.callcontext import current_context
from pyrolike.client import BatchProxy, Proxy, asyncproxy, batch
from pyrolike.constants import DAEMON_NAME, NAMESERVER_NAME
from pyrolike.naming import (
    locate_ns,
    locateNS,
    locateNS as _locateNS,
    resolve,
    resolve as _resolve,
    type_meta,
)
from pyrolike.objects import behavior, callback, expose, oneway
from pyrolike.serializers import ExceptionWrapper as _ExceptionWrapper, SerializedBlob
from pyrolike.server import Daemon, DaemonObject
from pyrolike.uri import URI

__all__ = [
    "DAEMON_NAME",
    "NAMESERVER_NAME",
    "URI",
    "BatchProxy",
    "Daemon",
    "DaemonObject",
    "Proxy",
    "SerializedBlob",
    "_ExceptionWrapper",
    "_locateNS",
    "_resolve",
    "asyncproxy",
    "batch",
    "behavior",
    "callback",
    "current_context",
    "expose",
    "locateNS",
    "locate_ns",
    "oneway",
    "resolve",
    "type_meta",
]
