"""Recording calls, sending them together, and taking the results one by one."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Proxy, expose
from pyrolike.client import batch
from pyrolike.errors import CommunicationError, PyroError
from pyrolike.serializers import ExceptionWrapper
from tests.support.daemon import RunningDaemon, running_daemon

URI = "PYRO:calc@127.0.0.1:1"


class Recorder(Proxy):
    """Writes down what would be sent, and answers as it is told."""

    def __init__(self, *results: Any) -> None:
        super().__init__(URI)
        self._pyroResults = list(results)
        self._pyroSent: list[Any] = []

    def _pyroInvokeBatch(self, calls: Any, oneway: bool = False) -> Any:
        self._pyroSent.append((list(calls), oneway))
        return self._pyroResults


class Calculator:
    def __init__(self) -> None:
        self.calls = 0

    @expose
    def add(self, a: int, b: int) -> int:
        self.calls += 1
        return a + b

    @expose
    def divide(self, a: int, b: int) -> float:
        self.calls += 1
        return a / b

    def hidden(self) -> None:
        self.calls += 1


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    with running_daemon({"calc": Calculator()}) as running:
        yield running


def test_calls_are_recorded_and_sent_together_in_their_order() -> None:
    proxy = Recorder(3, "x")
    calls = BatchProxy(proxy)
    assert calls.add(1, 2) is None
    assert calls.name.of.something(key="value") is None
    assert proxy._pyroSent == []
    results = calls()
    expected = [("add", (1, 2), {}), ("name.of.something", (), {"key": "value"})]
    assert proxy._pyroSent == [(expected, False)]
    assert list(results) == [3, "x"]


def test_a_batch_is_empty_after_it_was_sent() -> None:
    proxy = Recorder()
    calls = batch(proxy)
    calls.add(1, 2)
    calls()
    assert "0 calls" in repr(calls)
    calls.add(3, 4)
    calls.add(5, 6)
    calls()
    assert [len(sent) for sent, _ in proxy._pyroSent] == [1, 2]


@pytest.mark.parametrize("oneway", [False, True])
def test_a_batch_that_has_forgotten_its_calls_is_not_sent_again(oneway: bool) -> None:
    """With a stock Pyro the second call is an empty batch, which hides a mistake."""
    proxy = Recorder()
    calls = batch(proxy)
    calls.add(1, 2)
    calls(oneway)
    for _ in range(2):
        with pytest.raises(PyroError, match="forgotten its calls"):
            calls(oneway)
    calls.add(3, 4)
    calls(oneway)
    assert [len(sent) for sent, _ in proxy._pyroSent] == [1, 1]


def test_a_batch_of_nothing_can_be_sent_once() -> None:
    proxy = Recorder()
    calls = batch(proxy)
    assert list(calls()) == []
    with pytest.raises(PyroError, match="forgotten its calls"):
        calls()
    assert list(copy.copy(calls)()) == []  # a copy is a new batch
    assert proxy._pyroSent == [([], False)] * 2


def test_a_batch_is_empty_after_it_could_not_be_sent() -> None:
    with Proxy(URI) as proxy:
        calls = BatchProxy(proxy)
        calls.add(1, 2)
        with pytest.raises(CommunicationError):
            calls()
        assert "0 calls" in repr(calls)
        with pytest.raises(PyroError, match="forgotten its calls"):
            calls()


def test_a_recorder_that_is_kept_goes_on_recording() -> None:
    """``add = calls.add`` before a loop is how many people write it."""
    proxy = Recorder()
    calls = BatchProxy(proxy)
    add = calls.add
    add(1, 2)
    calls()
    add(3, 4)
    calls()
    assert [sent for sent, _ in proxy._pyroSent] == [[("add", (1, 2), {})], [("add", (3, 4), {})]]


def test_a_oneway_batch_has_no_results() -> None:
    proxy = Recorder()
    calls = BatchProxy(proxy)
    calls.add(1, 2)
    assert calls(oneway=True) is None
    assert proxy._pyroSent == [([("add", (1, 2), {})], True)]


def test_an_exception_is_raised_where_it_belongs() -> None:
    proxy = Recorder(1, 2, ExceptionWrapper(ValueError("third")))
    results = BatchProxy(proxy)()
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(results)
    assert list(results) == []


def test_a_batch_can_be_used_in_a_with_block_and_copied() -> None:
    proxy = Recorder()
    with BatchProxy(proxy) as calls:
        calls.add(1, 2)
        other = copy.copy(calls)
        other.add(3, 4)
    calls()
    other()
    assert [len(sent) for sent, _ in proxy._pyroSent] == [1, 2]


def test_a_subclass_of_a_batch_is_copied_as_what_it_is() -> None:
    class Special(BatchProxy):
        pass

    assert type(copy.copy(Special(Recorder()))) is Special


@pytest.mark.parametrize("name", ["__len__", "__wrapped__", "__array__"])
def test_what_python_itself_asks_for_is_not_recorded(name: str) -> None:
    calls = BatchProxy(Recorder())
    assert not hasattr(calls, name)
    assert not hasattr(calls.method, name)


def test_its_repr_says_how_many_calls_there_are_for_whom() -> None:
    calls = BatchProxy(Recorder())
    calls.add(1, 2)
    assert repr(calls) == f"<BatchProxy with 1 calls for {URI}>"


# -- with a daemon


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
def test_a_batch_over_the_wire(running: RunningDaemon, serializer: str) -> None:
    with running.proxy(serializer=serializer) as proxy:
        calls = proxy._pyroBatch()
        calls.add(1, 2)
        calls.divide(8, b=2)
        assert list(calls()) == [3, 4.0]


@pytest.mark.parametrize("serializer", ["serpent", "json", "msgpack"])
def test_what_comes_after_a_failed_call_is_not_made(
    running: RunningDaemon, serializer: str
) -> None:
    calculator = running.daemon.objectsById["calc"]
    with running.proxy(serializer=serializer) as proxy:
        calls = BatchProxy(proxy)
        calls.add(1, 2)
        calls.divide(1, 0)
        calls.add(3, 4)
        results = calls()
        assert next(results) == 3
        with pytest.raises(ZeroDivisionError) as caught:
            next(results)
        assert "divide" in "".join(caught.value._pyroTraceback)  # type: ignore[attr-defined]
        assert "divide" in "".join(caught.value.__notes__)
    assert calculator.calls == 2


def test_a_name_that_is_not_exposed_fails_the_whole_batch(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        calls = BatchProxy(proxy)
        calls.add(1, 2)
        calls.hidden()
        with pytest.raises(AttributeError, match="hidden"):
            calls()
        calls.add(3, 4)
        assert list(calls()) == [7]


def test_a_failed_batch_needs_no_garbage_collector(running: RunningDaemon) -> None:
    def use() -> weakref.ref[Proxy]:
        with running.proxy() as proxy:
            calls = BatchProxy(proxy)
            calls.divide(1, 0)
            with pytest.raises(ZeroDivisionError):
                list(calls())
            return weakref.ref(proxy)

    gc.disable()
    try:
        assert use()() is None
    finally:
        gc.enable()
