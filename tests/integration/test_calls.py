"""Calls over real sockets: everything of the interop table, and what a connection lives through."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError, ConnectionClosedError, PyroError
from tests.support.daemon import PATIENCE, RunningDaemon, running_daemon
from tests.support.peers.catalogue import NEEDS_THREADS, ONE_THREAD_DOES, SCENARIOS
from tests.support.peers.cells import cells
from tests.support.peers.objects import register_converters
from tests.support.peers.scenario import SERIALIZERS, Visit
from tests.support.peers.server import PeerDaemon, peer_objects
from tests.support.rawpeer import RawPeer, scripted_server
from tests.support.servertypes import needs_threads

pytestmark = pytest.mark.usefixtures("server_type")

OTHERS = {name: SCENARIOS[name] for name in SCENARIOS if name in NEEDS_THREADS}


@pytest.fixture(scope="module")
def running(server_type: str) -> Iterator[RunningDaemon]:
    register_converters()
    with running_daemon(peer_objects(), daemon_class=PeerDaemon) as running:
        yield running


# -- the table, with pyrolike on both sides


@pytest.mark.parametrize(("name", "serializer"), cells("pyrolike", "pyrolike", ONE_THREAD_DOES))
def test_our_client_finds_in_our_daemon_what_the_table_says(
    running: RunningDaemon, name: str, serializer: str
) -> None:
    check(running, name, serializer)


@needs_threads("see NEEDS_THREADS in the catalogue")
@pytest.mark.parametrize(("name", "serializer"), cells("pyrolike", "pyrolike", OTHERS))
def test_our_client_finds_it_too_where_a_method_waits_for_another_call(
    running: RunningDaemon, name: str, serializer: str
) -> None:
    check(running, name, serializer)


def check(running: RunningDaemon, name: str, serializer: str) -> None:
    findings = SCENARIOS[name].run(Visit(running.location, serializer, timeout=PATIENCE))
    assert findings == SCENARIOS[name].expected(serializer)


# -- the life of a connection


def test_creating_a_proxy_does_not_connect() -> None:
    proxy = Proxy("PYRO:calc@localhost:1")
    assert proxy._pyroConnection is None


def test_bind_tells_whether_it_connected(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        assert proxy._pyroBind() is True
        assert proxy._pyroBind() is False


def test_a_released_proxy_connects_again(running: RunningDaemon) -> None:
    proxy = running.proxy()
    assert proxy.add(1, 2) == 3
    proxy._pyroRelease()
    proxy._pyroRelease()
    assert proxy._pyroConnection is None
    assert proxy.add(3, 4) == 7
    proxy._pyroRelease()


def test_leaving_a_with_block_releases(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        proxy.add(1, 2)
        assert proxy._pyroConnection is not None
    assert proxy._pyroConnection is None
    with proxy:
        assert proxy.add(3, 4) == 7


def test_a_copy_has_a_connection_of_its_own(running: RunningDaemon) -> None:
    with running.proxy(serializer="json") as proxy:
        proxy.add(1, 2)
        with copy.copy(proxy) as other:
            assert other == proxy
            assert other._pyroConnection is None
            assert other._pyroSerializer == "json"
            assert other.add(3, 4) == 7
            assert other._pyroConnection is not proxy._pyroConnection


def test_a_pickled_proxy_can_be_used(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        proxy.add(1, 2)
        with pickle.loads(pickle.dumps(proxy)) as other:
            assert other == proxy
            assert hash(other) == hash(proxy)
            assert other.add(3, 4) == 7


def test_a_proxy_is_always_true_and_never_equal_to_something_else(running: RunningDaemon) -> None:
    with running.proxy() as proxy, running.proxy("shelf") as other:
        assert proxy
        assert proxy != other
        assert proxy != str(proxy._pyroUri)


def test_the_repr_tells_the_state_of_the_connection(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        assert "not connected" in repr(proxy)
        proxy._pyroBind()
        assert "connected IPv4" in repr(proxy) or "connected IPv6" in repr(proxy)
        assert str(running.uri()) in repr(proxy)


def test_one_connection_may_speak_several_serializers(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        proxy._pyroBind()
        connection = proxy._pyroConnection
        for serializer in SERIALIZERS:
            proxy._pyroSerializer = serializer
            assert proxy.add(3, 4) == 7
        assert proxy._pyroConnection is connection


def test_a_name_the_user_declares_oneway_is_called_oneway(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        proxy._pyroBind()
        proxy._pyroOneway.add("add")
        assert proxy.add(1, 2) is None
        assert proxy.twice(4) == 8


def test_a_class_that_exposes_nothing_cannot_be_bound() -> None:
    class Nothing:
        pass

    with (
        running_daemon({"nothing": Nothing()}) as running,
        pytest.raises(PyroError, match="expose"),
    ):
        running.proxy("nothing")._pyroBind()


# -- losing it


def test_a_lost_connection_is_told_and_the_next_call_connects_again() -> None:
    def lose(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()

    def serve(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.answer(peer.read_message(), "answered")

    with scripted_server(lose, serve) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        with pytest.raises(ConnectionClosedError):
            proxy.call()
        assert proxy.call() == "answered"


def test_a_call_is_repeated_as_often_as_it_is_allowed_to() -> None:
    def lose(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()

    def serve(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.answer(peer.read_message(), "answered")

    with scripted_server(lose, lose, serve) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        proxy._pyroMaxRetries = 2
        assert proxy.call() == "answered"


def test_retries_end() -> None:
    def lose(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()

    with scripted_server(lose, lose) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        proxy._pyroMaxRetries = 1
        with pytest.raises(ConnectionClosedError):
            proxy.call()


def test_reconnect_waits_for_a_server_that_comes_back() -> None:
    with running_daemon({"calc": peer_objects()["calc"]}) as first:
        proxy = first.proxy()
        assert proxy.add(1, 2) == 3
        port = proxy._pyroUri.port
    with pytest.raises(CommunicationError):
        proxy.add(1, 2)
    with running_daemon({"calc": peer_objects()["calc"]}, port=port):
        proxy._pyroReconnect(tries=10)
        assert proxy.add(3, 4) == 7
    proxy._pyroRelease()


def test_reconnect_gives_up_after_its_tries() -> None:
    with running_daemon() as running:
        proxy = running.proxy("nobody")
    with pytest.raises(ConnectionClosedError, match="1 attempt"):
        proxy._pyroReconnect(tries=1)


# -- timeouts


@needs_threads("a method waits until another call has come")
@pytest.mark.slow
def test_a_call_that_takes_too_long_is_given_up(running: RunningDaemon) -> None:
    with running.proxy() as proxy, running.proxy() as helper:
        proxy._pyroTimeout = 0.2
        with pytest.raises(errors.TimeoutError):
            proxy.wait_gate("too long")
        helper.open_gate("too long")
        assert proxy.add(3, 4) == 7


@pytest.mark.slow
def test_a_server_that_never_answers_the_handshake_is_given_up() -> None:
    def stay_silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with scripted_server(stay_silent) as location:
        proxy = Proxy(f"PYRO:calc@{location}")
        proxy._pyroTimeout = 0.2
        with pytest.raises(errors.TimeoutError):
            proxy._pyroBind()


def test_a_timeout_can_be_changed_while_connected(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        proxy._pyroTimeout = None
        assert proxy.add(1, 2) == 3
        proxy._pyroTimeout = PATIENCE
        assert proxy._pyroTimeout == PATIENCE
        assert proxy.add(1, 2) == 3
        proxy._pyroTimeout = 0
        assert proxy._pyroTimeout is None


# -- what the other end must not say


def nonsense(reply: bytes) -> Any:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()
        peer.send(reply)
        peer.wait_closed()

    return script


def test_an_answer_that_is_no_message_closes_the_connection() -> None:
    with scripted_server(nonsense(b"x" * 40)) as location:
        proxy = Proxy(f"PYRO:calc@{location}")
        with pytest.raises(CommunicationError, match="invalid data"):
            proxy.call()
        assert proxy._pyroConnection is None
