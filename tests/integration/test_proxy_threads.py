"""One proxy, many threads: every call gets its own answer, or an error, never another's answer."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.api import BatchProxy, Daemon, Proxy, expose, oneway
from pyrolike.errors import CommunicationError, ConnectionClosedError, ProtocolError
from tests.support import wire
from tests.support.daemon import PATIENCE, RunningDaemon, Threads, running_daemon
from tests.support.rawpeer import RawPeer, scripted_server, serpent

THREADS = 16
CALLS = 100
SERIALIZERS = ("serpent", "json", "marshal", "msgpack")


class Echo:
    """Answers with what it was given, at once or when told to."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[str] = set()
        self._waiting: set[str] = set()
        self.heard: list[int] = []

    @expose
    def echo(self, value: Any) -> Any:
        return value

    @expose
    def fail(self, value: Any) -> None:
        raise ValueError(value)

    @expose
    def fail_as_pyro(self) -> None:
        raise errors.TimeoutError("raised by the method")

    @expose
    def numbers(self, start: int) -> Iterator[int]:
        yield from range(start, start + 10)

    @expose
    @oneway
    def hear(self, value: int) -> None:
        with self._changed:
            self.heard.append(value)
            self._changed.notify_all()

    @expose
    def hold(self, gate: str) -> str:
        """Answer when the gate was opened."""
        with self._changed:
            self._waiting.add(gate)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: gate in self._open, PATIENCE)
        return gate

    def open(self, gate: str) -> None:
        with self._changed:
            self._open.add(gate)
            self._changed.notify_all()

    def wait_held(self, gate: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: gate in self._waiting, PATIENCE)

    def wait_heard(self, count: int) -> list[int]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) >= count, PATIENCE)
            return sorted(self.heard)


class CountingDaemon(Daemon):
    """Counts the connections it gets."""

    connections = 0

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        self.connections += 1
        return "hello"


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def running(echo: Echo) -> Iterator[RunningDaemon]:
    with running_daemon({"calc": echo}, daemon_class=CountingDaemon) as running:
        yield running


@pytest.fixture(autouse=True)
def leaks_are_seen_where_they_happen() -> Iterator[None]:
    """A socket that nobody closed is a warning, and so an error, when it is collected."""
    yield
    gc.collect()


# -- a real daemon


@pytest.mark.slow
@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_no_call_ever_gets_the_answer_of_another(running: RunningDaemon, serializer: str) -> None:
    def call(proxy: Proxy, thread: int) -> None:
        for number in range(CALLS):
            value = f"{thread}:{number}"
            assert proxy.echo(value) == value

    with running.proxy(serializer=serializer) as proxy, Threads() as threads:
        for thread in range(THREADS):
            threads.start(call, proxy, thread)
    assert running.daemon.connections == 1


