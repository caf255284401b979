"""Where idle connections wait: one thread for all of them, which nobody can stop."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike.server import watching as watching_module
from pyrolike.server.parking import Parking
from pyrolike.server.pool import WorkerPool
from tests.support.daemon import PATIENCE
from tests.support.serving import HeldTask, run_bounded


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


class Guest:
    """A session as parking sees it: it has a whole message when a newline has come."""

    def __init__(self, deadline: float | None = None) -> None:
        ours, self.client = socket.socketpair()
        self.connection = Connection(ours)
        self.deadline = deadline
        self.received = b""
        self.is_open = True
        self.is_finished = False
        self.has_received = threading.Event()
        self.failure: BaseException | None = None

    def receive_available(self) -> bool:
        if self.failure is not None:
            raise self.failure
        try:
            data = self.connection.sock.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self.received += data
        self.has_received.set()
        self.is_finished = not data
        return self.is_finished or self.received.endswith(b"\n")

    def expire(self) -> None:
        self.is_finished = True

    def close(self) -> None:
        self.connection.sock.close()
        self.client.close()


class House:
    """A parking with a pool of one thread; what is dispatched waits to be looked at."""

    def __init__(self, tick_seconds: float = 1000.0) -> None:
        self._guests: list[Guest] = []
        self.dispatched: queue.Queue[Any] = queue.Queue()
        self.ticks = threading.Semaphore(0)
        self.tick: Callable[[], object] = self.ticks.release
        self.dispatch: Callable[[Any], object] = self.dispatched.put
        self.pool = WorkerPool(1, 1, 10)
        self.parking = Parking(self.pool, self._dispatch, self._tick, tick_seconds)

    def _dispatch(self, session: Any) -> None:
        self.dispatch(session)

    def _tick(self) -> None:
        self.tick()

    def make_guest(self, deadline: float | None = None) -> Guest:
        """Return a guest that is not parked yet."""
        self._guests.append(Guest(deadline))
        return self._guests[-1]

    def park(self, guest: Guest | None = None, deadline: float | None = None) -> Guest:
        guest = guest or self.make_guest(deadline)
        self.parking.park(guest)  # type: ignore[arg-type]  # all of a session that it looks at
        return guest

    def next_dispatched(self) -> Any:
        return self.dispatched.get(timeout=PATIENCE)

    def wait_around(self) -> None:
        """Wait until the thread has looked at everything that happened before."""
        guest = self.park()
        guest.client.send(b"\n")
        assert self.next_dispatched() is guest

    def close(self) -> None:
        self.parking.close()
        self.pool.close()
        for guest in self._guests:
            guest.close()


@pytest.fixture
def house() -> Iterator[House]:
    with contextlib.closing(House()) as house:
        yield house


# -- messages


def test_a_session_with_a_whole_message_is_dispatched(house: House) -> None:
    guest = house.park()
    guest.client.send(b"message\n")
    assert house.next_dispatched() is guest
    assert guest.received == b"message\n"


def test_what_had_arrived_before_is_found(house: House) -> None:
    guest = house.make_guest()
    guest.client.send(b"message\n")
    house.park(guest)
    assert house.next_dispatched() is guest


def test_half_a_message_is_kept_until_the_rest_comes(house: House) -> None:
    guest = house.park()
    for piece in b"mess", b"age":
        guest.client.send(piece)
        assert guest.has_received.wait(PATIENCE)
        guest.has_received.clear()
        house.wait_around()
    guest.client.send(b"\n")
    assert house.next_dispatched() is guest
    assert guest.received == b"message\n"


def test_a_dispatched_session_is_not_watched_any_more(house: House) -> None:
    guest = house.park()
    guest.client.send(b"one\n")
    assert house.next_dispatched() is guest
    guest.client.send(b"two\n")
    house.wait_around()
    assert guest.received == b"one\n"
    house.park(guest)
    assert house.next_dispatched() is guest
    assert guest.received == b"one\ntwo\n"


def test_a_session_whose_client_is_gone_is_dispatched(house: House) -> None:
    guest = house.park()
    guest.client.close()
    assert house.next_dispatched() is guest
    assert guest.is_finished


def test_silent_and_slow_sessions_hold_up_nobody(house: House) -> None:
    slow = [house.park() for _ in range(50)]
    for guest in slow[::2]:
        guest.client.send(b"x")
    house.wait_around()
    for guest in slow:
        guest.client.send(b"\n")
    found = {house.next_dispatched() for _ in slow}
    assert found == set(slow)


def test_many_threads_park_at_once_and_no_session_is_forgotten(house: House) -> None:
    start = threading.Barrier(4)
    guests = [house.make_guest() for _ in range(80)]

    def park(mine: list[Guest]) -> None:
        start.wait(PATIENCE)
        for guest in mine:
            guest.client.send(b"\n")
            house.park(guest)

    threads = [threading.Thread(target=park, args=(guests[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    found = {house.next_dispatched() for _ in guests}
    for thread in threads:
        thread.join(PATIENCE)
    assert found == set(guests)


# -- time


def test_a_session_is_dispatched_when_its_deadline_has_passed(house: House) -> None:
    guest = house.park(deadline=monotonic() - 1.0)
    assert house.next_dispatched() is guest
    assert guest.is_finished


def test_a_deadline_is_kept_while_nothing_else_happens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.01)
    guest = house.park(deadline=monotonic() + 0.05)
    assert house.next_dispatched() is guest
    assert monotonic() >= (guest.deadline or 0.0)


def test_byte_by_byte_does_not_move_a_deadline(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.01)
    guest = house.park(deadline=monotonic() + 0.1)
    while not guest.is_finished:
        guest.client.send(b"x")
        assert guest.has_received.wait(PATIENCE)
        guest.has_received.clear()
        with contextlib.suppress(queue.Empty):
            assert house.dispatched.get(timeout=0.005) is guest


def test_who_has_time_or_all_the_time_in_the_world_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.0)
    later, never = house.park(deadline=monotonic() + 1000.0), house.park()
    house.wait_around()
    house.wait_around()
    assert not later.is_finished
    assert not never.is_finished


def test_a_session_that_was_dispatched_in_time_does_not_expire(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_module, "CLOCK_SECONDS", 0.0)
    guest = house.park(deadline=monotonic() + 1000.0)
    guest.client.send(b"\n")
    assert house.next_dispatched() is guest
    guest.deadline = monotonic() - 1.0
    house.wait_around()
    assert not guest.is_finished


def test_every_few_seconds_there_is_a_tick() -> None:
    with contextlib.closing(House(tick_seconds=0.01)) as house:
        for _ in range(3):
            assert house.ticks.acquire(timeout=PATIENCE)


def test_the_first_tick_has_its_time_too(house: House) -> None:
    house.wait_around()
    house.wait_around()
    assert not house.ticks.acquire(blocking=False)


def test_tasks_that_wait_too_long_for_a_worker_are_refused(house: House) -> None:
    held, refused = HeldTask(), threading.Event()
    house.pool.submit(held)
    assert held.is_running.wait(PATIENCE)
    house.dispatch = lambda session: house.pool.submit(print, refused.set, wait=0.05)
    house.park().client.send(b"\n")
    assert refused.wait(PATIENCE)  # although there is no tick for a long time
    held.may_end.set()


# -- connections that are closed by others


def test_a_session_that_was_closed_before_it_was_parked_is_dispatched(house: House) -> None:
    guest = house.make_guest()
    guest.close()
    house.park(guest)
    assert house.next_dispatched() is guest


def test_a_session_that_is_shut_down_while_it_is_parked_is_dispatched(house: House) -> None:
    guest = house.park()
    house.wait_around()
    guest.connection.sock.shutdown(socket.SHUT_RDWR)
    assert house.next_dispatched() is guest


def test_a_session_that_is_closed_while_it_is_parked_is_found_at_the_next_tick() -> None:
    with contextlib.closing(House(tick_seconds=0.02)) as house:
        guest = house.park()
        house.wait_around()
        guest.connection.sock.close()
        assert house.next_dispatched() is guest


def test_a_descriptor_that_comes_back_belongs_to_the_new_session(house: House) -> None:
    old = house.park()
    house.wait_around()
    number = old.connection.sock.fileno()
    old.connection.sock.close()
    new = reuse(house, number)
    house.park(new)
    assert house.next_dispatched() is old
    new.client.send(b"\n")
    assert house.next_dispatched() is new


def test_a_session_whose_descriptor_has_gone_to_another_is_dispatched(house: House) -> None:
    # A program may close its client's connection at any time, parked or not. Whoever it belonged to
    # must still be told that it has ended.
    old = house.park()
    house.wait_around()
    number = old.connection.sock.fileno()
    old.connection.sock.close()
    new = reuse(house, number)
    house.park(new)
    assert house.dispatched.get(timeout=1.0) is old


def reuse(house: House, number: int) -> Guest:
    """Return a guest whose connection has this file descriptor."""
    guest = house.make_guest()
    if guest.connection.sock.fileno() != number:
        spare = guest.connection.sock
        guest.connection.sock = socket.socket(fileno=os.dup2(spare.fileno(), number))
        spare.close()
    assert guest.connection.sock.fileno() == number
    return guest


# -- what goes wrong


@pytest.mark.parametrize(
    "failure", [MemoryError("no room"), RuntimeError("a bug"), RecursionError()], ids=repr
)
def test_a_session_that_fails_does_not_take_the_others_with_it(
    house: House, failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    guest = house.park()
    guest.failure = failure
    guest.client.send(b"\n")
    other = house.park()
    other.client.send(b"\n")
    found = [house.dispatched.get(timeout=1.0)]
    if found == [guest]:
        found.append(house.dispatched.get(timeout=1.0))
    assert other in found


@pytest.mark.parametrize("what", ["tick", "dispatch"])
def test_a_callback_that_fails_does_not_end_the_thread(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    failed = threading.Event()

    def fail(*_: Any) -> None:
        setattr(house, what, good)
        failed.set()
        raise RuntimeError("a bug")

    with contextlib.closing(House(tick_seconds=0.01)) as house:
        good = getattr(house, what)
        setattr(house, what, fail)
        house.park().client.send(b"\n")
        assert failed.wait(PATIENCE)
        other = house.park()
        other.client.send(b"\n")
        found = [house.dispatched.get(timeout=1.0)]
        if other not in found:
            found.append(house.dispatched.get(timeout=1.0))
        assert other in found


# -- waking and closing


def test_waking_never_blocks_even_if_the_thread_does_not_come(house: House) -> None:
    may_go_on = threading.Event()
    house.dispatch = lambda session: may_go_on.wait(PATIENCE)
    house.park().client.send(b"\n")

    def wake_often() -> None:
        for _ in range(2000):
            house.parking.wake()

    assert run_bounded(wake_often)
    may_go_on.set()


def test_closing_ends_the_thread_and_twice_is_fine(house: House) -> None:
    thread = house.parking._thread
    house.park()
    house.parking.close()
    assert not thread.is_alive()
    house.parking.close()
    house.parking.wake()


def test_the_thread_itself_may_close(house: House) -> None:
    closed = threading.Event()

    def close(session: object) -> None:
        house.parking.close()
        closed.set()

    house.dispatch = close
    house.park().client.send(b"\n")
    assert closed.wait(PATIENCE)
    house.parking._thread.join(PATIENCE)
    assert not house.parking._thread.is_alive()


def test_closing_leaves_no_descriptors_behind() -> None:
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("descriptors cannot be counted here")
    before = len(os.listdir(folder))
    House().close()
    assert len(os.listdir(folder)) == before
