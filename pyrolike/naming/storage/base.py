"""What a name server needs from the place where it keeps its registrations.

A storage is a mutable mapping: name -> (uri text, tags). Seven methods make one: the five of every
mutable mapping, `everything` and `close`. The three `optimized_*` methods are shortcuts a storage
may offer when it knows a better way than looking at every entry; None means it does not. The
functions below (`list_prefix`, `list_regex`, `search_metadata`) ask for the shortcut and do the
work themselves if there is none, so everybody who reads a storage goes through them.

Threads: a storage is called by many threads at once. Every method must be atomic by itself and give
a snapshot that later changes do not touch. What must hold across several calls (look, then change)
is guarded by the caller.

Source: the storage interface of Pyro4 and Pyro5; that base methods answer None is theirs too.
"""

import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, MutableMapping
from typing import Any

from pyrolike.errors import NamingError
from pyrolike.naming.regex import Allowance, Pattern

log = logging.getLogger("pyrolike.naming")

Entry = tuple[str, Collection[str] | None]
"""What is kept under a name: the uri's text, and the tags (None and empty mean: no tags)."""

Listing = dict[str, Any]
"""What a search gives: name -> uri text, or name -> `Entry` when the tags were asked for."""


class Storage(MutableMapping[str, Entry]):
    """Abstract base of all storages; see the module for the rules.

    Attributes:
        keeps_metadata: Whether tags are kept. A storage that does not drops them, and raises
            NamingError when it is asked to search for some.
    """

    keeps_metadata = True

    @abstractmethod
    def everything(self, return_metadata: bool = False) -> Listing:
        """Return all registrations, as a fresh dict.

        Args:
            return_metadata: True gives name -> `Entry`, False name -> uri text.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what the storage holds; it is of no use afterwards. Twice is allowed."""

    def remove_items(self, items: Iterable[str]) -> int | None:
        """Delete these names; those that are not present are ignored.

        Returns:
            How many were present. None, as Pyro's storages give, means that nobody counted.
        """
        return sum(self.pop(name, None) is not None for name in items)

    def optimized_prefix_list(self, prefix: str, return_metadata: bool = False) -> Listing | None:
        """Return the entries whose name starts with *prefix*, or None for "do it generically"."""
        return None

    def optimized_regex_list(self, regex: str, return_metadata: bool = False) -> Listing | None:
        """Return the entries whose name matches *regex* at its start, or None."""
        return None

    def optimized_metadata_search(
        self,
        metadata_all: Collection[str] | None = None,
        metadata_any: Collection[str] | None = None,
        return_metadata: bool = False,
    ) -> Listing | None:
        """Return the entries that have all, or any, of these tags, or None."""
        return None


def file_failure(what: str, path: str, reason: str, *, is_open: bool) -> NamingError:
    """Return the error to raise when a storage's file has failed.

    Who opens a file needs to know which. When it is open, the one to hear of it is some client,
    whom its place does not concern: that goes into the log.

    Args:
        what: What kind of file it is, such as ``the dbm file``.
        path: Where it is.
        reason: What is wrong with it; without the path.
        is_open: Whether it has been opened before.
    """
    if not is_open:
        return NamingError(f"{what} {path!r} failed: {reason}")
    log.error("%s %r failed: %s", what, path, reason)
    return NamingError(f"{what} failed: {reason}")


def list_prefix(storage: Storage, prefix: str, return_metadata: bool = False) -> Listing:
    """Return the entries whose name starts with *prefix*, letter for letter."""
    found = storage.optimized_prefix_list(prefix, return_metadata)
    if found is not None:
        return found
    return _scan(storage, lambda name, tags: name.startswith(prefix), return_metadata)


def list_regex(storage: Storage, regex: str, return_metadata: bool = False) -> Listing:
    """Return the entries whose name matches, from its start but not necessarily to its end.

    Raises:
        NamingError: *regex* is not a regular expression, or one that takes too long; see
            `pyrolike.naming.regex`.
    """
    with Allowance() as allowance:
        pattern = Pattern(regex, allowance.spend)
        found = storage.optimized_regex_list(regex, return_metadata)
        if found is not None:
            return found
        if pattern.prefix:
            entries = list_prefix(storage, pattern.prefix, return_metadata)
        else:
            entries = storage.everything(return_metadata)
        allowance.names = len(entries)
        matching = {}
        for name, entry in entries.items():
            allowance.spend()
            if pattern.matches(name):
                matching[name] = entry
        return matching


def search_metadata(
    storage: Storage,
    metadata_all: Iterable[str] | None = None,
    metadata_any: Iterable[str] | None = None,
    return_metadata: bool = False,
) -> Listing:
    """Return the entries that have all tags of the one, or some tag of the other collection.

    Exactly one of the two is expected to hold tags; with neither nothing is found.
    """
    # As sets, because a tag that is asked for twice must not have to be there twice.
    every, some = frozenset(metadata_all or ()), frozenset(metadata_any or ())
    if not every and not some:
        return {}
    found = storage.optimized_metadata_search(every or None, some or None, return_metadata)
    if found is not None:
        return found
    if every:
        return _scan(storage, lambda name, tags: every.issubset(tags), return_metadata)
    return _scan(storage, lambda name, tags: not some.isdisjoint(tags), return_metadata)


def _scan(
    storage: Storage, wanted: Callable[[str, Collection[str]], bool], return_metadata: bool
) -> Listing:
    entries = storage.everything(return_metadata=True)
    return {
        name: (uri, tags) if return_metadata else uri
        for name, (uri, tags) in entries.items()
        if wanted(name, tags or ())
    }
