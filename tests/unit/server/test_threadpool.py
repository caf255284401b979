"""The thread-pool server: who owns a session, what stops the loop, what is left after closing."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from pyrolike.callcontext import current_context
from pyrolike.objects import expose, oneway
from pyrolike.serializers import get_serializer
from pyrolike.server import threadpool as threadpool_module, watching as watching_module
from pyrolike.server.pool import WorkerPool
from pyrolike.server.session import Session
from pyrolike.server.threadpool import PoolSettings, ThreadPoolServer
from pyrolike.transport import SocketConnection
from tests.support import wire
from tests.support.daemon import PATIENCE, Threads
from tests.support.rawpeer import RawPeer, serpent
from tests.support.serving import (
    HeldTask,
    Hooks,
    count_descriptors,
    make_service,
    run_bounded,
    settle,
    settle_descriptors,
)

SETTINGS = PoolSettings(
    size_min=1, size_max=4, queue_size=100, queue_wait=PATIENCE, idle_limit=None, poll=1000.0
)
SERPENT = get_serializer("serpent")


class Calc:
    """An object whose calls last as long as the test wants."""

    def __init__(self) -> None:
        self.held = HeldTask()
        self.running = 0
        self.most_running = 0
        self.lock = threading.Lock()
        self.in_call: Callable[[], object] = lambda: None

    @expose
    def add(self, a: int, b: int) -> int:
        return a + b

    @expose
    def count(self, number: int) -> int:
        """Return *number*, and find out how many calls run at once."""
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        with self.lock:
            self.running -= 1
        return number

    @expose
    def hold(self) -> str:
        self.held()
        return "held"

    @expose
    def act(self) -> str:
        self.in_call()
        return "done"

    @expose
    @oneway
    def fire(self) -> None:
        self.in_call()

    @expose
    def swap_context(self) -> int:
        """Put the context back as it was, as one does around calls to others."""
        current_context.from_global(current_context.to_global())
        return current_context.seq

    @expose
    def seq(self) -> int:
        return current_context.seq


class Running:
    """A server with its service; the loop runs in a thread if the test says so."""

    def __init__(
        self, settings: PoolSettings = SETTINGS, hooks: Hooks | None = None, **changes: Any
    ) -> None:
        self.calc = Calc()
        self.hooks = hooks or Hooks()
        self.service = make_service({"calc": self.calc}, self.hooks)
        self.make_session: Callable[[socket.socket, Any], Session] = self.make
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.address = self.listener.getsockname()
        self.handshake_limit: float | None = None
        self.server = ThreadPoolServer(
            self.listener,
            lambda sock, address: self.make_session(sock, address),
            self.service.keep_house,
            replace(settings, **changes),
        )
        self.service.server = self.server
        self._loops: list[threading.Thread] = []
        self._peers: list[RawPeer] = []

    def make(self, sock: socket.socket, address: Any) -> Session:
        sock.setblocking(True)
        connection = SocketConnection(sock)
        connection.limit_waiting(0.02, PATIENCE)
        limit = self.handshake_limit
        deadline = monotonic() + limit if limit is not None else None
        return Session(self.service, connection, address, deadline)

    def start(self, condition: Callable[[], bool] = lambda: True) -> threading.Thread:
        """Run the loop in a thread."""
        loop = threading.Thread(target=self.server.loop, args=(condition,), daemon=True)
        self._loops.append(loop)
        loop.start()
        return loop

    def peer(self) -> RawPeer:
        """Return a client that has said nothing yet."""
        self._peers.append(RawPeer(socket.create_connection(self.address, PATIENCE)))
        return self._peers[-1]

    def client(self) -> RawPeer:
        """Return a client that has shaken hands."""
        peer = self.peer()
        assert peer.connect().type == wire.CONNECTOK
        return peer

    def client_is_refused(self) -> None:
        """Wait until nobody is let in any more."""
        with contextlib.suppress(OSError):
            while True:
                self.peer().sock.close()

    def hold(self) -> RawPeer:
        """Keep a worker at work."""
        peer = self.client()
        peer.send_call("hold")
        assert self.calc.held.is_running.wait(PATIENCE)
        return peer

    def close(self) -> None:
        self.calc.held.may_end.set()
        self.server.close()
        for loop in self._loops:
            loop.join(PATIENCE)
        for peer in self._peers:
            peer.sock.close()


@pytest.fixture
def running() -> Iterator[Running]:
    with contextlib.closing(Running()) as running:
        running.start()
        yield running


@pytest.fixture
def single() -> Iterator[Running]:
    """A server with a single worker."""
    with contextlib.closing(Running(size_max=1)) as running:
        running.start()
        yield running


def value_of(message: wire.RawMessage) -> Any:
    return SERPENT.loads(message.payload)


def ping(seq: int) -> bytes:
    return wire.message(wire.PING, b"ping", seq=seq)


# -- making a server


def test_a_server_that_cannot_be_made_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise OSError(errno.EMFILE, "no more descriptors")

    before = set(threading.enumerate())
    pools: list[WorkerPool] = []

    class Watched(WorkerPool):
        def __init__(self, *sizes: int) -> None:
            super().__init__(*sizes)
            pools.append(self)

    monkeypatch.setattr(threadpool_module, "WorkerPool", Watched)
    monkeypatch.setattr(threadpool_module, "Parking", fail)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(OSError, match="no more descriptors"),
    ):
        ThreadPoolServer(listener, fail, fail, SETTINGS)
    left = settle(before, 0.5)
    for pool in pools:
        pool.close()  # for the tests that follow
    assert left == []


# -- the loop


def test_clients_are_served_while_the_loop_runs(running: Running) -> None:
    for number in range(3):
        assert value_of(running.client().call("add", number, 1)) == number + 1


def test_the_loop_ends_when_its_condition_says_so_and_nothing_is_closed() -> None:
    with contextlib.closing(Running(poll=0.01)) as running:
        turns = iter([True, True, False])
        running.server.loop(lambda: next(turns))
        running.start()
        running.client()


def test_a_condition_that_fails_ends_the_loop_with_its_error_and_it_can_be_entered_again() -> None:
    with contextlib.closing(Running()) as running:

        def fail() -> bool:
            raise ValueError("broken condition")

        with pytest.raises(ValueError, match="broken condition"):
            running.server.loop(fail)
        running.start()
        running.client()


def test_ctrl_c_ends_the_loop_quietly() -> None:
    with contextlib.closing(Running()) as running:

        def interrupt() -> bool:
            raise KeyboardInterrupt

        running.server.loop(interrupt)


def test_waking_up_has_the_loop_look_at_its_condition() -> None:
    with contextlib.closing(Running()) as running:
        looked = threading.Semaphore(0)

        def look() -> bool:
            looked.release()
            return True

        running.start(look)
        for _ in range(3):
            assert looked.acquire(timeout=PATIENCE)
            running.server.wakeup()


def test_waking_up_never_blocks() -> None:
    with contextlib.closing(Running()) as running:

        def wake_often() -> None:
            for _ in range(2000):
                running.server.wakeup()

        assert run_bounded(wake_often)


def test_a_second_loop_waits_for_the_first() -> None:
    with contextlib.closing(Running()) as running:
        go_on = [True]
        first = running.start(lambda: go_on[0])
        running.client()
        entered = threading.Event()

        def enter() -> bool:
            entered.set()
            return True

        second = running.start(enter)
        assert not entered.is_set()
        go_on[0] = False
        running.server.wakeup()
        first.join(PATIENCE)
        assert entered.wait(PATIENCE)
        assert second.is_alive()


def test_a_loop_that_is_entered_too_late_ends_at_once() -> None:
    # The thread for the loop may come to life when the server is closed already.
    with contextlib.closing(Running()) as running:
        running.server.close()
        running.server.loop(lambda: True)


def test_a_foreign_loop_hands_over_the_listening_socket() -> None:
    with contextlib.closing(Running()) as running:
        (sock,) = running.server.sockets
        assert sock is running.server.sock
        peer = running.peer()
        running.server.events([object()])
        running.server.events([sock])
        running.server.events([sock])  # nobody is there any more
        assert peer.connect().type == wire.CONNECTOK


def test_what_only_other_servers_can_is_a_type_error(running: Running) -> None:
    with pytest.raises(TypeError, match="multiplex"):
        running.server.combine_loop(None)
    with pytest.raises(TypeError, match="multiplex"):
        _ = running.server.selector


def test_a_server_tells_how_it_is(single: Running) -> None:
    single.client()
    assert repr(single.server).startswith("<ThreadPoolServer 1 clients, <WorkerPool 1 threads")


# -- accepting


def test_a_connection_that_fails_at_once_is_closed_and_the_others_are_served(
    running: Running,
) -> None:
    def fail(sock: socket.socket, address: Any) -> Session:
        running.make_session = running.make
        raise OSError("gone")

    running.make_session = fail
    running.peer().wait_closed()
    running.client()


class Listener:
    """A listening socket whose `accept` fails as the test wants."""

    def __init__(self, failure: OSError) -> None:
        self._sock = socket.create_server(("127.0.0.1", 0))
        self._failure: OSError | None = failure
        self.accepts = 0
        self.many_accepts = threading.Event()
        self.has_failed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def accept(self) -> Any:
        self.accepts += 1
        if self.accepts >= 100:
            self.many_accepts.set()
        if self._failure is None:
            return self._sock.accept()
        self.has_failed.set()
        raise self._failure

    def recover(self) -> None:
        self._failure = None


@contextlib.contextmanager
def failing_listener(failure: OSError) -> Iterator[tuple[Running, Listener]]:
    listener: Any = Listener(failure)
    running = Running()
    running.server.close()
    running.listener.close()
    running.address = listener.getsockname()
    running.server = ThreadPoolServer(
        listener, running.make, running.service.keep_house, replace(SETTINGS, poll=0.1)
    )
    running.service.server = running.server
    with contextlib.closing(running):
        running.start()
        yield running, listener


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_where_no_connection_can_be_accepted_the_loop_does_not_spin(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "pyrolike.threadpoolserver")
    with failing_listener(OSError(number, "no more descriptors")) as (running, listener):
        running.peer()
        assert listener.has_failed.wait(PATIENCE)
        assert not listener.many_accepts.wait(0.2)


def test_an_error_of_accepting_is_logged_and_does_not_end_the_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "pyrolike.threadpoolserver"):
        with failing_listener(OSError(errno.EMFILE, "no more descriptors")) as (running, listener):
            peer = running.peer()
            assert listener.has_failed.wait(PATIENCE)
            listener.recover()
            assert peer.connect().type == wire.CONNECTOK
        assert "cannot accept a connection" in caplog.text


# -- more clients than threads


def test_idle_clients_keep_no_worker(single: Running) -> None:
    clients = [single.client() for _ in range(4)]
    for _ in range(2):
        for number, client in enumerate(clients):
            assert value_of(client.call("add", number, 1)) == number + 1


def test_silent_clients_keep_no_worker(single: Running) -> None:
    silent = [single.peer() for _ in range(10)]
    for peer, start in zip(silent, [b"", b"PYR", b"PYRO", bytes(3)] * 3, strict=False):
        peer.send(start)
    assert value_of(single.client().call("add", 1, 2)) == 3


def test_never_more_calls_run_than_there_are_workers() -> None:
    with contextlib.closing(Running(size_max=3)) as running, Threads() as threads:
        running.start()

        def call_often() -> None:
            client = running.client()
            for number in range(30):
                assert value_of(client.call("count", number)) == number

        for _ in range(10):
            threads.start(call_often)
        threads.wait()
        assert 1 <= running.calc.most_running <= 3


def test_the_calls_of_a_client_run_in_its_order_even_where_workers_are_scarce(
    single: Running,
) -> None:
    first, second = single.client(), single.client()
    calls = b"".join(
        wire.message(wire.INVOKE, serpent(("calc", "count", (seq,), {})), seq=seq)
        for seq in range(1, 101)
    )
    first.send(calls)
    second.send(calls)
    for client in first, second:
        assert [client.read_message().seq for _ in range(100)] == list(range(1, 101))
    assert single.calc.most_running == 1


def test_a_call_waits_for_a_worker_and_is_then_run(single: Running) -> None:
    held, waiting = single.client(), single.client()
    held.send_call("hold")
    assert single.calc.held.is_running.wait(PATIENCE)
    waiting.send_call("add", 1, 2)
    single.calc.held.may_end.set()
    assert value_of(waiting.read_message()) == 3
    assert value_of(held.read_message()) == "held"


# -- no free workers


@pytest.fixture
def busy() -> Iterator[Running]:
    """A server whose only worker can be held, and where nobody may wait."""
    with contextlib.closing(Running(size_max=1, queue_wait=0.05)) as running:
        running.start()
        yield running


def test_a_client_that_waits_too_long_is_told_so_and_can_try_again(busy: Running) -> None:
    client = busy.client()
    busy.hold()
    for seq in 1, 2:
        answer = client.call("add", 1, 2, seq=seq)
        assert answer.flags & wire.EXCEPTION
        assert b"no free workers" in answer.payload
        assert answer.seq == seq
    busy.calc.held.may_end.set()
    while (answer := client.call("add", 1, 2)).flags & wire.EXCEPTION:
        assert b"no free workers" in answer.payload  # the worker is on its way
    assert value_of(answer) == 3


def test_a_new_client_that_waits_too_long_is_turned_away(busy: Running) -> None:
    busy.hold()
    answer = busy.peer().connect()
    assert answer.type == wire.CONNECTFAIL
    assert b"no free workers" in answer.payload


def test_a_new_client_that_was_turned_away_is_let_go_before_there_is_a_worker(
    busy: Running,
) -> None:
    busy.hold()
    peer = busy.peer()
    assert peer.connect().type == wire.CONNECTFAIL
    peer.sock.settimeout(1.0)
    peer.wait_closed()


def test_many_messages_at_once_are_refused_one_by_one_and_stop_nobody() -> None:
    with contextlib.closing(Running(size_max=1, queue_size=0)) as running:
        running.start()
        hasty, patient = (connect_when_free(running) for _ in range(2))
        held = connect_when_free(running)
        held.send_call("hold")
        assert running.calc.held.is_running.wait(PATIENCE)
        hasty.sock.settimeout(5.0)
        hasty.send(b"".join(ping(seq) for seq in range(1000)))
        assert [hasty.read_message().seq for _ in range(1000)] == list(range(1000))
        patient.sock.settimeout(5.0)
        assert b"no free workers" in patient.call("add", 1, 2).payload


def connect_when_free(running: Running) -> RawPeer:
    """Shake hands where the only worker may be busy with lingering."""
    while True:
        peer = running.peer()
        if peer.connect().type == wire.CONNECTOK:
            return peer


def test_where_nobody_may_wait_a_worker_that_only_lingers_counts_as_free() -> None:
    with contextlib.closing(Running(size_max=1, queue_wait=0.0)) as running:
        running.start()
        first, second = running.client(), running.client()
        for number in range(10):
            assert value_of(first.call("add", number, 1)) == number + 1
            assert value_of(second.call("add", number, 1)) == number + 1


# -- time


def test_who_does_not_shake_hands_in_time_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.01)
    with contextlib.closing(Running()) as running:
        running.handshake_limit = 0.05
        running.start()
        running.peer().wait_closed()
        half = running.peer()
        half.send(b"PYRO")
        half.wait_closed()
        assert running.hooks.left == []


def test_who_is_idle_too_long_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.01)
    with contextlib.closing(Running(idle_limit=0.05)) as running:
        running.start()
        client = running.client()
        client.wait_closed()


def test_who_is_called_for_long_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.01)
    with contextlib.closing(Running(idle_limit=0.05)) as running:
        running.start()
        idle, held = running.client(), running.hold()
        idle.wait_closed()  # by now the other one would be gone too
        running.calc.held.may_end.set()
        assert value_of(held.read_message()) == "held"


@pytest.mark.slow
def test_who_sends_a_long_message_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit is for each piece, not for the whole: a large message may come over a slow line.
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.01)
    with contextlib.closing(Running(idle_limit=0.2)) as running:
        running.start()
        client = running.client()
        call = serpent(("calc", "count", ("x" * 1000,), {}))
        message = wire.message(wire.INVOKE, call)
        pace = threading.Event()
        for start in range(0, len(message), 100):
            client.send(message[start : start + 100])
            pace.wait(0.05)
        assert value_of(client.read_message()) == "x" * 1000


# -- housekeeping and other tasks


def test_the_house_is_kept_every_few_seconds() -> None:
    kept = threading.Semaphore(0)

    class Keeping(Hooks):
        def housekeeping(self) -> None:
            kept.release()

    with contextlib.closing(Running(hooks=Keeping(), poll=0.01)):
        for _ in range(3):
            assert kept.acquire(timeout=PATIENCE)


def test_the_house_is_not_kept_twice_at_the_same_time() -> None:
    keeping, may_end = threading.Event(), threading.Event()
    both: list[bool] = []

    class Slow(Hooks):
        def housekeeping(self) -> None:
            both.append(keeping.is_set())
            keeping.set()
            assert may_end.wait(PATIENCE)
            keeping.clear()

    with contextlib.closing(Running(hooks=Slow(), poll=0.01)) as running:
        assert keeping.wait(PATIENCE)
        for _ in range(3):
            running.server._start_housekeeping()
        may_end.set()
    assert not any(both)


def test_the_house_is_not_kept_while_the_daemon_is_still_being_made() -> None:
    # The rest of the daemon's constructor, and its subclass's, run when the server is there.
    with contextlib.closing(Running()) as running:
        running.start()
        assert value_of(running.client().call("add", 1, 2)) == 3
    assert running.hooks.houses_kept == 0


def test_a_poll_time_of_nothing_makes_no_thread_spin() -> None:
    turns: list[bool] = []

    def count() -> bool:
        turns.append(True)
        return True

    with contextlib.closing(Running(poll=0.0)) as running:
        running.start(count)
        threading.Event().wait(0.1)
        assert len(turns) < 200
        assert running.hooks.houses_kept < 200


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_housekeeping_that_fails_is_done_again(error: type[BaseException]) -> None:
    tried = threading.Semaphore(0)

    class Failing(Hooks):
        def housekeeping(self) -> None:
            tried.release()
            raise error

    with contextlib.closing(Running(hooks=Failing(), poll=0.01)):
        for _ in range(3):
            assert tried.acquire(timeout=PATIENCE)


def test_without_a_free_worker_the_house_is_kept_later() -> None:
    with contextlib.closing(Running(size_max=1)) as running:
        running.start()
        running.hold()
        running.server._start_housekeeping()
        running.calc.held.may_end.set()
        done = threading.Event()
        while not running.server.start_task(done.set):
            pass  # the worker is on its way
        assert done.wait(PATIENCE)
        before = running.hooks.houses_kept
        while running.hooks.houses_kept == before:
            running.server._start_housekeeping()


def test_a_task_is_started_if_there_is_a_free_worker(single: Running) -> None:
    done = threading.Event()
    while not single.server.start_task(done.set):
        pass  # housekeeping may still run
    assert done.wait(PATIENCE)
    single.hold()
    assert not single.server.start_task(done.set)


# -- programs that do what they should not


@pytest.mark.parametrize("error", [ValueError("failed"), SystemExit(1)], ids=["error", "exit"])
def test_a_client_is_forgotten_whatever_the_hook_does(error: BaseException) -> None:
    told = threading.Event()

    class Failing(Hooks):
        def clientDisconnect(self, conn: Any) -> None:
            told.set()
            raise error

    with contextlib.closing(Running(hooks=Failing(), size_max=1)) as running:
        running.start()
        client = running.client()
        client.sock.shutdown(socket.SHUT_WR)
        assert told.wait(PATIENCE)
        client.sock.settimeout(1.0)
        client.wait_closed()


def test_a_hook_that_raises_anything_costs_its_client_and_no_worker() -> None:
    class Failing(Hooks):
        def validateHandshake(self, conn: Any, data: Any) -> Any:
            raise SystemExit("not you")

    with contextlib.closing(Running(hooks=Failing(), size_max=1)) as running:
        running.start()
        for _ in range(3):
            peer = running.peer()
            peer.send(wire.message(wire.CONNECT, serpent({"handshake": "", "object": "calc"})))
            with contextlib.suppress(EOFError):
                assert peer.read_message().type == wire.CONNECTFAIL
            peer.wait_closed()


def test_an_unexpected_error_costs_its_client_and_no_worker(
    single: Running, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Session):
        def process(self, message: Any) -> None:
            raise RuntimeError("a bug")

    def make_broken(sock: socket.socket, address: Any) -> Session:
        single.make_session = single.make
        good = single.make(sock, address)
        return Broken(single.service, good.connection, address, None)

    single.make_session = make_broken
    with caplog.at_level(logging.ERROR, "pyrolike.threadpoolserver"):
        peer = single.peer()
        peer.send(wire.message(wire.CONNECT))
        peer.wait_closed()
    assert "ended by an unexpected error" in caplog.text
    assert value_of(single.client().call("add", 1, 2)) == 3


def test_a_method_that_puts_its_context_back_spoils_no_later_call(running: Running) -> None:
    client = running.client()
    assert value_of(client.call("swap_context", seq=5)) == 5
    assert value_of(client.call("seq", seq=6)) == 6


# -- closing


def test_closing_ends_the_loop_and_lets_everybody_go(running: Running) -> None:
    idle, silent, half = running.client(), running.peer(), running.client()
    half.send(b"PYRO")
    assert value_of(running.client().call("add", 1, 2)) == 3
    running.server.close()
    for peer in idle, half, silent:
        peer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        running.peer()
    assert len(running.hooks.left) == 3


def test_closing_twice_is_fine(running: Running) -> None:
    running.server.close()
    running.server.close()


def test_two_threads_may_close_at_once(running: Running) -> None:
    running.client()
    with Threads() as threads:
        for _ in range(2):
            threads.start(running.server.close)


def test_a_running_call_gets_its_answer_out(running: Running) -> None:
    held = running.hold()
    with Threads() as threads:
        closing = threads.start(running.server.close, PATIENCE)
        running.client_is_refused()
        assert closing.is_alive()
        running.calc.held.may_end.set()
        assert value_of(held.read_message()) == "held"
        held.wait_closed()


def test_a_running_call_that_takes_too_long_loses_its_connection(running: Running) -> None:
    held = running.hold()
    running.server.close(0.05)
    held.wait_closed()


@pytest.mark.parametrize("method", ["act", "fire"])
def test_a_call_may_close_its_own_server(running: Running, method: str) -> None:
    client = running.client()
    closed = threading.Event()

    def close() -> None:
        running.server.close()
        closed.set()

    running.calc.in_call = close
    flags = wire.ONEWAY if method == "fire" else 0
    client.send(wire.message(wire.INVOKE, serpent(("calc", method, (), {})), flags=flags))
    assert closed.wait(PATIENCE)
    if method == "act":
        assert value_of(client.read_message()) == "done"
    client.wait_closed()


def test_the_condition_of_the_loop_may_close_the_server() -> None:
    with contextlib.closing(Running(poll=3.0)) as running:

        def close() -> bool:
            running.server.close()
            return True

        loop = running.start(close)
        loop.join(1.5)
        assert not loop.is_alive()


def test_housekeeping_may_close_the_server() -> None:
    class Closing(Hooks):
        server: ThreadPoolServer | None = None
        closed = threading.Event()

        def housekeeping(self) -> None:
            if self.server is not None:
                self.server.close()
                self.closed.set()

    hooks = Closing()
    with contextlib.closing(Running(hooks=hooks, poll=0.01)) as running:
        running.start()
        running.client()
        hooks.server = running.server
        assert hooks.closed.wait(PATIENCE)


def test_a_client_that_leaves_may_close_the_server_without_waiting_for_itself() -> None:
    class Closing(Hooks):
        server: ThreadPoolServer
        seconds = 0.0
        closed = threading.Event()

        def clientDisconnect(self, conn: Any) -> None:
            start = monotonic()
            self.server.close()
            self.seconds = monotonic() - start
            self.closed.set()

    hooks = Closing()
    with contextlib.closing(Running(hooks=hooks)) as running:
        hooks.server = running.server
        running.start()
        running.client().sock.close()
        assert hooks.closed.wait(PATIENCE)
        assert hooks.seconds < threadpool_module.CLOSING_SECONDS


def test_who_waits_for_a_worker_when_the_server_closes_is_let_go(
    single: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threadpool_module, "CLOSING_SECONDS", 0.05)
    waiting = single.client()
    held = single.hold()
    waiting.send_call("add", 1, 2)
    late = single.peer()
    late.send(wire.message(wire.CONNECT, serpent({"handshake": "", "object": "calc"})))
    with Threads() as threads:
        threads.start(single.server.close, PATIENCE)
        single.client_is_refused()
        single.calc.held.may_end.set()
        assert value_of(held.read_message()) == "held"
    for peer in waiting, late:
        with contextlib.suppress(EOFError, ConnectionError):
            answer = peer.read_message()
            # Refused; or it has its turn, if that comes before its session is told of the end.
            had_its_turn = answer.payload == serpent(3) or answer.type == wire.CONNECTOK
            assert had_its_turn or b"no free workers" in answer.payload
        peer.wait_closed()


def test_a_call_that_arrives_while_the_server_closes_is_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threadpool_module, "CLOSING_SECONDS", 0.05)

    class Late(Session):
        def take_message(self) -> Any:
            message = super().take_message()
            if self.is_open and message is not None:
                running.server.close()  # another thread is quicker than the worker
            return message

    with contextlib.closing(Running()) as running:

        def make_late(sock: socket.socket, address: Any) -> Session:
            return Late(running.service, running.make(sock, address).connection, address, None)

        running.make_session = make_late
        running.start()
        client = running.client()
        called = threading.Event()
        running.calc.in_call = called.set
        client.send_call("act")
        client.wait_closed()
        assert not called.is_set()


def test_an_error_of_accepting_is_not_logged_when_it_is_the_closing_that_made_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        contextlib.closing(Running()) as running,
        caplog.at_level(logging.ERROR, "pyrolike.threadpoolserver"),
    ):

        class Closing:
            def accept(self) -> Any:
                running.server.shutdown()
                raise OSError(errno.EBADF, "closed")

        listener, running.server.sock = running.server.sock, Closing()  # type: ignore[assignment]
        running.server.accept_all()
        running.server.sock = listener
    assert "cannot accept" not in caplog.text


def test_a_connection_that_is_accepted_while_the_server_closes_is_let_go() -> None:
    with contextlib.closing(Running()) as running:

        def make_while_closing(sock: socket.socket, address: Any) -> Session:
            session = running.make(sock, address)
            running.server.close()  # another thread, or a signal handler, was quicker
            return session

        running.make_session = make_while_closing
        peer = running.peer()
        running.server.events([running.server.sock])
        peer.sock.settimeout(1.0)
        peer.wait_closed()


@pytest.mark.slow
def test_closing_while_clients_come_and_go_leaves_nobody_hanging() -> None:
    with contextlib.closing(Running(size_max=3)) as running, Threads() as threads:
        running.start()
        served = threading.Semaphore(0)

        def come_and_go() -> None:
            while True:
                try:
                    peer = running.client()
                    for number in range(3):
                        assert value_of(peer.call("add", number, 1)) == number + 1
                    served.release()
                    peer.sock.close()
                except (OSError, EOFError):
                    return

        for _ in range(4):
            threads.start(come_and_go)
        for _ in range(40):
            assert served.acquire(timeout=PATIENCE)
        running.server.close()
        threads.wait()
        assert not running.server._sessions


def test_closing_does_not_wait_for_a_condition_that_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threadpool_module, "CLOSING_SECONDS", 0.05)
    asked, may_answer = threading.Event(), threading.Event()

    def take_time() -> bool:
        asked.set()
        return may_answer.wait(PATIENCE)

    with contextlib.closing(Running(poll=3.0)) as running:
        loop = running.start(take_time)
        assert asked.wait(PATIENCE)
        running.server.close()
        assert loop.is_alive()
        may_answer.set()
        loop.join(1.5)
        assert not loop.is_alive()


def test_after_closing_no_descriptor_is_left() -> None:
    before = count_descriptors()
    with contextlib.closing(Running()) as running:
        running.start()
        running.client()
        running.peer().send(b"PYRO")
        assert value_of(running.client().call("add", 1, 2)) == 3
    assert settle_descriptors(before) <= before
