"""Item streams: windows, limits, and going on after a lost connection, in every serializer."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import signal
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import URI, Proxy, config
from pyrolike.errors import (
    ConnectionClosedError,
    MessageTooLargeError,
    ProtocolError,
    PyroError,
    SerializeError,
    TimeoutError,
)
from pyrolike.objects import streams
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.processes import Program
from tests.support.relay import Relay, relay
from tests.support.servertypes import needs_threads
from tests.support.sources import Source

pytestmark = pytest.mark.usefixtures("server_type")

EXPIRED = (
    "item stream terminated: it was closed, has expired (see the settings ITER_STREAM_LIFETIME and "
    "ITER_STREAM_LINGER), or belongs to another connection"
)

SERIALIZERS = ["serpent", "json", "marshal", "msgpack"]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def running(source: Source) -> Iterator[RunningDaemon]:
    with running_daemon({"source": source}) as running:
        yield running


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("source") as proxy:
        yield proxy


@pytest.fixture
def wire(running: RunningDaemon) -> Iterator[Relay]:
    with relay(running.location) as wire:
        yield wire


def over(wire: Relay, serializer: str = "serpent", window: int = 1) -> Proxy:
    """Return a proxy whose connection passes through the relay."""
    proxy = Proxy(URI(f"PYRO:source@{wire.location}"))
    proxy._pyroTimeout = PATIENCE
    proxy._pyroSerializer = serializer
    proxy._pyroStreamWindow = window
    return proxy


# -- windows


def test_a_stream_that_is_exhausted_leaves_nothing_behind(
    running: RunningDaemon, proxy: Proxy, source: Source
) -> None:
    assert list(proxy.count(3)) == [0, 1, 2]
    assert source.closed == 1
    assert not running.daemon.streaming_responses


def test_one_item_is_produced_for_each_that_is_asked_for(proxy: Proxy, source: Source) -> None:
    items = proxy.count(100)
    for number in range(1, 5):
        next(items)
        assert source.produced == number


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 100])
def test_a_window_changes_nothing_but_the_number_of_round_trips(
    running: RunningDaemon, serializer: str, number: int
) -> None:
    with running.proxy("source", serializer) as proxy:
        proxy._pyroStreamWindow = 10
        assert list(proxy.count(number)) == list(range(number))
        before = proxy._pyroSeq
        assert list(proxy.count(number)) == list(range(number))
        fetches = -(-number // 10) + 1  # the last learns of the end
        assert proxy._pyroSeq == before + 1 + fetches
        assert not running.daemon.streaming_responses


def test_a_window_is_produced_ahead_and_no_further(proxy: Proxy, source: Source) -> None:
    proxy._pyroStreamWindow = 10
    items = proxy.count(100)
    for number in range(11):
        assert next(items) == number
        assert source.produced == (10 if number < 10 else 20)


def test_the_window_can_be_a_setting(proxy: Proxy, source: Source) -> None:
    assert config.ITER_STREAM_WINDOW == 1
    with changed_settings(ITER_STREAM_WINDOW=5):
        next(proxy.count(100))
        assert source.produced == 5
        proxy._pyroStreamWindow = 2  # the proxy knows better
        next(proxy.count(100))
        assert source.produced == 7
        proxy._pyroStreamWindow = None
        next(proxy.count(100))
        assert source.produced == 12


def test_a_copy_of_a_proxy_has_its_window(proxy: Proxy) -> None:
    proxy._pyroStreamWindow = 7
    assert proxy.__copy__()._pyroStreamWindow == 7


@pytest.mark.parametrize("window", [0, -1, 1.5, "10", True])
def test_a_window_that_makes_no_sense_is_refused(proxy: Proxy, window: Any) -> None:
    with pytest.raises(ValueError, match="whole number of items"):
        proxy._pyroStreamWindow = window
    with pytest.raises(ValueError, match="ITER_STREAM_WINDOW"):
        config.ITER_STREAM_WINDOW = 0


def test_a_slow_iterators_first_items_do_not_wait_for_its_last(
    proxy: Proxy, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FETCH_SECONDS", 0.0)  # every iterator is too slow for that
    proxy._pyroStreamWindow = 10
    items = proxy.count(100)
    for number in range(1, 5):
        next(items)
        assert source.produced == number


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("window", [1, 4, 50])
def test_an_error_comes_behind_the_items_before_it(
    running: RunningDaemon, serializer: str, window: int
) -> None:
    with running.proxy("source", serializer) as proxy:
        proxy._pyroStreamWindow = window
        items = proxy.fail_at(6, 10)
        assert [next(items) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
        with pytest.raises(ValueError, match="no item 6") as caught:
            next(items)
        assert "fail_at" in "".join(caught.value._pyroTraceback)  # type: ignore[attr-defined]  # Pyro's name
        with pytest.raises(PyroError, match="item stream terminated"):
            next(items)


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("window", [1, 4, 50])
def test_an_item_that_cannot_be_sent_spoils_no_other(
    running: RunningDaemon, serializer: str, window: int
) -> None:
    with running.proxy("source", serializer) as proxy:
        proxy._pyroStreamWindow = window
        items = proxy.strange_at(6, 10)
        assert [next(items) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
        with pytest.raises(SerializeError, match="Stranger"):
            next(items)
        assert list(items) == [7, 8, 9]


def test_items_that_are_too_large_together_come_one_by_one(running: RunningDaemon) -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=40_000),
        running.proxy("source") as proxy,
    ):
        proxy._pyroStreamWindow = 100
        assert [len(item) for item in proxy.repeat("x" * 10_000, 20)] == [10_000] * 20


def test_an_item_that_is_too_large_spoils_no_other(running: RunningDaemon) -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=40_000),
        running.proxy("source") as proxy,
    ):
        proxy._pyroStreamWindow = 4
        items = proxy.large_at(6, 10, 50_000)
        assert [next(items) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
        with pytest.raises(MessageTooLargeError):
            next(items)
        assert list(items) == [7, 8, 9]


@pytest.mark.parametrize("wrap", [str, lambda text: {"a": [text]}, lambda text: [[[text]]]])
def test_large_items_do_not_fill_a_window(proxy: Proxy, source: Source, wrap: Any) -> None:
    """Wherever inside of the item the size is."""
    proxy._pyroStreamWindow = 1000
    item = wrap("x" * 300_000)
    items = proxy.repeat(item, 20)
    assert next(items) == item
    assert source.produced == 1
    assert list(items) == [item] * 19


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 7])
def test_many_threads_may_share_a_stream(proxy: Proxy, window: int) -> None:
    proxy._pyroStreamWindow = window
    items = proxy.count(1000)
    got: list[int] = []
    with Threads() as threads:
        for _ in range(4):
            threads.start(lambda: got.extend(items))
    assert sorted(got) == list(range(1000))


def test_what_has_arrived_is_given_out_after_a_release(proxy: Proxy) -> None:
    proxy._pyroStreamWindow = 3
    items = proxy.count(5)
    assert next(items) == 0
    proxy._pyroRelease()
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ConnectionClosedError, match="connect it again"):
        next(items)
    proxy._pyroBind()
    assert list(items) == [3, 4]


# -- lost connections


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("window", [1, 4])
def test_a_lost_answer_loses_no_item(wire: Relay, serializer: str, window: int) -> None:
    with over(wire, serializer, window) as proxy:
        items = proxy.count(20)
        got = [next(items) for _ in range(4)]
        wire.cut_at_next_reply()
        with pytest.raises(ConnectionClosedError):
            next(items)
        got += [next(items) for _ in range(4)]
        proxy._pyroRelease()
        proxy._pyroReconnect(1)
        assert [*got, *items] == list(range(20))


@pytest.mark.parametrize("window", [1, 4])
def test_a_fetch_is_repeated_as_often_as_the_proxy_repeats_its_calls(
    wire: Relay, source: Source, window: int
) -> None:
    with over(wire, window=window) as proxy:
        proxy._pyroMaxRetries = 2
        items = proxy.count(8)
        got = []
        for _ in range(8):
            wire.cut_at_next_reply(2)
            got.append(next(items))
        assert got == list(range(8))
        assert source.produced == 8


@needs_threads("a method waits until another call has come")
@pytest.mark.parametrize("window", [1, 4])
def test_a_late_fetch_goes_on_although_the_old_connection_is_in_use(
    proxy: Proxy, source: Source, window: int
) -> None:
    """Another thread's call keeps the connection on which this one has given up."""
    proxy._pyroStreamWindow = window
    items = proxy.gated(8)
    got = [next(items) for _ in range(4)]
    with Threads() as threads:
        threads.start(proxy.hold)
        assert source.holding.wait(PATIENCE)
        proxy._pyroTimeout = 0.05
        with pytest.raises(TimeoutError):
            next(items)
        proxy._pyroTimeout = PATIENCE
        source.gate.set()
        got += items
        source.released.set()
    assert got == list(range(8))


