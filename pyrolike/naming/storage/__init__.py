"""Where a name server keeps its registrations.

`Storage` is the interface, `MemoryStorage` and `SqlStorage` implement it, and `open_storage` picks
one from a text. The contract all of them pass is ``tests/contracts/test_naming_storage.py``.
"""

from .base import (
    LONGEST_REGEX,
    Entry,
    Listing,
    Storage,
    list_prefix,
    list_regex,
    search_metadata,
)
from .memory import MemoryStorage
from .spec import open_storage
from .sql import SqlStorage

__all__ = [
    "LONGEST_REGEX",
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
