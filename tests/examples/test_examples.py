"""Every folder of ``examples/`` does, with its one command, what its ``expected.txt`` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.running import EXAMPLES, run, with_placeholders
from tests.support.processes import ROOT

each_example = pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)


def readme(folder: Path) -> str:
    return (folder / "README.md").read_text("utf-8")


@pytest.mark.slow
@each_example
def test_an_example_prints_what_it_promises_and_ends_well(folder: Path, tmp_path: Path) -> None:
    result = run(folder, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    if result.stdout.startswith("skipped: "):
        pytest.skip(result.stdout.strip())
    assert with_placeholders(result.stdout) == (folder / "expected.txt").read_text("utf-8")
    assert list(tmp_path.iterdir()) == []


@each_example
def test_an_example_says_what_it_shows_and_its_command(folder: Path) -> None:
    assert f"python examples/{folder.name}\n" in readme(folder)
    assert len(readme(folder).splitlines()) <= 50, "more than a screenful"


@each_example
def test_an_example_is_in_the_table(folder: Path) -> None:
    assert f"](../examples/{folder.name}/README.md)" in (ROOT / "docs/examples.md").read_text(
        "utf-8"
    )


@each_example
def test_what_a_readme_shows_is_what_is_printed(folder: Path) -> None:
    expected = (folder / "expected.txt").read_text("utf-8")
    for language, shown in re.findall(
        r"^```(\w*)\n(.*?)^```$", readme(folder), re.DOTALL | re.MULTILINE
    ):
        assert language or with_placeholders(shown) in expected


@each_example
def test_the_programs_a_readme_starts_are_there(folder: Path) -> None:
    for program in re.findall(r"^python examples/(\S+\.py)", readme(folder), re.MULTILINE):
        assert (folder.parent / program).is_file(), program


def test_there_are_examples() -> None:
    assert "greeting" in [folder.name for folder in EXAMPLES]
