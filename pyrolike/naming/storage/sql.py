"""Registrations in an SQLite file, the same file a stock Pyro4 or Pyro5 uses.

Two tables, declared exactly as Pyro declares them: `pyro_names` (id, name, uri) and `pyro_metadata`
(one row per tag). Pyro has no index on the tags, so that each lookup reads all tags of all names;
we add two. Indexes are SQLite's own business: a Pyro that opens the file keeps them up to date
without knowing them.

Pyro opens the file for every operation. We keep connections open, which makes a lookup about eight
times faster: one that writes, behind a lock, and some that read, each used by one thread at a time.
While we have the file it has SQLite's write-ahead log beside it (``-wal`` and ``-shm``): who reads
never waits for who writes, a registration waits for the disk once instead of three times, and it is
on the disk when it is acknowledged. When the storage is closed the log is merged and the file is as
Pyro leaves it; after a crash SQLite, and so Pyro too, finds what is in the log.

Other processes may use the file at the same time; SQLite's own locks see to that, and we wait for
them as long as `_BUSY_TIMEOUT` says.
"""

import os.path
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyrolike.errors import NamingError

from .base import Entry, Listing, Storage, file_failure

_BUSY_TIMEOUT = 5.0
"""Seconds to wait while another process writes; SQLite's own default, and Pyro's."""

_MOST_TAGS = 500
"""Tags we search for with one statement; every SQLite allows 999 variables in one."""

_MOST_IDLE_READERS = 16
"""Connections that are kept for the next reader: each has a cache and two file descriptors."""

