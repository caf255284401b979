"""Nothing is left over: descriptors, threads, memory, and objects that only the collector frees.

The numbers are small in the normal run. ``PYROLIKE_LEAK_ROUNDS=10000`` makes it a soak test.
"""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Daemon, Proxy, expose, oneway
from pyrolike.errors import CommunicationError, TimeoutError
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.processes import ROOT, pinned_environment
from tests.support.waiting import wait_until

ROUNDS = int(os.environ.get("PYROLIKE_LEAK_ROUNDS", "60"))
EXITS = max(5, ROUNDS // 60)

SPARE_BYTES = 32 * 1024 + min(300 * ROUNDS, 300 * 1024)
"""What may grow: Python's own cache of attributes keeps up to 4096 names, each a string of a call,
and a daemon the ids of its last 1000 streams. A kilobyte per round is found in the normal run."""

DESCRIPTORS = Path("/proc/self/fd")

needs_proc = pytest.mark.skipif(not DESCRIPTORS.exists(), reason="only Linux shows descriptors")


@expose
class Part:
    """Something that a factory makes."""

    def name(self) -> str:
        return "part"


@expose
class Service:
    """Answers, fails, and hands things out."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.parts: weakref.WeakSet[Part] = weakref.WeakSet()

    def echo(self, value: object) -> object:
        return value

    def fail(self) -> None:
        raise ValueError("as asked")

    def wait(self) -> None:
        self.may_end.wait(PATIENCE)

    def cut(self) -> None:
        from pyrolike.api import current_context

        current_context.client.close()

    @oneway
    def nudge(self) -> None: ...

    def items(self, count: int) -> Iterator[int]:
        yield from range(count)

    def failing_items(self) -> Iterator[int]:
        yield 0
        raise ValueError("as asked")

    def make_part(self) -> Part:
        part = Part()
        self.parts.add(part)
        self._pyroDaemon.register(part, weak=True)  # type: ignore[attr-defined]
        return part


class Choosy(Daemon):
    """Refuses some."""

    def validateHandshake(self, conn: Any, data: Any) -> str:
        if data == "bad":
            raise ValueError("refused")
        return "hello"


@pytest.fixture(params=["thread", "multiplex"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningDaemon]:
    service = Service()
    with (
        changed_settings(SERVERTYPE=request.param),
        running_daemon({"service": service}, daemon_class=Choosy) as running,
    ):
        yield running
        service.may_end.set()


# -- what every client does, one way or another


def connect_call_close(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy:
        assert proxy.echo(1) == 1


def call_and_drop(running: RunningDaemon) -> None:
    assert running.proxy("service").echo(1) == 1


def fail(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy, pytest.raises(ValueError, match="as asked"):
        proxy.fail()


def be_refused(running: RunningDaemon) -> None:
    proxy = running.proxy("service")
    proxy._pyroHandshake = "bad"
    with pytest.raises(CommunicationError, match="refused"):
        proxy.echo(1)


def be_cut_off(running: RunningDaemon) -> None:
    proxy = running.proxy("service")
    with pytest.raises(CommunicationError):
        proxy.cut()


def stop_a_stream(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy:
        with proxy.items(10) as items:
            next(items)
        assert proxy.echo(1) == 1


def forget_a_stream(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy:
        next(proxy.items(10))
        assert proxy.echo(1) == 1


def leave_a_stream(running: RunningDaemon) -> None:
    proxy = running.proxy("service")
    next(proxy.items(10))


def read_a_failing_stream(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy, pytest.raises(ValueError, match="as asked"):
        list(proxy.failing_items())


def call_oneway(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy:
        for _ in range(3):
            proxy.nudge()
        assert proxy.echo(1) == 1


def call_a_batch(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy:
        batch = BatchProxy(proxy)
        batch.echo(1)
        batch.fail()
        with pytest.raises(ValueError, match="as asked"):
            list(batch())


def get_parts(running: RunningDaemon) -> None:
    with running.proxy("service") as proxy:
        part = proxy.make_part()
        assert isinstance(part, Proxy)
        part._pyroRelease()


WAYS: list[Callable[[RunningDaemon], None]] = [
    connect_call_close,
    call_and_drop,
    fail,
    be_refused,
    be_cut_off,
    stop_a_stream,
    forget_a_stream,
    leave_a_stream,
    read_a_failing_stream,
    call_oneway,
    call_a_batch,
    get_parts,
]


def count_descriptors() -> int:
    return len(os.listdir(DESCRIPTORS))


def is_quiet(running: RunningDaemon) -> bool:
    """Whether the server has nothing to do any more, and has closed what clients have left."""
    server: Any = running.daemon.transportServer
    stats = running.daemon.stats()
    is_idle = not server._sessions and not running.daemon.streaming_responses
    return is_idle and stats.queued_oneways == stats.busy_threads == 0


def measure_growth(running: RunningDaemon, way: Callable[[RunningDaemon], None]) -> int:
    """Return how many bytes are left of many rounds."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(ROUNDS):
            way(running)
        wait_until(lambda: is_quiet(running))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


@needs_proc
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_over(running: RunningDaemon, way: Callable[[RunningDaemon], None]) -> None:
    with changed_settings(ITER_STREAM_LINGER=0.0):
        for _ in range(10):  # caches are filled, threads are started
            way(running)
        wait_until(lambda: is_quiet(running))
        gc.collect()
        descriptors, threads = count_descriptors(), threading.active_count()
        objects = len(running.daemon.objectsById)
        # What leaks does so each time; a thread that had to be started is not one.
        assert any(measure_growth(running, way) < SPARE_BYTES for _ in range(3))
        wait_until(lambda: count_descriptors() <= descriptors)
        assert threading.active_count() <= threads + 8  # as many as had to run at once
        assert len(running.daemon.objectsById) == objects
        wait_until(lambda: not running.daemon.streaming_responses)


@needs_proc
def test_timeouts_leave_nothing_over(running: RunningDaemon) -> None:
    if running.daemon.transportServer.kind == "multiplex":  # type: ignore[union-attr]
        pytest.skip("a method that waits stops everybody there")
    service = running.daemon.objectsById["service"]
    connect_call_close(running)  # its loop has begun then, and has what it needs
    wait_until(lambda: is_quiet(running))
    descriptors = count_descriptors()
    for _ in range(10):
        service.may_end.clear()
        with running.proxy("service") as proxy:
            proxy._pyroTimeout = 0.01
            with contextlib.suppress(TimeoutError):
                proxy.wait()
        service.may_end.set()
        wait_until(lambda: is_quiet(running))
    wait_until(lambda: count_descriptors() <= descriptors)


# -- without the collector


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def succeed(proxy: Proxy) -> list[object]:
    method = proxy.echo
    assert method(1) == 1
    return [method]


def raise_remotely(proxy: Proxy) -> list[object]:
    method = proxy.fail
    with contextlib.suppress(ValueError):
        method()
    return [method]


def time_out(proxy: Proxy) -> list[object]:
    proxy._pyroTimeout = 0.01
    method = proxy.wait
    with contextlib.suppress(TimeoutError):
        method()
    return [method]


def lose_the_connection(proxy: Proxy) -> list[object]:
    method = proxy.cut
    with contextlib.suppress(CommunicationError):
        method()
    return [method]


def fail_in_a_batch(proxy: Proxy) -> list[object]:
    batch = BatchProxy(proxy)
    batch.fail()
    with contextlib.suppress(ValueError):
        list(batch())
    return []


def end_a_stream(proxy: Proxy) -> list[object]:
    items = proxy.items(3)
    assert list(items) == [0, 1, 2]
    return [items]


def leave_a_stream_open(proxy: Proxy) -> list[object]:
    items = proxy.items(3)
    next(items)
    return [items]


def fail_in_a_stream(proxy: Proxy) -> list[object]:
    items = proxy.failing_items()
    with contextlib.suppress(ValueError):
        list(items)
    return [items]


def have_no_such_method(proxy: Proxy) -> list[object]:
    with contextlib.suppress(AttributeError):
        proxy.nothing()
    return []


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("is_released", [True, False], ids=["released", "dropped"])
@pytest.mark.parametrize(
    "way",
    [
        succeed,
        raise_remotely,
        time_out,
        lose_the_connection,
        fail_in_a_batch,
        end_a_stream,
        leave_a_stream_open,
        fail_in_a_stream,
        have_no_such_method,
    ],
)
def test_a_proxy_dies_without_the_collector(
    way: Callable[[Proxy], list[object]], is_released: bool
) -> None:
    service = Service()
    with running_daemon({"service": service}) as running:
        proxy = running.proxy("service")
        things = way(proxy)
        link = proxy._pyroLink
        watched: list[Any] = [proxy, link, link.channel, link.connection, *things]
        gone = {repr(one): weakref.ref(one) for one in watched if one is not None and can_die(one)}
        if is_released:
            proxy._pyroRelease()
        del proxy, things, link, watched
        service.may_end.set()
        assert [name for name, one in gone.items() if one() is not None] == []
        assert len(gone) >= 2


def can_die(thing: object) -> bool:
    try:
        weakref.ref(thing)
    except TypeError:
        return False
    return True


@pytest.mark.usefixtures("no_collector")
def test_a_proxy_that_nobody_answers_dies_without_the_collector() -> None:
    proxy = Proxy("PYRO:service@127.0.0.1:1")
    with contextlib.suppress(CommunicationError):
        proxy.echo(1)
    gone = weakref.ref(proxy), weakref.ref(proxy._pyroLink)
    del proxy
    assert [one() for one in gone] == [None, None]


@pytest.mark.usefixtures("no_collector")
def test_what_a_factory_has_made_is_gone_when_nobody_holds_it(running: RunningDaemon) -> None:
    before = set(running.daemon.objectsById)
    with running.proxy("service") as proxy:
        for _ in range(20):
            proxy.make_part()
        assert proxy.echo(1) == 1
    wait_until(lambda: set(running.daemon.objectsById) == before)


# -- the end of a program

LEAVING = """
import random, sys, threading, time
from pyrolike.api import Daemon, Proxy, config, expose

@expose
class Thing:
    def echo(self, value):
        return value
    def items(self):
        yield from range(1000)

config.SERVERTYPE = sys.argv[1]
daemon = Daemon()
uri = daemon.register(Thing(), "thing")
threading.Thread(target=daemon.requestLoop, daemon=True).start()
proxies = [Proxy(uri) for _ in range(4)]
def call(proxy):
    while True:
        proxy.echo(1)
        next(proxy.items())
is_there = threading.Event()
idle = Proxy(uri)
items = idle.items()
next(items)
for proxy in proxies:
    threading.Thread(target=call, args=(proxy,), daemon=True).start()
time.sleep(random.Random(int(sys.argv[2])).random() * 0.1)
"""


@pytest.mark.parametrize("kind", ["thread", "multiplex"])
def test_a_program_that_just_ends_says_nothing(kind: str) -> None:
    for number in range(EXITS):
        run = subprocess.run(
            [sys.executable, "-W", "error", "-X", "dev", "-c", LEAVING, kind, str(number)],
            capture_output=True,
            text=True,
            timeout=PATIENCE * 3,
            cwd=ROOT,
            env=pinned_environment(),
            check=False,
        )
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), f"with the moment {number}"
