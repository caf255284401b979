"""A stock Pyro5 and pyrolike talk over TLS, in both directions; each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.peers.cells import check_cell
from tests.support.peers.starting import ClientPeer, server_peer

pytestmark = pytest.mark.interop

DIRECTIONS = [
    ("pyrolike", "pyro5", {}),
    ("pyro5", "pyrolike", {}),
    ("pyro5", "pyrolike", {"SERVERTYPE": "multiplex"}),
]
"""The client's library, the server's, and its settings beside those for TLS."""

NAMES = [
    "positional_arguments",
    "big_strings",
    "big_bytes",
    "streams",
    "batch",
    "oneway_calls",
    "printed_exceptions",
    "callback_by_proxy",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=DIRECTIONS, ids=lambda one: "-".join(map(str, one)))
def pair(request: pytest.FixtureRequest, files: Certificates) -> Iterator[tuple[ClientPeer, str]]:
    """A client and the location of a server that demands its certificate."""
    calling, serving, more = request.param
    tls = dict(files.mutual)
    with server_peer(serving, **tls, **more) as location, ClientPeer(calling, **tls) as client:
        yield client, location


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_over_tls_arrives_as_without(pair: tuple[ClientPeer, str], name: str) -> None:
    client, location = pair
    check_cell(client, location, name, "serpent")


@pytest.mark.parametrize(("calling", "serving"), [("pyrolike", "pyro5"), ("pyro5", "pyrolike")])
@pytest.mark.parametrize("who_has_it", ["client", "server"])
def test_one_side_without_tls_gets_an_error_and_the_server_lives(
    files: Certificates, calling: str, serving: str, who_has_it: str
) -> None:
    tls = dict(files.settings)
    server_settings = tls if who_has_it == "server" else {}
    with server_peer(serving, **server_settings) as location:
        client_settings = tls if who_has_it == "client" else {}
        with (
            ClientPeer(calling, **client_settings) as client,
            pytest.raises(AssertionError, match=r"CommunicationError|ConnectionClosedError"),
        ):
            client.visit(NAMES[0], location, "serpent")
        with ClientPeer(calling, **server_settings) as client:
            check_cell(client, location, NAMES[0], "serpent")
