"""What a peer can do to a daemon in Pyro4's protocol: nothing that it could not do in Pyro5's."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from tests.support import wire, wire48
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon
from tests.support.peers.objects import Calculator
from tests.support.rawpeer import RawPeer, raw_client, serpent
from tests.support.vectors import VECTORS_48
from tests.support.wire import RawMessage

MEGABYTE = 1024 * 1024
HELLO = wire48.message(
    wire.CONNECT,
    serpent({"handshake": "hello", "object": "calc"}),
    flags=wire48.META_ON_CONNECT,
)


@pytest.fixture(scope="module", params=["thread", "multiplex"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningDaemon]:
    with changed_settings(SERVERTYPE=request.param), running_daemon({"calc": Calculator()}) as made:
        yield made


def read(peer: RawPeer) -> RawMessage:
    return wire48.read_message(peer.receive)


def connected(running: RunningDaemon) -> RawPeer:
    peer = raw_client(running.location)
    peer.send(HELLO)
    assert read(peer).type == wire.CONNECTOK
    return peer


def check_alive(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        assert proxy.add(1, 2) == 3


@pytest.mark.slow
def test_sizes_that_are_only_announced_take_no_memory(running: RunningDaemon) -> None:
    head = wire48.header(wire.INVOKE, data_size=500 * MEGABYTE, annotations_size=0xFFFF)
    with connected(running) as peer:
        tracemalloc.start()
        try:
            peer.send(head + b"a little")
            check_alive(running)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 10 * MEGABYTE


@pytest.mark.parametrize("size", [MEGABYTE, 0x7FFF_FFFF])
def test_a_large_handshake_is_refused_by_its_header(running: RunningDaemon, size: int) -> None:
    with raw_client(running.location) as peer:
        peer.send(wire48.header(wire.CONNECT, data_size=size, annotations_size=1))
        assert read(peer).type == wire.CONNECTFAIL
        peer.wait_closed()


@pytest.mark.slow
def test_a_bomb_is_not_inflated(running: RunningDaemon) -> None:
    bomb = zlib.compress(serpent(("calc", "same", ("x" * 20 * MEGABYTE,), {})), 9)
    with changed_settings(MAX_MESSAGE_SIZE=MEGABYTE), connected(running) as peer:
        peer.send(wire48.message(wire.INVOKE, bomb, flags=wire.COMPRESSED, seq=3))
        reply = read(peer)
    assert (reply.flags, reply.seq) == (wire.EXCEPTION, 3)
    assert b"Pyro4.errors.MessageTooLargeError" in reply.payload


@pytest.mark.slow
@pytest.mark.parametrize("is_connected", [False, True])
def test_damaged_messages_of_real_peers_end_a_connection_at_most(
    running: RunningDaemon, is_connected: bool
) -> None:
    chance = random.Random(48)
    for vector in VECTORS_48:
        data = bytearray(vector.data)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with connected(running) if is_connected else raw_client(running.location) as peer:
            peer.send(bytes(data))
    check_alive(running)