@pytest.mark.parametrize("window", [1, 4])
def test_the_end_is_told_again_if_the_answer_was_lost(wire: Relay, window: int) -> None:
    with over(wire, window=window) as proxy:
        items = proxy.count(4)
        assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
        wire.cut_at_next_reply()
        with pytest.raises(ConnectionClosedError):
            next(items)
        assert list(items) == []


def test_a_stream_that_was_claimed_for_a_dead_connection_is_let_go(
    running: RunningDaemon, proxy: Proxy, source: Source
) -> None:
    """As by a one-way fetch of a client that leaves at once."""
    items = proxy.count(10)
    next(items)
    table = running.daemon._pyroService.streams
    [(owner, *_)] = running.daemon.streaming_responses.values()
    proxy._pyroRelease()
    assert owner is not None
    table._claim(items.streamId, owner)
    table.expire(lifetime=0.0, linger=30.0)
    assert [owner for owner, *_ in running.daemon.streaming_responses.values()] == [None]
    table.expire(lifetime=0.0, linger=0.0)
    assert source.wait_closed(1)
    del items


def test_whatever_happens_a_generator_is_left_exactly_once(
    running: RunningDaemon, wire: Relay, source: Source
) -> None:
    with over(wire, window=3) as proxy:
        exhausted, closed, forgotten, deserted = (proxy.count(10) for _ in range(4))
        assert sum(exhausted) == 45
        assert [next(items) for items in (closed, forgotten, deserted)] == [0, 0, 0]
        closed.close()
        closed.close()
        del forgotten
        gc.collect()  # not needed to let go of it, but PyPy would take its time
        assert list(proxy.count(0)) == []
        assert source.wait_closed(4)
        wire.cut_at_next_reply()
        with pytest.raises(ConnectionClosedError):
            proxy.repeat(1, 1)
    running.daemon.close()
    assert source.wait_closed(5)


