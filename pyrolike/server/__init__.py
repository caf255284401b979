"""The server side: the daemon, and the server type that runs its requests."""

from pyrolike.objects import DaemonObject, behavior, callback, expose, is_private_attribute, oneway

from .daemon import Daemon, default_methodcall_error_handler
from .serving import serve

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
