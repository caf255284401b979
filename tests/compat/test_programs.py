"""Programs in the style of each Pyro, imports unchanged, run on pyrolike as on the real one.

Each prints what it finds; beside it stands what the real one has printed. In the group ``interop``
the real one runs it again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.processes import ROOT, pinned_environment

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(FOLDER.glob("*/*.py"))

ONLY_HERE = {"early_expose"}
"""Programs for versions of Pyro4 that are older than the real one that is installed."""

NEEDS = {
    "futures": "pyrolike.futures",
    "pickle_serializers": "dill",
}
"""What must be there for a program to run."""


def run(arguments: list[str]) -> str:
    result = subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=pinned_environment(),
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def name_of(program: Path) -> str:
    return f"{program.parent.name}/{program.stem}"


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_program_runs_unchanged_on_pyrolike(program: Path) -> None:
    needed = NEEDS.get(program.stem)
    if needed and not find_spec(needed):
        pytest.skip(f"{needed} is not there")
    printed = run(["-W", "error", "-m", "pyrolike.compat", str(program)])
    assert printed == program.with_suffix(".txt").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_the_real_one_prints_the_same(program: Path) -> None:
    if not find_spec(program.parent.name.capitalize()):
        pytest.skip("the real one is not installed")
    if program.stem in ONLY_HERE:
        pytest.skip("the real one that is installed is too new for this")
    assert run([str(program)]) == program.with_suffix(".txt").read_text("utf-8")


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_program_knows_nothing_of_pyrolike(program: Path) -> None:
    text = program.read_text("utf-8")
    assert "pyrolike" not in text
    families = set(re.findall(r"Pyro[45]", text))
    assert families == {program.parent.name.capitalize()}
