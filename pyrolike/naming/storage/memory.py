"""Registrations in a dict: fast, and gone when the process ends."""

from collections.abc import Iterator

from .base import Entry, Listing, Storage


class MemoryStorage(Storage):
    """Keeps everything in one dict.

    Every method is a single operation of that dict, so the interpreter makes it atomic and no lock
    is needed. Entries are never changed, only replaced; that is why they may be handed out as they
    are.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, frozenset[str]]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self._entries)} registrations>"

    def __getitem__(self, name: str) -> tuple[str, frozenset[str]]:
        return self._entries[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        uri, tags = entry
        self._entries[name] = uri, frozenset(tags or ())

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))  # a snapshot: the caller may change us while iterating

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def everything(self, return_metadata: bool = False) -> Listing:
        """Return all registrations; see `Storage.everything`."""
        entries = self._entries.copy()
        if return_metadata:
            return dict(entries)
        return {name: uri for name, (uri, _) in entries.items()}

    def close(self) -> None:
        """Do nothing: what is in memory stays readable until nobody needs it."""
