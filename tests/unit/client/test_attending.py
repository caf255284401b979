"""Calls without a thread, against a scripted peer: who reads for them, and who else goes on."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrolike import _background
from pyrolike.client import channel as channel_module
from pyrolike.client.attending import DESK
from pyrolike.client.channel import UnsentError
from pyrolike.client.pending import Ticket
from pyrolike.errors import ConnectionClosedError, ProtocolError, TimeoutError
from tests.support import wire
from tests.support.channels import PATIENCE, Line, WatchedChannel, line, reply
from tests.support.serving import HeldTask, settle
from tests.support.waiting import wait_until

SOON = 0.05
LATE = 3600.0


class Order(Ticket):
    """A ticket that puts itself into a queue when it is settled."""

    __slots__ = ("rest", "settled")

    def __init__(self, settled: queue.Queue[Order]) -> None:
        super().__init__()
        self.settled = settled
        self.rest: Callable[[], None] | None = None

    def settle(self) -> Callable[[], None] | None:
        self.settled.put(self)
        return self.rest

    @property
    def answer(self) -> bytes:
        assert self.fault is None
        assert self.reply is not None
        return bytes(self.reply.payload)


class Desk:
    """A line, and the tickets that were settled on it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.settled: queue.Queue[Order] = queue.Queue()

    def begin(
        self,
        word: bytes = b"word",
        timeout: float | None = None,
        rest: Callable[[], None] | None = None,
    ) -> Order:
        order = Order(self.settled)
        order.rest = rest
        self.line.channel.begin(wire.SERPENT, 0, word, None, None, timeout, order)
        return order

    def next(self) -> Order:
        return self.settled.get(timeout=PATIENCE)

    def is_attended(self) -> bool:
        return self.line.channel._attendance._is_attended


@pytest.fixture
def desk() -> Iterator[Desk]:
    with line() as opened:
        yield Desk(opened)


def test_a_reply_comes_without_anybody_waiting(desk: Desk) -> None:
    order = desk.begin()
    desk.line.peer.send(reply(desk.line.peer.read_message()))
    assert desk.next() is order
    assert order.answer == b"WORD"
    wait_until(lambda: not desk.is_attended())
    assert desk.line.channel._pending == desk.line.channel._tickets == {}


def test_many_calls_are_sent_before_the_first_reply_comes(desk: Desk) -> None:
    orders = [desk.begin(b"%d" % number) for number in range(20)]
    requests = [desk.line.peer.read_message() for _ in orders]
    for request in reversed(requests):
        desk.line.peer.send(reply(request))
    assert [desk.next().answer for _ in orders] == [b"%d" % n for n in reversed(range(20))]


def test_a_synchronous_call_that_leads_brings_the_replies_of_the_others(desk: Desk) -> None:
    call, request = desk.line.lead(b"sync")
    order = desk.begin(b"async")
    other = desk.line.peer.read_message()
    desk.line.peer.send(reply(other))
    assert desk.next() is order
    assert not call.is_over()
    desk.line.peer.send(reply(request))
    assert call.answer() == b"SYNC"


def test_the_attendant_brings_the_replies_of_synchronous_calls(desk: Desk) -> None:
    desk.begin(b"async")
    other = desk.line.peer.read_message()
    wait_until(desk.line.channel._read_lock.locked)
    call, request = desk.line.follow(b"sync")
    desk.line.peer.send(reply(request))
    assert call.answer() == b"SYNC"
    desk.line.peer.send(reply(other))
    assert desk.next().answer == b"ASYNC"


def test_the_attendant_takes_the_lead_from_a_call_that_is_done(desk: Desk) -> None:
    call, request = desk.line.lead(b"sync")
    order = desk.begin(b"async")
    other = desk.line.peer.read_message()
    wait_until(lambda: desk.line.channel._pending.get(DESK) is not None)
    desk.line.peer.send(reply(request))
    assert call.answer() == b"SYNC"
    desk.line.peer.send(reply(other))
    assert desk.next() is order


def test_a_synchronous_call_takes_the_lead_from_the_attendant(desk: Desk) -> None:
    desk.begin(b"async")
    other = desk.line.peer.read_message()
    wait_until(desk.line.channel._read_lock.locked)
    call, request = desk.line.follow(b"sync")
    desk.line.peer.send(reply(other))
    assert desk.next().answer == b"ASYNC"
    desk.line.peer.send(reply(request))
    assert call.answer() == b"SYNC"


def test_what_takes_its_time_holds_nobody_up(desk: Desk) -> None:
    held = HeldTask()
    slow = desk.begin(b"slow", rest=held)
    quick = desk.begin(b"quick")
    for _ in range(2):
        desk.line.peer.send(reply(desk.line.peer.read_message()))
    assert [desk.next(), desk.next()] == [slow, quick]
    assert held.is_running.wait(PATIENCE)
    assert not held.has_ended.is_set()
    assert desk.line.run(desk.begin, b"later").answer().settled is desk.settled
    desk.line.peer.send(reply(desk.line.peer.read_message()))
    assert desk.next().answer == b"LATER"
    held.may_end.set()
    assert held.has_ended.wait(PATIENCE)


