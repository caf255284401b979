"""The benchmark runs, measures what it says, and reckons fairly."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.benchmarks.contestants import RAW, Window, available_contestants
from tests.benchmarks.measuring import Plan, Row, turns
from tests.benchmarks.report import COLUMNS, heading, remark, table_line
from tests.benchmarks.work import WORKS
from tests.support.processes import ROOT, pinned_environment


def row(**rates: list[int]) -> Row:
    """Return a row of the small call whose windows of one second had the given *rates*."""
    windows = {
        name: [Window(rate, 1.0) for rate in per_second] for name, per_second in rates.items()
    }
    return Row(WORKS[0], "serpent", windows)


def run_benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=pinned_environment(),
        check=False,
    )


def test_each_contestant_goes_first_in_turn() -> None:
    assert turns(3, rounds=4) == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_ratios_are_formed_inside_a_round_so_that_a_slow_moment_hits_both() -> None:
    drifting = row(raw=[1000, 100, 10], pyrolike=[500, 50, 5])
    assert drifting.ratio("pyrolike", RAW) == 0.5


def test_the_median_forgets_a_disturbed_window() -> None:
    assert row(raw=[1000, 1, 1002]).rate(RAW) == 1000


def test_an_absent_contestant_leaves_its_cells_empty() -> None:
    alone = row(raw=[1000], pyrolike=[400])
    assert alone.ratio("pyrolike", "Pyro5") is None
    assert table_line(alone).endswith("|                - |")


def test_every_line_of_the_table_is_as_wide_as_its_heading() -> None:
    lines = [*heading().splitlines(), table_line(row(raw=[64_000], pyrolike=[32_000]))]
    assert len({len(line) for line in lines}) == 1
    assert all(line.count("|") == len(COLUMNS) + 1 for line in lines)


def test_an_unsteady_machine_is_mentioned() -> None:
    assert "measure again" in remark([row(raw=[1000, 400, 1000])])
    assert "measure again" not in remark([row(raw=[1000, 990, 1000])])


def test_rows_are_chosen_by_a_part_of_their_name() -> None:
    chosen = Plan(rounds=1, seconds=1.0, only=("megabyte/json", "call")).rows()
    assert [f"{work.name}/{serializer}" for work, serializer in chosen] == [
        "call/serpent",
        "call/json",
        "call/marshal",
        "call/msgpack",
        "megabyte/json",
    ]


def test_a_word_that_selects_nothing_is_refused_with_a_sentence() -> None:
    result = run_benchmark("--only", "nonsense")
    assert result.returncode == 1
    assert "nothing is called nonsense" in result.stderr


@pytest.mark.slow
def test_every_work_runs_for_every_contestant_on_this_machine() -> None:
    result = run_benchmark("--quick", "--seconds", "0.01", "--json")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)
    assert len(rows) == sum(len(work.serializers) for work in WORKS)
    for measured in rows:
        assert list(measured["rates"]) == available_contestants()
        assert all(rate > 0 for rate in measured["rates"].values())


@pytest.mark.slow
def test_the_table_is_printed_with_a_line_for_each_selected_work() -> None:
    result = run_benchmark("--quick", "--seconds", "0.01", "--only", "call/marshal")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("small call add(3, 4)") == 1
