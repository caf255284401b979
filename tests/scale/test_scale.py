"""The measurement runs; many clients are answered at once; searches do not grow with the names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scale.__main__ import ROWS, shown
from tests.scale.clients import allow_open_files, connected_clients, look_up_at_once
from tests.scale.storage import fill, measure
from tests.support.processes import ROOT, Program, pinned_environment

CLIENTS = int(os.environ.get("MANY_CLIENTS", "500"))

linux_only = pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="reads memory from /proc"
)


@pytest.mark.slow
@linux_only
def test_the_measurement_prints_both_tables() -> None:
    arguments = ["--names", "2000", "--storages", "memory", "--clients", "20"]
    lines = subprocess.run(
        [sys.executable, "-m", "tests.scale", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=pinned_environment(),
        check=True,
    ).stdout.splitlines()
    titles = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert [title for title in titles if title in ROWS.values()] == list(ROWS.values())
    assert titles[-2:] == ["thread", "multiplex"]
    tables = [line for line in lines if line.startswith("|")]
    assert len({len(line) for line in tables[: len(ROWS) + 2]}) == 1


@pytest.mark.parametrize(
    ("key", "figure", "text"),
    [
        ("memory", 5_000_000, "5 MB"),
        ("lookup", 0.0000042, "4 µs"),
        ("count", 0.0123, "12.3 ms"),
        ("open", 1234.0, "1,234.0 s"),
        ("tags", None, ""),
    ],
)
def test_figures_have_units(key: str, figure: float | None, text: str) -> None:
    assert shown(key, figure) == text


@pytest.mark.slow
@linux_only
@pytest.mark.parametrize("kind", ["memory", "sql"])
def test_what_finds_single_names_does_not_grow_with_their_number(kind: str, tmp_path: Path) -> None:
    few, many = 1000, 20_000
    figures = []
    for count in (few, many):
        runs = []
        for run in range(3):  # the best counts: a busy disk is not what is looked for
            spec = kind if kind == "memory" else f"{kind}:{tmp_path / f'{count}-{run}'}"
            fill(spec, count)
            runs.append(measure(spec, count))
        figures.append({key: min(run[key] for run in runs) for key in runs[0]})
    small, large = figures
    for key in ("lookup", "count", "register"):
        assert large[key] < 5 * small[key] + 0.001, (key, small[key], large[key])
    # Twenty times as much is found; looking at everything would take far longer than that.
    for key in ("prefix", "tags", "regex with prefix"):
        assert large[key] < large["regex"] / 3 + 0.001, (key, large)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["thread", "multiplex"])
@pytest.mark.parametrize("storage", ["memory", "sql"])
def test_hundreds_of_clients_look_up_at_once_and_all_are_answered(
    kind: str, storage: str, tmp_path: Path
) -> None:
    if not allow_open_files(CLIENTS + 200):
        pytest.skip(f"needs {CLIENTS + 200} open files")
    spec = storage if storage == "memory" else f"sql:{tmp_path / 'names.db'}"
    program = Program(
        ["-W", "error", "-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", "0", "-s", spec],
        ready=r"^URI = PYRO:Pyro.NameServer@(\S+)$",
        environment={"PYRO_SERVERTYPE": kind},
        ends_by_interrupt=True,
    )
    with program:
        assert program.ready_match is not None
        with connected_clients(program.ready_match[1], CLIENTS) as clients:
            rounds = [look_up_at_once(clients, "Pyro.NameServer", number) for number in (1, 2)]
    for one in rounds:
        assert one.failures == []
        assert len(one.latencies) == CLIENTS
