"""The benchmark runs, measures what it says, and reckons fairly."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pyrolike import api
from tests.benchmarks import growth, page, peers, plots
from tests.benchmarks.budget import build_counter, parse_summary
from tests.benchmarks.contestants import PEERS, available_contestants
from tests.benchmarks.measuring import Plan, Row, participants, turns
from tests.benchmarks.report import (
    COLUMNS,
    as_json,
    growth_table,
    heading,
    peer_table,
    remark,
    series_of,
    summary,
    table_line,
    verdicts,
)
from tests.benchmarks.service import OBJECT_ID, make_service
from tests.benchmarks.unchecked import _compile_without
from tests.benchmarks.work import BESIDE, OURS, RAW, USUAL, WORKS, Floor, Work, label
from tests.support.daemon import running_daemon
from tests.support.processes import ROOT, Program, pinned_environment

CALL = WORKS[0]


def work_called(name: str) -> Work:
    return next(work for work in WORKS if work.name == name)


def row(work: Work = CALL, serializer: str = "serpent", **windows: list[float]) -> Row:
    """Return a row whose windows had the given figures."""
    return Row(work, serializer, windows)


def run_benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
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
    assert row(raw=[1000, 1, 1002]).figure(RAW) == 1000


def test_half_the_cost_is_twice_as_good() -> None:
    assert row(work_called("start"), pyrolike=[50], Pyro5=[100]).ratio("pyrolike", "Pyro5") == 2


def test_an_absent_contestant_leaves_its_cells_empty() -> None:
    alone = row(raw=[1000], pyrolike=[400])
    assert alone.ratio("pyrolike", "Pyro5") is None
    assert re.search(
        r"\|                - \| 0\.38 raw, 3\.50 Pyro5 +\| kept +\|$", table_line(alone)
    )


def test_every_line_of_a_table_is_as_wide_as_its_heading() -> None:
    lines = [*heading().splitlines(), table_line(row(raw=[64_000], pyrolike=[32_000]))]
    assert len({len(line) for line in lines}) == 1
    assert all(line.count("|") == len(COLUMNS) + 1 for line in lines)


def test_an_unsteady_machine_is_mentioned() -> None:
    assert "measure again" in remark([row(raw=[1000, 400, 1000])])
    assert "measure again" not in remark([row(raw=[1000, 990, 1000]), row(pyrolike=[1])])


# -- floors


def test_a_floor_is_kept_or_missed_by_a_share() -> None:
    raw, peer = verdicts(row(raw=[1000], pyrolike=[380], Pyro5=[190]))
    assert raw.is_kept
    assert raw.shortfall == 0
    assert not peer.is_kept
    assert peer.miss == "Pyro5 by 42.9%"


def test_whoever_did_not_take_part_is_not_judged() -> None:
    alone = row(pyrolike=[380])
    assert all(verdict.is_kept and verdict.reached is None for verdict in verdicts(alone))
    assert summary([alone]) == "All 0 floors that were looked at are kept."
    assert table_line(alone).rstrip(" |").endswith("-")


def test_a_limit_is_kept_or_missed_by_a_share() -> None:
    memory = work_called("memory")
    [kept] = verdicts(row(memory, "", pyrolike=[9.9]))
    [missed] = verdicts(row(memory, "", pyrolike=[15]))
    assert kept.is_kept
    assert missed.miss == "kB by 50.0%"


def test_a_row_may_be_compared_with_another_work_of_the_same_rounds() -> None:
    [verdict] = verdicts(row(work_called("shared"), pyrolike=[80], beside=[100]))
    assert verdict.floor == "0.85 one thread"
    assert verdict.reached == 0.8


def test_the_summary_says_which_floors_are_missed_and_by_how_much() -> None:
    rows = [row(raw=[1000], pyrolike=[190], Pyro5=[10]), row(raw=[10], pyrolike=[10], Pyro5=[1])]
    assert summary(rows).splitlines() == [
        "1 of 4 floors are missed:",
        "- call/serpent: 0.38 raw wanted, 0.19 reached, missed by 50.0%",
    ]
    assert "MISSED: raw by 50.0%" in table_line(rows[0])


def test_every_floor_is_about_something_that_is_measured_in_its_row() -> None:
    names = [RAW, OURS, "Pyro5", BESIDE, *PEERS]
    for work in WORKS:
        assert work.floors.keys() <= set(work.serializers)
        for serializer, floors in work.floors.items():
            asked = {floor.than for floor in floors if isinstance(floor, Floor)}
            assert asked <= set(participants(work, serializer, names)), label(work, serializer)


def test_everything_is_in_the_json() -> None:
    [found] = as_json([row(raw=[1000], pyrolike=[380], Pyro5=[190])])
    assert found["windows"] == {"raw": [1000], "pyrolike": [380], "Pyro5": [190]}
    assert [floor["is_kept"] for floor in found["floors"]] == [True, False]
    assert found["ratios_to_others"]["Pyro5"] == 2.0
    json.dumps(found)


# -- who takes part


def test_other_libraries_and_the_row_beside_take_part_where_they_are_wanted() -> None:
    names = [RAW, OURS, BESIDE, *PEERS]
    assert participants(CALL, "serpent", names) == [RAW, OURS]
    assert participants(CALL, "marshal", names) == [RAW, OURS, *PEERS]
    assert participants(work_called("threads"), "marshal", names) == [RAW, OURS, BESIDE]
    assert participants(work_called("memory"), "", names) == [OURS]


def test_the_other_libraries_have_a_table() -> None:
    rows = [
        row(CALL, "marshal", raw=[100], pyrolike=[50], rpyc=[10]),
        row(CALL, "msgpack", raw=[100], pyrolike=[60], rpyc=[10]),
        row(),
    ]
    line = peer_table(rows).splitlines()[-1]
    assert line.replace(" ", "") == "|rpyc|10.0|0.10|5.00|6.00|"
    assert peer_table([row()]) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PEERS if name in available_contestants()])
def test_each_installed_library_adds(name: str) -> None:
    with Program(["-m", "tests.benchmarks.server", name], ready=r"^(\S+)$") as server:
        assert server.ready_match is not None
        with peers.small_calls(name, server.ready_match[1], 3) as run:
            run()


def test_a_free_port_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", peers.free_port())):
        pass


# -- the command line


def test_rows_are_chosen_by_a_part_of_their_name() -> None:
    chosen = Plan(rounds=1, seconds=1.0, only=("megabyte/json", "call", "memory")).rows()
    assert [label(*pair) for pair in chosen] == [
        "call/serpent",
        "call/json",
        "call/marshal",
        "call/msgpack",
        "megabyte/json",
        "memory",
    ]


def test_a_word_that_selects_nothing_is_refused_with_a_sentence() -> None:
    result = run_benchmark("--only", "nonsense")
    assert result.returncode == 1
    assert "nothing is called nonsense" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("is_usual", [True, False], ids=["usual stage", "other stages"])
def test_every_work_runs_for_every_contestant_on_this_machine(is_usual: bool) -> None:
    chosen = [pair for pair in Plan(1, 1.0).rows() if (pair[0].stage == USUAL) is is_usual]
    only = [word for pair in chosen for word in ("--only", label(*pair))]
    result = run_benchmark("--rounds", "1", "--seconds", "0.001", "--json", *only)
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [(row["work"], row["serializer"]) for row in rows] == [
        (work.name, serializer) for work, serializer in chosen
    ]
    for measured, (work, serializer) in zip(rows, chosen, strict=True):
        assert list(measured["figures"]) == participants(work, serializer, available_contestants())
        assert all(figure > 0 for figure in measured["figures"].values())


@pytest.mark.slow
def test_the_table_is_printed_with_a_line_for_each_selected_work() -> None:
    result = run_benchmark("--quick", "--seconds", "0.01", "--only", "call/serpent")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("small call add(3, 4)") == 1
    assert re.search(r"floors (that were looked at are kept|are missed:)", result.stdout)


# -- growth


def test_every_size_is_a_work_of_its_own() -> None:
    assert len({point.name for point in growth.POINTS}) == len(growth.POINTS)
    sizes = {axis.name: axis.sizes[-1] for axis in growth.AXES}
    assert sizes["objects"] == 1_000_000
    assert sizes["idle"] == growth.MOST_CLIENTS


def test_the_lines_of_a_plot_are_libraries_and_serializers() -> None:
    points = growth.AXES[0].works()[:2]
    rows = [
        row(point, serializer, raw=[9], pyrolike=[3])
        for point in points
        for serializer in ("a", "b")
    ]
    line = {"1": 3, "10": 3}
    assert series_of(rows) == {"raw": {"1": 9, "10": 9}, "pyrolike, a": line, "pyrolike, b": line}
    assert growth_table("size", rows).count("\n") == 3


@pytest.mark.slow
def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    chosen = ["--only", "payload-1000000/serpent", "--only", "members-10000"]
    quick = ["--rounds", "1", "--seconds", "0.001", "--plots", str(tmp_path)]
    result = run_benchmark("--growth", *quick, *chosen)
    assert result.returncode == 0, result.stderr
    assert "exposed members of the object" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"members.svg", "payload.svg"}


@pytest.mark.parametrize("axis", growth.AXES, ids=lambda axis: axis.name)
def test_each_axis_grows(axis: growth.Axis) -> None:
    with running_daemon({OBJECT_ID: make_service(api)}) as running:
        uri = str(running.uri(OBJECT_ID))
        for size in (1, 7):
            with axis.opener(size, api, uri, "serpent") as run:
                run()


def test_a_plot_is_well_formed_and_has_a_line_for_each_series() -> None:
    flat = {"1": 1000.0, "1,000": 1000.0}
    drawn = plots.draw("size", {"raw": flat, "pyrolike, msgpack": {"1": 500.0, "1,000": 5.0}})
    tree = ElementTree.fromstring(drawn)
    lines = [one for one in tree.iterfind(".//{*}path") if one.get("class") == "pyrolike msgpack"]
    assert lines[0].get("d") == "M70.0,62.1 510.0,248.8"
    assert "prefers-color-scheme: dark" in drawn
    assert "1,000" in drawn


def test_equal_figures_make_a_plot_too() -> None:
    assert "NaN" not in plots.draw("size", {"raw": {"1": 10.0}})


def test_the_names_of_lines_do_not_cover_one_another(tmp_path: Path) -> None:
    same = {"1": 1.0, "10": 1.0}
    plots.write(tmp_path / "new" / "plot.svg", "size", dict.fromkeys(("a", "b", "c"), same))
    tree = ElementTree.parse(tmp_path / "new" / "plot.svg")
    heights = {one.text: float(one.get("y", "0")) for one in tree.iterfind(".//{*}text")}
    assert heights["b"] - heights["a"] == heights["c"] - heights["b"] == 16
    assert heights["c"] <= plots.HEIGHT - plots.BOTTOM + 4


# -- the budget of a call


def test_the_words_of_strace_are_understood() -> None:
    text = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000100           1       100        25 recvfrom
 40.00    0.000050           1        50           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.000150                   150        25 total
"""
    assert parse_summary(text) == {"recvfrom": 100, "sendto": 50}


