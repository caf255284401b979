"""The object every name server offers: names, the uris behind them, and tags to find them by.

This class knows nothing of sockets; `pyrolike.naming.daemon` serves it, and tests call it directly.
It checks what strangers send, applies Pyro's rules, and leaves the keeping to a storage. Both
generations of clients find their words: Pyro5's `yplookup`, and Pyro4's `list` with tag filters.

Threads: any number may call at once. Reading needs no lock, because each method of a storage is
atomic; what looks first and changes then holds one.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyrolike.callcontext import get_state
from pyrolike.constants import NAMESERVER_NAME, PYRO4_PROTOCOL_VERSION
from pyrolike.errors import NamingError
from pyrolike.objects.exposure import expose
from pyrolike.uri import URI

from .limits import check_name, check_tags, check_text, check_uri, check_wanted_tags, shown
from .storage import Storage, list_prefix, list_regex, open_storage, search_metadata

log = logging.getLogger("pyrolike.naming")

OWN_TAGS = frozenset({"class:Pyro5.nameserver.NameServer", "class:Pyro4.naming.NameServer"})
"""The tags of every name server's own entry: clients of either Pyro search for their class.

Who could take them away would hide it from these clients.
"""

_PIECE = 1000
"""Names that are removed while the lock is held: some milliseconds."""


@expose
class NameServer:
    """Keeps names for uris, with tags; the remote object ``Pyro.NameServer``.

    Args:
        storage: Where registrations are kept: a storage, or its description as for
            `pyrolike.naming.storage.open_storage`. None keeps them in memory.

    Attributes:
        storage: The storage. Whoever made the name server closes it.

    Source: nameserver.md section 1; Pyro5 ``NameServer``, Pyro4 ``NameServer``.
    """

    def __init__(self, storage: Storage | str | None = None) -> None:
        self.storage = open_storage(storage)
        # Guards pairs of storage calls of which the second relies on the first.
        self._lock = threading.Lock()
        # Names that auto-clean is about to forget: name -> (uri text, since when). Registering
        # takes a name out, under the lock.
        self._suspects: dict[str, tuple[str, float]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.storage!r}>"

    def ping(self) -> None:
        """Do nothing: an answer means that the name server lives."""

    def count(self) -> int:
        """Return the number of registrations, the name server's own included."""
        return len(self.storage)

    def register(
        self,
        name: str,
        uri: URI | str,
        safe: bool = False,
        metadata: Iterable[str] | None = None,
    ) -> None:
        """Give an object a name, instead of what the name meant before.

        Args:
            name: The name; upper and lower case differ.
            uri: Where the object is. Any kind of uri will do, also a logical one.
            safe: True refuses to replace an existing registration.
            metadata: Tags for the new registration. Those of a replaced one are forgotten.

        Raises:
            TypeError: An argument has the wrong type; a lone str is not a collection of tags.
            PyroError: *uri* is not a uri.
            NamingError: The name exists and *safe* is true; it is the name server's own name, which
                nobody may direct elsewhere; or something is too long, see
                `pyrolike.naming.limits`.
        """
        check_name(name)
        text = check_uri(uri)
        tags = check_tags("metadata", metadata)
        with self._lock:
            if safe and name in self.storage:
                raise NamingError(f"name already registered: {name}")
            if name == NAMESERVER_NAME:
                self._refuse_other_uri(text)
            self._suspects.pop(name, None)
            self.storage[name] = text, tags | self._get_lasting_tags(name)
        log.debug("registered %s as %s", name, text)

    def lookup(self, name: str, return_metadata: bool = False) -> URI | tuple[URI, set[str]]:
        """Return the uri behind a name.

        Args:
            name: The whole name.
            return_metadata: True gives the tags too, as a tuple of uri and set; a Pyro4 client gets
                a list.

        Raises:
            NamingError: There is no such name.
        """
        check_text("name", name)
        try:
            uri, tags = self.storage[name]
        except KeyError:
            raise NamingError(f"unknown name: {shown(name)}") from None
        return (URI(uri), _tags_for_caller(tags)) if return_metadata else URI(uri)

    def set_metadata(self, name: str, metadata: Iterable[str] | None) -> None:
        """Replace the tags of a registration; None or nothing takes them away.

        The name server's own entry keeps those by which clients find it.

        Raises:
            NamingError: There is no such name.
            TypeError: As for `register`.
        """
        check_text("name", name)
        tags = check_tags("metadata", metadata)
        with self._lock:
            if name not in self.storage:
                raise NamingError(f"unknown name: {shown(name)}")
            uri, _ = self.storage[name]
            self.storage[name] = uri, tags | self._get_lasting_tags(name)
        log.debug("set the metadata of %s", name)

    def remove(
        self, name: str | None = None, prefix: str | None = None, regex: str | None = None
    ) -> int:
        """Forget a registration, or all whose names match.

        The first argument that is given counts. The name server's own entry always stays.

        Returns:
            How many were removed; 0 if there was nothing to remove.

        Raises:
            NamingError: *regex* is not a regular expression.
        """
        # Searching holds no lock: registrations need it. What is registered meanwhile is not found.
        found = self._find_removable(name, prefix, regex)
        doomed = [each for each in found if each != NAMESERVER_NAME]
        removed = sum(map(self._remove_some, _in_pieces(doomed)))
        log.debug("removed %d registrations", removed)
        return removed

    def list(
        self,
        prefix: str | None = None,
        regex: str | None = None,
        return_metadata: bool = False,
        metadata_all: Iterable[str] | None = None,
        metadata_any: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Return registrations, all of them or those that pass one filter.

        Args:
            prefix: What the names start with, letter for letter.
            regex: What the names match from their start, not necessarily to their end.
            return_metadata: True gives the tags too.
            metadata_all: Tags of which an entry must have every one.
            metadata_any: Tags of which an entry must have one.

        Pyro4's clients may give the last three by position, in their order: all, any, return.

        Returns:
            Name -> uri as text; or name -> tuple of that text and a set of tags (for a Pyro4
            client, a list).

        Raises:
            ValueError: More than one filter is given. Empty filters count as not given.
            NamingError: *regex* is not a regular expression.
            TypeError: A filter has the wrong type.
        """
        if _is_pyro4_caller() and not isinstance(return_metadata, bool):
            return_metadata, metadata_all, metadata_any = _from_pyro4(
                return_metadata, metadata_all, metadata_any
            )
        every = check_wanted_tags("metadata_all", metadata_all)
        some = check_wanted_tags("metadata_any", metadata_any)
        if sum(map(bool, (prefix, regex, every, some))) > 1:
            raise ValueError("you can only filter on one thing at a time")
        if every or some:
            found = search_metadata(self.storage, every, some, return_metadata)
        else:
            found = self._find_by_name(prefix, regex, return_metadata)
        return _for_caller(found, return_metadata)

    def yplookup(
        self,
        meta_all: Iterable[str] | None = None,
        meta_any: Iterable[str] | None = None,
        return_metadata: bool = True,
    ) -> dict[str, Any]:
        """Return the registrations with these tags, as a yellow-pages book does.

        Args:
            meta_all: Tags of which an entry must have every one.
            meta_any: Tags of which an entry must have one.
            return_metadata: False leaves the tags out of the result.

        Returns:
            As `list`; nothing if no tags are given.

        Raises:
            ValueError: Both filters are given.
            TypeError: A filter is a str or not a collection of str.
        """
        every = check_wanted_tags("meta_all", meta_all)
        some = check_wanted_tags("meta_any", meta_any)
        if every and some:
            raise ValueError("you can't use meta_all or meta_any at the same time")
        found = search_metadata(self.storage, every, some, return_metadata)
        return _for_caller(found, return_metadata)

    def _find_by_name(
        self, prefix: str | None, regex: str | None, return_metadata: bool = False
    ) -> dict[str, Any]:
        if prefix:
            check_text("prefix", prefix)
            return list_prefix(self.storage, prefix, return_metadata)
        if regex:
            check_text("regex", regex)
            return list_regex(self.storage, regex, return_metadata)
        return self.storage.everything(return_metadata)

    def _find_removable(
        self, name: str | None, prefix: str | None, regex: str | None
    ) -> Iterable[str]:
        if name:
            check_text("name", name)
            return [name] if name in self.storage else []
        return self._find_by_name(prefix, regex) if prefix or regex else []

    def _forget_suspect(self, name: str) -> bool:
        """Remove a suspect, if it is still one and means the same; say whether that is so."""
        with self._lock:
            uri, _ = self._suspects.pop(name, (None, 0.0))
            entry = self.storage.get(name)
            if entry is None or entry[0] != uri:
                return False
            self.storage.remove_items([name])
            return True

    def _remove_some(self, names: Sequence[str]) -> int:
        with self._lock:
            removed = self.storage.remove_items(names)
        return len(names) if removed is None else removed

    def _refuse_other_uri(self, text: str) -> None:
        # Whoever could do this would answer every later lookup in our place.
        # Pyro: allows it (conflicts.md 9, number 9).
        own = self.storage.get(NAMESERVER_NAME)
        if own is not None and URI(own[0]) != URI(text):
            raise NamingError(f"{NAMESERVER_NAME} is this name server, at {own[0]}; it stays so")

    def _get_lasting_tags(self, name: str) -> frozenset[str]:
        """Return the tags that nobody can take from an entry."""
        _, tags = self.storage.get(name, ("", None)) if name == NAMESERVER_NAME else ("", None)
        return OWN_TAGS.intersection(tags or ())


def _in_pieces(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut what is removed in pieces, between which others may register."""
    return (names[at : at + _PIECE] for at in range(0, len(names), _PIECE))


def _is_pyro4_caller() -> bool:
    return get_state().protocol_version == PYRO4_PROTOCOL_VERSION


def _from_pyro4(every: Any, some: Any, return_metadata: Any) -> tuple[bool, Any, Any]:
    """Return the last three arguments of `list` in our order."""
    return bool(return_metadata), every, some


def _tags_for_caller(tags: Iterable[str] | None) -> Any:
    """Return tags in what every serializer knows, and as the caller's Pyro has them."""
    return sorted(tags or ()) if _is_pyro4_caller() else set(tags or ())


def _for_caller(found: dict[str, Any], return_metadata: bool) -> dict[str, Any]:
    """Replace the storage's collections of tags by those for the caller."""
    if not return_metadata:
        return found
    return {name: (uri, _tags_for_caller(tags)) for name, (uri, tags) in found.items()}