def test_a_channel_without_tickets_has_no_thread(desk: Desk) -> None:
    before = set(threading.enumerate())
    call, request = desk.line.call()
    assert len(set(threading.enumerate()) - before) <= 1  # the test's own
    desk.line.peer.send(reply(request))
    assert call.answer() == b"WORD"
    desk.begin()
    desk.line.peer.send(reply(desk.line.peer.read_message()))
    desk.next()
    assert settle(before) == []


# -- ends


def test_a_lost_connection_ends_all_calls(desk: Desk) -> None:
    orders = [desk.begin() for _ in range(3)]
    desk.line.peer.sock.close()
    for order in orders:
        assert desk.next() is order
        assert isinstance(order.fault, ConnectionClosedError)
    wait_until(lambda: desk.line.channel.connection.is_closed)
    with pytest.raises(UnsentError):
        desk.begin()


def test_rubbish_ends_all_calls(desk: Desk) -> None:
    desk.begin()
    desk.line.peer.read_message()
    desk.line.peer.send(b"x" * 100)
    assert isinstance(desk.next().fault, ProtocolError)


def test_a_reply_that_belongs_to_no_call_ends_all(desk: Desk) -> None:
    desk.begin()
    request = desk.line.peer.read_message()
    desk.line.peer.send(wire.message(wire.RESULT, b"", seq=request.seq + 5))
    assert isinstance(desk.next().fault, ProtocolError)


def test_closing_ends_all_calls(desk: Desk) -> None:
    desk.begin()
    desk.line.channel.close()
    assert isinstance(desk.next().fault, ConnectionClosedError)
    wait_until(lambda: desk.line.channel.connection.is_closed)


def test_a_released_channel_lives_until_its_last_call_is_done(desk: Desk) -> None:
    orders = [desk.begin(b"%d" % number) for number in range(2)]
    requests = [desk.line.peer.read_message() for _ in orders]
    desk.line.channel.release()
    assert not desk.line.channel.is_usable
    with pytest.raises(UnsentError):
        desk.begin()
    for request in requests:
        desk.line.peer.send(reply(request))
    assert [desk.next().answer, desk.next().answer] == [b"0", b"1"]
    desk.line.peer.wait_closed()


def test_a_released_channel_closes_though_its_last_call_takes_its_time(desk: Desk) -> None:
    held = HeldTask()
    desk.begin(rest=held)
    desk.line.channel.release()
    desk.line.peer.send(reply(desk.line.peer.read_message()))
    assert held.is_running.wait(PATIENCE)
    desk.line.peer.wait_closed()
    held.may_end.set()


def test_releasing_ends_all_calls_where_a_synchronous_one_is_in_flight(desk: Desk) -> None:
    call, _ = desk.line.lead(b"sync")
    desk.begin()
    desk.line.channel.release()
    assert isinstance(desk.next().fault, ConnectionClosedError)
    assert isinstance(call.wait(), ConnectionClosedError)


def test_releasing_gives_a_borrowed_socket_back_at_once() -> None:
    with line(keep_open=True) as opened:
        desk = Desk(opened)
        desk.begin()
        opened.peer.read_message()
        opened.channel.release()
        assert isinstance(desk.next().fault, ConnectionClosedError)


# -- timeouts


def test_a_late_call_ends_at_its_deadline_and_the_others_go_on(desk: Desk) -> None:
    patient, hurried = desk.begin(b"patient", LATE), desk.begin(b"hurried", SOON)
    requests = [desk.line.peer.read_message() for _ in range(2)]
    assert desk.next() is hurried
    assert isinstance(hurried.fault, TimeoutError)
    assert not desk.line.channel.is_usable
    for request in reversed(requests):
        desk.line.peer.send(reply(request))
    assert desk.next() is patient
    assert patient.answer == b"PATIENT"
    desk.line.peer.wait_closed()


def test_a_channel_whose_last_call_is_late_closes(desk: Desk) -> None:
    desk.begin(timeout=SOON)
    desk.line.peer.read_message()
    assert isinstance(desk.next().fault, TimeoutError)
    desk.line.peer.wait_closed()
    wait_until(lambda: desk.line.channel.connection.is_closed)


def test_deadlines_are_looked_at_one_after_the_other(desk: Desk) -> None:
    orders = [desk.begin(timeout=SOON * number) for number in (3, 1, 2)]
    assert [desk.next(), desk.next(), desk.next()] == [orders[1], orders[2], orders[0]]


