"""Ctrl-C and SIGTERM end a server within a second, whatever it is at; real processes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError, PyroError
from tests.support.daemon import PATIENCE, Threads
from tests.support.processes import Program
from tests.support.servertypes import LISTENING

LIMIT = 2.0
"""Seconds from the signal to the end of the process, where one is promised: the machine is busy."""

HELD = 30.0
"""Seconds that the methods take which are cut off."""

pytestmark = pytest.mark.slow

listening_types = pytest.mark.parametrize("kind", LISTENING)

SERVER = """
import signal, sys, threading, time
from pyrolike.api import Daemon, config, expose, oneway

HELD = 30

@expose
class Thing:
    def hello(self):
        return "hello"

    def hold(self):
        print("HELD", flush=True)
        threading.Event().wait(HELD)

    def sleep(self):
        print("HELD", flush=True)
        time.sleep(HELD)

    def spin(self):
        print("HELD", flush=True)
        end = time.monotonic() + HELD
        while time.monotonic() < end:
            pass

    def finish(self, seconds):
        print("HELD", flush=True)
        time.sleep(seconds)
        return "finished"

    def swallow(self):
        try:
            print("HELD", flush=True)
            time.sleep(HELD)
        except BaseException as fault:
            return type(fault).__mro__[1].__name__

    def interrupt(self):
        raise KeyboardInterrupt("of my own")

    @oneway
    def hold_oneway(self):
        self.hold()

config.SERVERTYPE, way = sys.argv[1:]
with Daemon() as daemon:
    uri = daemon.register(Thing(), "thing")
    print(f"uri {uri}", flush=True)
    if way == "serve":
        Daemon.serveSimple({}, daemon=daemon, ns=False)
    else:
        words = iter(["Pyro daemon running."])

        def announce():
            for word in words:
                print(word, flush=True)
            return True

        daemon.requestLoop(announce)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
