"""The name server under the name Pyro5 gives it; also ``python -m pyrolike.nameserver``."""

from pyrolike.naming import (
    AutoCleaner,
    BroadcastServer,
    MemoryStorage,
    NameServer,
    NameServerDaemon,
    SqlStorage,
    start_ns,
    start_ns_loop,
)
from pyrolike.naming.cli import main
from pyrolike.naming.lookup import lookup, yplookup

__all__ = [
    "AutoCleaner",
    "BroadcastServer",
    "MemoryStorage",
    "NameServer",
    "NameServerDaemon",
    "SqlStorage",
    "lookup",
    "main",
    "start_ns",
    "start_ns_loop",
    "yplookup",
]

if __name__ == "__main__":
    raise SystemExit(main())
