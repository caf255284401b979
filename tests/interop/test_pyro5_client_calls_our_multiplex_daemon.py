"""A stock Pyro5, in its own process, visits pyrolike's multiplex server in another.

Some scenarios are left out. Their methods wait for another call to the same daemon, and its only
thread is the one that waits: so it is with Pyro5's multiplex server too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.peers.catalogue import SCENARIOS
from tests.support.peers.cells import cells, check_cell
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

CLIENT, SERVER = "pyro5", "pyrolike"

CALLS_ITS_OWN_DAEMON = {
    "blob_over_two_hops",
    "blob_with_an_object_that_is_opened_at_the_end",
    "callback_that_calls_the_caller_again",
    "correlation_id_of_nested_calls",
    "correlation_id_that_the_daemon_makes_up",
    "exception_caused_by_another_server",
    "exception_that_passed_through_another_server",
    "large_blob_over_two_hops",
    "proxy_as_an_argument",
    "uri_as_a_result",
}
"""Scenarios in which a method calls an object of the daemon that runs it."""

WAITS_FOR_ANOTHER_CLIENT = {"late_answers_reach_nobody"}
"""Scenarios in which a method returns when another client makes a call."""

NEEDS_THREADS = CALLS_ITS_OWN_DAEMON | WAITS_FOR_ANOTHER_CLIENT

POSSIBLE = {name: one for name, one in SCENARIOS.items() if name not in NEEDS_THREADS}


@pytest.fixture(scope="module")
def location() -> Iterator[str]:
    with server_peer(SERVER, SERVERTYPE="multiplex") as where:
        yield where


@pytest.fixture(scope="module")
def client() -> Iterator[ClientPeer]:
    with ClientPeer(CLIENT) as peer:
        yield peer


@pytest.mark.parametrize(("name", "serializer"), cells(CLIENT, SERVER, POSSIBLE))
def test_a_stock_pyro5_client_finds_nothing_different_in_our_multiplex_daemon(
    client: ClientPeer, location: str, name: str, serializer: str
) -> None:
    check_cell(client, location, name, serializer)


def test_what_is_left_out_exists() -> None:
    assert set(SCENARIOS) >= NEEDS_THREADS
