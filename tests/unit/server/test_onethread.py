"""What servers add to the loop they share: housekeeping, threads for one-way calls, their end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from pyrolike.server.existing import ExistingConnectionServer
from pyrolike.server.onethread import LoopSettings, OneThreadServer
from pyrolike.server.patience import PatientSession
from pyrolike.transport import SocketConnection
from tests.support.serving import HeldTask, make_service


@contextlib.contextmanager
def serving(
    housekeeping: Callable[[], None] = lambda: None, poll: float = 1000.0
) -> Iterator[OneThreadServer]:
    """Give a server whose client says nothing."""
    service = make_service()

    def make(sock: socket.socket) -> PatientSession:
        connection = SocketConnection(sock, keep_open=True)
        return PatientSession(service, connection, needs_handshake=False)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = ExistingConnectionServer(ours, make, housekeeping, LoopSettings(2, None, poll))
        service.server = server
        with contextlib.closing(server):
            yield server


def test_there_are_no_threads_before_the_first_task() -> None:
    before = set(threading.enumerate())
    with serving() as server:
        assert set(threading.enumerate()) == before
        task = HeldTask()
        assert server.start_task(task)
        assert task.is_running.wait()
        assert len(set(threading.enumerate()) - before) == 1
        task.may_end.set()


def test_there_are_only_so_many_threads() -> None:
    with serving() as server:
        tasks = [HeldTask() for _ in range(3)]
        assert [server.start_task(task) for task in tasks] == [True, True, False]
        for task in tasks:
            task.may_end.set()


def test_a_closed_server_starts_nothing() -> None:
    with serving() as server:
        server.close()
        assert not server.start_task(lambda: None)
        assert server.is_done


def test_housekeeping_is_due_again_when_it_has_ended() -> None:
    ends: list[float] = []

    def keep_house() -> None:
        threading.Event().wait(0.05)  # longer than from one time to the next
        ends.append(monotonic())

    with serving(keep_house, poll=0.02) as server:
        server.look_at_clock(server.next_moment - 0.01)
        assert ends == []
        server.look_at_clock(server.next_moment)
        assert server.next_moment >= ends[0] + 0.02


def test_whether_a_thread_is_in_the_loop_can_be_told() -> None:
    with serving() as server:
        told: list[bool] = []
        assert not server.is_inside
        turns = iter([True, False])

        def look() -> bool:
            told.append(server.is_inside)
            return next(turns)

        server.wakeup()
        server.loop(look)
        assert told == [True, True]


@pytest.mark.parametrize("times", [1, 2])
def test_closing_leaves_the_program_s_socket_open(times: int) -> None:
    with serving() as server:
        for _ in range(times):
            server.close()
        assert server.sock.fileno() >= 0
        assert repr(server) == "<ExistingConnectionServer 0 clients>"
