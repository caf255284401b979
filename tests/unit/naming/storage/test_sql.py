"""What is special about the SQLite storage: the file, its errors, and how it searches."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.storage import SqlStorage, sql


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "names.db")


@pytest.fixture
def storage(file: str) -> Iterator[SqlStorage]:
    with closing(SqlStorage(file)) as made:
        yield made


def run(file: str, *statements: str) -> list[tuple[object, ...]]:
    """Do something to the file behind the storage's back; return the last result."""
    rows: list[tuple[object, ...]] = []
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


@pytest.mark.parametrize("file", ["", ":memory:"])
def test_it_needs_a_real_file_name(file: str) -> None:
    with pytest.raises(ValueError, match="use 'memory'"):
        SqlStorage(file)


def test_registrations_survive_closing(file: str) -> None:
    with closing(SqlStorage(file)) as first:
        first["x"] = "PYRO:a@h:1", ["tag"]
    with closing(SqlStorage(file)) as second:
        assert second["x"] == ("PYRO:a@h:1", {"tag"})


def test_two_storages_on_one_file_see_each_other(storage: SqlStorage, file: str) -> None:
    with closing(SqlStorage(file)) as other:
        other["x"] = "PYRO:a@h:1", ["tag"]
        assert storage["x"] == ("PYRO:a@h:1", {"tag"})
        del storage["x"]
        assert "x" not in other


def test_the_tables_are_pyros(storage: SqlStorage, file: str) -> None:
    assert run(file, "PRAGMA table_info(pyro_names)") == [
        (0, "id", "INTEGER", 0, None, 1),
        (1, "name", "nvarchar", 1, None, 0),
        (2, "uri", "nvarchar", 1, None, 0),
    ]
    assert run(file, "PRAGMA table_info(pyro_metadata)") == [
        (0, "object", "INTEGER", 1, None, 0),
        (1, "metadata", "nvarchar", 1, None, 0),
    ]
    ((_, _, table, column, target, *_),) = run(file, "PRAGMA foreign_key_list(pyro_metadata)")
    assert (table, column, target) == ("pyro_names", "object", "id")


def test_a_file_of_the_first_generation_is_brought_up_to_date(file: str) -> None:
    run(
        file,
        "CREATE TABLE pyro_names (name nvarchar PRIMARY KEY, uri nvarchar NOT NULL)",
        "INSERT INTO pyro_names VALUES ('x', 'PYRO:a@h:1'), ('y', 'PYRO:b@h:1')",
    )
    with closing(SqlStorage(file)) as storage:
        assert storage.everything() == {"x": "PYRO:a@h:1", "y": "PYRO:b@h:1"}
        storage["x"] = "PYRO:c@h:1", ["tag"]
    with closing(SqlStorage(file)) as storage:
        assert storage["x"] == ("PYRO:c@h:1", {"tag"})
    tables = run(file, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert tables == [("pyro_metadata",), ("pyro_names",)]


@pytest.mark.parametrize(
    ("statement", "parameters", "index"),
    [
        (f"{sql._ENTRIES} WHERE n.name = ?", 1, "sqlite_autoindex_pyro_names_1"),
        (f"{sql._ENTRIES} WHERE n.name = ?", 1, "pyrolike_tags_of_name"),
        (f"{sql._URIS} WHERE n.name >= ? AND n.name < ?", 2, "sqlite_autoindex_pyro_names_1"),
        ("SELECT object FROM pyro_metadata WHERE metadata IN (?)", 1, "pyrolike_names_of_tag"),
    ],
)
def test_searches_use_an_index_and_do_not_read_every_row(
    storage: SqlStorage, file: str, statement: str, parameters: int, index: str
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ["x"] * parameters).fetchall()
    plan = [row[3] for row in rows]
    assert any(step.startswith("SEARCH") and index in step for step in plan), plan
    assert not any(step.startswith("SCAN") for step in plan), plan


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("ab", "ac"),
        ("a\U0010ffff", "b"),
        ("a\ud7ff", "a\ue000"),
        ("", None),
        ("\U0010ffff\U0010ffff", None),
    ],
)
def test_a_range_ends_at_the_next_text_that_is_no_longer_in_it(
    prefix: str, end: str | None
) -> None:
    assert sql._end_of_range(prefix) == end


def test_clearing_gives_the_files_space_back(storage: SqlStorage, file: str) -> None:
    storage["x"] = "PYRO:a@h:1", [f"{number:0500}" for number in range(200)]
    large = size_of_all(file)
    storage.clear()
    assert size_of_all(file) < large / 2


def size_of_all(file: str) -> int:
    """Return the size of the database and its log; the index of the log keeps its 32 kB."""
    return sum(Path(file + ending).stat().st_size for ending in ("", "-wal"))


def test_the_log_is_gone_when_the_storage_is_closed(tmp_path: Path, file: str) -> None:
    with closing(SqlStorage(file)) as storage:
        storage["x"] = "PYRO:a@h:1", None
        assert {path.name for path in tmp_path.iterdir()} > {"names.db"}
    assert [path.name for path in tmp_path.iterdir()] == ["names.db"]
    assert run(file, "PRAGMA journal_mode") == [("delete",)]


