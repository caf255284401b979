"""The README's table of libraries is true: each of them is tried out in processes of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

from tests.support.documents import README, ROOT
from tests.support.peers.compared import CROWD, MODULES, THREADS
from tests.support.processes import PATIENCE, Program, pinned_environment

PEER = "tests.support.peers.compared"


def read_table() -> dict[str, dict[str, str]]:
    """Return the cells of the README's table: by row, and by library."""
    lines = [
        [cell.strip(" *") for cell in line.replace("**", "").strip("|").split("|")]
        for line in README.read_text("utf-8").splitlines()
        if line.count("|") == 7
    ]
    (_, *libraries), _, *rows = lines
    assert libraries == list(MODULES)
    return {name: dict(zip(libraries, cells, strict=True)) for name, *cells in rows}


TABLE = read_table()


def try_out(library: str) -> dict[str, Any]:
    with Program(["-m", PEER, "serve", library], ready=r"^(\S+)$") as server:
        assert server.ready_match is not None
        asked = subprocess.run(
            [sys.executable, "-m", PEER, "ask", library, server.ready_match[1]],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=ROOT,
            env=pinned_environment(),
            check=False,
        )
    assert asked.returncode == 0, asked.stderr
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.parametrize("library", MODULES)
def test_a_column_says_what_is_found(library: str) -> None:
    if not find_spec(MODULES[library].partition(".")[0]):
        pytest.skip(f"{library} is not installed; it is in the group interop")
    found, cell = try_out(library), {row: cells[library] for row, cells in TABLE.items()}
    assert found["error"] == ("RpcError" if library == "gRPC" else "ValueError")
    assert ("a status" in cell["An error arrives as"]) == (library == "gRPC")
    assert found["threads"] in cell["Threads on one connection"]
    assert found.get("passed", "copied") in cell["Objects that are passed"]
    assert found["to the client"]
    assert found["to the server"] == ("both ways" in cell["Streams"])
    assert found["times out"]
    assert found["waits"] in cell["A timeout is for"]
    assert found["typed"] == (cell["Ships its types"] == "yes")
    if "no thread" in cell["Idle clients"]:
        assert found["served"] == CROWD > THREADS
        assert found.get("grown", 0) < THREADS
    else:
        assert found["served"] < CROWD or found["grown"] >= CROWD
    if found.get("asyncio"):
        assert cell["asyncio"] == "yes"


def test_the_calls_a_second_are_those_of_the_performance_page() -> None:
    page = (ROOT / "docs/explanation/performance.md").read_text("utf-8")
    known = set(re.findall(r"\d+,\d{3}\b", page))
    shown = re.findall(r"\d+,\d{3}\b", " ".join(TABLE["Small calls a second"].values()))
    assert len(shown) == 6
    assert set(shown) <= known
