"""The end of a daemon: who gets an answer, who is cut off, and that nothing follows."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, config
from pyrolike.errors import CommunicationError, ConnectionClosedError
from tests.support.daemon import PATIENCE, Threads, changed_settings, running_daemon
from tests.support.processes import Program
from tests.support.rawpeer import serpent
from tests.support.servertypes import ALL, LISTENING, Calc, served
from tests.support.serving import settle

SOON = 1.0
"""Seconds that count as "at once"; the truth is milliseconds."""

every_type = pytest.mark.parametrize("kind", ALL)
listening_types = pytest.mark.parametrize("kind", LISTENING)


@pytest.fixture
def calc() -> Iterator[Calc]:
    calc = Calc()
    yield calc
    calc.may_go_on.set()  # whatever happened, no thread may stay held


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    assert settle(threads) == []


def wait_closing(daemon: Daemon) -> None:
    """Wait until the daemon has begun to close."""
    while daemon.transportServer is not None:
        threading.Event().wait(0.001)


# -- calls that run


@every_type
def test_a_running_call_is_waited_for_and_answered(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server, Threads() as threads:
        peer = server.peer()
        peer.send_call("hold")
        assert calc.is_held.wait(PATIENCE)
        closing = threads.start(server.daemon.shutdown, PATIENCE)
        wait_closing(server.daemon)
        assert closing.is_alive()
        calc.may_go_on.set()
        assert peer.read_message().payload == serpent("held")
        closing.join(PATIENCE)


@every_type
@pytest.mark.parametrize("grace", [0, 0.1])
def test_a_call_that_takes_longer_than_the_grace_is_cut_off(
    kind: str, calc: Calc, grace: float
) -> None:
    with served(kind, {"calc": calc}) as server:
        peer = server.peer()
        peer.send_call("hold")
        assert calc.is_held.wait(PATIENCE)
        start = monotonic()
        server.daemon.shutdown(grace)
        assert monotonic() - start < SOON
        if kind != "existing":  # that socket is the program's
            peer.wait_closed()
        calc.may_go_on.set()
        server.running.join()


@listening_types
def test_the_setting_is_the_grace_if_nobody_says_another(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, SHUTDOWN_GRACE=0.05) as server:
        peer = server.peer()
        peer.send_call("hold")
        assert calc.is_held.wait(PATIENCE)
        start = monotonic()
        server.daemon.close()
        assert monotonic() - start < SOON
        peer.wait_closed()
        calc.may_go_on.set()


@every_type
def test_a_daemon_with_nothing_to_do_ends_at_once_whatever_the_grace(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        assert server.proxy().add(3, 4) == 7
        start = monotonic()
        server.daemon.shutdown(1000)
        server.running.join()
        assert monotonic() - start < SOON


@listening_types
def test_what_arrives_after_the_end_is_not_served(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        proxies = [server.proxy() for _ in range(5)]
        for proxy in proxies:
            assert list(proxy.count(2)) == [0, 1]
        server.daemon.shutdown()
        for proxy in proxies:
            with pytest.raises(ConnectionClosedError):
                proxy.add(1, 2)
            with pytest.raises(CommunicationError):
                proxy.note("late")
    assert calc.notes == []


@pytest.mark.parametrize("grace", [None, 0, PATIENCE])
def test_ten_running_calls_and_three_open_streams_end_with_the_daemon(
    calc: Calc, grace: float | None
) -> None:
    results: list[str] = []

    def hold() -> None:
        try:
            with running.proxy() as proxy:
                results.append(proxy.hold())
        except CommunicationError:
            results.append("lost")

    with running_daemon({"calc": calc}) as running, Threads() as threads:
        with running.proxy() as proxy:
            streams = [proxy.count(10) for _ in range(3)]
            assert [next(stream) for stream in streams] == [0, 0, 0]
            for _ in range(10):
                threads.start(hold)
            for _ in range(10):  # a call that is only about to begin would not be made any more
                assert calc.held.acquire(timeout=PATIENCE)
            closing = threads.start(running.daemon.shutdown, grace)
            wait_closing(running.daemon)
            if grace == 0:
                closing.join(PATIENCE)
            calc.may_go_on.set()
            closing.join(PATIENCE)
            threads.wait()
            assert results == ["lost" if grace == 0 else "held"] * 10
            assert running.daemon.streaming_responses == {}
            with pytest.raises(CommunicationError):
                next(streams[0])
        running.join()


ENDING = """
import sys, time
from pyrolike.api import Daemon, config, expose

config.SERVERTYPE = sys.argv[1]

@expose
class Thing:
    def end(self):
        daemon.shutdown()
        time.sleep(0.3)
        return "ended"

with Daemon() as daemon:
    print("READY", daemon.register(Thing()), flush=True)
    daemon.requestLoop()
