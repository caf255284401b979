"""Registrations in a dict: fast, and gone when the process ends.

Beside the dict there are two indexes, so that no search has to look at every name: the names in
order, and the names of each tag. They cost a registration some microseconds, and spare a search
among a million names most of a second.

Threads: single names are read without a lock, because the dict's own operations are atomic and
entries are never changed, only replaced. Whatever reads or changes an index holds the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator

from .base import Entry, Listing, Storage
from .ordered import OrderedNames


class MemoryStorage(Storage):
    """Keeps everything in memory."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, frozenset[str]]] = {}
        # Guards the two indexes, and that they say the same as the entries.
        self._lock = threading.Lock()
        self._ordered = OrderedNames()
        self._names_of: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self._entries)} registrations>"

    def __getitem__(self, name: str) -> tuple[str, frozenset[str]]:
        return self._entries[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        uri, tags = entry
        kept = frozenset(tags or ())
        with self._lock:
            before = self._entries.get(name)
            if before is None:
                self._ordered.add(name)
            else:
                self._forget_tags(name, before[1] - kept)
            self._entries[name] = uri, kept
            for tag in kept:
                self._names_of.setdefault(tag, set()).add(name)

    def __delitem__(self, name: str) -> None:
        with self._lock:
            self._delete(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))  # a snapshot: the caller may change us while iterating

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._ordered.clear()
            self._names_of.clear()

    def everything(self, return_metadata: bool = False) -> Listing:
        """Return all registrations; see `Storage.everything`."""
        entries = self._entries.copy()
        if return_metadata:
            return dict(entries)
        return {name: uri for name, (uri, _) in entries.items()}

    def remove_items(self, items: Iterable[str]) -> int:
        """Delete these names, all at one moment; see `Storage.remove_items`."""
        with self._lock:
            doomed = [name for name in dict.fromkeys(items) if name in self._entries]
            for name in doomed:
                self._delete(name)
        return len(doomed)

    def optimized_prefix_list(self, prefix: str, return_metadata: bool = False) -> Listing:
        """Find the names with *prefix* where they stand together."""
        with self._lock:
            return self._listing(self._ordered.with_prefix(prefix), return_metadata)

    def optimized_metadata_search(
        self,
        metadata_all: Collection[str] | None = None,
        metadata_any: Collection[str] | None = None,
        return_metadata: bool = False,
    ) -> Listing | None:
        """Find the names by what each tag has; with all tags, from the rarest on."""
        with self._lock:
            groups = [self._names_of.get(tag, set()) for tag in metadata_all or metadata_any or ()]
            if metadata_all:
                first, *others = sorted(groups, key=len)
                found = first.intersection(*others)
            else:
                found = set().union(*groups)
            return self._listing(found, return_metadata)

    def close(self) -> None:
        """Do nothing: what is in memory stays readable until nobody needs it."""

    def _listing(self, names: Iterable[str], return_metadata: bool) -> Listing:
        if return_metadata:
            return {name: self._entries[name] for name in names}
        return {name: self._entries[name][0] for name in names}

    def _delete(self, name: str) -> None:
        _, tags = self._entries.pop(name)
        self._ordered.remove(name)
        self._forget_tags(name, tags)

    def _forget_tags(self, name: str, tags: Iterable[str]) -> None:
        for tag in tags:
            names = self._names_of[tag]
            names.discard(name)
            if not names:
                del self._names_of[tag]