print("bye", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server program, and how to make use of it."""

    program: Program
    uri: str

    def proxy(self) -> Proxy:
        proxy = Proxy(self.uri)
        proxy._pyroTimeout = PATIENCE
        return proxy

    def end(self, number: signal.Signals) -> float:
        """Send it a signal, and see that it ends as it should; return the seconds that took."""
        start = monotonic()
        self.program.send(number)
        assert self.program.wait() == 0, self.program.output
        seconds = monotonic() - start
        assert self.program.output.splitlines()[-1] == "bye"
        print(f"ended after {seconds:.3f} s")
        return seconds


@contextmanager
def server(kind: str, way: str = "serve", **settings: Any) -> Iterator[Server]:
    environment = {f"PYRO_{name}": str(value) for name, value in settings.items()}
    with Program(
        ["-W", "error", "-c", SERVER, kind, way], ready=r"^uri (\S+)$", environment=environment
    ) as program:
        program.wait_for_line("running")
        assert program.ready_match is not None
        yield Server(program, program.ready_match[1])


class Caller:
    """Somebody who waits for an answer in a thread of his own."""

    def __init__(self, server: Server, threads: Threads, method: str, *args: Any) -> None:
        self.answer: Any = None
        self.seconds = 0.0
        self._server = server
        threads.start(self._call, method, args)
        server.program.wait_for_line("HELD")

    def _call(self, method: str, args: Any) -> None:
        start = monotonic()
        with self._server.proxy() as proxy:
            try:
                self.answer = getattr(proxy, method)(*args)
            except Exception as fault:  # noqa: BLE001  it is looked at
                self.answer = fault
        self.seconds = monotonic() - start


@listening_types
@pytest.mark.parametrize(
    ("way", "number", "is_connected"),
    [
        ("serve", signal.SIGTERM, True),
        ("serve", signal.SIGINT, True),
        ("loop", signal.SIGINT, True),
        ("loop", signal.SIGINT, False),
    ],
)
def test_an_idle_server_ends(
    kind: str, way: str, number: signal.Signals, is_connected: bool
) -> None:
    with server(kind, way) as one, one.proxy() as proxy:
        if is_connected:
            assert proxy.hello() == "hello"
        assert one.end(number) < LIMIT


@listening_types
@pytest.mark.parametrize(
    ("way", "number", "method"),
    [
        ("serve", signal.SIGTERM, "hold"),
        ("serve", signal.SIGTERM, "spin"),
        ("serve", signal.SIGINT, "hold"),
        ("loop", signal.SIGINT, "sleep"),
    ],
)
def test_a_busy_server_ends_and_who_waits_is_told(
    kind: str, way: str, number: signal.Signals, method: str
) -> None:
    with server(kind, way) as one, Threads() as threads:
        caller = Caller(one, threads, method)
        assert one.end(number) < LIMIT
        threads.wait()
        assert isinstance(caller.answer, CommunicationError)
        assert caller.seconds < HELD / 3
        if kind == "multiplex":
            cause = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
            assert f"the server was told to end by {cause}" in str(caller.answer)


@listening_types
def test_a_server_with_a_full_pool_and_a_oneway_call_ends(kind: str) -> None:
    sizes = {"THREADPOOL_SIZE": 2, "THREADPOOL_SIZE_MIN": 1}
    with server(kind, **sizes) as one, Threads() as threads, one.proxy() as idle:
        assert idle.hello() == "hello"
        idle.hold_oneway()
        one.program.wait_for_line("HELD")
        caller = Caller(one, threads, "hold")
        assert one.end(signal.SIGTERM) < LIMIT
        threads.wait()
        assert isinstance(caller.answer, CommunicationError)
        with pytest.raises(CommunicationError):
            idle.hello()


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("thread", signal.SIGTERM),
        ("thread", signal.SIGINT),
        ("multiplex", signal.SIGTERM),
        ("multiplex", signal.SIGINT),
    ],
)
def test_a_call_that_is_nearly_done_gets_its_answer(kind: str, number: signal.Signals) -> None:
    with server(kind, SIGNAL_GRACE=PATIENCE) as one, Threads() as threads:
        caller = Caller(one, threads, "finish", 0.3)
        assert one.end(number) < PATIENCE / 2
        threads.wait()
        if kind == "multiplex" and number == signal.SIGINT:
            # It runs in the main thread, which Ctrl-C interrupts wherever it is, as in any program.
            assert isinstance(caller.answer, CommunicationError)
        else:
            assert caller.answer == "finished"


@listening_types
def test_the_grace_of_signals_is_another_than_that_of_close(kind: str) -> None:
    settings = {"SIGNAL_GRACE": 0, "SHUTDOWN_GRACE": HELD}
    with server(kind, **settings) as one, Threads() as threads:
        caller = Caller(one, threads, "hold")
        assert one.end(signal.SIGTERM) < LIMIT
        threads.wait()
        assert isinstance(caller.answer, CommunicationError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_method_in_the_loop_may_catch_what_interrupts_it_and_the_loop_ends(
    number: signal.Signals,
) -> None:
    with server("multiplex") as one, Threads() as threads:
        caller = Caller(one, threads, "swallow")
        assert one.end(number) < LIMIT
        threads.wait()
        assert caller.answer == "KeyboardInterrupt"


@listening_types
def test_a_keyboard_interrupt_of_a_methods_own_ends_nothing(kind: str) -> None:
    with server(kind) as one, one.proxy() as proxy:
        with pytest.raises(PyroError, match="raised KeyboardInterrupt: of my own") as caught:
            proxy.interrupt()
        assert not isinstance(caught.value, CommunicationError)
        assert proxy.hello() == "hello"
        assert one.end(signal.SIGINT) < LIMIT


@listening_types
def test_a_second_sigterm_ends_the_process_during_the_grace(kind: str) -> None:
    with server(kind, SIGNAL_GRACE=HELD) as one, Threads() as threads:
        caller = Caller(one, threads, "hold")
        one.program.send(signal.SIGTERM)
        start = monotonic()
        while one.program.is_running and monotonic() - start < PATIENCE:
            one.program.send(signal.SIGTERM)  # two that are too close together count as one
            threading.Event().wait(0.05)
        assert one.program.wait() == -signal.SIGTERM
        assert monotonic() - start < LIMIT
        threads.wait()
        assert isinstance(caller.answer, CommunicationError)


def test_a_name_server_ends_on_sigterm() -> None:
    arguments = ["-W", "error", "-m", "pyrolike.naming", "-p", "0", "-x"]
    with Program(arguments, ready=r"^NS running") as program:
        program.wait_for_line("URI")
        start = monotonic()
        program.send(signal.SIGTERM)
        assert program.wait() == 0
        assert monotonic() - start < LIMIT
        assert program.output.splitlines()[-1] == "NS shut down."