"""


@listening_types
def test_a_program_does_not_end_before_the_call_that_ends_it_is_answered(kind: str) -> None:
    """The main thread has left the loop, and comes to the end of the program meanwhile."""
    with Program(["-c", ENDING, kind], ready=r"^READY (\S+)$") as program:
        assert program.ready_match is not None
        with Proxy(program.ready_match[1]) as proxy:
            assert proxy.end() == "ended"
        assert program.wait() == 0


@pytest.mark.parametrize("times", [1, 2])
def test_a_call_of_a_call_may_shut_the_daemon_down_and_both_are_answered(
    calc: Calc, times: int
) -> None:
    def stop_through_another_call() -> None:
        with running.proxy() as proxy:
            calc.stop_now = lambda: [running.daemon.shutdown() for _ in range(times)] and None
            assert proxy.stop() == "stopped"

    with running_daemon({"calc": calc}) as running:
        calc.stop_now = stop_through_another_call
        proxy = running.proxy()
        proxy._pyroTimeout = SOON
        assert proxy.stop() == "stopped"
        running.join()


# -- one-way calls


@listening_types
@pytest.mark.parametrize("family", ["tcp", "unix"])
@pytest.mark.slow
def test_a_oneway_call_whose_client_leaves_at_once_is_made(
    kind: str, family: str, calc: Calc, tmp_path: Path
) -> None:
    options = {"unixsocket": str(tmp_path / "daemon")} if family == "unix" else {}
    with (
        changed_settings(SERVERTYPE=kind),
        running_daemon({"calc": calc}, **options) as running,
    ):
        for number in range(1000):
            with running.proxy() as proxy:
                proxy.note(number)
        assert sorted(calc.wait_noted(1000)) == list(range(1000))


@every_type
def test_oneway_calls_that_have_arrived_are_made_within_the_grace(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server, Threads() as threads:
        proxy = server.proxy()
        proxy.wait_oneway()
        for number in range(20):
            proxy.note(number)
        assert proxy.add(3, 4) == 7  # they have arrived
        threads.start(server.daemon.shutdown, PATIENCE)
        wait_closing(server.daemon)
        calc.may_go_on.set()
        threads.wait()
        assert calc.notes == list(range(20))


@every_type
def test_oneway_calls_that_would_take_longer_are_dropped_and_counted(
    kind: str, calc: Calc, caplog: pytest.LogCaptureFixture
) -> None:
    with served(kind, {"calc": calc}) as server:
        proxy = server.proxy()
        proxy.wait_oneway()
        for number in range(20):
            proxy.note(number)
        assert proxy.add(3, 4) == 7
        with caplog.at_level(logging.WARNING, "pyrolike.server"):
            server.daemon.shutdown(0.05)
        assert "20 one-way calls were dropped" in caplog.text
        calc.may_go_on.set()
    assert calc.notes == []


@listening_types
def test_a_oneway_call_may_shut_down_and_the_others_of_its_client_are_dropped(
    kind: str, calc: Calc, caplog: pytest.LogCaptureFixture
) -> None:
    with served(kind, {"calc": calc}) as server:
        calc.stop_now = server.daemon.shutdown
        proxy = server.proxy()
        proxy.wait_oneway()
        proxy.stop_oneway()
        proxy.note("late")
        assert proxy.add(3, 4) == 7
        start = monotonic()
        calc.may_go_on.set()
        server.running.join()
        assert monotonic() - start < SOON
        while server.daemon.objectsById:
            threading.Event().wait(0.001)
    assert calc.notes == []


# -- signals

SERVER = """
import signal, sys
from pyrolike.api import Daemon, config, expose

@expose
class Thing:
    def hello(self):
        return "hello"

config.SERVERTYPE = sys.argv[1]
daemon = Daemon()
uri = daemon.uriFor("thing")
print(f"uri {uri}", flush=True)
daemon.register(Thing(), "thing")
signal.signal(signal.SIGTERM, lambda *_: daemon.shutdown())
signal.signal(signal.SIGINT, lambda *_: daemon.shutdown())
words = iter(["Pyro daemon running."])

def announce():
    for word in words:
        print(word, flush=True)
    return True

daemon.requestLoop(announce)
assert daemon.transportServer is None
print("bye", flush=True)
"""


@pytest.mark.slow
@listening_types
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_handler_of_the_programs_own_may_shut_down(kind: str, number: signal.Signals) -> None:
    with Program(["-W", "error", "-c", SERVER, kind], ready=r"^uri (\S+)$") as program:
        program.wait_for_line("running")
        assert program.ready_match is not None
        with Proxy(program.ready_match[1]) as proxy:
            assert proxy.hello() == "hello"
            start = monotonic()
            program.send(number)
            assert program.wait() == 0
            assert monotonic() - start < SOON
        assert program.output.splitlines()[-1] == "bye"


def test_a_handler_of_the_programs_own_is_left_alone() -> None:
    seen: list[Any] = []

    class Once(Daemon):
        def requestLoop(self, loopCondition: Any = None) -> None:
            seen.append(signal.getsignal(signal.SIGTERM))

    def handle(number: int, frame: Any) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handle)
    try:
        Daemon.serveSimple({}, daemon=Once(), ns=False, verbose=False)
        assert seen == [handle]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_serving_in_another_thread_touches_no_signals() -> None:
    with Threads() as threads, changed_settings(POLLTIMEOUT=0.05):
        daemon = Daemon()
        threads.start(Daemon.serveSimple, {}, None, 0, daemon, False, False)
        daemon.shutdown()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert config.SHUTDOWN_GRACE == 5.0
