"""What only the multiplex server does: daemons and other things combined in one loop."""

from __future__ import annotations

import os
import resource
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, config, expose
from pyrolike.errors import PyroError
from pyrolike.naming.daemon import NameServerDaemon
from pyrolike.server.multiplex import MultiplexServer
from tests.support import wire
from tests.support.daemon import PATIENCE, changed_settings, running_daemon
from tests.support.rawpeer import RawPeer, call_message, raw_client, serpent
from tests.support.servertypes import Calc, Watching, foreign_loop
from tests.support.serving import run_bounded

BIG = 30_000_000
"""Characters of a reply that no socket's buffers hold."""


@pytest.fixture(autouse=True)
def _multiplex() -> Iterator[None]:
    with changed_settings(SERVERTYPE="multiplex"):
        yield


@contextmanager
def looping(daemon: Daemon, *conditions: Callable[[], bool]) -> Iterator[threading.Thread]:
    """Run the request loop while the block runs, and close the daemon afterwards."""
    loop = threading.Thread(target=daemon.requestLoop, args=conditions, daemon=True)
    loop.start()
    try:
        yield loop
    finally:
        daemon.close()
        loop.join(PATIENCE)
        assert not loop.is_alive()


@pytest.fixture
def calc() -> Iterator[Calc]:
    calc = Calc()
    yield calc
    calc.may_go_on.set()


@pytest.fixture
def pair(calc: Calc) -> Iterator[tuple[Daemon, Daemon]]:
    """Two daemons with the same object, not combined and not running."""
    with Watching() as first, Watching() as second:
        first.register(calc, "calc")
        second.register(calc, "calc")
        yield first, second


def call(daemon: Daemon) -> None:
    """Be a new client for one call."""
    with Proxy(f"PYRO:calc@{daemon.locationStr}") as proxy:
        proxy._pyroTimeout = PATIENCE
        assert proxy.add(3, 4) == 7


def peer_of(daemon: Daemon) -> RawPeer:
    peer = raw_client(daemon.locationStr)
    peer.connect()
    return peer


# -- two daemons


def test_the_loop_of_one_daemon_serves_another(pair: tuple[Daemon, Daemon], calc: Calc) -> None:
    first, second = pair
    first.combine(second)
    with looping(first) as loop:
        for daemon in first, second, second:
            call(daemon)
        with Proxy(f"PYRO:calc@{second.locationStr}") as proxy:
            assert proxy.thread() == loop.name


def test_what_a_daemon_serves_already_comes_along(pair: tuple[Daemon, Daemon], calc: Calc) -> None:
    first, second = pair
    with foreign_loop(second):
        half, deaf, idle = (peer_of(second) for _ in range(3))
        half.send(call_message("add", 3, 4)[:-1])
        deaf.send_call("repeat", "x", 20_000_000)
        assert deaf.sock.recv(1, socket.MSG_PEEK)  # its reply has begun
    with half, deaf, idle:
        first.combine(second)
        with looping(first):
            call(second)
            half.send(call_message("add", 3, 4)[-1:])
            assert half.read_message().payload == serpent(7)
            assert len(deaf.read_message().payload) > 20_000_000
            assert deaf.call("add", 3, 4).payload == serpent(7)
            assert idle.call("add", 3, 4).payload == serpent(7)


def test_daemons_may_be_combined_while_the_loop_runs(pair: tuple[Daemon, Daemon]) -> None:
    first, second = pair
    with looping(first), peer_of(first) as old:
        first.combine(second)
        call(second)
        assert old.call("add", 3, 4).payload == serpent(7)


def test_combining_twice_or_with_itself_changes_nothing(pair: tuple[Daemon, Daemon]) -> None:
    first, second = pair
    for other in second, second, first:
        first.combine(other)
    assert len(first.sockets) == 2
    with looping(first):
        call(first)
        call(second)


def test_three_daemons_in_a_chain_are_served_in_one_loop(pair: tuple[Daemon, Daemon]) -> None:
    first, second = pair
    with Daemon() as third:
        third.register(Calc(), "calc")
        second.combine(third)
        first.combine(second)
        assert first.sockets == [first.sock, second.sock, third.sock]
        with looping(first):
            for daemon in first, second, third:
                call(daemon)


