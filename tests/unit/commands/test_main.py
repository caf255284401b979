"""The command ``pyrolike`` finds its subcommands, and imports nothing before it must."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import pyrolike
from pyrolike.commands import main as commands
from tests.support.commands import run_here
from tests.support.documents import ROOT
from tests.support.processes import pinned_environment

Capture = pytest.CaptureFixture[str]
THERE = list(commands.TABLE)


def test_without_a_command_help_is_shown_as_an_error(capsys: Capture) -> None:
    outcome = run_here(commands.main, [], capsys)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("usage: pyrolike")


def test_help_names_every_command_that_is_there(capsys: Capture) -> None:
    outcome = run_here(commands.main, ["--help"], capsys)
    assert outcome.status == 0
    for name in THERE:
        assert f"\n  {name} " in outcome.out


def test_the_version_is_told(capsys: Capture) -> None:
    assert run_here(commands.main, ["-V"], capsys).out == f"pyrolike {pyrolike.__version__}\n"


@pytest.mark.parametrize(("word", "hint"), [("sreve", "did you mean serve?"), ("x", "--help")])
def test_an_unknown_command_is_refused_with_a_hint(word: str, hint: str, capsys: Capture) -> None:
    outcome = run_here(commands.main, [word, "more"], capsys)
    assert outcome.status == 2
    assert f"there is no command '{word}'" in outcome.err
    assert hint in outcome.err


@pytest.mark.parametrize("name", THERE)
def test_every_command_has_help_with_examples_under_the_name_it_was_called_by(
    name: str, capsys: Capture
) -> None:
    outcome = run_here(commands.main, [name, "--help"], capsys)
    assert outcome.status == 0
    assert outcome.out.startswith(f"usage: pyrolike {name}")
    assert f"examples:\n  pyrolike {name}" in outcome.out
    assert "exit status:\n  0 " in outcome.out


def test_every_script_of_the_package_leads_to_something() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    for target in scripts.values():
        module, _, function = target.partition(":")
        assert find_spec(module)
        assert callable(getattr(import_module(module), function))


def test_a_script_is_its_row_under_a_name_of_its_own(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pyrolike-nsc", "--help"])
    with pytest.raises(SystemExit) as ended:
        commands.nsc()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: pyrolike-nsc")


def test_a_setting_that_cannot_be_read_is_one_line(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(module: str) -> None:
        raise ValueError("PYRO_NS_PORT must be a port")

    monkeypatch.setattr(commands, "import_module", fail)
    assert run_here(commands.main, ["ls"], capsys).complaint == "PYRO_NS_PORT must be a port"


def test_ctrl_c_while_modules_load_is_no_traceback(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(module: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "import_module", interrupt)
    assert run_here(commands.main, ["ls"], capsys).status == 130


def test_ctrl_c_while_words_are_read_is_no_traceback(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(words: list[str], *, prog: str) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "import_module", lambda _: SimpleNamespace(main=interrupt))
    assert run_here(commands.main, ["ls"], capsys).status == 130


def test_help_loads_neither_settings_nor_sockets() -> None:
    program = (
        "import sys\n"
        "from pyrolike.commands.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'pyrolike.configure', 'socket', 'ssl', 'serpent'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=pinned_environment() | {"COVERAGE_PROCESS_START": ""},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
