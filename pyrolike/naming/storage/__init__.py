"""Where a name server keeps its registrations.

`Storage` is the interface, `MemoryStorage`, `SqlStorage` and `DbmStorage` implement it, and
`open_storage` picks one from a text; other distributions may bring more. The contract all of them
pass is ``tests/contracts/test_naming_storage.py``.
"""

from .base import Entry, Listing, Storage, list_prefix, list_regex, search_metadata
from .dbm import DbmStorage
from .memory import MemoryStorage
from .spec import GROUP, open_storage
from .sql import SqlStorage

__all__ = [
    "GROUP",
    "DbmStorage",
    "Entry",
    "Listing",
    "MemoryStorage",
    "SqlStorage",
    "Storage",
    "list_prefix",
    "list_regex",
    "open_storage",
    "search_metadata",
]
