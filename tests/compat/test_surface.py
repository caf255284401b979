"""Every promised name imports, is the same object under all doors, and takes what it should."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

import pyrolike
from pyrolike.compat.names import STARTED, TABLES
from tests.compat.surface import LEFT_OUT, MEANINGS, METHODS, SURFACE
from tests.support.processes import ROOT, pinned_environment

ROWS = {old: ours for table in TABLES.values() for old, ours in table.items()}

NAMES = [
    (module, name)
    for module, names in SURFACE.items()
    for name in names
    if f"{module}.{name}" not in LEFT_OUT
]


def is_there(module_name: str) -> bool:
    try:
        return find_spec(module_name) is not None
    except ModuleNotFoundError:
        return False


def ours(old_module: str) -> Any:
    """Return what stands for a module of Pyro's."""
    return import_module(ROWS[old_module])


def parameters(function: Any) -> list[str]:
    """Return the parameters as `SURFACE` has them; keyword-only ones are nobody's promise."""
    shown = []
    for name, one in inspect.signature(function).parameters.items():
        if name == "self" or one.kind is one.KEYWORD_ONLY:
            continue
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        default: Any = one.default
        if isinstance(default, float) and default.is_integer():
            default = int(default)
        is_plain = type(default) in (int, str, bool, type(None))
        text = repr(default) if is_plain else "..."
        shown.append(star + name + ("" if default is one.empty else f"={text}"))
    return shown


def takes(function: Any, promised: str) -> bool:
    """Whether *function* takes what is promised; it may take more, if that need not be given."""
    found = parameters(function)
    for expected in promised.split(", ") if promised else []:
        name, _, default = expected.replace("=0.0", "=0").partition("=")
        found_name, _, found_default = found.pop(0).partition("=") if found else ("", "", "")
        if found_name != name or (default and not found_default):
            return False
        if default not in ("", "...", found_default):
            return False
    return all("=" in one or one.startswith("*") for one in found)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_promised_name_is_there_and_takes_what_is_promised(module: str, name: str) -> None:
    thing = getattr(ours(module), name)
    promised = SURFACE[module][name]
    if promised is not None:
        assert takes(thing, promised), parameters(thing)


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in METHODS.items() for name in names]
)
def test_every_promised_method_takes_what_is_promised(owner: str, name: str) -> None:
    module, _, class_name = owner.rpartition(".")
    method = getattr(getattr(ours(module), class_name), name)
    assert takes(method, METHODS[owner][name]), parameters(method)


@pytest.mark.parametrize("name", sorted({name for _, name in NAMES} - MEANINGS))
def test_a_name_is_one_object_under_all_doors(name: str) -> None:
    doors = [pyrolike, *(import_module(row) for row in set(ROWS.values()) if is_there(row))]
    found = [getattr(door, name) for door in doors if hasattr(door, name)]
    found = [one for one in found if not inspect.ismodule(one)]
    if not found:
        pytest.skip(f"{name} is not there")
    if inspect.ismethod(found[0]):  # which Python makes anew for each look at it
        found = [one.__func__ for one in found]
    assert [one for one in found if one is not found[0]] == []


@pytest.mark.parametrize("path", sorted(LEFT_OUT))
def test_what_is_left_out_is_not_there_and_the_guide_says_so(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert not hasattr(ours(module), name)
    assert f"`{name}`" in (ROOT / "docs/porting/differences.md").read_text("utf-8")


def test_where_one_name_means_two_things_pyro5s_meaning_is_ours() -> None:
    pyro4 = ours("Pyro4")
    assert pyro4.expose is not pyrolike.expose
    assert pyro4.config is not pyrolike.config
    assert (pyrolike.constants.PROTOCOL_VERSION, ours("Pyro4.constants").PROTOCOL_VERSION) == (
        502,
        48,
    )
    assert pyro4.locateNS is not pyrolike.locateNS is pyrolike.locate_ns


@pytest.mark.parametrize(("old", "function"), STARTED.items())
def test_what_can_be_started_is_a_module_and_has_its_function(old: str, function: str) -> None:
    ours(old)
    module, _, name = function.partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_row_below_another_has_its_parent() -> None:
    for old in ROWS:
        parent = old.rpartition(".")[0]
        assert not parent or parent in ROWS


def test_every_row_is_there() -> None:
    assert [row for row in ROWS.values() if not is_there(row)] == []


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("family", sorted(TABLES))
def test_the_real_ones_keep_the_same_promises(family: str) -> None:
    if not find_spec(family):
        pytest.skip(f"{family} is not installed")
    result = subprocess.run(
        [sys.executable, "-m", "tests.compat.test_surface", family],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=pinned_environment(),
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []


BY_NUMBER = {"is_private_attribute", "get_serializer_by_id"}
"""Where the real ones call a parameter something else, that nobody gives by name."""


def find_broken(family: str) -> list[str]:
    """Return what the real one does not keep; in a process where nothing of ours is registered."""
    broken = []
    for module, names in SURFACE.items():
        if not module.startswith(family) or module.endswith("httpgateway"):
            continue
        for name, promised in names.items():
            thing = getattr(import_module(module), name)
            if promised is not None and name not in BY_NUMBER and not takes(thing, promised):
                broken.append(f"{module}.{name}({', '.join(parameters(thing))})")
    for owner, names in METHODS.items():
        if owner.startswith(family):
            module, _, class_name = owner.rpartition(".")
            for name, promised in names.items():
                thing = getattr(getattr(import_module(module), class_name), name)
                if not takes(thing, promised):
                    broken.append(f"{owner}.{name}({', '.join(parameters(thing))})")
    return broken


if __name__ == "__main__":
    print(json.dumps(find_broken(sys.argv[1])))
