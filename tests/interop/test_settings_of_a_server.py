"""Settings of the server's side change what its clients find, whichever library they have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.peers.catalogue import SCENARIOS
from tests.support.peers.scenario import SERIALIZERS
from tests.support.peers.scenarios_settings import BASE64, SENT
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

LIBRARIES = ["pyro5", "pyrolike"]


@pytest.fixture(scope="module", params=LIBRARIES)
def client(request: pytest.FixtureRequest) -> Iterator[ClientPeer]:
    with ClientPeer(request.param) as peer:
        yield peer


@pytest.fixture(scope="module", params=LIBRARIES)
def particular_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server with all the settings that this module is about."""
    with server_peer(
        request.param, COMPRESSION=True, SERPENT_BYTES_REPR=True, DETAILED_TRACEBACK=True
    ) as where:
        yield where


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize(
    "name",
    [
        "compressed_by_the_client",
        "compressed_by_the_server_at_most",
        "nested_containers",
        "handshake_values",
        "tracked_resources",
        "annotations_both_ways",
        "failing_stream",
    ],
)
def test_it_makes_no_difference_that_the_server_compresses(
    client: ClientPeer, particular_server: str, name: str, serializer: str
) -> None:
    findings = client.visit(name, particular_server, serializer)
    assert findings == SCENARIOS[name].expected(serializer)


def test_each_side_writes_bytes_as_its_own_setting_says(
    client: ClientPeer, particular_server: str
) -> None:
    one_sided = client.visit("bytes_as_the_settings_say", particular_server, "serpent")
    assert one_sided == [f"dict {BASE64!r}", SENT]
    both = client.visit("bytes_as_literals_of_the_client", particular_server, "serpent")
    assert both == f"bytes {SENT!r}"


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_detailed_traceback_shows_variables(
    client: ClientPeer, particular_server: str, serializer: str
) -> None:
    found = client.visit("variables_in_a_traceback", particular_server, serializer)
    assert found == [True, True]