_LAST_CHARACTER = chr(0x10FFFF)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS pyro_names
    (
        id integer PRIMARY KEY,
        name nvarchar NOT NULL UNIQUE,
        uri nvarchar NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS pyro_metadata
    (
        object integer NOT NULL,
        metadata nvarchar NOT NULL,
        FOREIGN KEY(object) REFERENCES pyro_names(id)
    )""",
    "CREATE INDEX IF NOT EXISTS pyrolike_tags_of_name ON pyro_metadata (object, metadata)",
    "CREATE INDEX IF NOT EXISTS pyrolike_names_of_tag ON pyro_metadata (metadata, object)",
)

_COLUMNS = ("name", "uri")
"""What the table of names has at least, in files of either generation."""

_URIS = "SELECT n.name, n.uri FROM pyro_names AS n"
_ENTRIES = (
    "SELECT n.name, n.uri, m.metadata"
    " FROM pyro_names AS n LEFT JOIN pyro_metadata AS m ON m.object = n.id"
)
_FORGET_TAGS = "DELETE FROM pyro_metadata WHERE object = (SELECT id FROM pyro_names WHERE name = ?)"
_FORGET_NAME = "DELETE FROM pyro_names WHERE name = ?"


class SqlStorage(Storage):
    """Keeps everything in an SQLite file, which is made if it is not there.

    A file of Pyro's first generation (names and uris only) is brought up to date when it is opened.

    Args:
        dbfile: Path of the file.

    Raises:
        ValueError: *dbfile* is empty or ``:memory:``; `MemoryStorage` is meant for that.
        NamingError: The file cannot be opened or is no such database. All methods raise it too,
            for whatever SQLite complains about.
    """

    def __init__(self, dbfile: str) -> None:
        if not dbfile or dbfile == ":memory:":
            raise ValueError(
                f"the sql storage needs a file name, not {dbfile!r}; use 'memory' to keep nothing"
            )
        self.dbfile = dbfile
        # Guards the connection that writes: one transaction at a time.
        self._lock = threading.Lock()
        self._idle_readers: list[sqlite3.Connection] = []
        self._is_open = self._is_closed = False
        with self._translated_errors():
            self._writer = _connect(dbfile)
        try:
            with self._translated_errors():
                _use_journal(self._writer, "WAL")
            with self._changing() as connection:
                self._bring_up_to_date(connection)
            with self._translated_errors():
                self._counter = _connect(dbfile)
        except BaseException:
            self._writer.close()
            raise
        self._counting = threading.Lock()  # guards the counter and what it has counted
        self._counted = 0, -1
        self._is_open = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.dbfile!r}>"

    def __getitem__(self, name: str) -> tuple[str, frozenset[str]]:
        found = self._select("n.name = ?", [name], return_metadata=True)
        if not found:
            raise KeyError(name)
        entry: tuple[str, frozenset[str]] = found[name]
        return entry

    def __setitem__(self, name: str, entry: Entry) -> None:
        uri, tags = entry
        with self._changing() as connection:
            connection.execute(_FORGET_TAGS, [name])
            connection.execute(_FORGET_NAME, [name])
            row = connection.execute("INSERT INTO pyro_names(name, uri) VALUES (?, ?)", [name, uri])
            connection.executemany(
                "INSERT INTO pyro_metadata(object, metadata) VALUES (?, ?)",
                [(row.lastrowid, tag) for tag in set(tags or ())],
            )

    def __delitem__(self, name: str) -> None:
        with self._changing() as connection:
            connection.execute(_FORGET_TAGS, [name])
            deleted = connection.execute(_FORGET_NAME, [name]).rowcount
        if not deleted:
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return bool(self._fetch("SELECT 1 FROM pyro_names WHERE name = ?", [name]))

    def __iter__(self) -> Iterator[str]:
        return (name for (name,) in self._fetch("SELECT name FROM pyro_names"))

    def __len__(self) -> int:
        # Counting a million rows takes some milliseconds. The version of the data, as a connection
        # sees it that changes nothing itself, tells if the last count still holds.
        with self._counting, self._translated_errors():
            ((version,),) = self._counter.execute("PRAGMA data_version").fetchall()
            if self._counted[1] != version:
                ((count,),) = self._counter.execute("SELECT COUNT(*) FROM pyro_names").fetchall()
                self._counted = count, version
            return self._counted[0]

    def clear(self) -> None:
        """Forget everything, and give the file's space back."""
        with self._changing() as connection:
            connection.execute("DELETE FROM pyro_metadata")
            connection.execute("DELETE FROM pyro_names")
        with self._lock, self._translated_errors():
            self._writer.execute("VACUUM")  # not possible inside a transaction
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def everything(self, return_metadata: bool = False) -> Listing:
        """Return all registrations; see `Storage.everything`."""
        return self._select("TRUE", [], return_metadata)

    def remove_items(self, items: Iterable[str]) -> int:
        """Delete these names in one transaction; see `Storage.remove_items`."""
        names = [[name] for name in items]
        with self._changing() as connection:
            connection.executemany(_FORGET_TAGS, names)
            return max(connection.executemany(_FORGET_NAME, names).rowcount, 0)

    def optimized_prefix_list(self, prefix: str, return_metadata: bool = False) -> Listing:
        """Find the names with *prefix* by their range in the index.

        Not with LIKE, as Pyro does: it ignores case, and takes ``%`` and ``_`` for wildcards.
        """
        end = _end_of_range(prefix)
        if end is None:
            return self._select("n.name >= ?", [prefix], return_metadata)
        return self._select("n.name >= ? AND n.name < ?", [prefix, end], return_metadata)

    def optimized_metadata_search(
        self,
        metadata_all: Collection[str] | None = None,
        metadata_any: Collection[str] | None = None,
        return_metadata: bool = False,
    ) -> Listing | None:
        """Find the names by their tags, with the index; None for extremely many tags."""
        tags = sorted(set(metadata_all or metadata_any or ()))
        if len(tags) > _MOST_TAGS:
            return None
        needed = len(tags) if metadata_all else 1
        tags = [tag for tag in tags if _is_unicode(tag)]  # nothing in the file can have the others
        marks = ", ".join("?" * len(tags))
        condition = (
            f"n.id IN (SELECT object FROM pyro_metadata WHERE metadata IN ({marks})"
            " GROUP BY object HAVING COUNT(DISTINCT metadata) >= ?)"
        )
        return self._select(condition, [*tags, needed], return_metadata)

    def close(self) -> None:
        """Close the file; every later use raises NamingError."""
        self._is_closed = True
        with self._counting:
            self._counter.close()
        while self._idle_readers:
            self._idle_readers.pop().close()
        with self._lock:
            with suppress(sqlite3.Error):  # somebody else has the file too, or we closed it before
                _use_journal(self._writer, "DELETE")
            self._writer.close()

    def _select(
        self, condition: str, parameters: Iterable[object], return_metadata: bool
    ) -> Listing:
        # One statement, so that uri and tags are of the same moment even if others write the file.
        if not return_metadata:
            return dict(self._fetch(f"{_URIS} WHERE {condition}", parameters))
        tags_of: dict[tuple[str, str], set[str]] = {}
        for name, uri, tag in self._fetch(f"{_ENTRIES} WHERE {condition}", parameters):
            tags = tags_of.setdefault((name, uri), set())
            if tag is not None:
                tags.add(tag)
        return {name: (uri, frozenset(tags)) for (name, uri), tags in tags_of.items()}

    def _fetch(self, statement: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        with self._translated_errors(), self._reading() as connection:
            try:
                return connection.execute(statement, tuple(parameters)).fetchall()
            except UnicodeEncodeError:
                return []  # half a surrogate pair: no text in the file can be equal to that

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that no other thread has; what is read with it is of one moment."""
        try:
            connection = self._idle_readers.pop()
        except IndexError:
            if self._is_closed:
                raise NamingError("the name database is closed") from None
            connection = _connect(self.dbfile)
        try:
            yield connection
        finally:
            if self._is_closed or len(self._idle_readers) >= _MOST_IDLE_READERS:
                connection.close()
            else:
                self._idle_readers.append(connection)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock and a transaction; commit at the end, roll back after an exception."""
        with self._lock, self._translated_errors(), self._writer as connection:
            # Immediate: a transaction that begins by reading may be refused when it wants to write.
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError) as error:
            # Unicode: half a surrogate pair in a name is a str to Python and nothing to SQLite.
            reason = str(error)
            folder = os.path.dirname(os.path.abspath(self.dbfile))
            if not self._is_open and not os.path.isdir(folder):
                reason += f"; there is no folder {folder!r}"
            raise file_failure(
                "the name database", self.dbfile, reason, is_open=self._is_open
            ) from error

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        """Make the tables if they are missing; carry the rows of a first-generation file over."""
        columns = {row[1] for row in connection.execute("PRAGMA table_info(pyro_names)")}
        if columns and not columns.issuperset(_COLUMNS):
            raise NamingError(
                f"the name database {self.dbfile!r} is somebody else's: its table 'pyro_names' has"
                f" the columns {', '.join(sorted(columns))}"
            )
        is_old = bool(columns) and "id" not in columns
        if is_old:
            connection.execute("ALTER TABLE pyro_names RENAME TO pyro_names_before_metadata")
        for statement in _TABLES:
            connection.execute(statement)
        if is_old:
            connection.execute(
                "INSERT INTO pyro_names(name, uri) SELECT name, uri FROM pyro_names_before_metadata"
            )
            connection.execute("DROP TABLE pyro_names_before_metadata")


def _connect(dbfile: str) -> sqlite3.Connection:
    # isolation_level None: transactions begin where we say so, nowhere else.
    return sqlite3.connect(
        dbfile, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


def _use_journal(connection: sqlite3.Connection, kind: str) -> None:
    """Ask for a kind of journal.

    Where the file system cannot share memory between processes SQLite keeps the one it has. That
    is as safe; only readers and writers wait for each other then.
    """
    try:
        connection.execute(f"PRAGMA journal_mode = {kind}").fetchall()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise


def _is_unicode(text: str) -> bool:
    """Tell if a text has no halves of surrogate pairs, which no file has."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _end_of_range(prefix: str) -> str | None:
    """Return the first text behind all texts that start with *prefix*; None if there is none.

    SQLite compares the bytes of UTF-8, which gives the order of the code points.
    """
    stem = prefix.rstrip(_LAST_CHARACTER)
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:
        following = 0xE000  # surrogates are no characters
    return stem[:-1] + chr(following)
