"""The thread pool server: threads are for running requests, nobody waits for who is silent."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, expose
from pyrolike.errors import CommunicationError, PyroError
from tests.support import wire
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.processes import Program
from tests.support.rawpeer import RawPeer, call_message, raw_client, serpent

SOON = 3.0
"""Seconds that count as "at once" on a busy machine; the truth is milliseconds."""


class Worker:
    """Has calls that last as long as a test wants, and counts how many run at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._is_open = False
        self.most = 0

    @expose
    def add(self, a: int, b: int) -> int:
        return a + b

    @expose
    def hold(self) -> str:
        """Answer when `open` is called."""
        with self._changed:
            self._running += 1
            self.most = max(self.most, self._running)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._is_open, PATIENCE)
            self._running -= 1
        return "held"

    @expose
    def leave(self, kind: str) -> None:
        raise {"exit": SystemExit, "interrupt": KeyboardInterrupt, "generator": GeneratorExit}[
            kind
        ]("gone")

    def open(self) -> None:
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def wait_running(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._running >= count, PATIENCE)


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.open()  # whatever happened, no thread may stay held


@contextmanager
def pool(worker: Worker, size: int, **settings: Any) -> Iterator[RunningDaemon]:
    """Run a daemon with at most *size* threads."""
    with (
        changed_settings(THREADPOOL_SIZE=size, THREADPOOL_SIZE_MIN=1, **settings),
        running_daemon({"calc": worker}) as running,
    ):
        yield running


def check_answers_soon(running: RunningDaemon) -> None:
    """A new client connects, calls and has its answer at once."""
    start = time.monotonic()
    with running.proxy() as proxy:
        assert proxy.add(3, 4) == 7
    assert time.monotonic() - start < SOON


@contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Allow this process *count* open files, or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"needs {count} open files, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- idle connections


@pytest.mark.slow
def test_five_hundred_idle_proxies_do_not_keep_a_further_client_waiting(worker: Worker) -> None:
    with many_descriptors(1500), pool(worker, 8) as running, ExitStack() as idle:
        for _ in range(500):
            proxy = idle.enter_context(running.proxy())
            assert proxy.add(1, 2) == 3
        check_answers_soon(running)
        assert proxy.add(3, 4) == 7


@pytest.mark.slow
def test_idle_connections_keep_no_thread(worker: Worker) -> None:
    with pool(worker, 2) as running, ExitStack() as idle:
        proxies = [idle.enter_context(running.proxy()) for _ in range(20)]
        for _ in range(3):
            assert [proxy.add(1, 2) for proxy in proxies] == [3] * 20


# -- all threads at work


@contextmanager
def held_calls(running: RunningDaemon, worker: Worker, count: int) -> Iterator[None]:
    """Keep *count* threads of the daemon at work while the block runs."""

    def hold() -> None:
        with running.proxy() as proxy:
            assert proxy.hold() == "held"

    with Threads() as threads:
        try:
            for _ in range(count):
                threads.start(hold)
            worker.wait_running(count)
            yield
        finally:
            worker.open()


@pytest.mark.slow
def test_when_all_threads_work_a_new_client_is_told_so_quickly(worker: Worker) -> None:
    with pool(worker, 3, THREADPOOL_QUEUE_WAIT=0.1) as running:
        with held_calls(running, worker, 3):
            start = time.monotonic()
            with pytest.raises(CommunicationError, match="no free workers"):
                running.proxy().add(1, 2)
            assert time.monotonic() - start < SOON
        check_answers_soon(running)


@pytest.mark.slow
def test_when_all_threads_work_a_client_that_was_idle_is_told_so_quickly(worker: Worker) -> None:
    with pool(worker, 3, THREADPOOL_QUEUE_WAIT=0.1) as running, running.proxy() as proxy:
        assert proxy.add(1, 2) == 3
        with held_calls(running, worker, 3):
            start = time.monotonic()
            with pytest.raises(CommunicationError, match="no free workers"):
                proxy.add(1, 2)
            assert time.monotonic() - start < SOON
        assert proxy.add(3, 4) == 7


@pytest.mark.slow
def test_a_queue_that_is_full_refuses_at_once(worker: Worker) -> None:
    settings = {"THREADPOOL_QUEUE_SIZE": 1, "THREADPOOL_QUEUE_WAIT": PATIENCE}
    with pool(worker, 1, **settings) as running, held_calls(running, worker, 1):
        refused: list[BaseException] = []
        done = threading.Semaphore(0)

        def call() -> None:
            try:
                with running.proxy() as proxy:
                    assert proxy.add(1, 2) == 3
            except CommunicationError as error:
                refused.append(error)
            done.release()

        with Threads() as threads:
            for _ in range(3):
                threads.start(call)
            for _ in range(2):  # one may wait, two are refused while the thread is still held
                assert done.acquire(timeout=SOON)
            assert len(refused) == 2
            worker.open()
    assert all("no free workers" in str(error) for error in refused)


