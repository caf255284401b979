"""What is special about the dbm storage: its journal, its errors, and who reads the file."""

import dbm
import errno
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.storage import DbmStorage, dbm as ours, dbm_file


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "names")


@pytest.fixture
def storage(file: str) -> Iterator[DbmStorage]:
    with closing(DbmStorage(file)) as made:
        yield made


def abandon(storage: DbmStorage) -> None:
    """Do what the end of the process does: let go of the files, and write nothing more."""
    storage._journal.close()
    storage._is_closed = True


def test_it_needs_a_file_name() -> None:
    with pytest.raises(ValueError, match="use 'memory'"):
        DbmStorage("")


def test_the_file_is_there_at_once_and_up_to_date_in_the_end(file: str) -> None:
    with closing(DbmStorage(file)) as storage:
        assert dbm.whichdb(file)
        storage["x"] = "PYRO:a@h:1", None
        storage["é"] = "PYRO:b@h:1", None
        del storage["x"]
    with dbm.open(file) as found:
        assert found["é".encode()] == b"PYRO:b@h:1"
        assert len(found.keys()) == 1
    assert Path(file + ".changes").read_bytes() == b""


def test_a_file_of_pyro4_is_read_and_stays_readable_for_it(file: str) -> None:
    with dbm.open(file, "c") as theirs:
        theirs[b"theirs"] = b"PYRO:a@h:1"
    with closing(DbmStorage(file)) as storage:
        assert storage.everything(return_metadata=True) == {"theirs": ("PYRO:a@h:1", frozenset())}
        storage["ours"] = "PYRO:b@h:1", None
    with dbm.open(file, "w") as theirs:
        assert theirs[b"ours"] == b"PYRO:b@h:1"
        theirs[b"more"] = b"PYRO:c@h:1"
    with closing(DbmStorage(file)) as storage:
        assert sorted(storage) == ["more", "ours", "theirs"]


def test_what_was_acknowledged_survives_the_end_of_the_process(file: str) -> None:
    first = DbmStorage(file)
    for number in range(5):
        first[f"x{number}"] = f"PYRO:a@h:{number}", None
    first["x0"] = "PYRO:b@h:0", None
    first.remove_items(["x1", "x2"])
    abandon(first)
    second = DbmStorage(file)
    expected = {"x0": "PYRO:b@h:0", "x3": "PYRO:a@h:3", "x4": "PYRO:a@h:4"}
    assert second.everything() == expected
    second.clear()
    second["last"] = "PYRO:l@h:1", None
    abandon(second)
    with closing(DbmStorage(file)) as third:
        assert third.everything() == {"last": "PYRO:l@h:1"}


def test_a_change_that_is_applied_twice_does_no_harm(file: str, storage: DbmStorage) -> None:
    storage["x"] = "PYRO:a@h:1", None
    storage["y"] = "PYRO:b@h:1", None
    del storage["x"]
    changes = Path(file + ".changes").read_bytes()
    storage.close()
    Path(file + ".changes").write_bytes(changes)  # the process died before it was emptied
    with closing(DbmStorage(file)) as again:
        assert again.everything() == {"y": "PYRO:b@h:1"}


def test_a_long_journal_becomes_a_new_file(
    storage: DbmStorage, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "_MOST_CHANGES", 10)
    storage._most_changes = 10
    for number in range(100):
        storage["x"] = f"PYRO:a@h:{number}", None
        assert storage._journal.count <= 13
    with dbm.open(file) as found:
        assert b"x" in found.keys()  # noqa: SIM118 - not all modules can look for it otherwise


def test_a_new_file_that_cannot_be_made_is_no_error_of_who_registers(
    storage: DbmStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise OSError("No space left on device")

    storage._most_changes = 0
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "pyrolike.naming"):
        patch.setattr(dbm_file, "write", fail)
        storage["x"] = "PYRO:a@h:1", None
        storage["y"] = "PYRO:a@h:1", None
    assert len(caplog.messages) == 1
    assert "will try again: No space left" in caplog.messages[0]
    assert sorted(storage) == ["x", "y"]


def test_a_change_that_cannot_be_written_is_an_error_and_not_made(
    storage: DbmStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", storage.dbmfile)

    storage["x"] = "PYRO:a@h:1", None
    with monkeypatch.context() as patch:
        patch.setattr(storage._journal, "append", fail)
        with pytest.raises(NamingError, match=r"^the dbm file failed: No space left on device$"):
            storage["y"] = "PYRO:a@h:1", None
        with pytest.raises(NamingError, match="No space left"):
            del storage["x"]
    assert list(storage) == ["x"]
    assert storage.dbmfile in caplog.messages[0]  # which clients are not told


def test_text_that_is_no_unicode_is_a_naming_error_and_reaches_no_file(
    storage: DbmStorage, file: str
) -> None:
    for name, uri in (("half \ud800", "u"), ("x", "half \ud800")):
        with pytest.raises(NamingError, match="surrogates not allowed"):
            storage[name] = uri, None
    assert Path(file + ".changes").read_bytes() == b""


def test_it_belongs_to_one_process(storage: DbmStorage, file: str) -> None:
    with pytest.raises(NamingError, match="in use by another process"):
        DbmStorage(file)
    storage["x"] = "PYRO:a@h:1", None


def test_a_folder_that_does_not_exist_is_a_naming_error(tmp_path: Path) -> None:
    with pytest.raises(NamingError, match="No such file or directory"):
        DbmStorage(str(tmp_path / "nowhere" / "names"))


@pytest.mark.parametrize(
    ("directory", "complaint"),
    [("not python\n", "damaged"), ("'x', (0, 5)\n", "failed")],
)
def test_a_damaged_file_is_a_naming_error(file: str, directory: str, complaint: str) -> None:
    Path(file + ".dir").write_text(directory)
    Path(file + ".dat").write_bytes(b"\xff" * 10)
    with pytest.raises(NamingError, match=complaint):
        DbmStorage(file)


def test_a_file_of_a_module_that_this_python_lacks_is_a_naming_error(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbm, "whichdb", lambda path: "dbm.of_tomorrow")
    with pytest.raises(NamingError, match=r"No module named 'dbm\.of_tomorrow'"):
        DbmStorage(file)


def test_after_closing_every_change_is_a_naming_error(storage: DbmStorage) -> None:
    storage.close()
    for change in (
        lambda: storage.update(x=("PYRO:a@h:1", None)),
        lambda: storage.remove_items(["x"]),
        lambda: storage.clear(),
    ):
        with pytest.raises(NamingError, match="is closed"):
            change()


def test_closing_says_when_the_file_cannot_be_made(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise OSError("No space left on device")

    storage = DbmStorage(file)
    storage["x"] = "PYRO:a@h:1", None
    with monkeypatch.context() as patch:
        patch.setattr(dbm_file, "write", fail)
        with pytest.raises(NamingError, match="No space left"):
            storage.close()
    assert [json.loads(line) for line in Path(file + ".changes").read_bytes().splitlines()] == [
        ["x", "PYRO:a@h:1"]
    ]
    with closing(DbmStorage(file)) as again:
        assert list(again) == ["x"]


def test_its_repr_names_the_file(storage: DbmStorage, file: str) -> None:
    assert repr(storage) == f"<DbmStorage in {file!r}>"
