"""Every folder of ``examples/`` does, with its one command, what its ``expected.txt`` says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyrolike
from tests.support.processes import ROOT, pinned_environment

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/__main__.py"))

VARYING = {
    r"\bobj_[0-9a-f]{32}\b": "obj_<id>",
    r"\b(localhost|127\.0\.0\.1):\d+": r"\1:<port>",
}
"""What differs from run to run, and what ``expected.txt`` has in its place."""


def with_placeholders(text: str) -> str:
    for pattern, placeholder in VARYING.items():
        text = re.sub(pattern, placeholder, text)
    return text


def environment() -> dict[str, str]:
    # An example is no part of the package: it has to find the one that is being tested.
    package = str(Path(pyrolike.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return pinned_environment({"PYTHONPATH": path})


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_prints_what_it_promises_and_ends_well(folder: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert with_placeholders(result.stdout) == (folder / "expected.txt").read_text("utf-8")


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_says_what_it_shows_and_its_command(folder: Path) -> None:
    text = (folder / "README.md").read_text("utf-8")
    assert f"python examples/{folder.name}\n" in text


def test_there_are_examples() -> None:
    assert "greeting" in [folder.name for folder in EXAMPLES]