@pytest.mark.slow
@pytest.mark.parametrize(("work", "most"), [("call", 100), ("connect", 1000)])
def test_functions_and_allocations_are_counted_on_both_sides(
    tmp_path: Path, work: str, most: int
) -> None:
    library = build_counter(tmp_path)
    kinds = [("calls", "python"), *([("allocations", "allocations")] if library else [])]
    for kind, unit in kinds:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.counting", kind, "pyrolike.api", "json", work]
            + ([library] if library and kind == "allocations" else []),
            capture_output=True,
            text=True,
            cwd=ROOT,
            # Who measures the coverage makes calls of its own.
            env={name: v for name, v in os.environ.items() if not name.startswith("COVERAGE")},
            check=True,
        )
        counts = json.loads(done.stdout)
        assert all(5 < counts[side][unit] < most for side in ("client", "server"))


def test_without_a_compiler_allocations_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert build_counter(tmp_path) is None


# -- the page


@pytest.mark.slow
def test_what_checks_cost_is_measured_with_processes_that_have_none() -> None:
    done = run_benchmark("--checks", "--quick", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if " µs " in line]
    assert len(lines) == 12
    assert all(line.count("%") == 2 for line in lines)


def test_a_check_that_is_not_found_any_more_is_an_error() -> None:
    def checked(size: int) -> bool:
        return size < 3

    bare = _compile_without(checked, [("size < 3", "True")])
    assert (checked(5), bare(5)) == (False, True)
    with pytest.raises(ValueError, match=r"checked has no condition 'size > 3' any more"):
        _compile_without(checked, [("size > 3", "True")])


def test_figures_are_renewed_in_their_place(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("a\n<!-- figures: works -->\nold\n<!-- end of figures -->\nz\n", "utf-8")
    page.renew("works", "new \\1\n", document)
    text = "a\n<!-- figures: works -->\n\nnew \\1\n\n<!-- end of figures -->\nz\n"
    assert document.read_text("utf-8") == text
    with pytest.raises(ValueError, match="has 0 places"):
        page.renew("growth", "new", document)


def test_the_page_has_a_place_for_all_figures_and_shows_all_plots() -> None:
    text = page.PAGE.read_text("utf-8")
    for name in ("works", "growth", "budget"):
        assert text.count(page.START.format(name=name)) == 1
    assert page.HOSTILE.read_text("utf-8").count(page.START.format(name="checks")) == 1
    for axis in growth.AXES:
        assert f"(growth/{axis.name}.svg)" in text
        assert (page.PLOTS / f"{axis.name}.svg").is_file()


def test_the_page_explains_every_work() -> None:
    text = page.PAGE.read_text("utf-8")
    assert [work.name for work in WORKS if f"`{work.name}`" not in text] == []
