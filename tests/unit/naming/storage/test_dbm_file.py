"""Reading and replacing dbm files; a crash at any moment leaves the old one or the new one."""

import dbm
import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.storage import dbm_file


def has(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


ALL_MODULES = ["dbm.dumb", "dbm.gnu", "dbm.ndbm", "dbm.sqlite3"]
MODULES = [module for module in ALL_MODULES if has(module)]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "names")


@pytest.mark.parametrize("module", MODULES)
class TestEveryModule:
    def test_what_was_written_is_read_and_stays_of_its_kind(self, path: str, module: str) -> None:
        dbm_file.write(path, module, {"x": "u", "é": "\U0010ffff"})
        assert dbm_file.read(path) == (module, {"x": "u", "é": "\U0010ffff"})
        dbm_file.write(path, module, {"y": "v"})
        assert dbm_file.read(path) == (module, {"y": "v"})

    def test_python_reads_it_too(self, path: str, module: str) -> None:
        dbm_file.write(path, module, {"x": "u"})
        with dbm.open(path) as found:
            assert dict(zip(found.keys(), [found[key] for key in found.keys()])) == {b"x": b"u"}  # noqa: SIM118, B905

    def test_we_read_what_python_wrote(self, path: str, module: str) -> None:
        with importlib.import_module(module).open(path, "c") as made:
            made[b"x"] = b"u"
        assert dbm_file.read(path) == (module, {"x": "u"})

    def test_whichever_step_is_the_last_it_is_the_old_one_or_the_new_one(
        self, path: str, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcomes = []
        for last_step in range(100):
            dbm_file.write(path, module, {"old": "u"})
            with monkeypatch.context() as patch:
                die_after(last_step, patch)
                try:
                    dbm_file.write(path, module, {"new": "v"})
                    finished = True
                except Died:
                    finished = False
            outcomes.append(dbm_file.read(path)[1])
            assert not os.path.exists(path + ".new")
            if finished:
                break
        assert outcomes[0] == {"old": "u"}
        assert outcomes[-1] == {"new": "v"}
        assert sorted(outcomes, key=lambda entries: "new" in entries) == outcomes


class Died(BaseException):
    """Stands for kill -9: nobody catches it."""


def die_after(steps: int, patch: pytest.MonkeyPatch) -> None:
    """Let so many changes of the file system happen, and no more."""
    left = steps

    def limited(function: Any) -> Any:
        def run(*args: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Died
            left -= 1
            return function(*args, **options)

        return run

    for name in ("mkdir", "rename", "replace", "rmdir"):
        patch.setattr(dbm_file.os, name, limited(getattr(os, name)))
    patch.setattr(dbm_file, "_synchronize", limited(dbm_file._synchronize))


def test_no_file_is_an_empty_one_of_no_kind(path: str) -> None:
    assert dbm_file.read(path) == ("", {})


def test_a_new_file_is_of_the_kind_this_python_prefers(path: str) -> None:
    dbm_file.write(path, "", {"x": "u"})
    assert dbm_file.read(path)[1] == {"x": "u"}


def test_a_file_without_a_folder_in_its_name_is_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dbm_file.write("names", "dbm.dumb", {"x": "u"})
    assert dbm_file.read("names") == ("dbm.dumb", {"x": "u"})


def test_another_file_is_refused(path: str) -> None:
    Path(path).write_text("Dear reader, this is no database.")
    with pytest.raises(NamingError, match="is no dbm file"):
        dbm_file.read(path)


def test_where_folders_cannot_be_opened_it_goes_without(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> int:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(dbm_file.os, "open", refuse)
        dbm_file._synchronize(path)