def test_what_closes_one_daemon_does_not_close_the_other(pair: tuple[Daemon, Daemon]) -> None:
    first, second = pair
    first.combine(second)
    with looping(first):
        with peer_of(second) as peer:
            second.close()
            peer.wait_closed()
        assert first.sockets[0] is first.sock
        call(first)


def test_who_reads_a_reply_while_the_other_daemon_closes_is_served_on() -> None:
    with Watching() as first, Watching() as second:
        for daemon in (first, second):
            daemon.register(Calc(), "calc")
        first.combine(second)
        with (
            looping(first),
            raw_client(second.locationStr) as deaf,
            raw_client(first.locationStr) as reader,
        ):
            for peer in (deaf, reader):
                peer.connect("calc")
                peer.send_call("repeat", "x", BIG)
            deaf.receive(1)
            begun = [reader.receive(1)]  # so both have been answered, as far as they take it in
            closing = threading.Thread(target=second.close, args=(0.3,), daemon=True)
            closing.start()

            def receive(size: int) -> bytes:
                return begun.pop() + reader.receive(size - 1) if begun else reader.receive(size)

            assert len(wire.read_message(receive).payload) > BIG
            closing.join(PATIENCE)
            assert reader.call("add", 3, 4, seq=2).payload == serpent(7)


def test_when_the_one_with_the_loop_closes_the_other_can_have_a_loop_of_its_own(
    pair: tuple[Daemon, Daemon],
) -> None:
    first, second = pair
    first.combine(second)
    with looping(first):
        peer = peer_of(second)
    with peer, looping(second):
        call(second)
        assert peer.call("add", 3, 4).payload == serpent(7)


def test_a_call_may_close_the_daemon_it_came_to_and_the_other_goes_on(
    pair: tuple[Daemon, Daemon], calc: Calc
) -> None:
    first, second = pair
    first.combine(second)
    calc.stop_now = second.close
    with looping(first), Proxy(f"PYRO:calc@{second.locationStr}") as proxy:
        proxy._pyroTimeout = 1.5
        assert proxy.stop() == "stopped"
        call(first)


def test_a_foreign_loop_watches_all_that_are_combined(pair: tuple[Daemon, Daemon]) -> None:
    first, second = pair
    first.combine(second)
    with foreign_loop(first):
        call(first)
        call(second)


def test_a_second_loop_waits_for_the_common_one_and_ends_with_its_own_daemon(
    pair: tuple[Daemon, Daemon],
) -> None:
    first, second = pair
    first.combine(second)
    with looping(first):
        call(first)
        with looping(second):
            call(second)
        call(first)


def test_each_of_them_keeps_its_own_house(calc: Calc) -> None:
    with changed_settings(POLLTIMEOUT=0.02), Watching() as first, Watching() as second:
        first.combine(second)
        with looping(first):
            for daemon in first, second, first, second:
                assert daemon.houses.acquire(timeout=PATIENCE)


def test_a_name_server_can_be_combined_with_a_daemon(calc: Calc) -> None:
    with NameServerDaemon(port=0) as names, Daemon() as daemon:
        uri = daemon.register(calc)
        daemon.combine(names)
        with looping(daemon), Proxy(f"PYRO:Pyro.NameServer@{names.locationStr}") as proxy:
            proxy.register("calc", uri)
            assert proxy.lookup("calc") == uri
            call_by_name = f"PYRONAME:calc@{names.locationStr}"
            with Proxy(call_by_name) as named:
                assert named.add(3, 4) == 7


def test_a_daemon_whose_loop_runs_elsewhere_cannot_be_combined(
    pair: tuple[Daemon, Daemon],
) -> None:
    first, second = pair
    with looping(second):
        call(second)
        with pytest.raises(PyroError, match="loop"):
            first.combine(second)
        call(second)


def test_what_cannot_be_combined_is_a_type_error_that_says_why(
    pair: tuple[Daemon, Daemon],
) -> None:
    with changed_settings(SERVERTYPE="thread"), Daemon() as threaded:
        with pytest.raises(TypeError, match="multiplex"):
            pair[0].combine(threaded)
        with pytest.raises(TypeError, match="multiplex"):
            threaded.combine(pair[0])
    for unfit in 3, object(), None:
        with pytest.raises(TypeError, match="sockets"):
            pair[0].combine(unfit)
    with Daemon() as closed:
        pass
    with pytest.raises(PyroError, match="closed"):
        pair[0].combine(closed)


