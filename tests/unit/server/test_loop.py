"""The loop that serves many in one thread: turns, times, and what it survives."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike.objects import expose, oneway
from pyrolike.server import base as base_module, loop as loop_module
from pyrolike.server.multiplex import MultiplexServer
from pyrolike.server.onethread import LoopSettings
from pyrolike.server.patience import Overflow, PatientSession
from pyrolike.server.watching import Waker
from pyrolike.transport import SocketConnection
from tests.support import wire
from tests.support.daemon import PATIENCE
from tests.support.rawpeer import RawPeer, call_message, serpent
from tests.support.serving import Hooks, make_service, run_bounded

BIG = 20_000_000


class Calc:
    def __init__(self) -> None:
        self.in_call: Callable[[], object] = lambda: None
        self.may_end = threading.Event()
        self.noted: list[Any] = []

    @expose
    def add(self, a: int, b: int) -> int:
        return a + b

    @expose
    def act(self) -> str:
        self.in_call()
        return "done"

    @expose
    def repeat(self, text: str, count: int) -> str:
        return text * count

    @expose
    @oneway
    def note(self, word: Any) -> None:
        assert self.may_end.wait(PATIENCE)
        self.noted.append(word)


class Running:
    """A server; the test itself takes the turns of its loop, unless it starts it."""

    def __init__(self, hooks: Hooks | None = None, poll: float = 1000.0) -> None:
        self.calc = Calc()
        self.hooks = hooks or Hooks()
        self.service = make_service({"calc": self.calc}, self.hooks)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.deadline: float | None = None
        self.idle_seconds: float | None = None
        self.send_seconds: float | None = None
        self.server = MultiplexServer(
            self.listener, self.make, self.service.keep_house, LoopSettings(4, None, poll)
        )
        self.service.server = self.server
        self._address = self.listener.getsockname()
        self._threads: list[threading.Thread] = []
        self._peers: list[RawPeer] = []
        self.made: list[PatientSession] = []

    def make(self, sock: socket.socket, address: Any) -> PatientSession:
        sock.setblocking(False)
        session = PatientSession(
            self.service,
            SocketConnection(sock),
            address,
            self.deadline,
            idle_seconds=self.idle_seconds,
            send_seconds=self.send_seconds,
        )
        self.made.append(session)
        return session

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.server.loop, args=(lambda: True,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def turn(self, count: int = 1) -> None:
        """Take some turns of the loop."""
        turns = iter(range(count))
        self.server.loop(lambda: next(turns, None) is not None)

    def turn_until(self, condition: Callable[[], object]) -> None:
        """Take turns until *condition* is true."""
        end = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < end
            self.turn()

    def peer(self) -> RawPeer:
        """Return a client that has said nothing, and was accepted."""
        number = len(self.made)
        self._peers.append(RawPeer(socket.create_connection(self._address, PATIENCE)))
        self.turn_until(lambda: len(self.made) > number)
        return self._peers[-1]

    def client(self) -> RawPeer:
        """Return a client that has shaken hands."""
        peer = self.peer()
        session = self.made[-1]
        payload = serpent({"handshake": "hello", "object": "calc"})
        peer.send(wire.message(wire.CONNECT, payload))
        self.turn_until(lambda: session.is_open)
        assert peer.read_message().type == wire.CONNECTOK
        return peer

    def deaf_client(self) -> RawPeer:
        """Return a client that does not read a long reply."""
        peer = self.client()
        session = self.made[-1]
        peer.send_call("repeat", "x", BIG)
        self.turn_until(lambda: not session.outbox.is_empty)
        return peer

    def close(self) -> None:
        self.calc.may_end.set()
        for peer in self._peers:
            peer.sock.close()
        self.server.close()
        for thread in self._threads:
            thread.join(PATIENCE)


@pytest.fixture
def running() -> Iterator[Running]:
    with contextlib.closing(Running(poll=0.01)) as running:
        yield running


def is_closed(peer: RawPeer) -> bool:
    """Whether the other end has closed; nothing else may have come."""
    if not select.select([peer.sock], [], [], 0)[0]:
        return False
    peer.wait_closed()
    return True


# -- turns


def test_each_client_has_one_message_answered_in_a_turn(running: Running) -> None:
    one, two = running.client(), running.client()
    one.send(b"".join(call_message("add", seq, 1, seq=seq) for seq in range(5)))
    two.send(call_message("add", 3, 4))
    running.turn_until(lambda: select.select([two.sock], [], [], 0)[0])
    assert two.read_message().payload == serpent(7)
    assert one.read_message().seq == 0
    assert not select.select([one.sock], [], [], 0)[0]  # the other four wait for their turns
    running.turn(4)
    assert [one.read_message().seq for _ in range(4)] == [1, 2, 3, 4]


def test_what_is_wanted_of_the_loop_goes_before_the_next_message(running: Running) -> None:
    running.hooks.left.clear()
    one, two = running.client(), running.client()
    for peer in one, two:
        peer.send_call("act")
    running.calc.in_call = running.server.close
    running.turn()
    replies = [peer.sock.recv(1000) for peer in (one, two)]
    assert sorted(map(bool, replies)) == [False, True]
    assert len(running.hooks.left) == 2


def test_a_message_in_parts_is_put_together(running: Running) -> None:
    peer = running.client()
    for byte in call_message("add", 3, 4):
        peer.send(bytes([byte]))
        running.turn()
    assert peer.read_message().payload == serpent(7)


def test_a_turn_within_a_call_answers_the_others(running: Running) -> None:
    one, two = running.client(), running.client()

    def turn_within() -> None:
        running.calc.in_call = lambda: None
        running.turn(2)

    running.calc.in_call = turn_within
    one.send(call_message("act") + call_message("add", 3, 4, seq=2))
    two.send_call("act")
    running.turn(10)
    assert two.read_message().payload == serpent("done")
    assert [one.read_message().payload for _ in range(2)] == [serpent("done"), serpent(7)]


def test_a_call_that_closes_its_connection_is_not_ended_before_it_returns(
    running: Running,
) -> None:
    peer = running.client()
    session = running.made[0]
    ended: list[bool] = []

    def close() -> None:
        session.connection.close()
        running.server._loop.end_closed()
        ended.append(session.connection in running.hooks.left)

    running.calc.in_call = close
    peer.send_call("act")
    running.turn_until(lambda: running.hooks.left)
    assert ended == [False]


# -- foreign loops


def test_a_foreign_loop_may_hand_over_what_nobody_knows(running: Running) -> None:
    peer = running.client()
    peer.send_call("add", 3, 4)
    select.select(running.server.sockets, [], [], PATIENCE)
    with socket.socket() as stranger:
        closed = socket.socket()
        closed.close()
        running.server.events([object(), stranger, closed, *running.server.sockets])
    assert peer.read_message().payload == serpent(7)


def test_while_the_loop_runs_a_foreign_one_has_nothing_to_do(running: Running) -> None:
    inside = threading.Event()
    running.calc.in_call = inside.set
    peer = running.client()
    running.start()
    peer.send_call("act")
    assert inside.wait(PATIENCE)
    assert run_bounded(lambda: running.server.events(running.server.sockets))
    assert peer.read_message().payload == serpent("done")


def test_after_the_end_a_foreign_loop_has_nothing_to_do(running: Running) -> None:
    sockets = running.server.sockets
    running.server.close()
    running.server.events(sockets)


def test_a_foreign_loop_learns_that_a_reply_can_be_sent_on(running: Running) -> None:
    peer = running.deaf_client()
    server = running.server
    (listener, overflow) = server.sockets
    assert listener is server.sock
    assert not select.select([overflow], [], [], 0)[0]
    received = 0
    while received < BIG:
        received += len(peer.sock.recv(1_000_000))
        server.events(select.select(server.sockets, [], [], 0)[0])
    assert len(server.sockets) == 2
    assert isinstance(server.sockets[1], SocketConnection)


def test_a_foreign_loop_learns_that_one_way_calls_have_run(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["pyrolike.server.oneway"], "LONGEST", 2)
    peer = running.client()
    flood = b"".join(
        wire.message(wire.INVOKE, serpent(("calc", "note", (word,), {})), flags=wire.ONEWAY)
        for word in range(5)
    )
    peer.send(flood + call_message("add", 3, 4))
    server = running.server
    running.turn_until(lambda: isinstance(server.sockets[-1], Waker))
    assert running.calc.noted == []
    running.calc.may_end.set()
    while not select.select([peer.sock], [], [], 0)[0]:
        ready = select.select([*server.sockets, peer.sock], [], [], PATIENCE)[0]
        server.events(ready)
    assert peer.read_message().payload == serpent(7)
    running.turn_until(lambda: len(running.calc.noted) == 5)  # the last of them run beside it
    assert running.calc.noted == list(range(5))


# -- times


def test_a_handshake_must_come_in_time(running: Running) -> None:
    running.deadline = monotonic() + 0.05
    peer = running.peer()
    running.turn_until(lambda: is_closed(peer))


def test_who_sends_is_not_idle_and_who_does_not_is_let_go(running: Running) -> None:
    running.idle_seconds = 0.05
    peer = running.client()
    session = running.made[-1]
    before = session.deadline
    assert before is not None
    peer.send(call_message("add", 3, 4)[:-1])
    running.turn_until(lambda: session.deadline != before)
    running.turn_until(lambda: is_closed(peer))


@pytest.mark.slow
def test_a_message_that_waits_for_its_turn_is_not_late(running: Running) -> None:
    running.idle_seconds = 0.1
    one, two = running.client(), running.client()
    running.calc.in_call = lambda: threading.Event().wait(0.3)  # longer than one may be idle
    for peer in one, two:
        peer.send_call("act")
    running.turn(3)
    for peer in one, two:
        assert peer.read_message().payload == serpent("done")


def test_a_limit_that_ends_with_the_handshake_is_forgotten(running: Running) -> None:
    running.deadline = monotonic() + 1000.0
    running.client()
    assert running.made[-1].deadline is None


@pytest.mark.slow
def test_who_reads_slowly_is_not_let_go_but_who_does_not_read_is(running: Running) -> None:
    running.send_seconds = 0.8
    slow, deaf = running.deaf_client(), running.deaf_client()
    session = running.made[-2]
    before = session.deadline
    assert before is not None

    def read_a_little() -> bool:
        if select.select([slow.sock], [], [], 0)[0]:
            slow.sock.recv(200_000)
        return session.deadline != before

    running.turn_until(read_a_little)
    running.turn_until(lambda: len(running.hooks.left) > 0)
    assert running.made[-1].connection in running.hooks.left
    assert deaf.sock.fileno() >= 0


def test_without_a_limit_slow_readers_may_take_their_time(running: Running) -> None:
    peers = [running.deaf_client() for _ in range(2)]
    received = [0, 0]
    while min(received) < BIG:
        for number, peer in enumerate(peers):
            if received[number] < BIG:
                received[number] += len(peer.sock.recv(300_000))
            running.turn()
    assert not running.hooks.left


# -- where the system cannot tell


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Overflow, "is_watchable", False)
    monkeypatch.setattr(loop_module, "FLUSH_SECONDS", 0.001)


@pytest.mark.usefixtures("blind")
def test_where_the_system_cannot_tell_replies_are_sent_on_every_now_and_then() -> None:
    with contextlib.closing(Running()) as running:
        peer = running.client()
        running.start()
        reply = peer.call("repeat", "x", BIG)
        assert len(reply.payload) > BIG


@pytest.mark.usefixtures("blind")
def test_where_the_system_cannot_tell_a_foreign_loop_watches_the_rest() -> None:
    with contextlib.closing(Running(poll=0.01)) as running:
        running.deaf_client()
        assert running.server.sockets == [running.server.sock]


# -- what it survives


def test_a_client_that_goes_while_its_reply_waits_is_gone(running: Running) -> None:
    peer = running.deaf_client()
    peer.sock.close()
    running.turn_until(lambda: running.hooks.left)


def test_a_hook_that_fails_costs_its_client_only(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Any:
        raise SystemExit("of the hook")

    peer, other = running.client(), running.client()
    running.service.get_annotations = fail
    peer.send_call("add", 3, 4)
    running.turn_until(lambda: is_closed(peer))
    running.service.get_annotations = None
    assert "unexpected error" in caplog.text
    other.send_call("add", 3, 4)
    running.turn_until(lambda: select.select([other.sock], [], [], 0)[0])


def test_ctrl_c_ends_the_loop_and_only_the_client_it_was_busy_with(running: Running) -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    peer, other = running.client(), running.client()
    running.service.get_annotations = interrupt
    peer.send_call("add", 3, 4)
    turns = iter(range(10_000))
    running.server.loop(lambda: next(turns, None) is not None)
    assert next(turns, None) is not None  # it did not end by itself
    peer.wait_closed()
    running.service.get_annotations = None
    other.send_call("add", 3, 4)
    running.turn_until(lambda: select.select([other.sock], [], [], 0)[0])


@pytest.mark.parametrize(
    ("step", "words"),
    [("receive_available", "unexpected error"), ("end", "did not end well")],
)
def test_where_memory_ends_it_costs_one_client_only(
    running: Running,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    words: str,
) -> None:
    def fail(session: Any) -> Any:
        raise MemoryError

    peer = running.client()
    with monkeypatch.context() as patch:
        patch.setattr(PatientSession, step, fail)
        peer.sock.shutdown(socket.SHUT_WR)
        running.turn_until(lambda: is_closed(peer))
    assert words in caplog.text
    running.made[-1].end()
    running.client()


def test_a_connection_that_is_closed_before_it_is_watched_is_done_with(running: Running) -> None:
    original = running.make

    def make_closed(sock: socket.socket, address: Any) -> PatientSession:
        session = original(sock, address)
        session.connection.close()
        return session

    running.server._acceptor._make_session = make_closed
    peer = running.peer()
    running.turn_until(lambda: is_closed(peer))
    assert "0 clients" in repr(running.server)


def test_housekeeping_has_its_turn(running: Running) -> None:
    running.turn_until(lambda: running.hooks.houses_kept >= 2)


# -- no more descriptors


def test_when_nobody_can_be_accepted_it_is_tried_again_after_a_while(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[bool] = []

    def fail() -> bool:
        attempts.append(False)
        return False

    server = running.server
    with monkeypatch.context() as patch:
        patch.setattr(base_module.Acceptor, "accept_some", lambda self: fail())
        with socket.create_connection(running.listener.getsockname()):
            running.turn_until(lambda: attempts)
            server.events([server.sock])
            assert len(attempts) == 1  # not at once
            running.turn_until(lambda: len(attempts) > 1)
    running.client()


# -- the end


def test_clients_may_read_their_last_reply_when_the_server_closes(running: Running) -> None:
    peer = running.deaf_client()
    lengths: list[int] = []
    reader = threading.Thread(target=lambda: lengths.append(len(peer.read_message().payload)))
    reader.start()
    running.server.close()
    reader.join(PATIENCE)
    assert lengths[0] > BIG


def test_a_client_that_goes_instead_does_not_hold_up_the_end(running: Running) -> None:
    running.deaf_client().sock.close()
    assert run_bounded(running.server.close, 1.5)


def test_a_call_that_lasts_longer_than_the_grace_is_cut_off_and_the_last_thing_that_is_done(
    running: Running,
) -> None:
    inside, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        assert may_go_on.wait(PATIENCE)

    running.calc.in_call = hold
    busy, idle = running.client(), running.client()
    thread = running.start()
    busy.send_call("act")
    assert inside.wait(PATIENCE)
    running.server.close(0.05)
    for peer in idle, busy:
        peer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(running._address)
    assert not running.server.start_task(lambda: None)
    running.server.close(0.0)
    may_go_on.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_loop_that_is_entered_too_late_ends_at_once(running: Running) -> None:
    running.server.close()
    running.server.loop(lambda: True)


def test_a_connection_that_comes_too_late_is_closed(running: Running) -> None:
    running.server.is_closed = True
    ours, theirs = socket.socketpair()
    with RawPeer(theirs) as peer:
        running.server._welcome(running.make(ours, None))
        peer.wait_closed()
    running.server.is_closed = False
