"""Our windows on a stock Pyro5 daemon's streams, and a stock client's streams from our daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyrolike.api import URI, Proxy
from pyrolike.errors import PyroError
from tests.support.daemon import PATIENCE
from tests.support.peers.starting import server_peer

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def location() -> Iterator[str]:
    with server_peer("pyro5") as where:
        yield where


@pytest.fixture(params=["serpent", "json", "marshal", "msgpack"])
def proxy(request: pytest.FixtureRequest, location: str) -> Iterator[Proxy]:
    with Proxy(URI(f"PYRO:calc@{location}")) as proxy:
        proxy._pyroSerializer = request.param
        proxy._pyroTimeout = PATIENCE
        proxy._pyroStreamWindow = 10
        yield proxy


@pytest.mark.parametrize("number", [0, 1, 10, 11, 55])
def test_all_items_arrive_in_order(proxy: Proxy, number: int) -> None:
    assert list(proxy.count_to(number)) == list(range(1, number + 1))


def test_ten_items_take_one_round_trip(proxy: Proxy) -> None:
    items = proxy.count_to(100)
    before = proxy._pyroSeq
    assert [next(items) for _ in range(20)] == list(range(1, 21))
    # A stock daemon cannot tell the end of an iteration in the results of a marshal batch.
    assert proxy._pyroSeq - before == (20 if proxy._pyroSerializer == "marshal" else 2)
    items.close()


def test_an_error_comes_behind_the_items_before_it(proxy: Proxy) -> None:
    items = proxy.count_and_fail(13)
    assert [next(items) for _ in range(13)] == list(range(1, 14))
    with pytest.raises(ValueError, match="the stream broke"):
        next(items)
    with pytest.raises(PyroError, match="item stream terminated"):
        next(items)


def test_it_can_be_closed_early_and_gone_on_with_after_a_reconnect(proxy: Proxy) -> None:
    items = proxy.count_to(100)
    assert [next(items) for _ in range(10)] == list(range(1, 11))
    proxy._pyroReconnect(3)
    assert next(items) == 11
    items.close()
    assert list(items) == []
    assert proxy.add(3, 4) == 7