# -- other things


class Echo:
    """Something of a program's own that has sockets: it says back what it hears."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        self.fault: Exception | None = None

    @property
    def sockets(self) -> list[socket.socket]:
        if self.fault is not None:
            raise self.fault
        return [self.listener, *self.connections]

    def events(self, ready: list[socket.socket]) -> None:
        for sock in ready:
            if sock is self.listener:
                self.connections.append(sock.accept()[0])
            elif data := sock.recv(100):
                sock.sendall(data)
            else:
                self.connections.remove(sock)
                sock.close()
                raise ValueError("what a program's own code may raise")

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname(), PATIENCE)

    def close(self) -> None:
        for sock in [self.listener, *self.connections]:
            sock.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


class Wrapped:
    """Has its sockets where Pyro's broadcast server has them."""

    def __init__(self, echo: Echo) -> None:
        self.transportServer = echo


@pytest.mark.parametrize("wrap", [lambda echo: echo, Wrapped], ids=["bare", "as Pyro does"])
def test_sockets_of_the_program_are_served_in_the_loop(
    pair: tuple[Daemon, Daemon], echo: Echo, wrap: Callable[[Echo], Any]
) -> None:
    first, _ = pair
    first.combine(wrap(echo))
    first.combine(wrap(echo))
    with looping(first):
        for _ in range(3):
            with echo.connect() as sock:
                sock.sendall(b"hello")
                assert sock.recv(100) == b"hello"
            call(first)
        first.close()
        assert echo.listener.fileno() >= 0


def test_sockets_of_the_program_are_seen_by_a_foreign_loop(
    pair: tuple[Daemon, Daemon], echo: Echo
) -> None:
    first, _ = pair
    first.combine(echo)
    assert echo.listener in first.sockets
    with echo.connect() as sock:
        first.events(select.select(first.sockets, [], [], PATIENCE)[0])
        sock.sendall(b"hello")
        first.events(select.select(first.sockets, [], [], PATIENCE)[0])
        assert sock.recv(100) == b"hello"


