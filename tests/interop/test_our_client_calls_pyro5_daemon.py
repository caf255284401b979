"""A client with pyrolike visits a server with a stock Pyro5; both in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.peers.cells import cells, check_cell
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

CLIENT, SERVER = "pyrolike", "pyro5"


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
def test_our_client_finds_what_a_pyro5_client_finds_in_a_stock_daemon(
    client: ClientPeer, location: str, name: str, serializer: str
) -> None:
    check_cell(client, location, name, serializer)


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
@pytest.mark.parametrize("name", ["big_strings", "compressed", "exception_with_remote_traceback"])
def test_it_makes_no_difference_that_the_server_compresses(
    client: ClientPeer, compressing_location: str, name: str, serializer: str
) -> None:
    check_cell(client, compressing_location, name, serializer)
