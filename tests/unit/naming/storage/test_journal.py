"""The journal: what is whole stays, what is not was never acknowledged."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyrolike.naming.storage import journal
from pyrolike.naming.storage.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "names.changes"


def read(path: Path) -> list[list[str]]:
    opened = Journal(str(path))
    opened.close()
    return opened.changes


def test_what_was_appended_is_read_again(path: Path) -> None:
    first = Journal(str(path))
    assert first.changes == []
    first.append([["x", "PYRO:a@h:1"], ["line\nbreak é \U0010ffff", "u"]])
    first.append([["x"], []])
    assert first.count == 4
    first.close()
    assert read(path) == [["x", "PYRO:a@h:1"], ["line\nbreak é \U0010ffff", "u"], ["x"], []]


def test_appending_goes_on_behind_what_is_there(path: Path) -> None:
    for name in ("first", "second"):
        opened = Journal(str(path))
        opened.append([[name]])
        opened.close()
    assert read(path) == [["first"], ["second"]]


def test_clearing_forgets_and_begins_anew(path: Path) -> None:
    opened = Journal(str(path))
    opened.append([["x"]] * 100)
    opened.clear()
    assert opened.count == 0
    opened.append([["y"]])
    opened.close()
    assert read(path) == [["y"]]


@pytest.mark.parametrize(
    "tail", [b'["y"', b"\0\0\0\n", b'{"y": 1}\n', b'["y", 5]\n', b'["a","b","c"]\n', b"\xff\n"]
)
def test_what_is_not_whole_is_cut_off_and_told(
    path: Path, tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(b'["x"]\n' + tail)
    with caplog.at_level(logging.WARNING, "pyrolike.naming"):
        opened = Journal(str(path))
    assert opened.changes == [["x"]]
    assert caplog.messages == [
        f"{path} ends in the middle of a change: {len(tail)} bytes are cut off"
    ]
    opened.append([["z"]])
    opened.close()
    assert path.read_bytes() == b'["x"]\n["z"]\n'


def test_every_place_where_a_process_can_die_leaves_whole_changes(path: Path) -> None:
    opened = Journal(str(path))
    opened.append([["x", "u"], ["é"], ["y", "v"]])
    opened.close()
    data = path.read_bytes()
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = data[:size].count(b"\n")
        assert read(path) == [["x", "u"], ["é"], ["y", "v"]][:whole]


def test_a_file_belongs_to_one(path: Path) -> None:
    opened = Journal(str(path))
    with pytest.raises(BlockingIOError):
        Journal(str(path))
    opened.close()
    assert read(path) == []


def test_where_files_cannot_be_locked_nobody_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "fcntl", None)
    opened = Journal(str(path))
    assert read(path) == []
    opened.close()


def fail_after(bytes_written: int) -> Callable[[int, Any], int]:
    """Return a function like `os.write` for a disk that has place for so many bytes."""
    left = bytes_written
    write = os.write

    def write_some(descriptor: int, data: Any) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        written = write(descriptor, bytes(data)[: min(left, 4)])
        left -= written
        return written

    return write_some


def test_a_full_disk_leaves_nothing_of_a_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Journal(str(path))
    opened.append([["x"]])
    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", fail_after(8))
        with pytest.raises(OSError, match="No space left"):
            opened.append([["a long name that does not fit"]])
    assert path.read_bytes() == b'["x"]\n'
    opened.append([["y"]])
    opened.close()
    assert read(path) == [["x"], ["y"]]
    assert opened.count == 2
