"""A daemon's life: its loop, the ways to end it, and what is left afterwards."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, expose, oneway
from pyrolike.errors import CommunicationError, ConnectionClosedError, DaemonError, PyroError
from tests.support import wire
from tests.support.daemon import PATIENCE, Threads, changed_settings, running_daemon
from tests.support.rawpeer import raw_client


@expose
class Thing:
    """Can be called, and can stop the daemon that serves it."""

    def __init__(self, daemon: Daemon | None = None) -> None:
        self._owner = daemon

    def hello(self) -> str:
        return "hello"

    def stop(self) -> str:
        self._daemon().shutdown()
        return "stopping"

    @oneway
    def stop_oneway(self) -> None:
        self._daemon().shutdown()

    def _daemon(self) -> Daemon:
        assert self._owner is not None
        return self._owner


# -- the loop


def test_a_loop_ends_when_its_condition_says_so() -> None:
    with changed_settings(POLLTIMEOUT=0.05), Daemon() as daemon:
        turns = iter([True, True, False])
        daemon.requestLoop(loopCondition=lambda: next(turns))
        daemon.register(Thing(), "thing")  # nothing was closed


def test_a_loop_that_ended_can_be_entered_again() -> None:
    go_on = threading.Event()
    go_on.set()
    with changed_settings(POLLTIMEOUT=0.05), Daemon() as daemon, Threads() as threads:
        uri = daemon.register(Thing(), "thing")
        for _ in range(2):
            go_on.set()
            loop = threads.start(daemon.requestLoop, go_on.is_set)
            with Proxy(uri) as proxy:
                assert proxy.hello() == "hello"
            go_on.clear()
            loop.join(PATIENCE)
            assert not loop.is_alive()


def test_the_condition_is_looked_at_while_nothing_happens() -> None:
    looked = threading.Semaphore(0)

    def look() -> bool:
        looked.release()
        return True

    with changed_settings(POLLTIMEOUT=0.02), Daemon() as daemon, Threads() as threads:
        threads.start(daemon.requestLoop, look)
        for _ in range(3):
            assert looked.acquire(timeout=PATIENCE)
        daemon.shutdown()


# -- shutting down


def test_another_thread_can_shut_a_daemon_down() -> None:
    with Daemon() as daemon, Threads() as threads:
        loop = threads.start(daemon.requestLoop)
        start = time.monotonic()
        threads.start(daemon.shutdown)
        loop.join(PATIENCE)
        assert not loop.is_alive()
        assert time.monotonic() - start < 2.0


@pytest.mark.parametrize("method", ["stop", "stop_oneway"])
def test_a_request_can_shut_its_daemon_down_and_is_answered(method: str) -> None:
    with Daemon() as daemon, Threads() as threads:
        uri = daemon.register(Thing(daemon), "thing")
        loop = threads.start(daemon.requestLoop)
        start = time.monotonic()
        with Proxy(uri) as proxy:
            proxy._pyroTimeout = PATIENCE
            assert getattr(proxy, method)() == ("stopping" if method == "stop" else None)
        loop.join(PATIENCE)
        assert not loop.is_alive()
        assert time.monotonic() - start < 3.0


def test_shutting_down_and_closing_twice_is_harmless() -> None:
    daemon = Daemon()
    daemon.shutdown()
    daemon.shutdown()
    daemon.close()
    daemon.close()


def test_a_daemon_that_never_ran_can_be_closed() -> None:
    daemon = Daemon()
    location = daemon.locationStr
    daemon.close()
    with pytest.raises(ConnectionRefusedError):
        raw_client(location)


def test_a_loop_ended_by_shutdown_cannot_be_entered_again() -> None:
    daemon = Daemon()
    daemon.close()
    with pytest.raises(PyroError, match="closed"):
        daemon.requestLoop()


def test_a_closed_daemon_cannot_be_entered_again() -> None:
    with Daemon() as daemon:
        pass
    with pytest.raises(PyroError, match="closed"):
        daemon.__enter__()


def test_a_closed_daemon_can_still_be_looked_at() -> None:
    with Daemon() as daemon:
        assert daemon.locationStr in repr(daemon)
        assert "1 object" in repr(daemon)
    assert "Daemon" in repr(daemon)
    assert daemon.transportServer is None


def test_after_shutdown_nobody_new_is_served() -> None:
    with running_daemon({"thing": Thing()}) as running:
        uri = running.uri("thing")
    with pytest.raises(CommunicationError):
        Proxy(uri).hello()


def test_after_shutdown_old_connections_are_not_served_either() -> None:
    with running_daemon({"thing": Thing()}) as running:
        proxy = running.proxy("thing")
        assert proxy.hello() == "hello"
        peer = raw_client(running.location)
        assert peer.connect("thing").type == wire.CONNECTOK
        running.daemon.shutdown()
        with peer:
            peer.wait_closed()
        with pytest.raises(ConnectionClosedError):
            proxy.hello()


def test_leaving_a_with_block_ends_the_loop_and_closes_connections() -> None:
    with Threads() as threads, Daemon() as daemon:
        uri = daemon.register(Thing(), "thing")
        threads.start(daemon.requestLoop)
        proxy = Proxy(uri)
        assert proxy.hello() == "hello"
    with pytest.raises(CommunicationError):
        proxy.hello()


def test_a_daemon_leaves_no_threads_behind() -> None:
    before = set(threading.enumerate())
    with running_daemon({"thing": Thing()}) as running, running.proxy("thing") as proxy:
        assert proxy.hello() == "hello"
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(PATIENCE)
    assert [thread for thread in left if thread.is_alive()] == []


# -- disconnecting clients


class WatchingDaemon(Daemon):
    """Remembers who left, and what they had tracked then."""

    def __init__(self) -> None:
        super().__init__()
        self.left = threading.Event()
        self.who_left: list[Any] = []

    def clientDisconnect(self, conn: Any) -> None:
        self.who_left.append((conn.sock.fileno() >= 0, len(conn.tracked_resources)))
        self.left.set()


def test_a_daemon_is_told_when_a_client_leaves() -> None:
    with running_daemon({"thing": Thing()}, daemon_class=WatchingDaemon) as running:
        with running.proxy("thing") as proxy:
            proxy.hello()
            assert not running.daemon.left.is_set()
        assert running.daemon.left.wait(PATIENCE)
        assert running.daemon.who_left == [(True, 0)]


def test_a_client_that_never_shook_hands_never_leaves() -> None:
    with running_daemon({"thing": Thing()}, daemon_class=WatchingDaemon) as running:
        with raw_client(running.location) as peer:
            peer.send(bytes(100))
            assert peer.read_message().type == wire.CONNECTFAIL
            peer.wait_closed()
        with running.proxy("thing") as proxy:
            proxy.hello()
        assert running.daemon.left.wait(PATIENCE)
        assert len(running.daemon.who_left) == 1


# -- registering


def test_what_is_unregistered_cannot_be_called() -> None:
    thing = Thing()
    with running_daemon({"thing": thing}) as running, running.proxy("thing") as proxy:
        assert proxy.hello() == "hello"
        running.daemon.unregister(thing)
        with pytest.raises(DaemonError, match="unknown object"):
            proxy.hello()
        running.daemon.register(thing, "thing")
        assert proxy.hello() == "hello"


def test_the_daemon_object_lists_what_is_registered() -> None:
    with running_daemon({"thing": Thing()}) as running, running.proxy("Pyro.Daemon") as proxy:
        assert proxy.ping() is None
        assert set(proxy.registered()) == {"Pyro.Daemon", "thing"}
        assert running.location in proxy.info()


# -- events: a loop of the program's own


def test_a_program_with_a_loop_of_its_own_hands_over_the_sockets_that_are_ready() -> None:
    import select

    stop = threading.Event()

    def loop(daemon: Daemon) -> None:
        while not stop.is_set():
            ready, _, _ = select.select(daemon.sockets, [], [], 0.05)
            if ready:
                daemon.events(ready)

    with Daemon() as daemon, Threads() as threads:
        uri = daemon.register(Thing(), "thing")
        threads.start(loop, daemon)
        try:
            with Proxy(uri) as proxy:
                proxy._pyroTimeout = PATIENCE
                assert proxy.hello() == "hello"
        finally:
            stop.set()
