"""Futures as a real Pyro4 has them, and our asynchronous calls to a stock Pyro5."""

from __future__ import annotations

import ast
import gc
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import URI, BatchProxy, Proxy
from pyrolike.client import asyncproxy
from tests.support.daemon import PATIENCE
from tests.support.peers.starting import server_peer
from tests.support.processes import Program

pytestmark = pytest.mark.interop

LARGE = 100_000


PYRO4_DAEMON = """
import sys, threading, Pyro4
@Pyro4.expose
class Calculator(object):
    def add(self, a, b): return a + b
    def div(self, a, b): return a / b
    def same(self, value): return value
daemon = Pyro4.Daemon()
threading.Thread(target=lambda: (sys.stdin.read(), daemon.shutdown()), daemon=True).start()
print("READY", daemon.register(Calculator()), flush=True)
daemon.requestLoop()
"""


def findings(library: str) -> Any:
    with Program(["-m", "tests.support.peers.future_stories", library], ready=None) as program:
        return ast.literal_eval(program.wait_for_line(r"^FOUND (.*)$")[1])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("Pyro4") is None, reason="Pyro4 is not installed")
def test_a_program_sees_the_same_of_futures_as_with_pyro4() -> None:
    ours, theirs = findings("pyrolike"), findings("Pyro4")
    for part, found in ours.items():
        assert found == theirs[part]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("Pyro4") is None, reason="Pyro4 is not installed")
def test_a_pyro4_daemon_answers_calls_that_are_in_flight_together() -> None:
    pytest.importorskip("pyrolike.protocol.v48")
    with Program(["-c", PYRO4_DAEMON], ready=r"^READY (\S+)$") as program:
        assert program.ready_match is not None
        with Proxy(program.ready_match[1]) as proxy:
            proxy._pyroTimeout = PATIENCE
            asyncproxy(proxy)
            results = [proxy.add(number, 1) for number in range(50)]
            assert [result.value for result in results] == list(range(1, 51))
            with pytest.raises(ZeroDivisionError):
                proxy.div(1, 0).value  # noqa: B018
            large = [proxy.same("x" * LARGE) for _ in range(100)]
            assert {len(result.value) for result in large} == {LARGE}
            batch = BatchProxy(proxy)
            batch.add(1, 2)
            assert list(batch(asynchronous=True).value) == [3]


@pytest.fixture(scope="module", params=["thread", "multiplex"])
def location(request: pytest.FixtureRequest) -> Iterator[str]:
    with server_peer("pyro5", SERVERTYPE=request.param) as where:
        yield where


@pytest.fixture(params=["serpent", "json", "marshal", "msgpack"])
def proxy(request: pytest.FixtureRequest, location: str) -> Iterator[Proxy]:
    with Proxy(URI(f"PYRO:calc@{location}")) as proxy:
        proxy._pyroSerializer = request.param
        proxy._pyroTimeout = PATIENCE
        yield asyncproxy(proxy)
    gc.collect()


def test_a_stock_daemon_answers_calls_that_are_in_flight_together(proxy: Proxy) -> None:
    results = [proxy.add(number, 1) for number in range(50)]
    assert [result.value for result in results] == list(range(1, 51))
    assert proxy.add(1, 2).then(lambda v, m: v * m, m=10).value == 30


def test_errors_streams_one_way_calls_and_batches_of_a_stock_daemon(proxy: Proxy) -> None:
    with pytest.raises(ZeroDivisionError):
        proxy.div(1, 0).value  # noqa: B018
    assert list(proxy.count_to(5).value) == [1, 2, 3, 4, 5]
    assert proxy.fire(3).value is None
    batch = BatchProxy(proxy)
    batch.add(1, 2)
    if proxy._pyroSerializer == "marshal":  # in which a stock daemon cannot say what went wrong
        assert list(batch(asynchronous=True).value) == [3]
        return
    batch.div(1, 0)
    values = batch(asynchronous=True).value
    assert next(values) == 3
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_a_stock_daemon_that_cannot_send_its_replies_stops_nobody(proxy: Proxy) -> None:
    results = [proxy.same("x" * LARGE) for _ in range(100)]
    assert {len(result.value) for result in results} == {LARGE}


def test_calls_are_repeated_after_a_stock_daemon_has_hung_up(proxy: Proxy) -> None:
    proxy._pyroMaxRetries = 1
    assert proxy.add(1, 2).value == 3
    channel = proxy._pyroLink.channel
    assert channel is not None
    channel.connection.hang_up()
    results = [proxy.add(number, 0) for number in range(5)]
    assert [result.value for result in results] == list(range(5))
