"""The runner of the examples: order, failures, and nothing left behind."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.processes import ROOT


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_running", ROOT / "examples" / "_running.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "_running", module)
    spec.loader.exec_module(module)
    # It takes Ctrl-C for itself, which is the test run's here.
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    return module


def write(folder: Path, name: str, code: str) -> None:
    (folder / name).write_text(code, "utf-8")


SERVER = """
import time
print("ready: PYRO:thing@localhost:4", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_show_repeats_all_words_and_stops_what_runs(
    running: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "server.py", SERVER)
    write(tmp_path, "client.py", "import sys; print('calling', sys.argv[1])")
    with running.Show(str(tmp_path / "__main__.py")) as show:
        show.client("client.py", show.server("server.py"))
    assert capsys.readouterr().out.splitlines() == [
        "server      | ready: PYRO:thing@localhost:4",
        "client      | calling PYRO:thing@localhost:4",
        "server      | stopped",
    ]


def test_a_part_that_fails_ends_the_show_and_leaves_nothing(
    running: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path, "server.py", SERVER)
    write(tmp_path, "client.py", "raise SystemExit(3)")
    parts = []

    def play() -> None:
        with running.Show(str(tmp_path / "__main__.py")) as show:
            parts.append(show.program("server.py"))
            show.client("client.py")

    with pytest.raises(SystemExit, match="client ended with status 3"):
        play()
    assert parts[0].process.returncode is not None


def test_a_server_that_never_is_ready_ends_the_show(running: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "server.py", "print('tired')")
    with (
        pytest.raises(SystemExit, match="server ended without saying 'ready'"),
        running.Show(str(tmp_path / "__main__.py")) as show,
    ):
        show.server("server.py")


def test_titles_have_colours_only_where_a_person_looks(
    running: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = running.Show("__main__.py")
    assert show._coloured("server", "server | ") == "server | "
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(running.sys.stdout, "isatty", lambda: True)
    assert show._coloured("server", "server | ") == "\x1b[36mserver | \x1b[0m"
    assert show._coloured("client", "client | ") == "\x1b[33mclient | \x1b[0m"
    assert show._coloured("server", "server | ") == "\x1b[36mserver | \x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert show._coloured("server", "server | ") == "server | "
