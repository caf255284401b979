"""Registrations in a dbm file, as Pyro4 kept them: names and uris, no tags.

None of Python's dbm modules promises that a process may be killed while it writes. So we never
write into the file. All names are in memory; each change goes to a journal beside the file
(``FILENAME.changes``) before it is acknowledged. When the storage is opened and closed, and when
the journal has grown long, a new file takes the place of the old one, made by the same module. Only
then is the journal emptied; its changes may be applied twice.

Pyro4 opens the file for each operation, so that processes can share it. Here it belongs to one
process at a time, and Pyro4 sees what we have changed when the storage has been closed.
"""

from __future__ import annotations

import dbm
import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from pyrolike.errors import NamingError

from . import dbm_file
from .base import Entry, Listing, file_failure
from .journal import Journal
from .memory import MemoryStorage

log = logging.getLogger("pyrolike.naming")

_MOST_CHANGES = 1000
"""Changes in the journal, beside twice the number of names, until a new file is made."""

# Value and syntax: that is how dbm.dumb, and UTF-8, say that a file is not theirs.
_FAILURES = (*dbm.error, ImportError, ValueError, SyntaxError)


class DbmStorage(MemoryStorage):
    """Keeps names and uris in a dbm file, and drops all tags.

    Args:
        dbmfile: Path of the file, without the endings that some modules put behind it. It is made
            if it is not there.

    Raises:
        ValueError: *dbmfile* is empty.
        NamingError: The file cannot be opened or read, or another process has it. Every change
            raises it too, if it cannot be written.
    """

    keeps_metadata = False

    def __init__(self, dbmfile: str) -> None:
        if not dbmfile:
            raise ValueError("the dbm storage needs a file name; use 'memory' to keep nothing")
        super().__init__()
        self.dbmfile = dbmfile
        # Guards the journal; taken before the lock of the names in memory.
        self._journal_lock = threading.Lock()
        self._is_open = self._is_closed = False
        with self._translated_errors():
            self._journal = Journal(dbmfile + ".changes")
            try:
                self._load()
            except BaseException:
                self._journal.close()
                raise
        self._is_open = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.dbmfile!r}>"

    def __setitem__(self, name: str, entry: Entry) -> None:
        uri, tags = entry
        with self._changing():
            # The file is UTF-8: what that cannot hold must not get into the journal either.
            f"{name}{uri}".encode()
            self._journal.append([[name, uri]])
            super().__setitem__(name, (uri, None))
        if tags:
            log.warning("the DbmStorage doesn't support metadata: %r loses its tags", name)

    def __delitem__(self, name: str) -> None:
        if not self.remove_items([name]):
            raise KeyError(name)

    def clear(self) -> None:
        """Forget everything."""
        with self._changing():
            self._journal.append([[]])
            super().clear()

    def remove_items(self, items: Iterable[str]) -> int:
        """Delete these names; see `Storage.remove_items`."""
        with self._changing():
            doomed = [name for name in dict.fromkeys(items) if name in self]
            if doomed:
                self._journal.append([name] for name in doomed)
            return super().remove_items(doomed)

    def optimized_metadata_search(
        self,
        metadata_all: Collection[str] | None = None,
        metadata_any: Collection[str] | None = None,
        return_metadata: bool = False,
    ) -> Listing | None:
        """Raise NamingError: there are no tags."""
        raise NamingError("the DbmStorage doesn't support metadata: nothing can be found by tags")

    def close(self) -> None:
        """Bring the file up to date; every later change raises NamingError."""
        with self._journal_lock, self._translated_errors():
            if self._is_closed:
                return
            self._is_closed = True
            try:
                if self._journal.count:
                    self._make_new_file()
            finally:
                self._journal.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock of the journal, and shorten that in the end if it has grown long."""
        with self._journal_lock, self._translated_errors():
            if self._is_closed:
                raise NamingError("the dbm file is closed")
            yield
            if self._journal.count > self._most_changes:
                self._shorten_journal()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise NamingError(
                f"the dbm file {self.dbmfile!r} is in use by another process"
            ) from error
        except _FAILURES as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise file_failure(
                "the dbm file", self.dbmfile, reason, is_open=self._is_open
            ) from error

    def _load(self) -> None:
        self._module, entries = dbm_file.read(self.dbmfile)
        for change in self._journal.changes:
            match change:
                case [name, uri]:
                    entries[name] = uri
                case [name]:
                    entries.pop(name, None)
                case _:
                    entries.clear()
        self._journal.changes.clear()
        for name, uri in entries.items():
            super().__setitem__(name, (uri, None))
        self._most_changes = _MOST_CHANGES + 2 * len(entries)
        if self._journal.count or not self._module:
            self._make_new_file()

    def _shorten_journal(self) -> None:
        # The change that led here is kept, whatever happens now: that is no error of its caller.
        try:
            self._make_new_file()
        except _FAILURES as error:
            log.warning("cannot make a new dbm file %r, will try again: %s", self.dbmfile, error)
        self._most_changes = self._journal.count + _MOST_CHANGES + 2 * len(self)

    def _make_new_file(self) -> None:
        dbm_file.write(self.dbmfile, self._module, self.everything())
        self._journal.clear()