def test_a_lookup_does_not_wait_for_who_writes(storage: SqlStorage, file: str) -> None:
    storage["x"] = "PYRO:a@h:1", None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM pyro_names")
        assert storage["x"] == ("PYRO:a@h:1", set())
        other.execute("COMMIT")
    assert "x" not in storage


def test_a_long_listing_keeps_nobody_from_registering(storage: SqlStorage) -> None:
    storage["x"] = "PYRO:a@h:1", None
    with storage._reading() as slow:
        rows = slow.execute("SELECT name FROM pyro_names")
        assert next(rows) == ("x",)
        storage["y"] = "PYRO:b@h:1", None
        assert list(rows) == []  # of the moment when it began
    assert sorted(storage) == ["x", "y"]


def test_readers_that_are_not_needed_any_more_are_closed(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_MOST_IDLE_READERS", 1)
    with storage._reading() as first, storage._reading() as second:
        assert first is not second
    for connection in (first, second):
        usable = connection in storage._idle_readers
        with nullcontext() if usable else pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
    assert len(storage._idle_readers) == 1


def test_where_there_can_be_no_log_now_it_does_without(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_BUSY_TIMEOUT", 0.0)
    SqlStorage(file).close()
    with closing(sqlite3.connect(file)) as other, closing(sql._connect(file)) as ours:
        other.execute("BEGIN")
        other.execute("SELECT * FROM pyro_names").fetchall()
        sql._use_journal(ours, "WAL")
        assert ours.execute("PRAGMA journal_mode").fetchall() == [("delete",)]


def test_a_file_that_is_no_database_is_a_naming_error(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader, this is not a database, although it is long enough. " * 50)
    with pytest.raises(NamingError, match=r"letter\.txt' failed: file is not a database"):
        SqlStorage(str(file))
    assert file.read_text().startswith("Dear reader")


def test_a_folder_that_does_not_exist_is_a_naming_error(tmp_path: Path) -> None:
    with pytest.raises(NamingError, match="unable to open database file; there is no folder"):
        SqlStorage(str(tmp_path / "nowhere" / "names.db"))


def test_a_database_of_somebody_else_is_a_naming_error(file: str) -> None:
    run(file, "CREATE TABLE pyro_names (id integer PRIMARY KEY, colour text)")
    with pytest.raises(NamingError, match=r"somebody else's: .* the columns colour, id"):
        SqlStorage(file)
    assert run(file, "SELECT name FROM sqlite_master") == [("pyro_names",)]


def test_a_damaged_file_is_a_naming_error(file: str) -> None:
    with closing(SqlStorage(file)) as storage:
        for number in range(500):
            storage._writer.execute(
                "INSERT INTO pyro_names(name, uri) VALUES (?, ?)", [f"x{number}", "PYRO:a@h:1"]
            )
    data = bytearray(Path(file).read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    Path(file).write_bytes(data)
    with pytest.raises(NamingError, match="malformed"), closing(SqlStorage(file)) as storage:
        storage.everything()


def test_a_file_that_may_only_be_read_is_a_naming_error(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqlStorage(file).close()
    # Permissions stop nobody who runs the tests as root; SQLite does.
    monkeypatch.setattr(
        sql,
        "_connect",
        lambda dbfile: sqlite3.connect(
            f"file:{dbfile}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        ),
    )
    with pytest.raises(NamingError, match="attempt to write a readonly database"):
        SqlStorage(file)


def test_after_closing_every_use_is_a_naming_error(storage: SqlStorage) -> None:
    storage.close()
    for use in (
        lambda: storage["x"],
        lambda: storage.update(x=("PYRO:a@h:1", None)),
        lambda: storage.everything(),
        lambda: storage.clear(),
    ):
        with pytest.raises(NamingError, match="closed"):
            use()


def test_text_that_is_no_unicode_is_a_naming_error(
    storage: SqlStorage, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NamingError, match="surrogates not allowed") as caught:
        storage["half \ud800"] = "PYRO:a@h:1", None
    assert storage.dbfile not in str(caught.value)  # where it is does not concern clients
    assert storage.dbfile in caplog.text


def test_a_failed_change_leaves_everything_as_it_was(storage: SqlStorage) -> None:
    storage["x"] = "PYRO:a@h:1", ["old"]
    with pytest.raises(NamingError):
        storage["x"] = "PYRO:b@h:1", ["new", "half \ud800"]
    assert storage["x"] == ("PYRO:a@h:1", {"old"})


def test_a_file_that_another_process_keeps_locked_is_a_naming_error(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_BUSY_TIMEOUT", 0.0)
    with closing(SqlStorage(file)) as storage, closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(NamingError, match="database is locked"):
            storage["x"] = "PYRO:a@h:1", None
        other.rollback()
        storage["x"] = "PYRO:a@h:1", None
        assert "x" in storage
