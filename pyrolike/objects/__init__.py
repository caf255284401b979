"""What a remote object is: what it exposes, where it is found, how it is called.

`exposure` has the decorators of the programs, `members` what they add up to and the gate for every
access. Nothing on this floor knows sockets, clocks or settings.
"""

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes

from .exposure import behavior, callback, expose, oneway
from .members import (
    Members,
    find_method,
    get_members,
    get_property,
    is_private_attribute,
    reset_members,
    set_property,
)

if TYPE_CHECKING:
    from .daemon_object import DaemonObject
    from .dispatch import CallPolicy, Dispatcher, Interrupted
    from .streams import StreamTable
    from .table import ObjectTable

__all__ = [
    "CallPolicy",
    "DaemonObject",
    "Dispatcher",
    "Interrupted",
    "Members",
    "ObjectTable",
    "StreamTable",
    "behavior",
    "callback",
    "expose",
    "find_method",
    "get_members",
    "get_property",
    "is_private_attribute",
    "oneway",
    "reset_members",
    "set_property",
]

# Clients come here too: what only daemons need loads on first use.
_NAMES = {
    "CallPolicy": "dispatch",
    "DaemonObject": "daemon_object",
    "Dispatcher": "dispatch",
    "Interrupted": "dispatch",
    "ObjectTable": "table",
    "StreamTable": "streams",
}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES)
