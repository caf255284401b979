"""Clients that come one after the other: workers accept them themselves, and nobody is lost."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import Daemon, expose
from pyrolike.errors import CommunicationError
from pyrolike.server import building
from pyrolike.server.building import INHERITED
from pyrolike.server.threadpool import KEEPERS, OFTEN
from pyrolike.transport import wait_readable
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.processes import Program
from tests.support.serving import run_bounded
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not INHERITED, reason="this system does not pass the options of listening sockets on"
)

SOON = 3.0
"""Seconds that count as "at once" on a busy machine."""

LONG = 30.0
"""Seconds that keepers wait at the door for nobody, where a test wants it to stay open."""

CLIENT = """
import sys
from {package}.api import Proxy
for number in range({count}):
    with Proxy(sys.argv[1]) as proxy:
        assert proxy.add(number, 1) == number + 1
print("done", flush=True)
"""


class Counter:
    """Adds, and has calls that wait for each other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running = self.most = 0
        self.meeting = threading.Barrier(10)
        self.end = threading.Event()

    @expose
    def add(self, a: int, b: int) -> int:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        with self.lock:
            self.running -= 1
        return a + b

    @expose
    def meet(self) -> int:
        """Wait until ten calls are here."""
        return self.meeting.wait(PATIENCE)

    @expose
    def stay(self) -> None:
        assert self.end.wait(PATIENCE)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The door stays open although nobody comes."""
    monkeypatch.setattr(building, "DOOR_SECONDS", LONG)
    with changed_settings(THREADPOOL_LINGER=LONG):
        yield


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def running(counter: Counter) -> Iterator[RunningDaemon]:
    with changed_settings(SERVERTYPE="thread"), running_daemon({"calc": counter}) as running:
        yield running
        counter.end.set()


def is_open(running: RunningDaemon) -> bool:
    server: Any = running.daemon.transportServer
    return bool(server._door.is_open)


def visit(running: RunningDaemon, count: int = 1) -> None:
    """Connect, make a call and go, as often as that."""
    for number in range(count):
        with running.proxy() as proxy:
            assert proxy.add(number, 1) == number + 1


def open_door(running: RunningDaemon) -> Any:
    """Come so often in a row that the door is opened; return it."""
    end = monotonic() + PATIENCE
    while not is_open(running):
        assert monotonic() < end, "no door was opened"
        visit(running)
    server: Any = running.daemon.transportServer
    return server._door


@pytest.mark.parametrize("package", ["pyrolike", "Pyro5"])
def test_a_client_that_comes_again_and_again_gets_all_its_answers(
    running: RunningDaemon, package: str
) -> None:
    if package == "Pyro5":
        pytest.importorskip("Pyro5")
    seen: set[bool] = set()
    code = CLIENT.format(package=package, count=20 * OFTEN)
    with Program(["-c", code, str(running.uri())], ready=None) as client:
        while client.is_running:
            seen.add(is_open(running))
        client.wait_for_line("done")
    assert True in seen
    # When nobody comes any more, there is no door.
    wait_until(lambda: not is_open(running))
    visit(running)
    assert running.daemon.stats().waiting_threads == 0


def test_a_few_clients_open_no_door(running: RunningDaemon) -> None:
    visit(running, OFTEN - 1)
    assert not is_open(running)


@pytest.mark.usefixtures("patient")
def test_clients_that_stay_are_all_served_at_once(running: RunningDaemon) -> None:
    """More than there are keepers: then the accept loop accepts again."""
    open_door(running)
    begin = monotonic()
    with Threads() as threads, ExitStack() as stack:
        for _ in range(10):
            proxy = stack.enter_context(running.proxy())
            threads.start(proxy.meet)
        threads.wait()
    assert monotonic() - begin < SOON
    visit(running)


def test_while_a_door_is_open_its_keepers_are_idle_threads(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        proxy.add(1, 2)
        open_door(running)
        stats = running.daemon.stats()
    assert stats.waiting_threads == 0
    assert stats.idle_threads >= 1


@pytest.mark.parametrize("size", [1, 2, 2 * KEEPERS])
def test_there_are_never_more_calls_at_once_than_threads(counter: Counter, size: int) -> None:
    with (
        changed_settings(SERVERTYPE="thread", THREADPOOL_SIZE=size, THREADPOOL_SIZE_MIN=1),
        running_daemon({"calc": counter}) as running,
        Threads() as threads,
    ):
        for _ in range(4):
            threads.start(visit, running, 5 * OFTEN)
        threads.wait()
        assert counter.most <= size


@pytest.mark.usefixtures("patient")
def test_a_daemon_that_closes_with_an_open_door_is_gone_at_once(counter: Counter) -> None:
    before = set(threading.enumerate())
    with changed_settings(SERVERTYPE="thread"), Daemon() as daemon:
        daemon.register(counter, "calc")
        loop = threading.Thread(target=daemon.requestLoop, daemon=True)
        loop.start()
        running = RunningDaemon(daemon, loop)
        open_door(running)
        assert run_bounded(daemon.close, SOON)
        running.join()
        with (
            pytest.raises(CommunicationError, match="nobody is listening"),
            running.proxy() as late,
        ):
            late._pyroBind()
    for thread in set(threading.enumerate()) - before:
        thread.join(SOON)
    assert set(threading.enumerate()) <= before


def test_a_method_may_close_its_daemon_behind_an_open_door() -> None:
    class Closing(Counter):
        @expose
        def close(self) -> str:
            daemon.close()
            return "closed"

    with changed_settings(SERVERTYPE="thread"), Daemon() as daemon:
        daemon.register(Closing(), "calc")
        loop = threading.Thread(target=daemon.requestLoop, daemon=True)
        loop.start()
        running = RunningDaemon(daemon, loop)
        open_door(running)
        with running.proxy() as proxy:
            assert proxy.close() == "closed"
        running.join()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", ["shutdown", "condition"])
def test_a_loop_with_an_open_door_ends_soon_and_can_be_entered_again(
    counter: Counter, how: str
) -> None:
    goes_on = threading.Event()
    goes_on.set()
    with changed_settings(SERVERTYPE="thread"), Daemon() as daemon:
        daemon.register(counter, "calc")

        def start() -> RunningDaemon:
            loop = threading.Thread(target=daemon.requestLoop, args=(goes_on.is_set,), daemon=True)
            loop.start()
            return RunningDaemon(daemon, loop)

        running = start()
        door = open_door(running)
        if how == "shutdown":
            daemon.shutdown()
        else:
            goes_on.clear()
        running.thread.join(SOON)
        assert not running.thread.is_alive()
        assert not door.is_open
        if how == "condition":
            goes_on.set()
            again = start()
            visit(again, 3 * OFTEN)
            daemon.shutdown()
            again.join()


def test_a_server_without_descriptors_does_not_lose_a_client(
    running: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = open_door(running)
    server: Any = running.daemon.transportServer
    accept, is_full = server.sock.accept, threading.Event()

    def refuse(listener: Any) -> Any:
        if is_full.is_set():
            raise OSError(errno.EMFILE, "no more descriptors")
        return accept()

    is_full.set()
    monkeypatch.setattr(type(server.sock), "accept", refuse)
    with Threads() as threads:
        threads.start(visit, running, KEEPERS + 1)
        wait_until(lambda: not door.is_open)
        is_full.clear()
        threads.wait()


def test_a_foreign_event_loop_accepts_after_a_loop_that_had_a_door(counter: Counter) -> None:
    goes_on = threading.Event()
    goes_on.set()
    with changed_settings(SERVERTYPE="thread"), Daemon() as daemon:
        daemon.register(counter, "calc")
        loop = threading.Thread(target=daemon.requestLoop, args=(goes_on.is_set,), daemon=True)
        loop.start()
        running = RunningDaemon(daemon, loop)
        open_door(running)
        goes_on.clear()
        running.join()
        with Threads() as threads:
            client = threads.start(visit, running, 3)
            while client.is_alive():
                for sock in daemon.sockets:
                    if wait_readable(sock, 0.01):
                        daemon.events([sock])


def test_a_server_whose_threads_are_all_busy_goes_on_accepting(counter: Counter) -> None:
    size = 2 * KEEPERS
    with (
        changed_settings(SERVERTYPE="thread", THREADPOOL_SIZE=size, THREADPOOL_SIZE_MIN=1),
        running_daemon({"calc": counter}) as running,
        Threads() as threads,
        ExitStack() as stack,
    ):
        for _ in range(size):
            threads.start(stack.enter_context(running.proxy()).stay)
        wait_until(lambda: running.daemon.stats().busy_threads == size)
        begin = monotonic()
        address = running.daemon.sock.getsockname()
        for _ in range(10 * OFTEN):  # nobody can be served now
            stack.enter_context(socket.create_connection(address, PATIENCE))
        wait_until(lambda: running.daemon.stats().connections == size + 10 * OFTEN)
        assert monotonic() - begin < SOON
        counter.end.set()
        visit(running)


@pytest.mark.parametrize(
    "settings",
    [{"THREADPOOL_SIZE": 2 * KEEPERS - 1}, {"THREADPOOL_NESTED": 0}, {"THREADPOOL_LINGER": 0.5}],
    ids=["few threads", "none in their places", "long lingering"],
)
def test_where_there_is_no_room_for_a_door_there_is_none(
    counter: Counter, settings: dict[str, Any]
) -> None:
    with (
        changed_settings(SERVERTYPE="thread", THREADPOOL_SIZE_MIN=1, **settings),
        running_daemon({"calc": counter}) as running,
    ):
        visit(running, 3 * OFTEN)
        server: Any = running.daemon.transportServer
        assert server._door is None
