"""The page about the command line shows sessions, and they come out as shown."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pyrolike.commands.main import TABLE
from tests.support.documents import ROOT, PageError
from tests.support.terminals import run_sessions

PAGE = ROOT / "docs/guide/command-line.md"


@pytest.mark.slow
def test_the_sessions_come_out_as_shown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    where = {"PYRO_NS_PORT": str(port), "PYRO_BROADCAST_ADDRS": ""}
    assert run_sessions(PAGE, tmp_path, where) > 25


def test_every_command_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    assert [
        name
        for name, row in TABLE.items()
        if f"pyrolike {name}" not in text and not row.is_optional
    ] == []


# -- the harness itself


def write(folder: Path, *lines: str) -> Path:
    page = folder / "page.md"
    page.write_text("\n".join([*lines, ""]), "utf-8")
    return page


def test_files_commands_and_servers_work_together(tmp_path: Path) -> None:
    page = write(
        tmp_path,
        *("<!-- run: hello.py -->", "```python", "print('hello')", "```"),
        *("<!-- run: keep running -->", "```console"),
        *("$ python -uc \"import signal; print('up'); signal.sigwait({2})\"", "up", "```"),
        *(
            "```console",
            "$ python hello.py",
            "hello",
            "$ exit 3",
            "$ echo a; echo b >&2",
            "a",
            "...b",
        ),
        "```",
    )
    assert run_sessions(page, tmp_path, {}) == 4


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["```console", "$ echo no", "yes", "```"], "echo no\nprints\nno"),
        (["```console", "yes", "```"], "a session begins with a command"),
        (["<!-- run: keep running -->", "```console", "$ false", "up", "```"], "false\nprints"),
        (["<!-- run: keep running -->", "```console", "$ sleep 60", "```"], "ends with status -2"),
    ],
)
def test_what_comes_out_otherwise_is_reported(
    tmp_path: Path, lines: list[str], complaint: str
) -> None:
    with pytest.raises(PageError, match=complaint):
        run_sessions(write(tmp_path, *lines), tmp_path, {})
