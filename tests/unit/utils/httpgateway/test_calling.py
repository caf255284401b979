"""Calls, whose results pass unopened."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import current_context
from pyrolike.errors import CommunicationError, NamingError
from pyrolike.protocol import Flag, Message
from pyrolike.utils.httpgateway import calling
from pyrolike.utils.httpgateway.calling import (
    Call,
    MethodNotAllowedError,
    Outcome,
    class_of,
    describe,
    make_call,
)
from pyrolike.utils.httpgateway.pool import ProxyPool
from pyrolike.utils.httpgateway.requests import Parameters
from tests.support.daemon import PATIENCE, Threads, running_daemon
from tests.support.gateways import Place, Weather

NAME = "http.weather"
ID = uuid.UUID(int=7)


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    yield shared
    shared.name_server.register(NAME, shared.objects.uri("weather"))
    shared.app.names.forget(NAME)
    shared.app.pool.close()
    assert shared.app.pool._open == 0


@pytest.fixture
def pool(place: Place) -> ProxyPool:
    return place.app.pool


def call(member: str, *args: Any, **kwargs: Any) -> Call:
    return Call(NAME, member, Parameters(list(args), kwargs), ID)


def error_of(outcome: Outcome) -> tuple[str, Any]:
    assert outcome.is_error
    found = json.loads(outcome.payload)
    return found["__class__"], found["args"]


def test_a_result_is_what_the_daemon_has_written(pool: ProxyPool) -> None:
    outcome = make_call(pool, call("exact"))
    assert outcome == Outcome('{"large": 12345678901234567890, "text": "Zürich <b>"}'.encode())
    assert json.loads(make_call(pool, call("echo", 1, None, a=[2.5])).payload) == {
        "args": [1, None],
        "kwargs": {"a": [2.5]},
    }


def test_an_attribute_is_read_and_takes_no_parameters(pool: ProxyPool) -> None:
    assert make_call(pool, call("station")).payload == b'"Sonnblick"'
    assert error_of(make_call(pool, call("broken")))[0] == "builtins.ValueError"
    with pytest.raises(AssertionError, match="takes no parameters"):
        make_call(pool, call("station", a=1))


def test_what_is_not_there_is_an_attribute_error(pool: ProxyPool) -> None:
    with pytest.raises(AttributeError, match="has no method or attribute 'nothing'"):
        make_call(pool, call("nothing"))
    with pytest.raises(AttributeError):
        make_call(pool, call("__init__"))
    with pytest.raises(NamingError):
        make_call(pool, Call("http.nobody", "x", Parameters(), ID))


def test_methods_can_be_forbidden(pool: ProxyPool) -> None:
    reading = [
        Call(NAME, member, Parameters(), ID, is_reading=True) for member in ("station", "exact")
    ]
    assert make_call(pool, reading[0]).payload == b'"Sonnblick"'
    with pytest.raises(MethodNotAllowedError):
        make_call(pool, reading[1])


def test_a_one_way_call_has_no_result(place: Place, pool: ProxyPool) -> None:
    assert make_call(pool, call("note", "by itself")) == Outcome(b"")
    assert place.weather.noted.wait(PATIENCE)
    asked = Call(NAME, "echo", Parameters(["x"]), ID, is_oneway=True)
    assert make_call(pool, asked) == Outcome(b"")


def test_the_correlation_id_travels_and_the_threads_own_comes_back(pool: ProxyPool) -> None:
    current_context.correlation_id = mine = uuid.UUID(int=8)
    try:
        assert json.loads(make_call(pool, call("correlation")).payload) == str(ID)
        assert current_context.correlation_id == mine
    finally:
        current_context.correlation_id = None


def test_a_remote_error_is_passed_on(pool: ProxyPool) -> None:
    outcome = make_call(pool, call("divide", 1, 0))
    assert error_of(outcome) == ("builtins.ZeroDivisionError", ["division by zero"])
    assert b"_pyroTraceback" in outcome.payload


def test_after_an_error_of_the_library_the_connection_is_not_kept(pool: ProxyPool) -> None:
    reply = Message(5, 3, Flag.EXCEPTION, 0, b'{"__class__": "Pyro5.errors.ProtocolError"}')
    assert calling._open_reply(pool.take(NAME), reply, ID).is_error
    assert pool._open == 0


def test_a_call_whose_connection_is_lost_is_not_made_twice(place: Place, pool: ProxyPool) -> None:
    with running_daemon({"weather": Weather()}) as other:
        place.name_server.register(NAME, other.uri("weather"))
        weather: Any = other.daemon.objectsById["weather"]
        with Threads() as threads:
            threads.start(_expect_loss, pool)
            assert weather.holding.wait(PATIENCE)
            other.daemon.close(0)
            weather.released.set()
    assert pool._open == 0


def _expect_loss(pool: ProxyPool) -> None:
    with pytest.raises(CommunicationError):
        make_call(pool, call("hold"))


def test_an_object_that_has_moved_is_found(place: Place, pool: ProxyPool) -> None:
    with running_daemon({"weather": Weather(), "other": Weather()}) as old:
        place.name_server.register(NAME, old.uri("weather"))
        make_call(pool, call("exact"))
        old.daemon.unregister("weather")
        assert error_of(make_call(pool, call("exact")))[0] == "Pyro5.errors.DaemonError"
        old.daemon.register(Weather(), "weather")
        place.app.names.forget(NAME)
        make_call(pool, call("exact"))
        old.daemon.unregister("weather")
        place.name_server.register(NAME, old.uri("other"))
        assert not make_call(pool, call("exact")).is_error
        pool.close()


@pytest.mark.parametrize(
    "payload",
    [
        b'{"__class__": "Pyro5.errors.DaemonError", "args": ["unknown object x"]}',
        b'{"__class__": "Pyro5.errors.DaemonError", "args": ["no unknown object"]}',
        b'{"__class__": "Pyro5.errors.DaemonError", "args": [], "x": "unknown object"}',
        b'{"__class__": "builtins.ValueError", "args": ["unknown object x"]}',
        b'{"__class__": 3, "args": ["unknown object x"]}',
        b'["unknown object"]',
        b"unknown object",
        b"null",
    ],
)
def test_only_the_daemons_own_words_mean_an_unknown_object(payload: bytes) -> None:
    reply = Message(5, 3, Flag.EXCEPTION, 0, payload)
    is_it = payload.startswith(b'{"__class__": "Pyro5.errors.DaemonError", "args": ["unknown')
    assert calling._is_unknown_object(reply) is is_it
    assert class_of(b"[" * 100_000) == ""


def test_an_object_is_described(pool: ProxyPool) -> None:
    found = describe(pool, NAME)
    assert found["attributes"] == ["broken", "station"]
    assert found["oneway"] == ["note"]
    assert "divide" in found["methods"]
    assert found["methods"] == sorted(found["methods"])


# -- streams


def test_items_come_one_by_one_and_end(place: Place, pool: ProxyPool) -> None:
    before = place.weather.produced
    items = make_call(pool, call("count", 3)).items
    assert items is not None
    assert items.fetch() == Outcome(b"0")
    assert place.weather.produced == before + 1
    assert [items.fetch(), items.fetch(), items.fetch()] == [Outcome(b"1"), Outcome(b"2"), None]
    items.close()
    items.close()


def test_a_stream_may_fail(pool: ProxyPool) -> None:
    items = make_call(pool, call("fail_at", 1, 2)).items
    assert items is not None
    assert items.fetch() == Outcome(b"0")
    failure = items.fetch()
    assert failure is not None
    assert error_of(failure) == ("builtins.ValueError", ["no item 1"])
    items.close()


def test_a_stream_that_is_closed_early_is_closed_at_the_daemon(
    place: Place, pool: ProxyPool
) -> None:
    closed = place.weather.closed
    items = make_call(pool, call("count", 10)).items
    assert items is not None
    items.fetch()
    items.close()
    assert place.weather.wait_closed(closed + 1)
    assert pool._open == 1  # and the connection is used again


def test_a_stream_is_left_while_an_item_is_awaited(place: Place, pool: ProxyPool) -> None:
    items = make_call(pool, call("gated", 2)).items
    assert items is not None
    items.fetch()
    with Threads() as threads:
        threads.start(_expect_end, items)
        items.close(is_fetching=True)
        place.weather.gate.set()
    place.weather.gate.clear()
    assert pool._open == 0


def _expect_end(items: Any) -> None:
    with pytest.raises(CommunicationError):
        _exhaust(items)


def _exhaust(items: Any) -> None:
    while items.fetch() is not None:
        pass


def test_a_stream_whose_connection_is_lost_can_be_closed(place: Place, pool: ProxyPool) -> None:
    with running_daemon({"weather": Weather()}) as other:
        place.name_server.register(NAME, other.uri("weather"))
        items = make_call(pool, call("count", 10)).items
        assert items is not None
        items._proxy._pyroRelease()
    items.close()
    assert pool._open == 0
