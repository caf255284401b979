"""The porting guide: its programs run, unchanged, in their own processes; its tables hold."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pyrolike.compat.names import PYRO4, PYRO5
from tests.examples.running import environment
from tests.support.documents import ROOT, find_blocks, named_blocks

PAGES = sorted(ROOT.glob("docs/porting/*.md"))
PROGRAMS = [page for page in PAGES if "program" in named_blocks(page)]
WITH_CODE = [page for page in PAGES if any(block.is_run for block in find_blocks(page))]

RUN_PAGE = """
import sys, pathlib
from tests.support.documents import run_page
print(run_page(pathlib.Path(sys.argv[1]), {}))
"""

PROBE = """
import sys, Pyro4, Pyro5.api, pyrolike.api
for path in sys.argv[1:]:
    try:
        eval(path)
    except AttributeError as problem:
        print(problem)
"""


def run(*words: str, folder: Path = ROOT, warnings: str = "error") -> str:
    result = subprocess.run(
        [sys.executable, "-W", warnings, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        cwd=folder,
        env=environment(),
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_and_keeps_its_promises(page: Path) -> None:
    # The index registers the names itself; to the other pages they are simply there.
    compat = [] if "compat.register" in page.read_text("utf-8") else ["-m", "pyrolike.compat"]
    assert int(run(*compat, "-c", RUN_PAGE, str(page))) > 0


@pytest.mark.slow
@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.name)
def test_a_program_runs_by_the_command_that_is_given(page: Path, tmp_path: Path) -> None:
    blocks = named_blocks(page)
    (tmp_path / "program.py").write_text(blocks["program"], "utf-8")
    python, *words = shlex.split(blocks["command"])
    assert python == "python"
    shown = next(block.code for block in find_blocks(page) if block.is_output)
    assert run(*words, folder=tmp_path) == shown


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.name)
def test_the_same_program_runs_on_the_real_one(page: Path, tmp_path: Path) -> None:
    text = named_blocks(page)["program"]
    if not find_spec("Pyro4" if "Pyro4" in text else "Pyro5"):
        pytest.skip("the real one is not installed")
    (tmp_path / "program.py").write_text(text, "utf-8")
    shown = next(block.code for block in find_blocks(page) if block.is_output)
    assert run("program.py", folder=tmp_path, warnings="ignore") == shown


def test_the_tables_of_modules_are_those_that_are_used() -> None:
    text = (ROOT / "docs/porting/names.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(Pyro[\w.]+)` \| `(pyrolike\.[\w.]+)` \|$", text, re.MULTILINE))
    named = PYRO4 | PYRO5
    assert {old: ours for old, ours in rows.items() if old in named} == named


@pytest.mark.slow
@pytest.mark.parametrize("page", ["names.md", "from-pyro4.md"])
def test_names_that_are_mentioned_are_there(page: str) -> None:
    text = (ROOT / "docs/porting" / page).read_text("utf-8")
    modules = {*PYRO4, *PYRO5, *PYRO4.values(), *PYRO5.values(), "Pyro4.utils.flame"}
    mentioned = set(re.findall(r"`((?:Pyro[45]|pyrolike)\.[\w.]+)`", text)) - modules
    mentioned.discard("Pyro5.compatibility.Pyro4")
    assert mentioned
    assert run("-m", "pyrolike.compat", "-c", PROBE, *sorted(mentioned)) == ""
