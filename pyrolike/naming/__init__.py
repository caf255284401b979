"""The name server: running one, finding one, and asking it.

`start_ns_loop` and ``python -m pyrolike.naming`` run a name server, `locate_ns` finds it.
`NameServer` is the remote object itself; where it keeps its registrations is the affair of the
package `storage`.

The functions of `lookup` that ask with patience stay in their module: one of them has its name.
"""

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes

from .lookup import locate_ns, locateNS, resolve, type_meta

if TYPE_CHECKING:
    from .announce import BroadcastServer
    from .autoclean import AutoCleaner
    from .daemon import NameServerDaemon, start_ns, start_ns_loop, startNS, startNSloop
    from .server import NameServer
    from .storage import DbmStorage, MemoryStorage, SqlStorage, Storage

__all__ = [
    "AutoCleaner",
    "BroadcastServer",
    "DbmStorage",
    "MemoryStorage",
    "NameServer",
    "NameServerDaemon",
    "SqlStorage",
    "Storage",
    "locateNS",
    "locate_ns",
    "resolve",
    "startNS",
    "startNSloop",
    "start_ns",
    "start_ns_loop",
    "type_meta",
]

# Clients come here to find a name server: what runs one loads on first use.
_NAMES = {
    "AutoCleaner": "autoclean",
    "BroadcastServer": "announce",
    "DbmStorage": "storage",
    "MemoryStorage": "storage",
    "NameServer": "server",
    "NameServerDaemon": "daemon",
    "SqlStorage": "storage",
    "Storage": "storage",
    "startNS": "daemon",
    "startNSloop": "daemon",
    "start_ns": "daemon",
    "start_ns_loop": "daemon",
}

if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES)
