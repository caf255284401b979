"""The programs of tutorial and tips run as told, and all that they print is what is shown."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT
from tests.support.namespaces import joined_machines, lose_packets, needs_namespaces
from tests.support.processes import PATIENCE, pinned_environment
from tests.support.terminals import run_sessions, write_files

INDEX = ROOT / "docs/tutorial/index.md"
STEPS = [
    INDEX.with_name(f"{name}.md")
    for name in re.findall(r"^\d+\. \[.+?\]\((.+?)\.md\)", INDEX.read_text("utf-8"), re.MULTILINE)
]
ON_TWO_MACHINES = [INDEX.with_name("two-machines.md"), INDEX.with_name("certificates.md")]
TIPS = ROOT / "docs/tips.md"
PORTS = ("9090", "50101")
"""Those that the pages show; the tests take others."""


def write_like(page: Path, folder: Path, ports: dict[str, str]) -> Path:
    """Write *page* into *folder*, with other ports in it."""
    text = page.read_text("utf-8")
    for old, new in ports.items():
        text = text.replace(old, new)
    copy = folder / page.name
    copy.write_text(text, "utf-8")
    return copy


def free_ports() -> dict[str, str]:
    """Find a free port for each that the pages show."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return dict(zip(PORTS, (str(server.getsockname()[1]) for server in servers), strict=True))


def test_the_index_names_every_page_and_each_page_the_next_one() -> None:
    assert {*STEPS, INDEX} == set(INDEX.parent.glob("*.md"))
    for page, following in itertools.pairwise(STEPS):
        assert f"]({following.name})" in page.read_text("utf-8").splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [*(page for page in STEPS if page not in ON_TWO_MACHINES), TIPS],
    ids=lambda page: page.stem,
)
def test_a_page_comes_out_as_shown(page: Path, tmp_path: Path) -> None:
    work, copies = tmp_path / "work", tmp_path / "copies"
    work.mkdir()
    copies.mkdir()
    for earlier in itertools.takewhile(lambda step: step != page, STEPS):
        write_files(earlier, work)
    ports = free_ports()
    where = {"PYRO_NS_PORT": ports["9090"], "PYRO_BROADCAST_ADDRS": ""}
    assert run_sessions(write_like(page, copies, ports), work, where) > 1


@pytest.mark.slow
@needs_namespaces
@pytest.mark.parametrize("page", ON_TWO_MACHINES, ids=lambda page: page.stem)
def test_two_machines_do_what_is_shown(page: Path, tmp_path: Path) -> None:
    addresses = {"earth": "10.99.1.1", "mars": "10.99.1.2", "moon": "10.99.1.3"}
    with joined_machines(tmp_path, addresses) as machines:
        earth, mars = machines["earth"].folder, machines["mars"].folder
        for earlier in STEPS[: STEPS.index(page)]:
            write_files(earlier, earth)
        (earth / "ada.key").write_text("known to both machines, and to nobody else", "utf-8")
        if page != ON_TWO_MACHINES[0]:
            shutil.copytree(earth, mars, dirs_exist_ok=True)
        lose_packets(machines["earth"], addresses["moon"])
        path = f"{write_scp(tmp_path)}{os.pathsep}{os.environ['PATH']}"
        assert run_sessions(page, tmp_path, {"PATH": path}, machines) > 5


def write_scp(folder: Path) -> Path:
    """Write an ``scp`` for machines whose folders are all in *folder*."""
    program = folder / "bin" / "scp"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nfor last in "$@"; do :; done\n'
        f'for each in "$@"; do [ -f "$each" ] && cp "$each" "{folder}/${{last%:}}"; done; true\n',
        "utf-8",
    )
    program.chmod(0o755)
    return program.parent


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="systemd is a matter of Linux")
def test_the_units_of_the_service_start_and_end_in_good_order(tmp_path: Path) -> None:
    page, ports = INDEX.with_name("service.md"), free_ports()
    write_files(write_like(page, tmp_path, ports), tmp_path)
    where = {"PYRO_NS_PORT": ports["9090"], "PYRO_BROADCAST_ADDRS": ""}
    with contextlib.ExitStack() as running:
        for name in ("names", "rover"):
            command, settings = read_unit(tmp_path / f"{name}.service")
            process = subprocess.Popen(
                command,
                cwd=tmp_path,
                env=pinned_environment({**where, **settings}),
                stdout=subprocess.PIPE,
                text=True,
            )
            running.callback(end, process)
        config_of_client = pinned_environment({**where, "PYRO_NS_LOOKUP_DELAY": "20"})
        call = [sys.executable, "-m", "pyrolike", "call", "mars.rover", "drive", "3"]
        assert subprocess.check_output(call, env=config_of_client, text=True) == (
            '"I stand at 3 m."\n'
        )
        assert "Wheels locked" in end(process)
    assert "INFO" in (tmp_path / "rover.log").read_text("utf-8")
    assert (tmp_path / "names.sqlite").exists()


def read_unit(path: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line of a systemd unit, and its environment, as they are here."""
    text = path.read_text("utf-8").replace("/opt/rover/.venv/bin", str(Path(sys.executable).parent))
    text = text.replace("/opt/rover", str(path.parent))
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    pairs = " ".join(re.findall(r"^Environment=(.+)$", text, re.MULTILINE)).split()
    return command.split(), dict(pair.split("=", 1) for pair in pairs)


def end(process: subprocess.Popen[str]) -> str:
    """End a service as systemd does, and see that it likes that; return what it has printed."""
    if process.poll() is None:
        process.terminate()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    return printed
