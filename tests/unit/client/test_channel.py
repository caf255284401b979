"""A channel against a scripted peer: whose reply is whose, and who is told when there is none."""

from __future__ import annotations

import contextlib
import gc
import queue
import socket
import threading
import weakref
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike._pieces import JOINABLE, Pieces
from pyrolike.client import channel as channel_module
from pyrolike.client.channel import UnsentError
from pyrolike.errors import ConnectionClosedError, MessageTooLargeError, ProtocolError
from pyrolike.protocol.reader import LARGE_BODY
from tests.support import wire
from tests.support.channels import PATIENCE, Line, WatchedChannel, exchange, line, reply
from tests.support.wire import RawMessage

HUGE = 8 * 1024 * 1024
"""More than the buffers of two connected sockets hold."""

SOON = 0.05
"""Seconds: a timeout that is meant to pass."""


@pytest.fixture
def opened() -> Iterator[Line]:
    with line() as opened:
        yield opened


class Interrupt(BaseException):
    """What Ctrl-C does, at a place that a test chooses."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(channel_module, "monotonic", clock)
    return clock


def slow_socket(clock: Clock, seconds: float, step: int = 1) -> type[socket.socket]:
    """Return a class of sockets that take *seconds* to receive up to *step* bytes."""

    class SlowSocket(socket.socket):
        def recv(self, size: int, flags: int = 0) -> bytes:
            data = super().recv(min(size, step), flags)
            clock.now += seconds
            return data

        def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
            count = super().recv_into(memoryview(buffer)[:step], nbytes, flags)
            clock.now += seconds
            return count

    return SlowSocket


class FragileSocket(socket.socket):
    """Fails when told to: a receive after it has taken bytes, a send before it sends."""

    receive_fault: BaseException | type[BaseException] | None = None
    send_fault: BaseException | None = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        if self.receive_fault is not None:
            raise self.receive_fault
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._fail_to_send()
        super().sendall(data, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        self._fail_to_send()
        return super().send(data, flags)

    def sendmsg(self, *args: Any) -> int:
        self._fail_to_send()
        return super().sendmsg(*args)

    def _fail_to_send(self) -> None:
        if self.send_fault is not None:
            raise self.send_fault


class Untouchable(socket.socket):
    """Fails when its timeout is set."""

    def settimeout(self, timeout: float | None) -> None:
        raise AssertionError(timeout)

    def setblocking(self, blocking: bool) -> None:
        raise AssertionError(blocking)


# -- what goes out


def test_a_call_is_an_invoke_message_and_its_reply_comes_back(opened: Line) -> None:
    call, request = opened.call(b"word")
    assert request == wire.RawMessage(wire.INVOKE, wire.SERPENT, 0, 1, {}, b"word", bytes(16))
    opened.peer.send(reply(request))
    assert call.answer() == b"WORD"


def test_flags_annotations_and_correlation_id_go_out_with_a_call(opened: Line) -> None:
    call = opened.run(
        lambda: exchange(
            opened.channel,
            b"word",
            flags=wire.BATCH,
            annotations={"ABCD": b"note"},
            correlation_id=b"0123456789abcdef",
        )
    )
    request = opened.peer.read_message()
    assert request.flags == wire.BATCH | wire.CORR_ID
    assert request.annotations == {"ABCD": b"note"}
    assert request.correlation_id == b"0123456789abcdef"
    opened.peer.send(reply(request, annotations={"EFGH": b"back"}))
    assert call.answer().annotations == {"EFGH": b"back"}


@pytest.mark.parametrize("size", [0, 1, JOINABLE, JOINABLE + 1, HUGE])
def test_a_payload_of_any_size_arrives_whole(opened: Line, size: int) -> None:
    call, request = opened.call(b"x" * size)
    assert len(request.payload) == size
    opened.peer.send(reply(request, b"got it"))
    assert call.answer() == b"got it"


@pytest.mark.parametrize("timeout", [None, PATIENCE])
@pytest.mark.parametrize("sizes", [(5, HUGE, 3), (JOINABLE, 1, HUGE), (0, JOINABLE, 1, JOINABLE)])
def test_a_payload_in_pieces_arrives_whole(
    opened: Line, sizes: tuple[int, ...], timeout: float | None
) -> None:
    pieces = Pieces([bytes([number]) * size for number, size in enumerate(sizes)])
    whole = bytes(pieces)
    call = opened.run(lambda: exchange(opened.channel, pieces, timeout=timeout))  # type: ignore[arg-type]
    request = opened.peer.read_message()
    assert request.payload == whole
    opened.peer.send(reply(request, b"got it"))
    assert call.answer().payload == b"got it"


def test_a_call_without_reply_only_sends(opened: Line) -> None:
    opened.post(b"oneway")
    request = opened.peer.read_message()
    assert (request.flags, request.payload, request.seq) == (wire.ONEWAY, b"oneway", 1)
    call, request = opened.call()
    assert request.seq == 2
    opened.peer.send(reply(request))
    assert call.answer() == b"WORD"


def test_a_call_that_cannot_be_written_harms_nothing(opened: Line) -> None:
    with pytest.raises(ProtocolError):
        opened.ask(annotations={"too long": b""})
    call, request = opened.call()
    assert request.seq == 1
    opened.peer.send(reply(request))
    assert call.answer() == b"WORD"


# -- sequence numbers


def test_numbers_count_up_from_the_one_last_used() -> None:
    with line(seq=41) as opened:
        for expected in (42, 43):
            call, request = opened.call()
            assert request.seq == expected == opened.channel.seq
            opened.peer.send(reply(request))
            call.answer()


def test_after_the_last_number_comes_zero() -> None:
    with line(seq=65534) as opened:
        for expected in (65535, 0, 1):
            call, request = opened.call()
            assert request.seq == expected
            opened.peer.send(reply(request))
            call.answer()


def test_a_number_is_not_used_again_while_its_call_waits() -> None:
    with line(seq=65534) as opened:
        first, last_number = opened.lead(b"first")
        second, zero = opened.follow(b"second")
        assert (last_number.seq, zero.seq) == (65535, 0)
        opened.channel.seq = 65534  # 65,536 calls later
        third, one = opened.follow(b"third")
        assert one.seq == 1
        for request in (one, zero, last_number):
            opened.peer.send(reply(request))
        answers = [first.answer(), second.answer(), third.answer()]
        assert answers == [b"FIRST", b"SECOND", b"THIRD"]


# -- how replies may be cut


@pytest.mark.parametrize("size", [0, 10, LARGE_BODY - 1, LARGE_BODY, 3 * LARGE_BODY])
@pytest.mark.parametrize("step", [1, 39, 41, 50_000, HUGE])
def test_a_reply_may_be_cut_anywhere(size: int, step: int) -> None:
    if step == 1 and size > 10:
        step = 1000  # byte for byte takes too long
    body = bytes(index % 251 for index in range(size))
    with line(socket_class=slow_socket(Clock(), 0.0, step)) as opened:
        call, request = opened.call()
        sender = opened.run(opened.peer.send, reply(request, body))
        assert call.answer() == body
        sender.answer()


def test_several_replies_in_one_segment_reach_their_owners(opened: Line) -> None:
    first, one = opened.lead(b"first")
    second, two = opened.follow(b"second")
    third, three = opened.follow(b"third")
    opened.peer.send(reply(two) + reply(one) + reply(three))
    answers = [first.answer(), second.answer(), third.answer()]
    assert answers == [b"FIRST", b"SECOND", b"THIRD"]


def test_a_reply_behind_the_leaders_own_is_found_by_the_next_leader(opened: Line) -> None:
    first, one = opened.lead(b"first")
    second, two = opened.follow(b"second")
    following = reply(two)
    opened.peer.send(reply(one) + following[:30])
    assert first.answer() == b"FIRST"
    opened.peer.send(following[30:])
    assert second.answer() == b"SECOND"


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_replies_may_come_in_any_order(opened: Line, timeout: float | None) -> None:
    first, one = opened.lead(b"first", timeout)
    second, two = opened.follow(b"second", timeout)
    third, three = opened.follow(b"third", timeout)
    opened.peer.send(reply(three))
    assert third.answer() == b"THIRD"
    opened.peer.send(reply(two))
    assert second.answer() == b"SECOND"
    assert not first.is_over()
    opened.peer.send(reply(one))
    assert first.answer() == b"FIRST"


@pytest.mark.parametrize("owner", ["leader", "follower"])
def test_a_large_reply_and_a_small_one_behind_it_reach_their_owners(
    opened: Line, owner: str
) -> None:
    leader, one = opened.lead(b"one")
    follower, two = opened.follow(b"two")
    large = b"large" * LARGE_BODY
    one_is_large = owner == "leader"
    replies = [reply(one, large if one_is_large else b"small")]
    replies.insert(0 if one_is_large else -1, reply(two, b"small" if one_is_large else large))
    sender = opened.run(opened.peer.send, b"".join(replies))
    answers = [leader.answer(), follower.answer()]
    assert answers == ([large, b"small"] if one_is_large else [b"small", large])
    sender.answer()


class LateFollower(WatchedChannel):
    """Its followers wait for a sign before they look for their replies."""

    __slots__ = ("sign",)

    def __init__(self, *args: Any, **options: Any) -> None:
        self.sign = threading.Event()
        super().__init__(*args, **options)

    def _follow(self, *args: Any) -> Any:
        self.asleep.release()
        assert self.sign.wait(PATIENCE)
        return super()._follow(*args)


class LateLeader(WatchedChannel):
    """Its callers, once told so, wait for a sign between sending and trying to lead."""

    __slots__ = ("is_late", "sign")

    def __init__(self, *args: Any, **options: Any) -> None:
        self.is_late = False
        self.sign = threading.Event()
        super().__init__(*args, **options)

    def _post(self, *args: Any) -> Any:
        posted = super()._post(*args)
        if self.is_late:
            assert self.sign.wait(PATIENCE)
        return posted


def test_a_reply_that_came_before_its_owner_looked_is_kept_for_it() -> None:
    with line(LateFollower) as opened:
        leader, one = opened.lead(b"one")
        late, two = opened.follow(b"two")
        opened.peer.send(reply(two) + reply(one))
        assert leader.answer() == b"ONE"
        opened.channel.sign.set()
        assert late.answer() == b"TWO"


def test_a_reply_that_came_before_its_owner_could_lead_is_kept_for_it() -> None:
    with line(LateLeader) as opened:
        leader, one = opened.lead(b"one")
        opened.channel.is_late = True
        late, two = opened.call(b"two")
        opened.peer.send(reply(two) + reply(one))
        assert leader.answer() == b"ONE"
        opened.channel.sign.set()
        assert late.answer() == b"TWO"


# -- the lead is handed on


def test_who_leaves_the_lead_wakes_another(opened: Line) -> None:
    calls = [opened.lead(b"0"), *(opened.follow(b"%d" % number) for number in range(1, 5))]
    for number, (call, request) in enumerate(calls):
        opened.peer.send(reply(request))
        assert call.answer() == b"%d" % number


class SlowToLeave(WatchedChannel):
    """A sleeper that is to give up waits for a sign first.

    Attributes:
        fault: Raised by the first sleeper that is woken, or None.
    """

    __slots__ = ("fault", "gives_up", "sign")

    def __init__(self, *args: Any, **options: Any) -> None:
        self.fault: BaseException | None = None
        self.gives_up = threading.Event()
        self.sign = threading.Event()
        super().__init__(*args, **options)

    def _sleep(self, *args: Any) -> None:
        try:
            super()._sleep(*args)
            fault, self.fault = self.fault, None
            if fault is not None:
                raise fault
        except BaseException:
            self.gives_up.set()
            assert self.sign.wait(PATIENCE)
            raise


@pytest.mark.slow
def test_a_sleeper_whose_time_is_over_when_the_lead_comes_hands_it_on() -> None:
    """It left the table too late to be passed over, and no one else would ever be woken."""
    with line(SlowToLeave) as opened:
        leader, one = opened.lead(b"leader")
        impatient, _ = opened.follow(b"impatient", SOON)
        patient, three = opened.follow(b"patient")
        assert opened.channel.gives_up.wait(PATIENCE)
        opened.peer.send(reply(one))
        assert leader.answer() == b"LEADER"
        opened.channel.sign.set()
        assert isinstance(impatient.wait(), errors.TimeoutError)
        opened.peer.send(reply(three))
        assert patient.is_over(1.0), "nobody leads"
        assert patient.answer() == b"PATIENT"


def test_a_sleeper_that_is_interrupted_when_the_lead_comes_hands_it_on() -> None:
    with line(SlowToLeave) as opened:
        leader, one = opened.lead(b"leader")
        interrupted, _ = opened.follow(b"interrupted")
        patient, three = opened.follow(b"patient")
        opened.channel.fault = Interrupt()
        opened.channel.sign.set()
        opened.peer.send(reply(one))
        assert leader.answer() == b"LEADER"
        assert isinstance(interrupted.wait(), Interrupt)
        opened.peer.send(reply(three))
        assert patient.is_over(1.0), "nobody leads"
        assert patient.answer() == b"PATIENT"


# -- time


def test_a_call_whose_time_is_over_ends_with_a_timeout(opened: Line) -> None:
    call, _ = opened.call(timeout=SOON)
    assert isinstance(call.wait(), errors.TimeoutError)
    opened.peer.wait_closed()
    with pytest.raises(UnsentError):
        opened.ask()


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_a_call_without_any_time_ends_at_once(opened: Line, timeout: float) -> None:
    with pytest.raises(errors.TimeoutError):
        opened.ask(timeout=timeout)


@pytest.mark.parametrize("size", [100, 2 * LARGE_BODY])
def test_a_trickle_of_bytes_does_not_make_the_time_longer(clock: Clock, size: int) -> None:
    with line(socket_class=slow_socket(clock, seconds=1.0)) as opened:
        call, request = opened.call(timeout=50.5)
        opened.run(opened.peer.send, reply(request, b"x" * size))
        assert isinstance(call.wait(), errors.TimeoutError)
        assert clock.now == pytest.approx(1051.0)


def test_a_large_reply_that_comes_too_slowly_is_given_up_in_its_middle(clock: Clock) -> None:
    with line(socket_class=slow_socket(clock, seconds=1.0, step=1000)) as opened:
        call, request = opened.call(timeout=50.5)
        opened.run(opened.peer.send, reply(request, b"x" * HUGE))
        assert isinstance(call.wait(), errors.TimeoutError)


def test_who_gives_up_in_the_middle_of_a_reply_leaves_it_to_the_next(clock: Clock) -> None:
    """Half of a large reply has come; the rest is for whoever leads then."""
    with line(socket_class=slow_socket(clock, seconds=1.0, step=LARGE_BODY)) as opened:
        impatient, one = opened.lead(b"impatient", timeout=2.5)
        patient, two = opened.follow(b"patient")
        large = b"large" * LARGE_BODY
        sender = opened.run(opened.peer.send, reply(two, large) + reply(one))
        assert isinstance(impatient.wait(), errors.TimeoutError)
        assert patient.answer() == large
        sender.wait()  # what was given up may not be read any more


def test_a_late_reply_is_dropped_and_the_last_to_leave_closes(opened: Line) -> None:
    patient, one = opened.lead(b"patient")
    impatient, two = opened.follow(b"impatient", SOON)
    assert isinstance(impatient.wait(), errors.TimeoutError)
    with pytest.raises(UnsentError):
        opened.ask()
    opened.peer.send(reply(two, b"late") + reply(one))
    assert patient.answer() == b"PATIENT"
    opened.peer.wait_closed()


class SlowToGo(WatchedChannel):
    """Gives a call up, and lets the test do something before its thread is told so."""

    __slots__ = ("in_between",)

    def _leave(self, seq: int | None) -> None:
        super()._leave(seq)
        in_between, self.in_between = getattr(self, "in_between", None), None
        if in_between is not None:
            in_between()


def test_a_late_reply_may_come_just_when_its_call_is_given_up() -> None:
    def answer_both() -> None:
        opened.peer.send(reply(given_up.get(timeout=PATIENCE)) + reply(request))
        leader.wait()  # now the late one is dropped

    given_up: queue.Queue[RawMessage] = queue.Queue()
    with line(SlowToGo) as opened:
        leader, request = opened.lead(b"patient")
        assert isinstance(opened.channel, SlowToGo)
        opened.channel.in_between = answer_both
        follower, late = opened.follow(b"impatient", SOON)
        given_up.put(late)
        assert leader.answer() == b"PATIENT"
        assert isinstance(follower.wait(), errors.TimeoutError)
        assert not opened.channel._pending


def test_a_leader_whose_time_is_over_leaves_the_others_waiting(opened: Line) -> None:
    impatient, one = opened.lead(b"impatient", SOON)
    patient, two = opened.follow(b"patient")
    assert isinstance(impatient.wait(), errors.TimeoutError)
    opened.peer.send(reply(one, b"late") + reply(two))
    assert patient.answer() == b"PATIENT"
    opened.peer.wait_closed()


def test_the_reply_to_a_call_given_up_need_not_come(opened: Line) -> None:
    impatient, _ = opened.lead(b"impatient", SOON)
    patient, two = opened.follow(b"patient")
    assert isinstance(impatient.wait(), errors.TimeoutError)
    opened.peer.send(reply(two))
    assert patient.answer() == b"PATIENT"
    opened.peer.wait_closed()


@pytest.mark.parametrize("usual", [None, SOON, PATIENCE])
def test_a_large_request_that_nobody_takes_ends_with_the_time_of_the_call(
    opened: Line, usual: float | None
) -> None:
    """The socket's timeout is not looked at: it begins anew with each attempt to send."""
    opened.channel.connection.settimeout(usual)
    with pytest.raises(errors.TimeoutError, match="sending"):
        opened.ask(b"x" * HUGE, timeout=2 * SOON)
    with pytest.raises(UnsentError):
        opened.ask()