def test_what_follows_a_timeout_may_take_its_time(desk: Desk) -> None:
    held = HeldTask()
    desk.begin(timeout=SOON, rest=held)
    other = desk.begin(timeout=2 * SOON)
    assert held.is_running.wait(PATIENCE)
    assert desk.next() is not other
    assert desk.next() is other
    held.may_end.set()


def test_an_alarm_without_late_calls_changes_nothing(desk: Desk) -> None:
    desk.begin(timeout=LATE)
    attendance = desk.line.channel._attendance
    attendance.give_up_late_ones(desk.line.channel)
    assert desk.line.channel.is_usable
    assert attendance._alarm is not None
    desk.line.peer.send(reply(desk.line.peer.read_message()))
    assert desk.next().answer == b"WORD"
    attendance.give_up_late_ones(desk.line.channel)
    assert attendance._alarm is None


def test_a_call_that_cannot_be_sent_in_time_is_not_made() -> None:
    with line() as opened:
        desk = Desk(opened)
        with opened.channel._send_lock, pytest.raises(TimeoutError):
            desk.begin(timeout=SOON)
        assert opened.channel.is_usable
        assert not opened.channel._attendance.open
        huge = b"x" * (8 * 1024 * 1024)
        with pytest.raises(TimeoutError):
            desk.begin(huge, timeout=SOON)
        assert desk.settled.empty()
        assert not opened.channel._attendance.open


class Interrupt(BaseException):
    """What Ctrl-C does."""


@pytest.mark.parametrize("fault", [OSError("broken"), Interrupt()])
def test_a_fault_while_sending_is_told_to_the_sender_only(fault: BaseException) -> None:
    class Fragile(socket.socket):
        is_broken = False

        def sendall(self, data: Any, flags: int = 0) -> None:
            if self.is_broken:
                raise fault
            super().sendall(data, flags)

    with line(socket_class=Fragile) as opened:
        desk = Desk(opened)
        first = desk.begin()
        Fragile.is_broken = True
        with pytest.raises((ConnectionClosedError, Interrupt)):
            desk.begin()
        assert desk.next() is first
        assert isinstance(first.fault, ConnectionClosedError)
        assert desk.settled.empty()


def test_a_call_whose_channel_ends_while_it_is_sent_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with line() as opened:
        desk = Desk(opened)

        def post(*_: Any) -> int:
            opened.channel.close()
            raise ConnectionClosedError("while sending")

        monkeypatch.setattr(WatchedChannel, "_post", post)
        order = desk.begin()
        assert desk.next() is order
        assert desk.settled.empty()


def test_a_call_without_a_thread_to_be_had_is_an_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(_background, "run", refuse)
        with pytest.raises(RuntimeError):
            desk.begin(b"first")
    desk.begin(b"second")  # the next one finds a thread, which serves both
    for _ in range(2):
        desk.line.peer.send(reply(desk.line.peer.read_message()))
    assert {desk.next().answer, desk.next().answer} == {b"FIRST", b"SECOND"}


def test_a_forked_child_attends_to_nothing(desk: Desk) -> None:
    desk.begin()
    attendance = desk.line.channel._attendance
    desk.line.channel.after_fork()
    assert desk.line.channel._attendance is not attendance
    assert not desk.line.channel._attendance.open
    desk.line.channel._attendance = attendance
    desk.line.peer.sock.close()
    desk.next()


def test_a_call_that_was_sent_when_the_end_was_there_already_is_told_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = desk.line.channel
    post = channel._post

    def post_late(*parts: Any) -> int:
        number = post(*parts)
        ticket = channel._tickets[number]
        channel.close()
        channel._tickets[number] = ticket  # as if it had come in only now
        return number

    monkeypatch.setattr(WatchedChannel, "_post", lambda _, *parts: post_late(*parts))
    order = desk.begin()
    assert desk.next() is order
    assert isinstance(order.fault, ConnectionClosedError)
    assert channel._tickets == {}
    attendance = channel._attendance
    attendance.take(channel, order, None, ConnectionClosedError("once more"))
    assert desk.settled.empty()
    assert not attendance._arrived


def test_there_are_never_more_calls_in_flight_than_there_are_numbers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "MOST_TICKETS", 2)
    for _ in range(2):
        desk.begin()
    with pytest.raises(TimeoutError, match="too many calls are in flight"):
        desk.begin(timeout=0.01)
    third = desk.line.run(desk.begin, b"third")
    requests = [desk.line.peer.read_message() for _ in range(2)]
    assert "2 calls in flight" in repr(desk.line.channel)
    assert not third.is_over(0.01)
    desk.line.peer.send(reply(requests[0]))
    assert third.wait() is None
    desk.line.peer.send(reply(desk.line.peer.read_message()))
    desk.line.peer.send(reply(requests[1]))
    assert {desk.next().answer for _ in range(3)} == {b"WORD", b"THIRD"}
