"""The door: workers that wait at the listening socket; opened, kept, closed and cleared."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue
from typing import Any

import pytest

from pyrolike.server.door import Door
from pyrolike.server.pool import WorkerPool
from pyrolike.transport import limit_waiting
from tests.support.daemon import PATIENCE
from tests.support.serving import HeldTask, run_bounded
from tests.support.waiting import wait_until


class House:
    """A listening socket, a pool, and a door with keepers that say whom they have let in."""

    def __init__(self, linger: float = PATIENCE, size_max: int = 5) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        limit_waiting(self.listener, linger, 1.0)
        self.pool = WorkerPool(1, size_max, 10, nested_max=10)
        self.closed = threading.Event()
        self.guests: SimpleQueue[Any] = SimpleQueue()
        self.gathered = threading.Semaphore(0)
        self.may_come_back = threading.Semaphore(0)
        self.came_back: SimpleQueue[bool] = SimpleQueue()
        self.door = Door(self.listener, self.pool, self.closed.set)

    def keep(self) -> None:
        """Let clients in until there is no door; each stays until it may go."""
        while True:
            arrival = self.door.let_in()
            self.guests.put(arrival)
            if arrival is None:
                return
            self.may_come_back.acquire()
            arrival[0].close()
            is_back = self.door.come_back()
            self.came_back.put(is_back)
            if not is_back:
                return

    def begin(self, count: int) -> None:
        if self.door.gather(self.keep, count):
            self.gathered.release()
            self.keep()

    def open(self, count: int) -> None:
        """Open the door; come back when the keepers are counted."""
        self.door.open(partial(self.begin, count))
        if self.door.is_open:
            assert self.gathered.acquire(timeout=PATIENCE)

    def visit(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname(), PATIENCE)

    def let_go(self, count: int = 1) -> None:
        self.may_come_back.release(count)

    def close(self) -> None:
        self.let_go(100)
        self.door.clear(PATIENCE)
        self.pool.close()
        self.listener.close()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def test_keepers_let_clients_in_and_come_back(house: House) -> None:
    house.open(2)
    for _ in range(5):
        with house.visit() as visitor:
            _, address = house.guests.get(timeout=PATIENCE)
            assert address == visitor.getsockname()
            house.let_go()
            assert house.came_back.get(timeout=PATIENCE)
            assert visitor.recv(1) == b""
    assert house.door.is_open
    assert not house.closed.is_set()


def test_who_waits_at_the_door_takes_nobody_s_place(house: House) -> None:
    house.open(3)
    assert (house.door.keepers, house.pool.lent, house.pool.busy_count) == (3, 3, 0)
    with house.visit():
        assert house.guests.get(timeout=PATIENCE)
        assert (house.door.keepers, house.pool.lent, house.pool.busy_count) == (2, 2, 1)
        tasks = [HeldTask() for _ in range(4)]
        assert all(house.pool.try_submit(task) for task in tasks)  # five may run
        assert not house.pool.try_submit(HeldTask())
        for task in tasks:
            task.may_end.set()
        house.let_go()
        assert house.came_back.get(timeout=PATIENCE)


def test_the_last_one_who_leaves_with_a_client_closes_the_door(house: House) -> None:
    house.open(2)
    with house.visit(), house.visit():
        assert house.guests.get(timeout=PATIENCE)
        assert house.guests.get(timeout=PATIENCE)
        assert house.closed.wait(PATIENCE)
        assert not house.door.is_open
        with house.visit() as third:  # whom another one may accept, without waiting
            wait_until(partial(can_accept, house.listener, third))
        with pytest.raises(BlockingIOError):
            house.listener.accept()
        house.let_go(2)
        assert [house.came_back.get(timeout=PATIENCE) for _ in range(2)] == [False, False]
    assert house.pool.lent == 0


def can_accept(listener: socket.socket, expected: socket.socket) -> bool:
    try:
        sock, address = listener.accept()
    except BlockingIOError:
        return False
    sock.close()
    return bool(address == expected.getsockname())


def test_the_door_closes_when_nobody_comes() -> None:
    house = House(linger=0.02)
    try:
        house.open(3)
        assert house.closed.wait(PATIENCE)
        assert [house.guests.get(timeout=PATIENCE) for _ in range(3)] == [None] * 3
        assert (house.door.is_open, house.door.keepers, house.pool.lent) == (False, 0, 0)
        with pytest.raises(BlockingIOError):
            house.listener.accept()
    finally:
        house.close()


def test_a_keeper_whose_pool_has_something_to_do_does_not_come_back(house: House) -> None:
    house.open(2)
    with house.visit():
        assert house.guests.get(timeout=PATIENCE)
        tasks = [HeldTask() for _ in range(5)]
        for task in tasks:
            house.pool.submit(task, pytest.fail, PATIENCE)
        house.let_go()
        assert house.came_back.get(timeout=PATIENCE) is False
        for task in tasks:
            task.may_end.set()
            assert task.has_ended.wait(PATIENCE)
    assert house.door.is_open  # the other one is there


def test_without_any_worker_there_is_no_door() -> None:
    house = House(size_max=1)
    try:
        task = HeldTask()
        house.pool.submit(task)
        house.open(3)
        assert (house.door.is_open, house.door.keepers, house.pool.lent) == (False, 0, 0)
        assert not house.closed.is_set()
        with pytest.raises(BlockingIOError):
            house.listener.accept()
        task.may_end.set()
    finally:
        house.close()


def test_who_begins_behind_a_closed_door_is_no_keeper(house: House) -> None:
    house.open(2)
    house.door.close()
    assert not house.door.gather(pytest.fail, 3)


def test_a_door_before_a_closed_socket_has_no_keepers_for_long(house: House) -> None:
    house.listener.close()
    house.open(2)
    assert house.closed.wait(PATIENCE)
    assert (house.door.is_open, house.door.keepers, house.pool.lent) == (False, 0, 0)


def test_as_many_keepers_as_there_are_workers() -> None:
    house = House(size_max=2)
    try:
        task = HeldTask()
        house.pool.submit(task)
        house.open(3)
        # One who waits has lent its place, for the next one, and so on.
        assert 1 <= house.door.keepers <= 3
        task.may_end.set()
        with house.visit():
            assert house.guests.get(timeout=PATIENCE)
            house.let_go()
            assert house.came_back.get(timeout=PATIENCE)
    finally:
        house.close()


def test_nobody_comes_back_to_a_closed_door(house: House) -> None:
    house.open(2)
    with house.visit():
        assert house.guests.get(timeout=PATIENCE)
        house.door.close()
        house.let_go()
        assert house.came_back.get(timeout=PATIENCE) is False
    assert not house.closed.is_set()


def test_clearing_has_all_keepers_leave_at_once(house: House) -> None:
    house.open(3)
    assert run_bounded(lambda: house.door.clear(PATIENCE))
    assert [house.guests.get(timeout=PATIENCE) for _ in range(3)] == [None] * 3
    assert house.door.keepers == 0
    assert house.listener.fileno() != -1  # to be closed now
    with pytest.raises(ConnectionRefusedError):
        house.visit()
    house.door.clear(PATIENCE)


def test_clearing_does_not_touch_a_socket_where_nobody_waits(house: House) -> None:
    house.door.clear(PATIENCE)
    house.visit().close()


def test_clearing_does_not_wait_for_ever_for_who_never_came(house: House) -> None:
    house.door.keepers = 1
    house.door.is_open = True
    assert run_bounded(lambda: house.door.clear(0.01))
    house.door.keepers = 0


def test_an_error_of_the_system_sends_the_keeper_away(house: House) -> None:
    class Full:
        setblocking = house.listener.setblocking

        def accept(self) -> Any:
            raise OSError(errno.EMFILE, "no more descriptors")

    house.door.keepers = house.pool.lent = 1
    house.door.is_open = True
    house.door._listener = Full()  # type: ignore[assignment]
    assert house.door.let_in() is None
    house.door._listener = house.listener
    assert house.closed.is_set()
    assert house.pool.lent == 0


def test_a_forked_child_has_no_door_and_leaves_the_parent_s_alone(house: House) -> None:
    house.open(2)
    house.door.after_fork()
    assert not house.door.is_open
    house.door.clear(PATIENCE)
    assert house.listener.gettimeout() is None  # it blocks on, for the parent
    house.door.is_open, house.door.keepers = True, 2  # as in the parent
    with house.visit():
        assert house.guests.get(timeout=PATIENCE)


def test_a_door_can_be_opened_again(house: House) -> None:
    house.open(2)
    with house.visit():
        assert house.guests.get(timeout=PATIENCE)
        house.door.close()
        house.open(2)  # one is new, or two, if the other one had noticed
        house.let_go()
        assert house.came_back.get(timeout=PATIENCE)
    with house.visit():
        guest = None
        while guest is None:  # who had noticed
            guest = house.guests.get(timeout=PATIENCE)
        house.let_go()
        assert house.came_back.get(timeout=PATIENCE)