def test_what_fails_in_the_program_s_own_does_not_end_the_loop(
    pair: tuple[Daemon, Daemon], echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = pair
    first.combine(echo)
    with looping(first):
        with echo.connect():
            call(first)
        echo.fault = ValueError("broken")
        call(first)
        echo.fault = None
        with echo.connect() as sock:
            sock.sendall(b"hello")
            assert sock.recv(100) == b"hello"
    assert "failed" in caplog.text


def test_the_number_of_a_closed_socket_may_come_back(
    pair: tuple[Daemon, Daemon], echo: Echo
) -> None:
    first, _ = pair
    first.combine(echo)
    with looping(first), echo.connect() as sock:
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"
        echo.connections.pop().close()  # and not a word to the daemon
        for _ in range(5):
            call(first)
        with echo.connect() as again:
            again.sendall(b"hello")
            assert again.recv(100) == b"hello"


# -- connections that the program closes


class Closer:
    """Closes the connection of whoever calls, or of others."""

    def __init__(self, daemon: Watching) -> None:
        self._owner = daemon

    @expose
    def close_mine(self) -> None:
        from pyrolike.api import current_context

        current_context.client.close()

    @expose
    def add(self, a: int, b: int) -> int:
        return a + b


def test_a_connection_that_a_method_closes_is_done_with() -> None:
    with running_daemon(daemon_class=Watching) as running:
        daemon: Any = running.daemon
        daemon.register(Closer(daemon), "calc")
        peer = peer_of(daemon)
        with peer:
            peer.send_call("close_mine")
            peer.wait_closed()
        assert daemon.has_left.acquire(timeout=PATIENCE)
        call(daemon)


def test_connections_that_the_program_closes_are_noticed(calc: Calc) -> None:
    with (
        changed_settings(POLLTIMEOUT=0.05),
        running_daemon({"calc": calc}, daemon_class=Watching) as running,
        ExitStack() as stack,
    ):
        daemon: Any = running.daemon
        for _ in range(3):
            stack.enter_context(peer_of(daemon))
        for sock in daemon.sockets[1:]:
            sock.close()
        for _ in range(3):
            call(daemon)  # new connections get the numbers of the closed ones
            assert daemon.has_left.acquire(timeout=PATIENCE)


# -- no more descriptors


def test_where_no_connection_can_be_accepted_the_loop_goes_on_and_does_not_spin(
    calc: Calc, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running_daemon({"calc": calc}) as running, ExitStack() as stack:
        peer = stack.enter_context(peer_of(running.daemon))
        late = stack.enter_context(socket.socket())
        highest = max(map(int, os.listdir("/proc/self/fd"))) if os.path.isdir("/proc") else 0
        if not highest:
            pytest.skip("the system does not tell the descriptors in use")
        fillers = [stack.enter_context(open(os.devnull)) for _ in range(highest)]
        top = max(filler.fileno() for filler in fillers) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (top, hard))
        try:
            late.connect(running.daemon.sock.getsockname())
            for seq in range(20):
                assert peer.call("add", 3, 4, seq=seq).payload == serpent(7)
            assert caplog.text.count("cannot accept a connection") < 5
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert RawPeer(late).connect()


# -- a loop within a call


class Modal:
    """Serves its daemon while a call waits, as a program with a window does."""

    def __init__(self, daemon: Daemon) -> None:
        self._owner = daemon
        self._is_answered = False

    @expose
    def ask(self) -> str:
        self._owner.requestLoop(lambda: not self._is_answered)
        return "answered"

    @expose
    def answer(self) -> None:
        self._is_answered = True

    @expose
    def add(self, a: int, b: int) -> int:
        return a + b


def test_a_method_may_run_the_loop_itself() -> None:
    with running_daemon() as running:
        daemon = running.daemon
        daemon.register(Modal(daemon), "calc")
        with peer_of(daemon) as asking, peer_of(daemon) as answering:
            asking.send(call_message("ask") + call_message("add", 3, 4, seq=2))
            call(daemon)
            assert answering.call("answer").payload == serpent(None)
            assert asking.read_message().payload == serpent("answered")
            assert asking.read_message().payload == serpent(7)


def test_what_a_client_wants_during_a_loop_within_its_call_waits_and_does_not_spin() -> None:
    class Window:
        def __init__(self) -> None:
            self.rounds = 0
            self.may_end = threading.Event()

        @expose
        def show(self) -> int:
            def is_open() -> bool:
                self.rounds += 1
                return not self.may_end.is_set()

            daemon.requestLoop(is_open)
            return self.rounds

        @expose
        def close(self) -> None:
            self.may_end.set()

        @expose
        def add(self, a: int, b: int) -> int:
            return a + b

    modal = Window()
    with changed_settings(POLLTIMEOUT=0.2), Watching() as daemon:
        daemon.register(modal, "modal")
        with (
            looping(daemon),
            raw_client(daemon.locationStr) as one,
            raw_client(daemon.locationStr) as two,
        ):
            for peer in (one, two):
                peer.connect("modal")
            one.send_call("show", object_id="modal")
            one.send_call("add", 3, 4, seq=2, object_id="modal")
            for number in range(1, 6):  # the loop within goes on, and the others are served
                assert two.call("add", 1, number, seq=number, object_id="modal").payload == serpent(
                    1 + number
                )
            assert modal.rounds < 100
            two.call("close", seq=6, object_id="modal")
            assert one.read_message().seq == 1
            assert one.read_message().payload == serpent(7)


def test_a_loop_within_a_call_ends_with_the_daemon() -> None:
    with running_daemon() as running:
        daemon = running.daemon
        daemon.register(Modal(daemon), "calc")
        with peer_of(daemon) as asking:
            asking.send_call("ask")
            call(daemon)
            assert run_bounded(daemon.close)
            assert asking.read_message().payload == serpent("answered")
        running.join()


# -- what it shows


def test_the_sockets_are_the_listener_and_the_connections(calc: Calc) -> None:
    with running_daemon({"calc": calc}) as running, peer_of(running.daemon):
        daemon = running.daemon
        listener, connection = daemon.sockets
        assert listener is daemon.sock
        assert connection.fileno() >= 0
        assert daemon.selector is daemon.selector
        assert "1 clients" in repr(daemon.transportServer)


def test_the_server_type_is_chosen_when_the_daemon_is_made() -> None:
    with Daemon() as daemon:
        config.SERVERTYPE = "thread"
        assert isinstance(daemon.transportServer, MultiplexServer)
