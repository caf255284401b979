"""The name server: running one, finding one, and asking it.

`start_ns_loop` and ``python -m pyrolike.naming`` run a name server, `locate_ns` finds it.
`NameServer` is the remote object itself; where it keeps its registrations is the affair of the
package `storage`.

The functions of `lookup` that ask with patience stay in their module: one of them has its name.
"""

from .announce import BroadcastServer
from .autoclean import AutoCleaner
from .daemon import NameServerDaemon, start_ns, start_ns_loop, startNS, startNSloop
from .lookup import locate_ns, locateNS, resolve, type_meta
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
