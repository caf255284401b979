"""Our peers and stock Pyro5 peers say the same, byte for byte; and cut bytes change nothing."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator

import pytest

from tests.support import wire
from tests.support.peers.catalogue import SCENARIOS
from tests.support.peers.starting import ClientPeer, server_peer
from tests.support.relay import Record, relay
from tests.support.wire import RawMessage

pytestmark = pytest.mark.interop

COMPARED = [
    "positional_arguments",
    "keyword_arguments",
    "no_arguments",
    "nested_containers",
    "big_strings",
    "big_values_among_others",
    "compressed",
    "attributes",
    "oneway_calls",
    "batch",
    "oneway_batch",
    "streams",
    "closed_stream",
    "annotations_both_ways",
    "correlation_id",
    "handshake_data",
    "handshake_values",
    "large_annotations",
    "operators_called_by_their_names",
]
"""Scenarios in which everything that is said follows from what the client is told to do."""

CUT = [
    "big_strings",
    "big_values_among_others",
    "compressed",
    "exception_with_attributes",
    "streams",
    "annotations_both_ways",
]

# Marshal is left out: its bytes depend on which objects are shared inside the sender.
CANONICAL = ["serpent", "json", "msgpack"]

MADE_UP = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
"""Ids of streams and calls, which the server makes up."""


@pytest.fixture(scope="module")
def stock_server() -> Iterator[str]:
    with server_peer("pyro5") as where:
        yield where


@pytest.fixture(scope="module")
def our_server() -> Iterator[str]:
    with server_peer("pyrolike") as where:
        yield where


@pytest.fixture(scope="module")
def stock_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyro5") as peer:
        yield peer


@pytest.fixture(scope="module")
def our_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyrolike") as peer:
        yield peer


def recorded(
    client: ClientPeer, server: str, name: str, serializer: str, step: int | None = None
) -> list[Record]:
    """Do a scenario through a relay and return what passed through each connection."""
    with relay(server, step) as between:
        findings = client.visit(name, between.location, serializer)
    assert findings == SCENARIOS[name].expected(serializer)
    return between.records


def requests(records: list[Record]) -> list[bytes]:
    """Return what the client sent, without what it only repeated of the server's inventions."""
    return [MADE_UP.sub(b"<made up>", record.sent) for record in records]


def replies(records: list[Record]) -> list[RawMessage]:
    """Return what the server answered, without its inventions.

    The answers to handshakes are left out: they list names in an order that means nothing. So are
    correlation ids: a stock daemon makes one up for every call that has none, ours only for a
    method that asks for it. And so is what ours says about a stream beside its id, which a stock
    client passes over. (A stream that is read to its end ends in a traceback, which differs.)
    """
    found = []
    for record in records:
        stream = io.BytesIO(MADE_UP.sub(b"<made up>".ljust(36), record.received))
        while stream.tell() < len(stream.getbuffer()):
            message = wire.read_message(stream.read)
            if message.type != wire.CONNECTOK:
                flags = message.flags & ~wire.CORR_ID
                annotations = {k: v for k, v in message.annotations.items() if k != "STRW"}
                found.append(
                    dataclasses.replace(
                        message, flags=flags, correlation_id=b"", annotations=annotations
                    )
                )
    return found


@pytest.mark.parametrize("serializer", CANONICAL)
@pytest.mark.parametrize("name", COMPARED)
def test_our_client_sends_what_a_stock_client_sends(
    our_client: ClientPeer, stock_client: ClientPeer, stock_server: str, name: str, serializer: str
) -> None:
    ours = recorded(our_client, stock_server, name, serializer)
    theirs = recorded(stock_client, stock_server, name, serializer)
    assert requests(ours) == requests(theirs)


@pytest.mark.parametrize("serializer", CANONICAL)
@pytest.mark.parametrize("name", [name for name in COMPARED if name != "streams"])
def test_our_daemon_answers_what_a_stock_daemon_answers(
    stock_client: ClientPeer, our_server: str, stock_server: str, name: str, serializer: str
) -> None:
    ours = recorded(stock_client, our_server, name, serializer)
    theirs = recorded(stock_client, stock_server, name, serializer)
    assert replies(ours) == replies(theirs)


def size_of_pieces(name: str, step: int) -> int:
    """Return a size that cuts what a scenario says into a bearable number of pieces."""
    return step * 1000 if name.startswith("big") else step


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 7, 39])
@pytest.mark.parametrize("name", CUT)
def test_a_stock_client_and_our_daemon_understand_each_other_in_pieces(
    stock_client: ClientPeer, our_server: str, name: str, step: int
) -> None:
    recorded(stock_client, our_server, name, "serpent", size_of_pieces(name, step))


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 7, 39])
@pytest.mark.parametrize("name", CUT)
def test_our_client_and_a_stock_daemon_understand_each_other_in_pieces(
    our_client: ClientPeer, stock_server: str, name: str, step: int
) -> None:
    recorded(our_client, stock_server, name, "serpent", size_of_pieces(name, step))
