"""Everything of the interop table between a stock Pyro4 and pyrolike, in processes of their own.

The third pairing has a stock Pyro4 on both sides. It says nothing about pyrolike, it keeps the
expectations honest. There is no pairing with Pyro5: the two do not understand each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.peers.cells import cells, check_cell
from tests.support.peers.scenario import PYRO4_SERIALIZERS
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

ACCEPTING: dict[str, Any] = {"SERIALIZERS_ACCEPTED": set(PYRO4_SERIALIZERS)}
COMPRESSIBLE = ["big_strings", "compressed", "exception_with_remote_traceback"]


@pytest.fixture(scope="module")
def stock_location() -> Iterator[str]:
    with server_peer("pyro4", **ACCEPTING) as where:
        yield where


@pytest.fixture(scope="module")
def our_location() -> Iterator[str]:
    with server_peer("pyrolike", **ACCEPTING) as where:
        yield where


@pytest.fixture(scope="module")
def our_multiplex_location() -> Iterator[str]:
    with server_peer("pyrolike", SERVERTYPE="multiplex", COMPRESSION=True, **ACCEPTING) as where:
        yield where


@pytest.fixture(scope="module")
def stock_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyro4", **ACCEPTING) as peer:
        yield peer


@pytest.fixture(scope="module")
def our_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyrolike", **ACCEPTING) as peer:
        yield peer


@pytest.mark.parametrize(("name", "serializer"), cells("pyro4", "pyrolike"))
def test_a_stock_pyro4_client_finds_nothing_different_in_our_daemon(
    stock_client: ClientPeer, our_location: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, our_location, name, serializer)


@pytest.mark.parametrize(("name", "serializer"), cells("pyrolike", "pyro4"))
def test_our_client_finds_what_a_pyro4_client_finds_in_a_stock_daemon(
    our_client: ClientPeer, stock_location: str, name: str, serializer: str
) -> None:
    check_cell(our_client, stock_location, name, serializer)


@pytest.mark.parametrize(("name", "serializer"), cells("pyro4", "pyro4"))
def test_the_table_says_what_two_stock_pyro4_peers_find(
    stock_client: ClientPeer, stock_location: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, stock_location, name, serializer)


@pytest.mark.parametrize("serializer", PYRO4_SERIALIZERS)
@pytest.mark.parametrize(
    "name", [*COMPRESSIBLE, "streams", "session_instances", "proxy_as_a_result"]
)
def test_it_makes_no_difference_how_our_daemon_serves_and_that_it_compresses(
    stock_client: ClientPeer, our_multiplex_location: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, our_multiplex_location, name, serializer)
