"""What README and docs promise is so: their commands, programs, settings and links."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import pyrolike
from pyrolike.configure import ELSEWHERE, config
from tests.examples.running import environment
from tests.support.documents import ROOT, local_links, main, named_blocks
from tests.support.processes import Program

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def test_the_readme_has_one_command_line_for_the_main_job_and_one_for_the_tests() -> None:
    blocks = named_blocks()
    for name in ("main job", "tests"):
        assert blocks[name].count("\n") == 1


def test_the_main_job_is_an_example() -> None:
    folder = named_blocks()["main job"].split()[-1]
    assert (ROOT / folder / "__main__.py").is_file()


def test_the_commands_install_groups_that_exist() -> None:
    commands = named_blocks()["tests"] + named_blocks(ROOT / "docs/index.md")["site"]
    groups = re.findall(r"--group (\S+)", commands)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    assert groups
    assert set(groups) <= known.keys()


def test_a_command_that_does_not_exist_is_refused_with_the_ones_that_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main("nonsense") == 1
    assert "'main job'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("server_library", ["pyrolike", "Pyro5"])
@pytest.mark.parametrize("client_library", ["pyrolike", "Pyro5"])
def test_the_ten_lines_of_the_readme_work_with_either_library_on_either_side(
    server_library: str, client_library: str, tmp_path: Path
) -> None:
    if "Pyro5" in (server_library, client_library) and not find_spec("Pyro5"):
        pytest.skip("Pyro5 is not installed")
    for side, library in (("server", server_library), ("client", client_library)):
        program_text = named_blocks()[side].replace("pyrolike.api", f"{library}.api")
        (tmp_path / f"{side}.py").write_text(program_text, "utf-8")
    server = [str(tmp_path / "server.py")]
    with Program(server, ready=r"(PYRO:\S+)", environment=environment()) as program:
        assert program.ready_match is not None
        client = subprocess.run(
            [sys.executable, str(tmp_path / "client.py")],
            input=f"{program.ready_match[1]}\nAda\n",
            capture_output=True,
            text=True,
            timeout=30,
            env=environment(),
            check=False,
        )
        program.interrupt()
        assert program.wait() == 0
    assert client.returncode == 0, client.stderr
    assert client.stdout.endswith("Hello, Ada! Nice to meet you.\n")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    missing = [str(target) for target in local_links(document) if not target.exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_into_a_page_lead_to_a_heading(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text("utf-8"))
    assert [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in anchors(document.parent / target if target else document)
    ] == []


def anchors(page: Path) -> set[str]:
    """Return where links can lead on a page: its headings, as git hosts and the site have them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_that_are_mentioned_exist(document: Path) -> None:
    mentioned = re.findall(r"`(?:PYRO_|config\.)([A-Z][A-Z_]+)\b", document.read_text("utf-8"))
    unknown = {name for name in mentioned if name not in config.as_dict()}
    assert unknown - ELSEWHERE - {"FOO"} == set()


def test_the_map_in_architecture_shows_every_module_and_no_other() -> None:
    text = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
    drawn = re.findall(r"^  (\S+\.py)\b", text, re.MULTILINE)
    package = Path(pyrolike.__file__).parent
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    fronts = {name for name in modules if name.endswith("/__init__.py")}
    assert sorted(drawn) == sorted(modules - fronts)
