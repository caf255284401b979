"""The server side: the daemon, and the server type that runs its requests."""

import pyrolike.objects
from pyrolike.objects import DaemonObject, behavior, callback, expose, is_private_attribute

from .daemon import Daemon, default_methodcall_error_handler
from .serving import serve

# Behind the imports: they bind the module of this name here, which is a room and no promise.
oneway = pyrolike.objects.oneway

__all__ = [
    "Daemon",
    "DaemonObject",
    "behavior",
    "callback",
    "default_methodcall_error_handler",
    "expose",
    "is_private_attribute",
    "oneway",
    "serve",
]
