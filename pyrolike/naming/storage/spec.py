"""From what a person writes, such as ``sql:names.db``, to a storage."""

from collections.abc import Callable

from .base import Storage
from .memory import MemoryStorage
from .sql import SqlStorage

_WITH_FILE: dict[str, Callable[[str], Storage]] = {"sql": SqlStorage}
_METHODS = (
    "everything",
    "remove_items",
    "optimized_prefix_list",
    "optimized_regex_list",
    "optimized_metadata_search",
    "close",
    "__setitem__",
)


def open_storage(spec: str | Storage | None) -> Storage:
    """Return the storage that *spec* stands for.

    Args:
        spec: ``memory``, None or nothing at all: a new `MemoryStorage`. ``sql:FILENAME``: that
            SQLite file. Anything with the methods of `Storage` is returned as it is.

    Raises:
        ValueError: The text names no storage, or the file name is missing.
        TypeError: *spec* is neither text nor a storage.
        NamingError: The file cannot be used.
    """
    if spec is None or spec in ("", "memory"):
        return MemoryStorage()
    if isinstance(spec, str):
        return _open_file(spec)
    if not all(hasattr(spec, method) for method in _METHODS):
        raise TypeError(f"a storage is expected, not {type(spec).__name__}")
    return spec


def _open_file(spec: str) -> Storage:
    kind, _, filename = spec.partition(":")
    if kind not in _WITH_FILE:
        raise ValueError(f"unknown storage {spec!r}; known are 'memory' and 'sql:FILENAME'")
    if not filename:
        raise ValueError(f"the file name is missing in storage {spec!r}; write '{kind}:FILENAME'")
    return _WITH_FILE[kind](filename)