@pytest.mark.slow
def test_a_call_that_may_wait_is_run_when_a_thread_is_free(worker: Worker) -> None:
    with (
        pool(worker, 1, THREADPOOL_QUEUE_WAIT=PATIENCE) as running,
        Threads() as threads,
        running.proxy() as waiting,
    ):
        waiting._pyroBind()

        def call() -> None:
            assert waiting.add(3, 4) == 7

        with held_calls(running, worker, 1):
            threads.start(call)
        threads.wait()


@pytest.mark.slow
def test_never_more_requests_run_at_once_than_there_are_threads(worker: Worker) -> None:
    with pool(worker, 4, THREADPOOL_QUEUE_WAIT=PATIENCE) as running, Threads() as threads:

        def hold() -> None:
            with running.proxy() as proxy:
                assert proxy.hold() == "held"

        for _ in range(12):
            threads.start(hold)
        worker.wait_running(4)
        worker.open()
        threads.wait()
        assert worker.most == 4


@pytest.mark.parametrize(("size", "smallest"), [(0, 1), (5, 0), (-1, -1), (3, 4)])
def test_sizes_that_make_no_sense_are_refused(size: int, smallest: int) -> None:
    with (
        changed_settings(THREADPOOL_SIZE=80, THREADPOOL_SIZE_MIN=4),
        pytest.raises(ValueError, match="THREADPOOL_SIZE"),
    ):
        make_daemon_with_sizes(size, smallest)


def make_daemon_with_sizes(size: int, smallest: int) -> None:
    with changed_settings(THREADPOOL_SIZE=size, THREADPOOL_SIZE_MIN=smallest):
        Daemon().close()


# -- a system that gives no more threads