@pytest.mark.slow
def test_calls_errors_batches_streams_and_oneway_calls_do_not_disturb_each_other(
    running: RunningDaemon, echo: Echo
) -> None:
    def call(proxy: Proxy, thread: int) -> None:
        for number in range(CALLS // 5):
            value = thread * 1000 + number
            assert proxy.echo(value) == value
            with pytest.raises(ValueError) as caught:  # noqa: PT011  # the argument is compared
                proxy.fail(value)
            assert caught.value.args == (value,)
            batch = BatchProxy(proxy)
            batch.echo(value)
            batch.echo(-value)
            assert list(batch()) == [value, -value]
            assert list(proxy.numbers(value)) == list(range(value, value + 10))
            proxy.hear(value)

    with running.proxy() as proxy, Threads() as threads:
        for thread in range(8):
            threads.start(call, proxy, thread)
    expected = [thread * 1000 + number for thread in range(8) for number in range(CALLS // 5)]
    assert echo.wait_heard(len(expected)) == expected
    assert running.daemon.connections == 1


def test_a_slow_call_and_the_ones_behind_it_get_their_own_answers(
    running: RunningDaemon, echo: Echo
) -> None:
    def slow(proxy: Proxy) -> None:
        assert proxy.hold("slow") == "slow"

    def fast(proxy: Proxy, value: int) -> None:
        assert proxy.echo(value) == value

    with running.proxy() as proxy, Threads() as threads:
        threads.start(slow, proxy)
        echo.wait_held("slow")
        for value in range(THREADS):
            threads.start(fast, proxy, value)
        echo.open("slow")


def test_an_error_of_one_call_does_not_end_the_calls_behind_it(
    running: RunningDaemon, echo: Echo
) -> None:
    """Even if it is one of Pyro's own errors, which a method raised."""

    def hold(proxy: Proxy) -> None:
        assert proxy.hold("before the error") == "before the error"

    def fail(proxy: Proxy) -> None:
        with pytest.raises(errors.TimeoutError, match="raised by the method"):
            proxy.fail_as_pyro()

    def behind(proxy: Proxy, value: int) -> None:
        assert proxy.echo(value) == value

    with running.proxy() as proxy, Threads() as threads:
        threads.start(hold, proxy)
        echo.wait_held("before the error")
        seq = proxy._pyroSeq
        threads.start(fail, proxy)
        for value in range(4):
            threads.start(behind, proxy, value)
        wait_for_seq(proxy, seq + 5)
        echo.open("before the error")


def wait_for_seq(proxy: Proxy, seq: int) -> None:
    """Wait until so many calls were sent, without a clock: other threads run while we look."""
    deadline = time.monotonic() + PATIENCE
    while proxy._pyroSeq < seq:
        assert time.monotonic() < deadline
        time.sleep(0)


def test_many_threads_that_connect_at_once_make_one_connection(running: RunningDaemon) -> None:
    start = threading.Barrier(THREADS)

    def call(proxy: Proxy, value: int) -> None:
        start.wait(PATIENCE)
        assert proxy.echo(value) == value

    with running.proxy() as proxy, Threads() as threads:
        for value in range(THREADS):
            threads.start(call, proxy, value)
    assert running.daemon.connections == 1


@pytest.mark.slow
def test_a_timeout_in_one_thread_gives_no_other_thread_a_wrong_answer(
    running: RunningDaemon, echo: Echo
) -> None:
    """The slow call gives up; the others get their own answers, or are told that they get none."""

    def slow(proxy: Proxy) -> None:
        with pytest.raises(errors.TimeoutError):
            proxy.hold("never in time")
        echo.open("never in time")

    def behind(proxy: Proxy, value: int) -> None:
        try:
            assert proxy.echo(value) == value
        except CommunicationError:
            assert proxy.echo(value) == value  # a new connection: the answer is there at once

    with running.proxy() as proxy:
        proxy._pyroTimeout = 0.3
        with Threads() as threads:
            threads.start(slow, proxy)
            echo.wait_held("never in time")
            proxy._pyroTimeout = PATIENCE
            for value in range(4):
                threads.start(behind, proxy, value)
        assert proxy.echo("after") == "after"


def test_releasing_a_proxy_ends_the_calls_that_wait_on_it(
    running: RunningDaemon, echo: Echo
) -> None:
    def wait(proxy: Proxy) -> None:
        with pytest.raises(ConnectionClosedError):
            proxy.hold("released")

    with running.proxy() as proxy, Threads() as threads:
        threads.start(wait, proxy)
        echo.wait_held("released")
        proxy._pyroRelease()
    echo.open("released")


# -- a daemon that answers as it likes


def read_requests(peer: RawPeer, count: int) -> dict[str, wire.RawMessage]:
    """Read *count* requests, and return them by the word that is their argument."""
    requests = {}
    for _ in range(count):
        request = peer.read_message()
        word = request.payload.split(b"(")[2].split(b"'")[1].decode()
        requests[word] = request
    return requests


def call_in_threads(proxy: Proxy, *words: str) -> dict[str, Any]:
    """Call with each word in a thread of its own; return answers and errors by word."""
    answers: dict[str, Any] = {}

    def call(word: str) -> None:
        try:
            answers[word] = proxy.call(word)
        except CommunicationError as error:
            answers[word] = error

    proxy._pyroBind()
    with Threads() as threads:
        for word in words:
            threads.start(call, word)
    return answers


def test_answers_may_come_in_any_order() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        requests = read_requests(peer, 3)
        for word in ("third", "first", "second"):
            peer.answer(requests[word], f"answer to {word}")

    with scripted_server(script) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        answers = call_in_threads(proxy, "first", "second", "third")
    assert answers == {word: f"answer to {word}" for word in ("first", "second", "third")}


def test_a_fast_answer_does_not_wait_for_a_slow_one() -> None:
    fast_is_there = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        requests = read_requests(peer, 2)
        peer.answer(requests["fast"], "fast")
        assert fast_is_there.wait(PATIENCE)
        peer.answer(requests["slow"], "slow")

    def slow(proxy: Proxy) -> None:
        assert proxy.call("slow") == "slow"

    def fast(proxy: Proxy) -> None:
        assert proxy.call("fast") == "fast"
        fast_is_there.set()

    with scripted_server(script) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        proxy._pyroBind()
        with Threads() as threads:
            threads.start(slow, proxy)
            threads.start(fast, proxy)


@pytest.mark.slow
def test_a_late_answer_is_never_given_to_another_call() -> None:
    gave_up = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        late = peer.read_message()
        assert gave_up.wait(PATIENCE)
        try:
            peer.answer(late, "late")
            peer.answer(peer.read_message(), "in time")
        except (EOFError, ConnectionError):
            pass  # the client closed the connection: just as good

    def second_connection(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.answer(peer.read_message(), "in time")

    with (
        scripted_server(script, second_connection) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        proxy._pyroTimeout = 0.2
        with pytest.raises(errors.TimeoutError):
            proxy.call("too slow")
        gave_up.set()
        proxy._pyroTimeout = PATIENCE
        assert proxy.call("again") == "in time"


@pytest.mark.slow
def test_a_timeout_with_others_in_flight_leaves_each_its_own_answer_or_an_error() -> None:
    gave_up = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        requests = read_requests(peer, 3)
        assert gave_up.wait(PATIENCE)
        try:
            for word in ("slow", "two", "one"):
                peer.answer(requests[word], word)
        except ConnectionError:
            pass  # the client closed the connection: just as good

    def call(proxy: Proxy, word: str) -> None:
        try:
            assert proxy.call(word) == word
        except CommunicationError:
            gave_up.set()

    with scripted_server(script) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        proxy._pyroBind()
        proxy._pyroTimeout = 0.3
        with Threads() as threads:
            for word in ("slow", "one", "two"):
                threads.start(call, proxy, word)


def test_when_the_connection_is_lost_every_waiting_call_is_told() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        read_requests(peer, 4)

    with scripted_server(script) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        answers = call_in_threads(proxy, "one", "two", "three", "four")
    assert {type(answer) for answer in answers.values()} == {ConnectionClosedError}


def test_an_answer_cut_in_half_is_a_lost_connection() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        request = peer.read_message()
        peer.send(wire.message(wire.RESULT, serpent("never whole"), seq=request.seq)[:-5])

    with (
        scripted_server(script) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
        pytest.raises(ConnectionClosedError),
    ):
        proxy.call("word")


def wrong_answer(message: Any) -> Any:
    """Return a script that answers a call with ``message(request)`` and expects to be left."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.send(message(peer.read_message()))
        peer.wait_closed()

    return script


def good_answer(peer: RawPeer) -> None:
    peer.accept_handshake()
    peer.answer(peer.read_message(), "good")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (
            lambda request: wire.message(wire.RESULT, serpent("wrong"), seq=request.seq + 7),
            ProtocolError,
        ),
        (
            lambda request: wire.message(wire.CONNECTOK, serpent("wrong"), seq=request.seq),
            ProtocolError,
        ),
        (
            lambda request: wire.message(
                wire.RESULT, b'"json"', seq=request.seq, serializer=wire.JSON
            ),
            errors.SerializeError,
        ),
        (
            lambda request: wire.message(wire.RESULT, b"not serpent (", seq=request.seq),
            errors.SerializeError,
        ),
        (
            lambda request: wire.message(
                wire.RESULT, b"not zlib", seq=request.seq, flags=wire.COMPRESSED
            ),
            ProtocolError,
        ),
    ],
    ids=["sequence number", "type", "serializer", "payload", "compression"],
)
def test_an_answer_to_nothing_we_asked_is_refused_and_the_next_call_connects_again(
    message: Any, error: type[Exception]
) -> None:
    with (
        scripted_server(wrong_answer(message), good_answer) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        with pytest.raises(error):
            proxy.call("word")
        assert proxy.call("word") == "good"