def test_small_requests_that_nobody_takes_end_with_the_time_of_the_call(opened: Line) -> None:
    def fill() -> None:
        for _ in range(HUGE // JOINABLE):
            opened.channel.post(wire.SERPENT, wire.ONEWAY, b"x" * JOINABLE, None, None, SOON)

    with pytest.raises(errors.TimeoutError, match="sending"):
        fill()
    with pytest.raises(UnsentError):
        opened.ask()


def test_a_large_request_without_any_time_ends_at_once(opened: Line) -> None:
    with pytest.raises(errors.TimeoutError, match="sending"):
        opened.ask(b"x" * HUGE, timeout=-1.0)


@pytest.mark.slow
def test_a_large_request_may_take_longer_than_the_timeout_of_the_socket(opened: Line) -> None:
    opened.channel.connection.settimeout(SOON)
    call = opened.run(opened.ask, b"x" * HUGE, PATIENCE)
    in_time = call.is_over(3 * SOON)
    request = opened.peer.read_message()
    opened.peer.send(reply(request, b"done"))
    assert call.answer() == b"done"
    assert not in_time
    assert opened.channel.connection.gettimeout() == SOON


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_the_mode_of_the_socket_is_never_touched(timeout: float | None) -> None:
    """It is one for all threads: one that is just receiving or sending would fail."""
    with line(socket_class=Untouchable) as opened:
        for size in (1, HUGE):
            call, request = opened.call(b"x" * size, timeout)
            opened.peer.send(reply(request, b"y" * size))
            assert call.answer() == b"y" * size


def test_the_program_may_make_its_connected_socket_non_blocking(opened: Line) -> None:
    opened.channel.connection.settimeout(0)
    call, request = opened.lead()
    opened.peer.send(reply(request)[:20])
    assert not call.is_over(SOON), call.error
    opened.peer.send(reply(request)[20:])
    assert call.answer() == b"WORD"


@pytest.mark.slow
def test_a_call_that_waits_for_another_to_be_sent_keeps_its_time(opened: Line) -> None:
    sending = opened.run(opened.ask, b"x" * HUGE)
    head = opened.peer.receive(wire.HEADER_SIZE)
    waiting = opened.run(opened.ask, b"word", SOON)
    in_time = waiting.is_over(1.0)
    opened.peer.receive(HUGE)
    if not in_time:
        opened.peer.read_message()
    opened.peer.send(wire.message(wire.RESULT, b"done", seq=int.from_bytes(head[10:12], "big")))
    assert sending.answer() == b"done"
    assert in_time
    assert isinstance(waiting.wait(), errors.TimeoutError)


@pytest.mark.slow
def test_the_timeout_of_the_socket_does_not_limit_a_call_that_may_take_for_ever(
    opened: Line,
) -> None:
    """The program may have set it, while this thread was reading."""
    call, request = opened.lead(timeout=None)
    opened.channel.connection.settimeout(SOON)
    opened.peer.send(reply(request)[:20])
    assert not call.is_over(0.3), call.error
    opened.peer.send(reply(request)[20:])
    assert call.answer() == b"WORD"


@pytest.mark.parametrize("timeout", [3e6, 1e12, float("inf")])
def test_a_very_long_time_is_as_good_as_any(opened: Line, timeout: float) -> None:
    leader, one = opened.lead(b"leader", timeout)
    follower, two = opened.follow(b"follower", timeout)
    opened.peer.send(reply(two) + reply(one))
    assert [leader.answer(), follower.answer()] == [b"LEADER", b"FOLLOWER"]


@pytest.mark.slow
def test_the_time_left_of_one_call_does_not_limit_a_later_one_without_reply(clock: Clock) -> None:
    with line(socket_class=slow_socket(clock, seconds=99.9, step=100)) as opened:
        call, request = opened.call(timeout=100)
        opened.peer.send(reply(request, b"x" * 100))  # two receives: 0.1 seconds are left
        call.answer()
        post = opened.run(opened.post, b"y" * HUGE)
        assert not post.is_over(0.4), post.error
        assert len(opened.peer.read_message().payload) == HUGE
        post.answer()


@pytest.mark.slow
def test_the_time_left_of_one_call_does_not_limit_a_later_one_that_may_take_for_ever(
    clock: Clock,
) -> None:
    with line(socket_class=slow_socket(clock, seconds=99.9, step=100)) as opened:
        call, request = opened.call(timeout=100)
        opened.peer.send(reply(request, b"x" * 100))
        call.answer()
        call, request = opened.call(timeout=None)
        assert not call.is_over(0.4), call.error
        opened.peer.send(reply(request))
        assert call.answer() == b"WORD"


def test_the_time_left_of_a_reader_does_not_limit_a_sender(clock: Clock) -> None:
    with line(socket_class=slow_socket(clock, seconds=99.99, step=20)) as opened:
        leader, one = opened.lead(b"leader", timeout=100)
        patient, two = opened.follow(b"patient")
        sender = opened.run(opened.post, b"y" * HUGE)
        head = opened.peer.receive(wire.HEADER_SIZE)
        opened.peer.send(reply(one)[:20])
        assert isinstance(leader.wait(), errors.TimeoutError)
        assert opened.peer.receive(HUGE) == b"y" * HUGE
        sender.answer()
        assert head[:4] == b"PYRO"
        opened.peer.send(reply(one)[20:] + reply(two))
        assert patient.answer() == b"PATIENT"


# -- the end of a channel


def others_fail_alike(opened: Line, leader: Any, followers: list[Any]) -> BaseException:
    """Check that all calls have failed for one reason; return the leader's error."""
    error = leader.wait()
    assert error is not None
    causes = {id(call.wait().__cause__) for call in followers}
    assert causes == {id(opened.channel.failure)}
    for call in followers:
        assert str(error) in str(call.error) or repr(error) in str(call.error)
    assert opened.sock.fileno() == -1
    with pytest.raises(UnsentError):
        opened.ask()
    return error


def leader_and_followers(
    opened: Line, timeout: float | None = None
) -> tuple[Any, list[Any], list[wire.RawMessage]]:
    leader, one = opened.lead(b"leader", timeout)
    made = [opened.follow(b"follower %d" % number, timeout) for number in range(3)]
    return leader, [call for call, _ in made], [one, *(request for _, request in made)]


@pytest.mark.parametrize("part", [0, 20, 40, 43])
def test_when_the_peer_goes_away_every_call_is_told(opened: Line, part: int) -> None:
    leader, followers, requests = leader_and_followers(opened)
    opened.peer.send(reply(requests[0])[:part])
    opened.peer.sock.close()
    error = others_fail_alike(opened, leader, followers)
    assert type(error) is ConnectionClosedError
    assert {type(call.error) for call in followers} == {ConnectionClosedError}


def test_when_the_peer_goes_away_in_the_middle_of_a_large_reply_every_call_is_told(
    opened: Line,
) -> None:
    leader, followers, requests = leader_and_followers(opened)
    opened.peer.send(reply(requests[0], b"x" * (2 * LARGE_BODY))[:-1])
    opened.peer.sock.close()
    assert type(others_fail_alike(opened, leader, followers)) is ConnectionClosedError


def reset(opened: Line) -> None:
    """Let the connection end as TCP's does that is reset: closed with bytes nobody has read."""
    opened.post(b"unread")
    opened.peer.sock.close()


def test_when_the_connection_is_reset_every_call_is_told(opened: Line) -> None:
    leader, followers, _ = leader_and_followers(opened)
    reset(opened)
    error = others_fail_alike(opened, leader, followers)
    assert type(error) is ConnectionClosedError
    assert isinstance(error.__cause__, OSError)


def test_when_the_connection_is_reset_in_the_middle_of_a_large_reply_every_call_is_told(
    opened: Line,
) -> None:
    leader, followers, requests = leader_and_followers(opened)
    opened.peer.send(reply(requests[0], b"x" * (2 * LARGE_BODY))[:-1])
    reset(opened)
    assert type(others_fail_alike(opened, leader, followers)) is ConnectionClosedError


BAD_REPLIES = {
    "a number of no call": lambda one: wire.message(wire.RESULT, b"", seq=one.seq + 100),
    "a reply twice": lambda one: (
        wire.message(wire.RESULT, b"", seq=one.seq + 1) * 2
        + wire.message(wire.RESULT, b"", seq=one.seq + 1)
    ),
    "another type": lambda one: wire.message(wire.CONNECTOK, b"", seq=one.seq),
    "a request": lambda one: wire.message(wire.INVOKE, b"", seq=one.seq),
    "rubbish": lambda one: b"HTTP/1.1 400 Bad Request\r\n" + bytes(40),
    "another protocol version": lambda one: wire.header(
        wire.RESULT, data_size=0, seq=one.seq, version=48
    ),
    "annotations cut short": lambda one: (
        wire.header(wire.RESULT, data_size=0, annotations_size=9, seq=one.seq)
        + b"ABCD\x00\x00\x00\x09x"
    ),
}


@pytest.mark.parametrize("kind", BAD_REPLIES)
def test_what_is_no_reply_ends_every_call(opened: Line, kind: str) -> None:
    leader, one = opened.lead(b"leader")
    followers = [opened.follow(b"follower %d" % number)[0] for number in range(3)]
    opened.peer.send(BAD_REPLIES[kind](one))
    if kind == "a reply twice":
        followers.pop(0).wait()  # had its reply, or is told: both are right
    error = others_fail_alike(opened, leader, followers)
    assert isinstance(error, ProtocolError)
    assert {type(call.error) for call in followers} == {ProtocolError}


def test_a_second_reply_to_a_call_that_has_not_looked_yet_is_an_error() -> None:
    with line(LateFollower) as opened:
        leader, _ = opened.lead(b"one")
        late, two = opened.follow(b"two")
        opened.peer.send(reply(two) + reply(two, b"again"))
        assert isinstance(leader.wait(), ProtocolError)
        opened.channel.sign.set()
        assert late.answer() == b"TWO"


def test_a_reply_that_is_too_large_is_refused_by_its_header(opened: Line) -> None:
    opened.channel.set_max_message_size(1000)
    call, request = opened.call()
    opened.peer.send(wire.header(wire.RESULT, data_size=1001, seq=request.seq))
    error = call.wait()
    assert isinstance(error, MessageTooLargeError)
    assert (error.announced, error.limit) == (1001, 1000)


def test_a_reply_of_the_largest_size_is_accepted(opened: Line) -> None:
    opened.channel.set_max_message_size(1000)
    call, request = opened.call()
    opened.peer.send(reply(request, b"x" * 1000))
    assert len(call.answer()) == 1000


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_closing_ends_the_reader_and_the_sleepers(opened: Line, timeout: float | None) -> None:
    leader, followers, _ = leader_and_followers(opened, timeout)
    opened.channel.close()
    opened.channel.close()
    for call in (leader, *followers):
        assert type(call.wait()) is ConnectionClosedError
        assert call.error.__cause__ is opened.channel.failure
        assert "released" in str(call.error)


@pytest.mark.parametrize("timeout", [None, PATIENCE])
@pytest.mark.parametrize("keep_open", [False, True])
def test_closing_ends_a_call_that_is_about_to_read(timeout: float | None, keep_open: bool) -> None:
    with line(LateLeader, keep_open=keep_open) as opened:
        opened.channel.is_late = True
        call, _ = opened.call(timeout=timeout)
        opened.channel.close()
        opened.channel.sign.set()
        assert call.is_over(1.0), "it waits on a socket that is not closed"
        assert type(call.wait()) is ConnectionClosedError
        assert "released" in str(call.error)


def test_closing_ends_a_call_that_is_being_sent(opened: Line) -> None:
    call = opened.run(opened.ask, b"x" * HUGE)
    opened.peer.receive(wire.HEADER_SIZE)
    opened.channel.close()
    assert type(call.wait()) is ConnectionClosedError


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_closed_channel_takes_no_call_and_says_that_none_was_sent(
    opened: Line, timeout: float | None
) -> None:
    opened.channel.close()
    with pytest.raises(UnsentError):
        opened.ask(timeout=timeout)
    with pytest.raises(UnsentError):
        opened.post()


def test_a_closed_channel_does_not_close_a_borrowed_socket() -> None:
    with line(keep_open=True) as opened:
        opened.channel.close()
        with pytest.raises(UnsentError):
            opened.ask()
        opened.sock.sendall(b"still open")
        assert opened.peer.receive(10) == b"still open"


def test_retiring_an_idle_channel_closes_it(opened: Line) -> None:
    call, request = opened.call()
    opened.peer.send(reply(request))
    call.answer()
    opened.channel.retire()
    opened.peer.wait_closed()


def test_a_retired_channel_ends_with_the_call_in_flight(opened: Line) -> None:
    call, request = opened.lead()
    opened.channel.retire()
    with pytest.raises(UnsentError):
        opened.ask()
    opened.peer.send(reply(request))
    assert call.answer() == b"WORD"
    opened.peer.wait_closed()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_retired_channel_ends_with_the_last_call_in_flight(
    opened: Line, order: tuple[int, ...]
) -> None:
    calls = [opened.lead(b"0"), opened.follow(b"1"), opened.follow(b"2")]
    opened.channel.retire()
    for number in order:
        call, request = calls[number]
        opened.peer.send(reply(request))
        assert call.answer() == b"%d" % number
    opened.peer.wait_closed()


def test_a_retired_channel_ends_with_a_call_that_finds_its_reply_waiting() -> None:
    with line(LateFollower) as opened:
        leader, one = opened.lead(b"one")
        late, two = opened.follow(b"two")
        opened.channel.retire()
        opened.peer.send(reply(two) + reply(one))
        assert leader.answer() == b"ONE"
        opened.channel.sign.set()
        assert late.answer() == b"TWO"
        opened.peer.wait_closed()


def test_retiring_lets_a_call_without_reply_be_sent_to_its_end(opened: Line) -> None:
    post = opened.run(opened.post, b"x" * HUGE)
    head = opened.peer.receive(wire.HEADER_SIZE)
    assert int.from_bytes(head[12:16], "big") == HUGE
    opened.channel.retire()
    assert opened.peer.receive(HUGE) == b"x" * HUGE
    post.answer()
    opened.peer.wait_closed()


class Retiring(dict[str, bytes]):
    """Annotations that retire the channel while they are being written."""

    def __init__(self, channel: Any, *args: Any) -> None:
        super().__init__(*args)
        self._channel = channel

    def items(self) -> Any:
        self._channel.retire()
        return super().items()


@pytest.mark.parametrize("annotations", [{"ABCD": b"x"}, {"too long": b"x"}])
@pytest.mark.parametrize("has_reply", [False, True])
def test_a_channel_that_is_retired_while_a_call_is_prepared_ends_with_it(
    opened: Line, annotations: dict[str, bytes], has_reply: bool
) -> None:
    """The call is not sent after all; nobody else would close the channel."""
    send = opened.channel.exchange if has_reply else opened.channel.post
    limit = (None,) if has_reply else ()
    retiring = Retiring(opened.channel, annotations)
    with pytest.raises((UnsentError, ProtocolError)):
        send(wire.SERPENT, 0, b"word", retiring, None, *limit)
    opened.peer.wait_closed()


# -- interrupts, and errors of the socket


class Door:
    """A lock; whoever has just got it may be interrupted before he can do anything.

    That is where Python looks for signals: after a call, and at the start of a function. A ``with``
    statement is left out, because there it does not look.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.fault: BaseException | None = None
        self.release = self._lock.release
        self.locked = self._lock.locked

    def acquire(self, *args: Any, **options: Any) -> bool:
        got_it = self._lock.acquire(*args, **options)
        fault = self.fault
        if got_it and fault is not None:
            self.fault = None
            raise fault
        return got_it

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *args: object) -> None:
        self._lock.__exit__(*args)


def test_an_interrupt_just_when_the_lead_was_taken_leaves_nobody_waiting(opened: Line) -> None:
    opened.channel._read_lock = door = Door()
    leader, one = opened.lead(b"leader")
    interrupted, _ = opened.follow(b"interrupted")
    patient, three = opened.follow(b"patient")
    door.fault = Interrupt()
    opened.peer.send(reply(one))
    leader.wait()
    assert isinstance(interrupted.wait(), Interrupt)
    with contextlib.suppress(OSError):  # all calls may have been ended
        opened.peer.send(reply(three))
    assert patient.is_over(1.0), "nobody leads, and nobody can"


def test_an_interrupt_just_when_sending_was_allowed_leaves_nobody_waiting(opened: Line) -> None:
    def serve() -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                opened.peer.send(reply(opened.peer.read_message()))

    opened.channel._send_lock = door = Door()
    door.fault = Interrupt()
    opened.run(serve)
    opened.run(opened.ask, b"interrupted").wait()
    following = opened.run(opened.ask, b"next")
    assert following.is_over(1.0), "nobody can ever send again"


def test_an_interrupted_leader_ends_every_call() -> None:
    with line(socket_class=FragileSocket) as opened:
        leader, followers, _ = leader_and_followers(opened)
        opened.sock.receive_fault = Interrupt("Ctrl-C")
        opened.peer.send(b"P")
        error = others_fail_alike(opened, leader, followers)
        assert isinstance(error, Interrupt)
        assert {type(call.error) for call in followers} == {ConnectionClosedError}


@pytest.mark.parametrize("size", [JOINABLE, HUGE])
def test_an_interrupted_leader_ends_a_call_that_is_being_sent(size: int) -> None:
    with line(socket_class=FragileSocket) as opened:
        leader, _ = opened.lead(b"leader")
        senders = [opened.run(opened.ask, b"x" * size) for _ in range(HUGE // size + 2)]
        opened.peer.receive(wire.HEADER_SIZE)
        opened.sock.receive_fault = Interrupt()
        opened.peer.send(b"P")
        assert isinstance(leader.wait(), Interrupt)
        for sender in senders:
            assert isinstance(sender.wait(), ConnectionClosedError), sender.error


def test_an_interrupted_sleeper_leaves_the_others_alone() -> None:
    with line(SlowToLeave) as opened:
        opened.channel.sign.set()
        leader, one = opened.lead(b"leader")
        sleeper, two = opened.follow(b"sleeper")
        opened.channel.fault = Interrupt()
        opened.peer.send(reply(two))
        assert isinstance(sleeper.wait(), Interrupt)
        with pytest.raises(UnsentError):
            opened.ask()
        opened.peer.send(reply(one))
        assert leader.answer() == b"LEADER"
        opened.peer.wait_closed()


class LeftAtTheDoor(WatchedChannel):
    """A leader is interrupted after it has got its reply."""

    __slots__ = ()

    def _lead(self, *args: Any) -> Any:
        super()._lead(*args)
        raise Interrupt


def test_a_call_that_is_interrupted_with_its_reply_in_hand_leaves_nothing_behind() -> None:
    with line(LeftAtTheDoor) as opened:
        call, request = opened.call()
        opened.peer.send(reply(request))
        assert isinstance(call.wait(), Interrupt)
        opened.peer.wait_closed()
        assert "0 calls in flight" in repr(opened.channel)


SEND_FAULTS = {
    "interrupt": (Interrupt("Ctrl-C"), Interrupt),
    "reset": (ConnectionResetError(104, "reset"), ConnectionClosedError),
}


@pytest.mark.parametrize("timeout", [None, PATIENCE])
@pytest.mark.parametrize("size", [1, HUGE])
@pytest.mark.parametrize("kind", SEND_FAULTS)
def test_a_sender_that_fails_ends_every_call(kind: str, size: int, timeout: float | None) -> None:
    fault, expected = SEND_FAULTS[kind]
    with line(socket_class=FragileSocket) as opened:
        leader, followers, _ = leader_and_followers(opened)
        opened.sock.send_fault = fault
        sender = opened.run(opened.ask, b"x" * size, timeout)
        assert type(sender.wait()) is expected
        for call in (leader, *followers):
            assert type(call.wait()) is ConnectionClosedError
            assert call.error.__cause__ is opened.channel.failure


@pytest.mark.parametrize("size", [1, HUGE])
def test_an_interrupted_sender_without_reply_ends_every_call(size: int) -> None:
    with line(socket_class=FragileSocket) as opened:
        leader, _ = opened.lead()
        opened.sock.send_fault = Interrupt("Ctrl-C")
        with pytest.raises(Interrupt):
            opened.post(b"x" * size)
        assert type(leader.wait()) is ConnectionClosedError


@pytest.mark.parametrize("size", [1, HUGE])
def test_a_call_to_a_peer_that_has_gone_is_told_so(opened: Line, size: int) -> None:
    opened.peer.sock.close()
    with pytest.raises(ConnectionClosedError, match="sending"):
        opened.ask(b"x" * size)
    with pytest.raises(UnsentError):
        opened.ask()


def interrupt(opened: Line) -> None:
    opened.sock.receive_fault = Interrupt
    opened.peer.send(b"P")


ENDS = {
    "interrupt": interrupt,
    "reset": reset,
    "end": lambda opened: opened.peer.sock.close(),
    "rubbish": lambda opened: opened.peer.send(b"rubbish" * 10),
    "close": lambda opened: opened.channel.close(),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_channel_that_failed_needs_no_garbage_collector(end: str) -> None:
    """An error that is kept with its traceback would keep the channel and all its callers."""

    def fail() -> weakref.ref[Any]:
        with line(socket_class=FragileSocket) as opened:
            leader, _ = opened.lead(b"leader")
            follower, _ = opened.follow(b"follower")
            ENDS[end](opened)
            leader.wait()
            follower.wait()
            leader.error = follower.error = None
            opened.calls.clear()
            return weakref.ref(opened.channel.connection)

    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


# -- what a person sees


def test_a_channel_says_what_state_it_is_in(opened: Line) -> None:
    leader, request = opened.lead()
    assert "<Channel open, 1 calls in flight" in repr(opened.channel).replace("Watched", "")
    opened.channel.retire()
    assert "<Channel retired, 1 calls" in repr(opened.channel)
    opened.peer.send(reply(request))
    leader.answer()
    opened.channel.close()
    assert "<Channel closed, 0 calls" in repr(opened.channel)


# -- what becomes of the time of a call that was not sent


@pytest.mark.parametrize("timeout", [None, 7.5])
def test_a_call_that_was_not_sent_tells_until_when_it_had_to_be_done(
    opened: Line, timeout: float | None
) -> None:
    opened.channel.close()
    before = monotonic()
    with pytest.raises(UnsentError) as caught:
        opened.ask(timeout=timeout)
    if timeout is None:
        assert caught.value.deadline is None
    else:
        assert caught.value.deadline is not None
        assert before + timeout <= caught.value.deadline <= monotonic() + timeout
    with pytest.raises(UnsentError) as caught:
        opened.post()
    assert caught.value.deadline is None


# -- sockets that others closed


class ClosedBehind(socket.socket):
    """Is closed by somebody else when a call was sent."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        super().sendall(data, flags)
        self.close()

    def send(self, data: Any, flags: int = 0) -> int:
        count = super().send(data, flags)
        self.close()
        return count


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_socket_that_somebody_else_closed_is_a_lost_connection(timeout: float | None) -> None:
    with line(socket_class=ClosedBehind) as opened, pytest.raises(ConnectionClosedError):
        opened.ask(timeout=timeout)


class Impatient(socket.socket):
    """Its own time is over once in the middle of a large reply."""

    fault: BaseException | None = None

    def recv_into(self, *args: Any) -> int:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        return super().recv_into(*args)


def test_the_timeout_of_the_socket_does_not_end_a_large_reply() -> None:
    with line(socket_class=Impatient) as opened:
        opened.sock.fault = TimeoutError("timed out")
        call, request = opened.call()
        opened.peer.send(reply(request, b"x" * HUGE))
        assert call.answer() == b"x" * HUGE
        assert opened.sock.fault is None