def test_a_stream_closed_without_a_connection_ends_with_the_next_call(
    proxy: Proxy, source: Source
) -> None:
    items = proxy.count(10)
    assert next(items) == 0
    proxy._pyroRelease()
    items.close()
    assert source.closed == 0
    assert list(proxy.repeat(1, 1)) == [1]
    assert source.wait_closed(1)


def test_streams_can_be_used_as_contexts(proxy: Proxy, source: Source) -> None:
    with proxy.count(10) as items:
        assert next(items) == 0
    assert source.wait_closed(1)
    with contextlib.closing(proxy.count(10)) as items:
        assert next(items) == 0
    assert source.wait_closed(2)


# -- how long it lives, and for whom


def test_a_stream_without_linger_ends_with_its_connection(proxy: Proxy, source: Source) -> None:
    with changed_settings(ITER_STREAM_LINGER=0.0):
        numbers = proxy.count(1000)
        assert next(numbers) == 0
        proxy._pyroRelease()
        assert source.wait_closed(1)
        proxy._pyroBind()
        with pytest.raises(PyroError, match="stream"):
            next(numbers)


@pytest.mark.slow
def test_a_stream_lives_no_longer_than_it_may(source: Source) -> None:
    with (
        changed_settings(ITER_STREAM_LIFETIME=0.3, POLLTIMEOUT=0.05),
        running_daemon({"source": source}) as running,
        running.proxy("source") as proxy,
    ):
        numbers = proxy.count(1000)
        assert next(numbers) == 0
        assert source.wait_closed(1)
        with pytest.raises(PyroError) as caught:
            next(numbers)
        assert str(caught.value) == EXPIRED


