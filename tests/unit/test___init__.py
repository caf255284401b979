"""The front door: what is there, and what it costs to open it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pyrolike
from tests.support.fronts import names_for_type_checkers

PROBE = """
import sys
import pyrolike
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "pyrolike"))
"""


def run_python(code: str, folder: Path, **variables: str) -> str:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYRO_")}
    environ["PYTHONPATH"] = str(Path(pyrolike.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lazy_names() -> set[str]:
    tables: Any = pyrolike
    return set(tables._NAMES) | set(tables._MODULES)


def test_type_checkers_and_python_know_the_same_names() -> None:
    assert names_for_type_checkers(pyrolike) == lazy_names()


@pytest.mark.parametrize("name", sorted(lazy_names()))
def test_every_name_is_there(name: str) -> None:
    assert getattr(pyrolike, name) is not None
    assert name in dir(pyrolike)


def test_every_public_module_is_an_attribute() -> None:
    folder = Path(pyrolike.__file__).parent
    found = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    tables: Any = pyrolike
    assert {name for name in found if not name.startswith("_")} == set(tables._MODULES)


def test_a_star_import_gives_the_everyday_names() -> None:
    namespace: dict[str, object] = {}
    exec("from pyrolike import *", namespace)
    assert set(pyrolike.__all__) <= set(namespace)
    assert namespace["Proxy"] is pyrolike.Proxy
    assert "configure" not in namespace


def test_the_package_tells_its_version_and_authors() -> None:
    assert pyrolike.__version__
    assert pyrolike.__author__


def test_importing_the_package_loads_next_to_nothing(tmp_path: Path) -> None:
    loaded = run_python(PROBE, tmp_path)
    assert loaded.split() == ["pyrolike", "pyrolike._lazy", "pyrolike._logging"]
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_starts_a_log_if_asked_to(tmp_path: Path) -> None:
    run_python("import pyrolike", tmp_path, PYRO_LOGLEVEL="info", PYRO_LOGFILE="a.log")
    assert "logging configured" in (tmp_path / "a.log").read_text(encoding="utf-8")


def test_modules_are_reachable_without_importing_them(tmp_path: Path) -> None:
    code = "import pyrolike; print(pyrolike.errors.NamingError.__name__)"
    assert run_python(code, tmp_path) == "NamingError\n"