SCARCE = """
import os, resource, sys, threading
from pyrolike.api import Daemon, Proxy, config, expose

@expose
class Thing:
    def __init__(self):
        self._may_go_on = threading.Event()

    def add(self, a, b):
        return a + b

    def hold(self):
        self._may_go_on.wait(60)
        return "held"

    def shut(self):
        if os.getuid() == 0:
            os.setuid(54_321)  # the limit does not hold for root, and counts all of a user's
        resource.setrlimit(resource.RLIMIT_NPROC, (threads_now() + 2, hard))

thing = Thing()
hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
threads_now = lambda: len(os.listdir("/proc/self/task"))
config.THREADPOOL_SIZE, config.THREADPOOL_SIZE_MIN, config.THREADPOOL_QUEUE_WAIT = 40, 1, 0.1
daemon = Daemon()
uri = daemon.register(thing, "calc")
with Daemon() as other:  # so that all modules are loaded
    pass
print("READY", uri, flush=True)

def listen():
    for line in sys.stdin:
        (thing.shut if line == "shut\\n" else thing._may_go_on.set)()
        print("did", line, flush=True)
    daemon.shutdown()

threading.Thread(target=listen).start()
daemon.requestLoop()
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
@pytest.mark.skipif(os.getuid() != 0, reason="other processes of this user would count")
def test_where_the_system_gives_no_more_threads_calls_are_refused_and_the_server_goes_on() -> None:
    results: list[str] = []
    answered = threading.Semaphore(0)

    def hold(uri: str) -> None:
        try:
            with Proxy(uri) as proxy:
                proxy._pyroTimeout = PATIENCE
                results.append(proxy.hold())
        except CommunicationError as error:
            results.append(str(error))
        answered.release()

    with Program(["-c", SCARCE], ready=r"^READY (\S+)$") as program, Threads() as threads:
        assert program.ready_match is not None
        uri = program.ready_match[1]
        with Proxy(uri) as proxy:
            assert proxy.add(3, 4) == 7
            program.say("shut")
            program.wait_for_line("did shut")
            for _ in range(10):
                threads.start(hold, uri)
            for _ in range(6):  # at most three or four are held
                assert answered.acquire(timeout=PATIENCE)
            assert all("no free workers" in text for text in results)
            program.say("open")
            threads.wait()
            assert len(results) == 10
            assert "held" in results  # in any place: a refusal may arrive last
            assert proxy.add(3, 4) == 7


# -- calls that call their own daemon


@expose
class Station:
    """Passes a call on to the next station, as often as it is told."""

    def __init__(self) -> None:
        self.stations: list[str] = []

    def passes(self, depth: int, number: int = 0) -> int:
        if depth == 0:
            return 0
        following = (number + 1) % len(self.stations)
        with Proxy(self.stations[following]) as proxy:
            proxy._pyroTimeout = PATIENCE
            return 1 + int(proxy.passes(depth - 1, following))


@contextmanager
def ring(length: int, **settings: Any) -> Iterator[list[RunningDaemon]]:
    """Run daemons each of which calls the next, and the last one the first."""
    with ExitStack() as stack:
        stack.enter_context(changed_settings(**settings))
        station = Station()
        daemons = [stack.enter_context(running_daemon({"calc": station})) for _ in range(length)]
        station.stations = [str(running.uri()) for running in daemons]
        yield daemons


def call_at_once(running: RunningDaemon, depth: int, count: int) -> list[int | None]:
    """Send *count* calls at the same time; None stands for those that were refused."""
    results: list[int | None] = []
    start = threading.Barrier(count)

    def call() -> None:
        with running.proxy() as proxy:
            start.wait(PATIENCE)
            try:
                results.append(proxy.passes(depth))
            except CommunicationError as error:
                if "no free workers" not in str(error):
                    raise
                results.append(None)

    with Threads() as threads:
        for _ in range(count):
            threads.start(call)
    return results


def test_calls_that_come_back_to_their_own_full_pool_do_not_wait_for_themselves() -> None:
    with ring(1, THREADPOOL_SIZE=4, THREADPOOL_SIZE_MIN=1) as (running,):
        for _ in range(5):
            start = time.monotonic()
            assert call_at_once(running, 3, 4) == [3] * 4
            assert time.monotonic() - start < SOON


@pytest.mark.slow
@pytest.mark.parametrize(("count", "wait"), [(20, 1.0), (100, PATIENCE)])
def test_a_ring_of_daemons_answers_calls_that_go_round_twice(count: int, wait: float) -> None:
    settings = {"THREADPOOL_SIZE": 10, "THREADPOOL_SIZE_MIN": 1, "THREADPOOL_QUEUE_WAIT": wait}
    with ring(5, **settings) as daemons:
        assert call_at_once(daemons[0], 10, count) == [10] * count


@pytest.mark.slow
def test_calls_that_call_themselves_for_ever_are_refused_at_the_limit() -> None:
    settings = {"THREADPOOL_SIZE": 2, "THREADPOOL_SIZE_MIN": 1, "THREADPOOL_NESTED": 10}
    with ring(1, THREADPOOL_QUEUE_WAIT=0.1, **settings) as (running,):
        threads = threading.active_count()
        assert call_at_once(running, 1000, 1) == [None]
        assert threading.active_count() <= threads + 14
        assert call_at_once(running, 3, 1) == [3]


def test_after_nested_calls_no_more_calls_run_at_once_than_before(worker: Worker) -> None:
    with pool(worker, 2, THREADPOOL_QUEUE_WAIT=0.1) as running:
        station = Station()
        station.stations = [str(running.daemon.register(station, "station"))]
        with running.proxy("station") as proxy:
            assert proxy.passes(5) == 5
        with held_calls(running, worker, 2), pytest.raises(CommunicationError, match="no free"):
            running.proxy().add(1, 2)
        assert worker.most == 2


# -- peers that say nothing, or half of it

HANDSHAKE = wire.message(wire.CONNECT, serpent({"handshake": "hello", "object": "calc"}))

UNFINISHED = {
    "nothing": b"",
    "three bytes": b"PYR",
    "half a header": HANDSHAKE[:20],
    "a header": HANDSHAKE[:40],
    "half a handshake": HANDSHAKE[:-1],
    "a size that never comes": wire.header(wire.CONNECT, data_size=1000),
}

UNFINISHED_CALLS = {
    "half a header": call_message("add", 1, 2)[:20],
    "a header": call_message("add", 1, 2)[:40],
    "half a call": call_message("add", 1, 2)[:-1],
    "a size that never comes": wire.header(wire.INVOKE, data_size=50_000_000),
}


@contextmanager
def unfinished(running: RunningDaemon, start: bytes, count: int) -> Iterator[list[RawPeer]]:
    """Keep connections open that have sent only *start*."""
    with ExitStack() as stack:
        peers = [stack.enter_context(raw_client(running.location)) for _ in range(count)]
        for peer in peers:
            peer.send(start)
        yield peers


@pytest.mark.parametrize("start", UNFINISHED.values(), ids=UNFINISHED)
def test_unfinished_handshakes_do_not_stop_others(worker: Worker, start: bytes) -> None:
    with pool(worker, 2) as running, unfinished(running, start, 10):
        check_answers_soon(running)


@pytest.mark.parametrize("start", UNFINISHED_CALLS.values(), ids=UNFINISHED_CALLS)
def test_unfinished_calls_do_not_stop_others(worker: Worker, start: bytes) -> None:
    with pool(worker, 2) as running, unfinished(running, HANDSHAKE, 10) as peers:
        for peer in peers:
            assert peer.read_message().type == wire.CONNECTOK
            peer.send(start)
        check_answers_soon(running)


@pytest.mark.slow
@pytest.mark.parametrize("start", UNFINISHED.values(), ids=UNFINISHED)
def test_a_handshake_that_is_never_finished_is_given_up(worker: Worker, start: bytes) -> None:
    with pool(worker, 2, HANDSHAKE_TIMEOUT=0.2) as running, unfinished(running, start, 1) as peers:
        left = time.monotonic()
        peers[0].sock.settimeout(PATIENCE)
        while peers[0].sock.recv(1000):
            pass  # it may be told why
        assert time.monotonic() - left < 10.0


@pytest.mark.slow
def test_a_slow_message_arrives_in_the_end(worker: Worker) -> None:
    with pool(worker, 2) as running, raw_client(running.location) as peer:
        assert peer.connect().type == wire.CONNECTOK
        for byte in call_message("add", 3, 4):
            peer.send(bytes([byte]))
            if byte == ord("P"):
                check_answers_soon(running)
        assert peer.read_message().payload == serpent(7)


def test_several_calls_in_one_piece_are_answered_in_order(worker: Worker) -> None:
    with pool(worker, 2) as running, raw_client(running.location) as peer:
        calls = [call_message("add", seq, 1, seq=seq) for seq in range(1, 6)]
        peer.send(HANDSHAKE + b"".join(calls))
        assert peer.read_message().type == wire.CONNECTOK
        replies = [peer.read_message() for _ in calls]
        assert [reply.seq for reply in replies] == [1, 2, 3, 4, 5]
        assert [reply.payload for reply in replies] == [serpent(seq + 1) for seq in range(1, 6)]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(100),
        wire.header(wire.CONNECT, data_size=0, version=47),
        wire.header(wire.CONNECT, data_size=0, magic=1),
        wire.header(wire.CONNECT, data_size=0xFFFF_FFFF),
        wire.message(wire.INVOKE, b"before the handshake"),
        wire.message(wire.CONNECT, b"no serpent (("),
        wire.message(wire.CONNECT, serpent("not a dict")),
        wire.message(wire.CONNECT, b"not zlib", flags=wire.COMPRESSED),
    ],
)
def test_rubbish_instead_of_a_handshake_is_refused_in_pyros_own_words(
    worker: Worker, rubbish: bytes
) -> None:
    with pool(worker, 2) as running:
        with raw_client(running.location) as peer:
            peer.send(rubbish)
            assert peer.read_message().type == wire.CONNECTFAIL
            peer.wait_closed()
        check_answers_soon(running)


def test_a_client_that_goes_away_in_the_middle_leaves_no_trace(worker: Worker) -> None:
    with pool(worker, 2) as running:
        for start in (*UNFINISHED.values(), HANDSHAKE, HANDSHAKE + call_message("add", 1, 2)):
            with raw_client(running.location) as peer:
                peer.send(start)
        for start in UNFINISHED_CALLS.values():
            with raw_client(running.location) as peer:
                peer.connect()
                peer.send(start)
        check_answers_soon(running)


# -- methods that try to end more than themselves


@pytest.mark.parametrize("kind", ["exit", "interrupt", "generator"])
def test_a_method_that_wants_to_end_its_thread_does_not(worker: Worker, kind: str) -> None:
    with pool(worker, 2) as running:
        for _ in range(10):
            with running.proxy() as proxy, pytest.raises(PyroError, match="raised"):
                proxy.leave(kind)
        with held_calls(running, worker, 2):
            pass  # both threads are still there: they can be held
        assert running.thread.is_alive()


def test_a_client_is_not_ended_by_what_ended_a_method(worker: Worker) -> None:
    with pool(worker, 2) as running, running.proxy() as proxy:
        with pytest.raises(PyroError, match="SystemExit") as caught:
            proxy.leave("exit")
        assert isinstance(caught.value, Exception)
        assert proxy.add(3, 4) == 7
