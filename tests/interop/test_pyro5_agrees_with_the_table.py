"""What the interop table expects is what two stock Pyro5 peers find.

This says nothing about pyrolike. It keeps the expectations honest: without it, a wrong expectation
and a wrong implementation could agree with each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.peers.cells import cells, check_cell
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

CLIENT, SERVER = "pyro5", "pyro5"


@pytest.fixture(scope="module")
def location() -> Iterator[str]:
    with server_peer(SERVER) as where:
        yield where


@pytest.fixture(scope="module")
def compressing_location() -> Iterator[str]:
    with server_peer(SERVER, COMPRESSION=True) as where:
        yield where


@pytest.fixture(scope="module")
def client() -> Iterator[ClientPeer]:
    with ClientPeer(CLIENT) as peer:
        yield peer


@pytest.mark.parametrize(("name", "serializer"), cells(CLIENT, SERVER))
def test_the_table_says_what_two_stock_pyro5_peers_find(
    client: ClientPeer, location: str, name: str, serializer: str
) -> None:
    check_cell(client, location, name, serializer)


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
@pytest.mark.parametrize("name", ["big_strings", "compressed", "exception_with_remote_traceback"])
def test_it_makes_no_difference_that_the_server_compresses(
    client: ClientPeer, compressing_location: str, name: str, serializer: str
) -> None:
    check_cell(client, compressing_location, name, serializer)
