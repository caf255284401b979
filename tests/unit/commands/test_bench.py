"""How many calls a server answers: the figures, and the histogram they come from."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pyrolike.commands import bench
from tests.support.commands import run_here
from tests.support.daemon import RunningDaemon

Capture = pytest.CaptureFixture[str]


def test_percentiles_are_right_to_a_hundredth() -> None:
    times, values = bench.Times(), [random.Random(1).uniform(1e-5, 1e-1) for _ in range(2)]
    values = [random.Random(number).uniform(1e-5, 1e-1) for number in range(1000)]
    for value in values:
        times.add(value)
    values.sort()
    for percent in (1.0, 50.0, 90.0, 99.0):
        exact = values[int(percent / 100 * 1000) - 1]
        assert times.percentile(percent) == pytest.approx(exact, rel=0.011)
    assert times.percentile(100.0) == pytest.approx(values[-1], rel=0.011)
    assert (times.fewest, times.most, times.total) == (values[0], values[-1], 1000)


def test_histograms_are_added_up() -> None:
    one, other = bench.Times(), bench.Times()
    one.add(0.1)
    other.add(0.3)
    other.add(0.2)
    one.merge(other)
    assert (one.total, one.fewest, one.most) == (3, 0.1, 0.3)
    assert one.percentile(50) == pytest.approx(0.2, rel=0.011)


def test_a_time_of_zero_and_no_time_at_all_do_no_harm() -> None:
    times = bench.Times()
    assert times.percentile(50) == 0.0
    times.add(0.0)
    assert times.percentile(50) == 0.0


def test_the_daemons_ping_is_measured(shop: RunningDaemon, capsys: Capture) -> None:
    outcome = run_here(bench.main, [shop.uri("shop"), "--seconds", "0.05"], capsys)
    assert (outcome.status, outcome.err) == (0, "")
    first, second, *rest = outcome.out.splitlines()
    assert first.startswith(f"ping of {shop.uri('shop')}: ")
    assert "serializer serpent" in second
    assert [line.split()[0] for line in rest] == ["fastest", "50", "90", "99", "99.9", "slowest"]


def test_a_method_is_measured_by_several_threads(shop: RunningDaemon, capsys: Capture) -> None:
    words = [shop.uri("shop"), "order", "x", "[1]", "--threads", 3, "--seconds", "0.05", "--json"]
    data: dict[str, Any] = run_here(bench.main, [*words, "--serializer", "json"], capsys).data
    assert (data["method"], data["threads"], data["serializer"]) == ("order", 3, "json")
    assert data["calls"] == pytest.approx(data["calls_per_second"] * data["seconds"], rel=0.05)
    figures = [data[name] for name in ("min_us", "p50_us", "p90_us", "p99_us", "max_us")]
    assert figures == sorted(figures)
    assert figures[0] > 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["fail"], "KeyError: 'no such"),
        (["nothing"], "has no method 'nothing'; it has break_off, "),
        (["--serializer", "nope"], "there is no serializer 'nope'"),
    ],
)
def test_what_does_not_work_is_one_line(
    shop: RunningDaemon, words: list[str], complaint: str, capsys: Capture
) -> None:
    outcome = run_here(bench.main, [shop.uri("shop"), *words], capsys)
    assert outcome.status == 1
    assert complaint in outcome.complaint


def test_a_call_that_fails_later_ends_the_run() -> None:
    calls = iter([None, None])

    def call() -> None:
        try:
            next(calls)
        except StopIteration:
            raise ValueError("enough") from None

    with pytest.raises(bench.CommandError, match="a call failed: enough"):
        bench._measure([call], 60.0)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--seconds", "0"], "--seconds is more than 0, and 3600 at most"),
        (["--seconds", "1e9"], "--seconds is more than 0, and 3600 at most"),
        (["--threads", "0"], "a whole number, 1 or more"),
        (["--threads", "1000"], "--threads is 256 at most"),
        (["order", "[1"], "begins like JSON"),
    ],
)
def test_a_wrong_command_line_is_status_2(
    words: list[str], complaint: str, capsys: Capture
) -> None:
    outcome = run_here(bench.main, ["127.0.0.1:1", *words], capsys)
    assert outcome.status == 2
    assert complaint in outcome.err
