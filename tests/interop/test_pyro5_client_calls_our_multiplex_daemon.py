"""A stock Pyro5, in its own process, visits pyrolike's multiplex server in another.

Some scenarios are left out. Their methods wait for another call to the same daemon, and its only
thread is the one that waits: so it is with Pyro5's multiplex server too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.peers.catalogue import NEEDS_THREADS, ONE_THREAD_DOES, SCENARIOS
from tests.support.peers.cells import cells, check_cell
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

CLIENT, SERVER = "pyro5", "pyrolike"


@pytest.fixture(scope="module")
def location() -> Iterator[str]:
    with server_peer(SERVER, SERVERTYPE="multiplex") as where:
        yield where


@pytest.fixture(scope="module")
def client() -> Iterator[ClientPeer]:
    with ClientPeer(CLIENT) as peer:
        yield peer


@pytest.mark.parametrize(("name", "serializer"), cells(CLIENT, SERVER, ONE_THREAD_DOES))
def test_a_stock_pyro5_client_finds_nothing_different_in_our_multiplex_daemon(
    client: ClientPeer, location: str, name: str, serializer: str
) -> None:
    check_cell(client, location, name, serializer)


def test_what_is_left_out_exists() -> None:
    assert set(SCENARIOS) >= NEEDS_THREADS
