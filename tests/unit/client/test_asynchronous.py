"""Asynchronous calls against scripted daemons: retries, waiting for a connection, the context."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike import _background
from pyrolike.api import Proxy, SerializedBlob, current_context
from pyrolike.callcontext import get_state
from pyrolike.client import AsyncMethod, asynchronous, asyncproxy
from pyrolike.client.asynchronous import next_pause
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    PyroError,
    SerializeError,
    TimeoutError,
)
from pyrolike.futures import FutureResult
from tests.support import wire
from tests.support.answers import answering, contents, failure, value
from tests.support.daemon import changed_settings
from tests.support.rawpeer import PATIENCE, RawPeer, scripted_server, serpent
from tests.support.wire import RawMessage

METADATA = {"methods": ["call", "tell", "__getitem__", "__len__"], "oneway": ["tell"], "attrs": []}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "FIRST_PAUSE", (0.001, 0.002))
    monkeypatch.setattr(asynchronous, "NEXT_PAUSE", (0.001, 0.002))


@pytest.fixture(autouse=True)
def blank_context() -> Iterator[None]:
    yield
    current_context.annotations = {}
    current_context.correlation_id = None


def proxy_at(location: str) -> Proxy:
    """Return an asynchronous proxy that knows what its object exposes, and is not connected."""
    proxy = Proxy(f"PYRO:calc@{location}")
    proxy._pyroTimeout = PATIENCE
    proxy._pyroGetMetadata(known_metadata=METADATA)
    return asyncproxy(proxy)


def refuse(reason: str) -> Callable[[RawPeer], None]:
    """Return a script that refuses a connection."""

    def script(peer: RawPeer) -> None:
        request = peer.read_message()
        peer.send(wire.message(wire.CONNECTFAIL, serpent(reason), seq=request.seq))

    return script


def hang_up_at_call(peer: RawPeer) -> None:
    peer.accept_handshake(METADATA)
    peer.read_message()


# -- proxies and methods


def test_a_method_of_an_asynchronous_proxy_returns_at_once() -> None:
    with scripted_server(answering(value("word"), metadata=METADATA)) as location:
        proxy = proxy_at(location)
        method: Any = proxy.call
        assert isinstance(method, AsyncMethod)
        assert repr(method).startswith("<asynchronous remote method call of PYRO:calc@")
        result = method(1)
        assert isinstance(result, FutureResult)
        assert result.value == "word"
        proxy._pyroRelease()


def test_a_proxy_can_be_switched_back() -> None:
    proxy = proxy_at("127.0.0.1:1")
    assert asyncproxy(proxy, asynchronous=False) is proxy
    assert not isinstance(proxy.call, AsyncMethod)
    assert proxy._pyroAsync() is proxy
    assert isinstance(proxy.call, AsyncMethod)
    assert proxy._pyroAsync(False) is proxy
    assert not isinstance(proxy.call, AsyncMethod)


def test_a_dotted_name_is_asynchronous_too() -> None:
    with scripted_server(
        answering(failure("builtins.AttributeError", "no"), metadata=METADATA)
    ) as location:
        proxy = proxy_at(location)
        with pytest.raises(AttributeError, match="no"):
            proxy.call.inner(1).value  # noqa: B018
        with pytest.raises(AttributeError):
            proxy.call.__copy__  # noqa: B018
        proxy._pyroRelease()


def test_operators_wait_for_their_results() -> None:
    requests: list[RawMessage] = []
    answers = value("item"), value(3)
    with scripted_server(answering(*answers, metadata=METADATA, requests=requests)) as location:
        proxy = proxy_at(location)
        assert proxy[2] == "item"
        assert len(proxy) == 3
        proxy._pyroRelease()
    assert contents(requests[1])[1:3] == ("__getitem__", (2,))


def test_without_metadata_methods_are_asynchronous_too() -> None:
    with changed_settings(METADATA=False):
        proxy = asyncproxy(Proxy("PYRO:calc@127.0.0.1:1"))
        assert isinstance(proxy.anything, AsyncMethod)


def test_an_unknown_name_is_an_error_at_once() -> None:
    with pytest.raises(AttributeError, match="has no exposed attribute 'unknown'"):
        proxy_at("127.0.0.1:1").unknown()


# -- what goes out


def test_calls_wait_for_the_connection_and_go_out_in_their_order() -> None:
    requests: list[RawMessage] = []
    may_shake, answers = threading.Event(), [value(n) for n in range(4)]

    def script(peer: RawPeer) -> None:
        assert may_shake.wait(PATIENCE)
        answering(*answers, metadata=METADATA, requests=requests)(peer)

    with scripted_server(script) as location:
        proxy = proxy_at(location)
        results = [proxy.call(number) for number in range(3)]
        may_shake.set()
        assert [result.value for result in results] == [0, 1, 2]
        assert proxy.call(3).value == 3
        proxy._pyroRelease()
    assert [contents(request)[2] for request in requests[1:]] == [(0,), (1,), (2,), (3,)]


def test_a_call_that_is_cancelled_before_it_is_sent_is_never_made() -> None:
    requests: list[RawMessage] = []
    may_shake = threading.Event()

    def script(peer: RawPeer) -> None:
        assert may_shake.wait(PATIENCE)
        answering(value(0), value(2), metadata=METADATA, requests=requests)(peer)

    with scripted_server(script) as location:
        proxy = proxy_at(location)
        results = [proxy.call(number) for number in range(3)]
        results[1].set_cancelled()
        may_shake.set()
        assert results[2].value == 2
        with pytest.raises(RuntimeError, match="cancelled"):
            results[1].value  # noqa: B018
        proxy._pyroRelease()
    assert [contents(request)[2] for request in requests[1:]] == [(0,), (2,)]


def test_a_call_that_is_cancelled_after_it_was_sent_drops_its_reply() -> None:
    may_answer, heard = threading.Event(), threading.Event()

    def late(request: RawMessage) -> bytes:
        heard.set()
        assert may_answer.wait(PATIENCE)
        return value("late")(request)

    with scripted_server(answering(late, value("next"), metadata=METADATA)) as location:
        proxy = proxy_at(location)
        first, second = proxy.call(), proxy.call()
        assert heard.wait(PATIENCE)
        first.set_cancelled()
        may_answer.set()
        assert second.value == "next"
        with pytest.raises(RuntimeError, match="cancelled"):
            first.value  # noqa: B018
        proxy._pyroRelease()


def test_annotations_and_correlation_id_are_those_of_the_calling_thread() -> None:
    requests: list[RawMessage] = []
    answers = [value(n, annotations={"BACK": b"%d" % n}) for n in range(2)]
    heard: list[Any] = []

    def listen(number: int) -> int:
        heard.append((bytes(current_context.response_annotations["BACK"]), current_context.client))
        heard.append((current_context.correlation_id, dict(current_context.annotations)))
        return number

    with scripted_server(answering(*answers, metadata=METADATA, requests=requests)) as location:
        proxy = proxy_at(location)
        current_context.correlation_id = mine = uuid.uuid4()
        current_context.annotations = {"MINE": b"note"}
        first = proxy.call()  # waits for the connection, in another thread
        current_context.annotations = {"MINE": b"other"}
        assert first.value == 0
        assert proxy.call().then(listen).value == 1
        proxy._pyroRelease()
    assert [request.annotations for request in requests[1:]] == [
        {"MINE": b"note"},
        {"MINE": b"other"},
    ]
    assert {request.correlation_id for request in requests[1:]} == {mine.bytes}
    assert heard == [(b"1", None), (mine, {"MINE": b"other"})]


def test_a_one_way_call_has_the_value_none() -> None:
    requests: list[RawMessage] = []
    answers = value(1), None, value(2)
    with scripted_server(answering(*answers, metadata=METADATA, requests=requests)) as location:
        proxy = proxy_at(location)
        assert proxy.call().value == 1
        assert proxy.tell("word").value is None
        assert proxy.call().value == 2
        proxy._pyroRelease()
    assert requests[2].flags & wire.ONEWAY


def test_a_blob_is_passed_on_and_nothing_may_stand_beside_it() -> None:
    requests: list[RawMessage] = []
    with scripted_server(
        answering(value("taken"), metadata=METADATA, requests=requests)
    ) as location:
        proxy = proxy_at(location)
        assert proxy.call(SerializedBlob("info", [1, 2])).value == "taken"
        with pytest.raises(SerializeError, match="only argument"):
            proxy.call(SerializedBlob("info", []), more=1).value  # noqa: B018
        proxy._pyroRelease()
    assert requests[1].flags & wire.KEEPSERIALIZED


def test_what_cannot_be_sent_is_an_error_of_the_result() -> None:
    with scripted_server(answering(value(1), metadata=METADATA)) as location:
        proxy = proxy_at(location)
        told: list[Any] = []
        assert proxy.call().value == 1
        result = proxy.call(threading.Lock()).iferror(told.append)
        with pytest.raises(SerializeError):
            result.value  # noqa: B018
        proxy._pyroRelease()


# -- faults, and trying again


def test_nobody_listening_is_an_error_of_the_result() -> None:
    told: list[Any] = []
    result = proxy_at("127.0.0.1:1").call().iferror(told.append)
    with pytest.raises(CommunicationError) as caught:
        result.value  # noqa: B018
    assert told in ([], [caught.value])


def test_a_call_is_repeated_as_often_as_the_proxy_says() -> None:
    scripts = [hang_up_at_call, hang_up_at_call, answering(value("at last"), metadata=METADATA)]
    with scripted_server(*scripts) as location:
        proxy = proxy_at(location)
        proxy._pyroMaxRetries = 2
        assert proxy.call().value == "at last"
        proxy._pyroRelease()
    with scripted_server(hang_up_at_call, hang_up_at_call) as location:
        proxy = proxy_at(location)
        proxy._pyroMaxRetries = 1
        with pytest.raises(ConnectionClosedError):
            proxy.call().value  # noqa: B018


def test_calls_that_were_in_flight_are_repeated_in_their_order() -> None:
    requests: list[RawMessage] = []

    def lose(peer: RawPeer) -> None:
        peer.accept_handshake(METADATA)
        for _ in range(5):
            peer.read_message()

    second = answering(*[value(n) for n in range(5)], metadata=METADATA, requests=requests)
    with scripted_server(lose, second) as location:
        proxy = proxy_at(location)
        proxy._pyroMaxRetries = 1
        results = [proxy.call(number) for number in range(5)]
        assert [result.value for result in results] == [0, 1, 2, 3, 4]
        proxy._pyroRelease()
    assert [contents(request)[2] for request in requests[1:]] == [(n,) for n in range(5)]


def test_a_late_call_is_repeated_too() -> None:
    scripts = [answering(None, metadata=METADATA), answering(value("in time"), metadata=METADATA)]
    with scripted_server(*scripts) as location:
        proxy = proxy_at(location)
        proxy._pyroMaxRetries = 1
        proxy._pyroTimeout = 0.2
        assert proxy.call().value == "in time"
        proxy._pyroRelease()


def test_an_error_that_the_method_itself_has_raised_is_never_repeated() -> None:
    answer = failure("Pyro5.errors.TimeoutError", "of the method")
    with scripted_server(answering(answer, metadata=METADATA)) as location:
        proxy = proxy_at(location)
        proxy._pyroMaxRetries = 3
        with pytest.raises(TimeoutError, match="of the method"):
            proxy.call().value  # noqa: B018
        proxy._pyroRelease()


def test_a_busy_daemon_is_asked_again_a_little_later() -> None:
    busy = refuse("no free workers, increase server threadpool size")
    with scripted_server(busy, busy, answering(value(3), metadata=METADATA)) as location:
        proxy = proxy_at(location)
        assert proxy.call().value == 3
        proxy._pyroRelease()


def test_a_busy_daemon_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "next_pause", lambda *_: None)
    with (
        scripted_server(refuse("no free workers")) as location,
        pytest.raises(CommunicationError, match="no free workers"),
    ):
        proxy_at(location).call().value  # noqa: B018


def test_pauses_grow_and_end_at_half_of_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "FIRST_PAUSE", (1, 1))
    monkeypatch.setattr(asynchronous, "NEXT_PAUSE", (2, 2))
    assert (next_pause(0.0, None), next_pause(0.1, None), next_pause(1e9, None)) == (1, 2, 2)
    assert (next_pause(0.0, 10), next_pause(4.9, 10), next_pause(5.1, 10)) == (1, 2, None)


def test_a_connection_that_ends_between_look_and_sending_does_no_harm() -> None:
    scripts = [answering(value(1), metadata=METADATA), answering(value(2), metadata=METADATA)]
    with scripted_server(*scripts) as location:
        proxy = proxy_at(location)
        assert proxy.call().value == 1
        channel = proxy._pyroLink.channel
        assert channel is not None
        channel._write_head, write = retire_first(channel), channel._write_head
        assert proxy.call().value == 2
        channel._write_head = write
        proxy._pyroRelease()


def retire_first(channel: Any) -> Any:
    write = channel._write_head

    def write_head(*parts: Any) -> Any:
        channel.is_usable = False
        return write(*parts)

    return write_head


def test_no_more_threads_is_an_error_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_background, "run", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        proxy_at("127.0.0.1:1").call().value  # noqa: B018
    proxy = proxy_at("127.0.0.1:1")
    proxy._pyroLink.courier = None
    with pytest.raises(RuntimeError, match="can't start"):
        asyncproxy(Recording(proxy._pyroUri)).call().value  # noqa: B018


# -- waiting where waiting is no use


def test_the_thread_that_would_have_to_answer_does_not_wait() -> None:
    with scripted_server(answering(value(1), None, metadata=METADATA)) as location:
        proxy = proxy_at(location)
        assert proxy.call().value == 1

        class Host:
            answers_itself = False

            def is_own(self, address: Any) -> bool:
                return True

        state = get_state()
        state.host = Host()  # type: ignore[assignment]
        try:
            result = proxy.call()
            with pytest.raises(PyroError, match="calls that same daemon"):
                result.value  # noqa: B018
        finally:
            state.host = None
        assert proxy._pyroLink.channel is not None
        proxy._pyroLink.channel.close()
        with pytest.raises(ConnectionClosedError):
            result.value  # noqa: B018


# -- proxies whose class has a say


class Recording(Proxy):
    """Takes down its calls."""

    def __init__(self, uri: Any) -> None:
        super().__init__(uri)
        self._pyroCalls: list[Any] = []
        self._pyroGetMetadata(known_metadata=METADATA)

    def _pyroInvoke(
        self, methodname: Any, vargs: Any, kwargs: Any, flags: int = 0, objectId: Any = None
    ) -> Any:
        self._pyroCalls.append((methodname, threading.current_thread()))
        return super()._pyroInvoke(methodname, vargs, kwargs, flags, objectId)


def test_a_class_that_overrides_calling_is_asked_in_a_thread_for_each_call() -> None:
    answers = value(1), value([2, 3])
    with scripted_server(answering(*answers, metadata=METADATA)) as location:
        proxy = asyncproxy(Recording(f"PYRO:calc@{location}"))
        assert proxy.call().then(lambda v: v * 10).value == 10
        batch = proxy._pyroBatch()
        batch.call()
        batch.call()
        assert list(batch(asynchronous=True).value) == [2, 3]
        assert [name for name, _ in proxy._pyroCalls] == ["call", "<batch>"]
        assert threading.current_thread() not in {thread for _, thread in proxy._pyroCalls}
        proxy._pyroRelease()


def test_such_a_class_has_retries_and_patience_with_busy_daemons_too() -> None:
    scripts = [
        refuse("no free workers"),
        hang_up_at_call,
        answering(value(1), metadata=METADATA),
        refuse("not you"),
    ]
    with scripted_server(*scripts) as location:
        proxy = asyncproxy(Recording(f"PYRO:calc@{location}"))
        proxy._pyroMaxRetries = 1
        assert proxy.call().value == 1
        proxy._pyroRelease()
        with pytest.raises(CommunicationError, match="not you"):
            proxy.call().value  # noqa: B018


def test_a_late_alarm_of_a_proxy_that_is_gone_finds_nothing() -> None:
    with scripted_server(answering(value(1), metadata=METADATA)) as location:
        proxy = proxy_at(location)
        proxy._pyroTimeout = 0.05
        assert proxy.call().value == 1
        del proxy
        done = threading.Event()
        _background.call_at(monotonic() + 0.1, done.set)
        assert done.wait(PATIENCE)
