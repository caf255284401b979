"""Calls whose results come later, over real sockets: in flight together, in their order, by all."""

from __future__ import annotations

import copy
import gc
import pickle
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pyrolike
from pyrolike.api import BatchProxy, Daemon, Proxy, config, expose, oneway
from pyrolike.client import AsyncMethod
from pyrolike.errors import ConnectionClosedError, PyroError, TimeoutError
from tests.support.certificates import Certificates, make_certificates
from tests.support.daemon import PATIENCE, RunningDaemon, Threads, changed_settings, running_daemon
from tests.support.processes import ROOT, pinned_environment
from tests.support.serving import settle

LARGE = 100_000


class Workshop:
    """Works when it is told to."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.is_held = threading.Event()
        self.order: list[Any] = []
        self.title_ = "workshop"
        self.front: Callable[[], Any] = lambda: None

    @expose
    def add(self, a: int, b: int = 0) -> int:
        self.order.append(a)
        return a + b

    @expose
    def divide(self, a: float, b: float) -> float:
        return a / b

    @expose
    def hold(self) -> str:
        self.is_held.set()
        assert self.may_go_on.wait(PATIENCE)
        return "held"

    @expose
    def numbers(self, count: int) -> Iterator[int]:
        yield from range(count)

    @expose
    def text(self, size: int) -> str:
        return "x" * size

    @expose
    @oneway
    def note(self, word: str) -> None:
        self.order.append(word)

    @expose
    @property
    def title(self) -> str:
        return self.title_

    @expose
    def call_front(self) -> Any:
        return self.front()


class CountingDaemon(Daemon):
    """Counts the connections it gets."""

    connections = 0

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        self.connections += 1
        return "hello"


@pytest.fixture
def shop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.may_go_on.set()


@pytest.fixture(params=["thread", "multiplex"])
def running(request: pytest.FixtureRequest, shop: Workshop) -> Iterator[RunningDaemon]:
    with (
        changed_settings(SERVERTYPE=request.param),
        running_daemon({"calc": shop}, daemon_class=CountingDaemon) as running,
    ):
        yield running


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy() as proxy:
        yield pyrolike.asyncproxy(proxy)


def test_calls_are_in_flight_together_on_one_connection(
    running: RunningDaemon, proxy: Proxy, shop: Workshop
) -> None:
    held = proxy.hold()
    results = [proxy.add(number, b=1) for number in range(50)]
    assert shop.is_held.wait(PATIENCE)
    assert not any(result.ready for result in [held, *results])
    assert not held.wait(0.01)
    shop.may_go_on.set()
    assert held.value == "held"
    assert [result.value for result in results] == list(range(1, 51))
    assert shop.order == list(range(50))
    assert running.daemon.connections == 1


def test_errors_streams_attributes_and_one_way_calls(proxy: Proxy, shop: Workshop) -> None:
    told: list[BaseException] = []
    failed = proxy.divide(1, 0).iferror(told.append)
    with pytest.raises(ZeroDivisionError) as caught:
        failed.value  # noqa: B018
    assert "Remote traceback" in "".join(caught.value.__notes__)
    assert told == [caught.value]
    assert list(proxy.numbers(5).value) == [0, 1, 2, 3, 4]
    assert proxy.title == "workshop"
    assert proxy.note("word").value is None
    with pytest.raises(AttributeError, match="has no exposed attribute 'unknown'"):
        proxy.unknown()


def test_a_chain_runs_in_a_thread_of_the_background(proxy: Proxy) -> None:
    threads: list[threading.Thread] = []

    def note(value: int) -> int:
        threads.append(threading.current_thread())
        return value

    result = proxy.add(1, 2).then(lambda v, times: v * times, times=10).then(note)
    assert result.value == 30
    # Unless the value was quicker: then it was this one.
    assert len(threads) == 1
    with pytest.raises(TypeError):
        proxy.add(1).then(lambda v: v + "x").value  # noqa: B018


def test_functions_of_a_chain_may_wait_for_other_results(proxy: Proxy) -> None:
    chains = [
        proxy.add(number).then(lambda v: v + proxy.add(v).then(lambda w: w).value)
        for number in range(10)
    ]
    assert [chain.value for chain in chains] == [2 * number for number in range(10)]


def test_a_batch_can_be_asynchronous(proxy: Proxy, shop: Workshop) -> None:
    batch = BatchProxy(proxy)
    for number in range(3):
        batch.add(number, 1)
    batch.divide(1, 0)
    results = batch(asynchronous=True).value
    assert [next(results) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    batch.add(5)
    assert list(batch(**{"async": True}).value) == [5]
    with pytest.raises(PyroError, match="was called already"):
        batch(asynchronous=True)
    batch.add(6)
    with pytest.raises(PyroError, match="one-way"):
        batch(oneway=True, asynchronous=True)
    with pytest.raises(TypeError, match="'later'"):
        batch(later=True)
    assert list(batch()) == [6]


def test_a_daemon_that_waits_for_its_replies_to_be_read_does_not_stop_us(proxy: Proxy) -> None:
    results = [proxy.text(LARGE) for _ in range(200)]
    assert sum(len(result.value) for result in results) == 200 * LARGE


def test_synchronous_and_asynchronous_calls_share_a_connection(
    running: RunningDaemon, proxy: Proxy
) -> None:
    def work(thread: int) -> None:
        for number in range(30):
            value = thread * 1000 + number
            later = proxy.add(value)
            proxy._pyroInvoke("add", (value,), {})
            assert proxy._pyroInvoke("add", (value, 1), {}) == value + 1
            assert later.value == value

    with Threads() as threads:
        for thread in range(8):
            threads.start(work, thread)
    assert running.daemon.connections == 1


def test_a_copy_is_asynchronous_and_works_at_the_same_time(
    running: RunningDaemon, shop: Workshop
) -> None:
    if config.SERVERTYPE == "multiplex":
        pytest.skip("its one thread is held")
    with running.proxy() as proxy, copy.copy(proxy._pyroAsync()) as twin:
        held = proxy.hold()
        assert shop.is_held.wait(PATIENCE)
        assert isinstance(twin.add, AsyncMethod)
        assert twin.add(1).value == 1
        assert not held.ready
        assert not isinstance(pickle.loads(pickle.dumps(proxy)).add, AsyncMethod)
        shop.may_go_on.set()
        assert held.value == "held"


# -- proxies that go while their calls are in flight


def test_calls_of_a_proxy_that_was_released_are_done(
    running: RunningDaemon, shop: Workshop
) -> None:
    with running.proxy() as proxy:
        results = [proxy._pyroAsync().hold(), proxy.add(1)]
        assert shop.is_held.wait(PATIENCE)
    shop.may_go_on.set()
    assert [result.value for result in results] == ["held", 1]
    assert proxy.add(2).value == 2
    proxy._pyroRelease()
    assert running.daemon.connections == 2


def test_calls_of_a_proxy_that_is_gone_are_done_and_its_connection_goes_with_them(
    running: RunningDaemon, shop: Workshop
) -> None:
    proxy = running.proxy()._pyroAsync()
    result = proxy.hold()
    assert shop.is_held.wait(PATIENCE)
    channel = weakref.ref(proxy._pyroLink.channel)
    connection = proxy._pyroConnection
    assert connection is not None
    done = threading.Event()
    gc.disable()
    try:
        del proxy
        result.then(lambda _: done.set())
        shop.may_go_on.set()
        assert done.wait(PATIENCE)
        for _ in range(1000):
            if channel() is None:
                break
            done.clear()
            done.wait(0.01)
        assert channel() is None
        assert connection.is_closed
    finally:
        gc.enable()


def test_results_that_nobody_asks_for_leave_nothing(proxy: Proxy) -> None:
    before = set(threading.enumerate())
    for number in range(100):
        proxy.add(number)
        proxy.divide(1, 0)
    assert proxy.add(1).value == 1
    link = proxy._pyroLink
    assert link.channel is not None
    assert settle(before) == []
    assert link.channel._pending == link.channel._tickets == {}
    assert not link.channel._attendance.open


def test_a_late_call_is_a_timeout_and_the_next_one_connects_anew(
    running: RunningDaemon, shop: Workshop
) -> None:
    if config.SERVERTYPE == "multiplex":
        pytest.skip("its one thread is held")
    with running.proxy() as proxy:
        proxy._pyroAsync()._pyroTimeout = 0.1
        told: list[BaseException] = []
        done = threading.Event()
        late = proxy.hold().iferror(lambda fault: (told.append(fault), done.set()))
        assert done.wait(PATIENCE)
        with pytest.raises(TimeoutError):
            late.value  # noqa: B018
        proxy._pyroTimeout = PATIENCE
        assert proxy.add(1).value == 1
        shop.may_go_on.set()


def test_a_daemon_that_goes_ends_all_calls(shop: Workshop) -> None:
    with running_daemon({"calc": shop}) as running:
        proxy = running.proxy()._pyroAsync()
        held = proxy.hold()
        others = [proxy.add(1) for _ in range(3)]
        assert shop.is_held.wait(PATIENCE)
        running.daemon.close(grace=0)
        for result in [held, *others]:
            with pytest.raises(ConnectionClosedError):
                result.value  # noqa: B018
        shop.may_go_on.set()


# -- from methods, and over other lines


def test_a_method_may_call_its_own_daemon_and_wait_where_that_is_possible(
    running: RunningDaemon, shop: Workshop
) -> None:
    inner = running.proxy()._pyroAsync()
    inner._pyroBind()

    def front() -> Any:
        return inner.add(1, 2).value

    shop.front = front
    with running.proxy() as proxy:
        if config.SERVERTYPE == "multiplex":
            with pytest.raises(PyroError, match="calls that same daemon"):
                proxy.call_front()
            shop.front = lambda: inner.add(3) and "not waited for"
            assert proxy.call_front() == "not waited for"
        else:
            assert proxy.call_front() == 3
    inner._pyroRelease()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.slow
def test_a_tls_connection_is_shared_likewise(certificates: Certificates, shop: Workshop) -> None:
    with (
        changed_settings(**certificates.settings),
        running_daemon({"calc": shop}) as running,
        running.proxy() as proxy,
    ):
        results = [proxy._pyroAsync().text(LARGE) for _ in range(20)]
        assert [len(result.value) for result in results] == [LARGE] * 20


def test_a_connected_socket_is_shared_likewise(shop: Workshop) -> None:
    here, there = socket.socketpair()
    with here, there, running_daemon({"calc": shop}, connected_socket=there):
        with Proxy("calc", connected_socket=here) as proxy:
            results = [proxy._pyroAsync().add(number) for number in range(10)]
            assert [result.value for result in results] == list(range(10))
            held = proxy.hold()
            assert shop.is_held.wait(PATIENCE)
        with pytest.raises(ConnectionClosedError):
            held.value  # noqa: B018
        here.close()
        shop.may_go_on.set()


PROGRAM = """
import sys, pyrolike
proxy = pyrolike.asyncproxy(pyrolike.Proxy(sys.argv[1]))
proxy.hold().then(print)
proxy.add(1).then(print)
pyrolike.Future(print).delay(3600)
future = pyrolike.Future(print)
future.delay(3600)
future("never")
print("end of the program")
"""


@pytest.mark.slow
def test_a_program_ends_with_calls_in_flight_and_says_nothing_of_it(
    running: RunningDaemon, shop: Workshop
) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(running.uri())],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env=pinned_environment(),
        check=False,
    )
    shop.may_go_on.set()
    assert (run.returncode, run.stdout, run.stderr) == (0, "end of the program\n", "")


def test_futures_of_plain_functions_are_at_the_front_door() -> None:
    assert pyrolike.Future(sum)([1, 2]).then(lambda v: v + 1).value == 4
    assert pyrolike.futures.FutureResult is type(pyrolike.Future(len)(""))
