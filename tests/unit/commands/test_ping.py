"""How long the way to an object is, and what is shown when nobody answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pyrolike.client import Proxy
from pyrolike.commands import ping
from tests.support.commands import run_here
from tests.support.daemon import RunningDaemon

Capture = pytest.CaptureFixture[str]


def test_each_ping_is_a_line_and_the_end_is_a_summary(shop: RunningDaemon, capsys: Capture) -> None:
    uri = shop.uri("shop")
    outcome = run_here(ping.main, ["-c", 2, "-i", 0, uri], capsys)
    shown = re.sub(r"\d+\.\d{3}", "T", outcome.out)
    assert (outcome.status, outcome.err) == (0, "")
    assert shown.splitlines() == [
        f"{uri}: connected to {shop.location} in T ms",
        f"{uri}: seq=1 time=T ms",
        f"{uri}: seq=2 time=T ms",
        f"--- {uri}: 2 pings, 2 answered ---",
        "round trip min/mean/max = T/T/T ms",
    ]


def test_several_objects_are_pinged_in_turn(shop: RunningDaemon, capsys: Capture) -> None:
    words = ["-c", 1, "--json", shop.location, "127.0.0.1:1", shop.uri("nobody")]
    outcome = run_here(ping.main, words, capsys)
    here, nowhere, unknown = outcome.data
    assert outcome.status == 1
    assert (here["sent"], here["answered"], here["error"]) == (1, 1, None)
    assert here["min_ms"] == here["mean_ms"] == here["max_ms"] == here["times_ms"][0] > 0
    assert (nowhere["answered"], nowhere["mean_ms"], nowhere["times_ms"]) == (0, None, [])
    assert "nobody is listening there" in nowhere["error"]
    assert "unknown object" in unknown["error"]


def test_every_ping_that_fails_is_a_line(capsys: Capture) -> None:
    outcome = run_here(ping.main, ["-c", 2, "-i", 0, "127.0.0.1:1"], capsys)
    assert outcome.status == 1
    lines = outcome.out.splitlines()
    assert len(lines) == 3
    assert lines[0] == lines[1]
    assert lines[2] == "--- PYRO:Pyro.Daemon@127.0.0.1:1: 2 pings, 0 answered ---"


def have_sleep_be(do: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command do something between pings; other threads sleep as they did."""
    clock = SimpleNamespace(sleep=do, perf_counter=time.perf_counter)
    monkeypatch.setattr(ping, "time", clock)


def test_ctrl_c_shows_the_figures_so_far(
    shop: RunningDaemon, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    have_sleep_be(interrupt, monkeypatch)
    outcome = run_here(ping.main, [shop.location, "127.0.0.1:1"], capsys)
    assert outcome.status == 130
    assert "1 pings, 1 answered ---\nround trip" in outcome.out
    assert "127.0.0.1:1" not in outcome.out


def test_a_connection_that_is_lost_costs_one_ping_and_is_made_anew(
    shop: RunningDaemon, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = []
    connect: Callable[..., Proxy] = ping.connect

    def remember(*args: Any, **named: Any) -> Proxy:
        proxy = connect(*args, **named)
        connections.append(proxy._pyroConnection)
        return proxy

    def hang_up(seconds: float) -> None:
        connections[0].close()  # again and again does no harm

    monkeypatch.setattr(ping, "connect", remember)
    have_sleep_be(hang_up, monkeypatch)
    outcome = run_here(ping.main, ["-c", 4, "--json", shop.location], capsys)
    assert (outcome.status, outcome.data[0]["answered"]) == (1, 3)
    assert outcome.data[0]["error"]


@pytest.mark.parametrize("words", [[], ["-c", "0", "x"], ["-i", "-1", "x"], ["PYRO:x"]])
def test_a_wrong_command_line_is_status_2(words: list[str], capsys: Capture) -> None:
    assert run_here(ping.main, words, capsys).status == 2