KILLED = """
import sys
from pyrolike.api import Proxy

proxy = Proxy(sys.argv[1])
proxy._pyroStreamWindow = int(sys.argv[2])
items = iter(proxy.count(1000))
print("got", next(items), next(items), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 5])
def test_a_stream_whose_client_was_killed_is_closed_once_and_after_the_linger(
    source: Source, window: int
) -> None:
    linger = 0.4
    with (
        changed_settings(ITER_STREAM_LINGER=linger, POLLTIMEOUT=0.05),
        running_daemon({"source": source}) as running,
    ):
        arguments = ["-c", KILLED, str(running.uri("source")), str(window)]
        with Program(arguments, ready=r"^got 0 1$") as program:
            assert source.closed == 0
            program.send(signal.SIGKILL)
            start = monotonic()
            assert program.wait() == -signal.SIGKILL
        while not running.daemon.stats().lingering_streams:
            assert source.closed == 0
            threading.Event().wait(0.001)
        assert source.wait_closed(1)
        assert monotonic() - start >= linger
        assert running.daemon.streaming_responses == {}
        with running.proxy("source") as proxy:  # a stream of somebody else is another one
            assert list(proxy.count(3)) == [0, 1, 2]
    assert source.closed == 2
    assert source.produced == {1: 2, 5: 5}[window] + 3


def test_another_connection_cannot_read_a_stream(running: RunningDaemon, proxy: Proxy) -> None:
    numbers = proxy.count(1000)
    [stream_id] = running.daemon.streaming_responses
    with (
        running.proxy("Pyro.Daemon") as stranger,
        pytest.raises(PyroError, match="stream"),
    ):
        stranger.get_next_stream_item(stream_id)
    assert next(numbers) == 0


def test_an_iterator_is_not_copied_and_not_sent(proxy: Proxy) -> None:
    items = proxy.count(3)
    for copy_it in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied"):
            copy_it(items)
    with pytest.raises(SerializeError, match="an item stream cannot be sent"):
        proxy.repeat(items, 1)
    assert list(items) == [0, 1, 2]


# -- limits and errors


def test_a_client_may_have_so_many_streams_open_and_no_more(
    running: RunningDaemon, proxy: Proxy, source: Source
) -> None:
    with changed_settings(ITER_STREAM_LIMIT=3):
        open_ones = [proxy.count(10) for _ in range(3)]
        assert [next(items) for items in open_ones] == [0, 0, 0]
        with pytest.raises(PyroError, match="ITER_STREAM_LIMIT"):
            proxy.count(10)
        with running.proxy("source") as other:
            assert sum(other.count(10)) == 45  # that is another client
        assert list(open_ones.pop()) == list(range(1, 10))
        open_ones.append(proxy.count(10))  # there is room again
        with pytest.raises(PyroError, match="one client may have 3 open"):
            proxy.count(10)
        assert [next(items) for items in open_ones] == [1, 1, 0]


def test_a_daemon_that_does_not_stream_says_what_to_do(proxy: Proxy, source: Source) -> None:
    with (
        changed_settings(ITER_STREAMING=False),
        pytest.raises(ProtocolError, match=r"ITER_STREAMING is off.* return a list"),
    ):
        proxy.count(10)


def test_an_expired_stream_says_which_settings_may_have_ended_it(
    running: RunningDaemon, proxy: Proxy
) -> None:
    items = proxy.count(10)
    next(items)
    running.daemon._pyroService.streams.clear()
    with pytest.raises(PyroError) as caught:
        next(items)
    assert str(caught.value) == EXPIRED


@pytest.mark.parametrize("asked", [(-1, 1), (5, 1), ("0", 1), (0, 0), (0, "1")])
def test_a_client_that_counts_wrongly_ends_only_its_own_stream(
    running: RunningDaemon, proxy: Proxy, source: Source, asked: tuple[Any, Any]
) -> None:
    items, others = proxy.count(10), proxy.count(10)
    stream_id = items.streamId
    with pytest.raises((ValueError, TypeError)):
        proxy._pyroInvoke("get_stream_items", [stream_id, *asked], {}, objectId="Pyro.Daemon")
    with pytest.raises(PyroError, match="terminated"):
        next(items)
    assert sum(others) == 45
