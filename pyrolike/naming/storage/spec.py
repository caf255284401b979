"""From what a person writes, such as ``sql:names.db``, to a storage.

The word before the colon says which kind. Those of pyrolike come first; any other word is looked
for among the entry points of the group `GROUP`, with which an installed distribution says that it
brings a storage. Its ``pyproject.toml`` has two lines for that::

    [project.entry-points."pyrolike.naming.storage"]
    redis = "my_package.storage:RedisStorage"

and then ``redis:host:6379`` calls ``RedisStorage("host:6379")``, which returns a `Storage`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyrolike.errors import NamingError

from .base import Storage
from .dbm import DbmStorage
from .memory import MemoryStorage
from .sql import SqlStorage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

GROUP = "pyrolike.naming.storage"
"""The entry point group in which distributions offer storages."""

_WITH_FILE: dict[str, Callable[[str], Storage]] = {"sql": SqlStorage, "dbm": DbmStorage}
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
            SQLite file. ``dbm:FILENAME``: that dbm file, without tags. ``WORD:ANYTHING``: what the
            entry point WORD makes of the text behind the colon. Anything with the methods of
            `Storage` is returned as it is.

    Raises:
        ValueError: The text names no storage, or the file name is missing.
        TypeError: *spec* is neither text nor a storage.
        NamingError: The file cannot be used, or the code of an entry point not be loaded.
    """
    if spec is None or spec in ("", "memory"):
        return MemoryStorage()
    if isinstance(spec, str):
        return _open_named(spec)
    return _checked(spec, "a storage is expected")


def _open_named(spec: str) -> Storage:
    kind, _, argument = spec.partition(":")
    if kind in _WITH_FILE:
        if not argument:
            raise ValueError(
                f"the file name is missing in storage {spec!r}; write '{kind}:FILENAME'"
            )
        return _WITH_FILE[kind](argument)
    offers = tuple(offer for offer in _offers() if offer.name == kind)
    if not offers:
        raise ValueError(f"unknown storage {spec!r}; known are {_known_kinds()}")
    if len(offers) > 1:
        places = " and ".join(sorted(offer.value for offer in offers))
        raise ValueError(f"storage {kind!r} is offered more than once, by {places}")
    return _open_offered(offers[0], argument)


def _open_offered(offer: "EntryPoint", argument: str) -> Storage:
    try:
        make = offer.load()
    except Exception as error:  # whatever the foreign module raises while it is imported
        raise NamingError(
            f"storage {offer.name!r} cannot be loaded from {offer.value}: {error}"
        ) from error
    return _checked(make(argument), f"{offer.value} should make a storage")


def _checked(storage: Storage, complaint: str) -> Storage:
    if not all(hasattr(storage, method) for method in _METHODS):
        raise TypeError(f"{complaint}, not {type(storage).__name__}")
    return storage


def _offers() -> "EntryPoints":
    from importlib.metadata import entry_points  # slow to load, and seldom needed

    return entry_points(group=GROUP)


def _known_kinds() -> str:
    kinds = ["'memory'", *(f"'{kind}:FILENAME'" for kind in _WITH_FILE)]
    kinds += sorted({f"'{offer.name}:...'" for offer in _offers()})
    return f"{', '.join(kinds[:-1])} and {kinds[-1]}"
