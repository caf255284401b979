"""Connections are lent to one request at a time, kept for the next, and never believed blindly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyrolike.errors import CommunicationError, NamingError, PyroError
from pyrolike.utils.httpgateway import pool as pool_module
from pyrolike.utils.httpgateway.names import REMEMBERED
from pyrolike.utils.httpgateway.pool import KEPT_PER_NAME, KEPT_SECONDS, PoolFullError, ProxyPool
from tests.support.daemon import running_daemon
from tests.support.gateways import Place, Weather

NAME = "http.weather"


class Bare:
    """Exposes nothing."""


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    shared.name_server.register(NAME, shared.objects.uri("weather"))
    shared.app.names.forget(NAME)
    yield shared
    shared.app.pool.close()
    assert shared.app.pool._open == 0


@pytest.fixture
def pool(place: Place) -> ProxyPool:
    return place.app.pool


def test_a_connection_is_kept_for_the_next_request(pool: ProxyPool) -> None:
    lease = pool.take(NAME)
    assert lease.is_sure
    lease.give_back()
    again = pool.take(NAME)
    assert again is lease
    assert not again.is_sure
    assert "1 open, 0 of them not in use" in repr(pool)
    again.give_back()


def test_two_requests_have_two_connections(pool: ProxyPool) -> None:
    one, two = pool.take(NAME), pool.take(NAME)
    assert one.proxy is not two.proxy
    one.give_back()
    two.give_back()


def test_few_are_kept_for_a_name_and_few_in_all(
    pool: ProxyPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = [pool.take(NAME) for _ in range(KEPT_PER_NAME + 1)]
    for lease in leases:
        lease.give_back()
    assert pool._open == KEPT_PER_NAME
    monkeypatch.setattr(pool_module, "MOST_KEPT", 1)
    pool.prune()
    assert pool._open == 1


def test_what_nobody_uses_is_closed_after_a_while(place: Place, pool: ProxyPool) -> None:
    lease = pool.take(NAME)
    lease.give_back()
    place.clock.now += KEPT_SECONDS - 1
    pool.prune()
    assert lease.proxy._pyroConnection is not None
    place.clock.now += 1
    pool.prune()
    assert lease.proxy._pyroConnection is None


def test_a_kept_connection_that_has_ended_is_not_lent(pool: ProxyPool) -> None:
    released, closed = pool.take(NAME), pool.take(NAME)
    released.give_back()
    closed.give_back()
    released.proxy._pyroRelease()
    connection = closed.proxy._pyroConnection
    assert connection is not None
    connection.sock.close()
    fresh = pool.take(NAME)
    assert fresh not in (released, closed)
    fresh.give_back()


def test_the_server_may_have_closed_it(place: Place, pool: ProxyPool) -> None:
    with running_daemon({"weather": Weather()}) as other:
        place.name_server.register(NAME, other.uri("weather"))
        lease = pool.take(NAME)
        lease.give_back()
        # Its end is known here as soon as the daemon is closed.
    with pytest.raises(CommunicationError):
        pool.take(NAME)


def test_the_name_may_lead_elsewhere_by_now(place: Place, pool: ProxyPool) -> None:
    lease = pool.take(NAME)
    lease.give_back()
    with running_daemon({"weather": Weather()}) as other:
        place.name_server.register(NAME, other.uri("weather"))
        assert pool.take(NAME).give_back() is None  # still believed
        place.clock.now += REMEMBERED
        moved = pool.take(NAME)
        assert moved.uri == str(other.uri("weather"))
        moved.discard()


def test_where_nobody_listens_any_more_the_name_server_is_asked_again(
    place: Place, pool: ProxyPool
) -> None:
    with running_daemon({"weather": Weather()}) as gone:
        place.name_server.register(NAME, gone.uri("weather"))
        pool.take(NAME).discard()
    with pytest.raises(CommunicationError):
        pool.take(NAME)
    place.app.names.look_up(NAME)
    with pytest.raises(CommunicationError):  # believed, and asked again, with the same answer
        pool.take(NAME)
    place.app.names.look_up(NAME)
    place.name_server.register(NAME, place.objects.uri("weather"))
    lease = pool.take(NAME)
    assert lease.uri == str(place.objects.uri("weather"))
    lease.give_back()


def test_an_unknown_name_costs_nothing(pool: ProxyPool) -> None:
    with pytest.raises(NamingError):
        pool.take("http.nobody")
    assert pool._open == 0


def test_an_object_that_exposes_nothing_costs_nothing(place: Place, pool: ProxyPool) -> None:
    place.objects.daemon.register(Bare(), "bare", force=True)
    place.name_server.register("http.bare", place.objects.uri("bare"))
    with pytest.raises(PyroError, match="exposes nothing"):
        pool.take("http.bare")
    assert pool._open == 0


def test_there_is_an_end_to_connections(pool: ProxyPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MOST_OPEN", 1)
    lease = pool.take(NAME)
    with pytest.raises(PoolFullError):
        pool.take(NAME)
    lease.give_back()
    pool.take(NAME).give_back()


def test_a_proxy_obeys_the_timeout_of_now(pool: ProxyPool) -> None:
    pool.timeout = 5.0
    lease = pool.take(NAME)
    assert lease.proxy._pyroTimeout == 5.0
    lease.give_back()
    pool.timeout = None
    lease = pool.take(NAME)
    assert lease.proxy._pyroTimeout is None
    lease.give_back()


def test_a_forked_child_has_no_connections(place: Place) -> None:
    pool = ProxyPool(place.app.names, place.clock)
    lease = pool.take(NAME)
    lease.give_back()
    pool.after_fork()
    assert repr(pool) == "<ProxyPool; 0 open, 0 of them not in use>"
    lease.proxy._pyroRelease()
