"""What server types have in common: accepting, and taking note of sessions."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.server.base import (
    ACCEPT_PAUSE,
    BRIEF_PAUSE,
    SHORTEST_POLL,
    Acceptor,
    get_tick_seconds,
    is_loopback,
)

WAITING = 3


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening socket with three connections in its backlog."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(WAITING)]
        yield listener
        for client in clients:
            client.close()


def nobody_leaves() -> bool:
    raise AssertionError("there is room")


def take(sock: socket.socket, address: Any) -> Any:
    sock.close()
    return address


@pytest.mark.parametrize(
    ("poll", "idle", "expected"),
    [(2.0, None, 2.0), (60.0, None, 5.0), (60.0, 20.0, 20.0), (0.0, None, SHORTEST_POLL)],
)
def test_housekeeping_is_due_every_few_seconds(
    poll: float, idle: float | None, expected: float
) -> None:
    assert get_tick_seconds(poll, idle) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("fe80::1%eth0", False),
        ("::ffff:192.0.2.7", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_only_what_never_leaves_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_all_that_wait_are_accepted(listener: socket.socket) -> None:
    welcomed: list[Any] = []
    acceptor = Acceptor(listener, take, welcomed.append, nobody_leaves)
    assert acceptor.accept_some()
    assert len(welcomed) == WAITING
    assert acceptor.accept_some()
    assert len(welcomed) == WAITING


def test_only_so_many_are_accepted_in_one_go(
    listener: socket.socket,
) -> None:
    welcomed: list[Any] = []
    acceptor = Acceptor(listener, take, welcomed.append, nobody_leaves)
    assert acceptor.accept_some(most=2)
    assert len(welcomed) == 2
    assert acceptor.accept_some()
    assert len(welcomed) == WAITING


def test_one_that_fails_at_once_does_not_keep_the_others_out(
    listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[Any] = []

    def fail_first(sock: socket.socket, address: Any) -> Any:
        attempts.append(address)
        if len(attempts) == 1:
            raise ValueError("not this one")
        return take(sock, address)

    welcomed: list[Any] = []
    with caplog.at_level(logging.DEBUG, "pyrolike.server"):
        assert Acceptor(listener, fail_first, welcomed.append, nobody_leaves).accept_some()
    assert len(welcomed) == WAITING - 1
    assert "not this one" in caplog.text


class Failing:
    """A listening socket that fails."""

    def __init__(self, fault: OSError, number: int) -> None:
        self._fault = fault
        self._number = number

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def accept(self) -> Any:
        raise self._fault

    def fileno(self) -> int:
        return self._number


@pytest.mark.parametrize(
    ("fault", "number", "expected"),
    [
        (ConnectionAbortedError(), 5, True),
        (OSError(errno.EMFILE, "no more descriptors"), 5, False),
        (OSError(errno.EBADF, "it was closed"), -1, True),
    ],
)
def test_what_keeps_it_from_accepting_more(fault: OSError, number: int, expected: bool) -> None:
    listener: Any = Failing(fault, number)
    asked: list[bool] = []

    def make_room() -> bool:
        asked.append(not asked)
        return asked[-1]

    acceptor = Acceptor(listener, take, lambda session: None, make_room)
    pauses = []
    for _ in range(2):
        assert acceptor.accept_some() is expected
        pauses.append(acceptor.pause)
    has_room = fault.errno == errno.EMFILE
    assert asked == ([True, False] if has_room else [])
    assert pauses == [BRIEF_PAUSE if has_room else ACCEPT_PAUSE, ACCEPT_PAUSE]
