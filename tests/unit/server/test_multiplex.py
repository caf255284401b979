"""What a multiplex server watches for others; how it serves clients is tried with the loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.server.multiplex import Guest


class Watched:
    """What a guest wants of a loop."""

    def __init__(self) -> None:
        self.handlers: dict[Any, Any] = {}

    def watch(self, fileobj: Any, handler: Any) -> None:
        if fileobj.fileno() == -1:
            raise ValueError("closed")
        self.handlers[fileobj] = handler

    def unwatch(self, fileobj: Any) -> None:
        self.handlers.pop(fileobj, None)


class Target:
    def __init__(self) -> None:
        self.sockets: Any = []
        self.heard: list[Any] = []

    def events(self, ready: list[Any]) -> None:
        self.heard += ready


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.socket()) for _ in range(3)]


def test_the_sockets_there_are_at_the_moment_are_watched(sockets: list[socket.socket]) -> None:
    loop: Any = Watched()
    target = Target()
    guest = Guest(target)
    for wanted in [], sockets[:2], sockets[1:], sockets[1:], []:
        target.sockets = wanted
        guest.update(loop)
        assert list(loop.handlers) == wanted
    target.sockets = sockets
    guest.update(loop)
    loop.handlers[sockets[2]]()
    assert target.heard == [sockets[2]]
    guest.leave(loop)
    assert not loop.handlers


def test_closed_sockets_are_left_out(sockets: list[socket.socket]) -> None:
    loop: Any = Watched()
    target = Target()
    guest = Guest(target)
    target.sockets = sockets
    guest.update(loop)
    sockets[0].close()
    guest.update(loop)
    assert guest.sockets == sockets[1:]
    assert list(loop.handlers) == sockets[1:]


def test_a_socket_that_is_closed_at_the_last_moment_is_tried_again(
    sockets: list[socket.socket],
) -> None:
    class Closing(Watched):
        def watch(self, fileobj: Any, handler: Any) -> None:
            if fileobj is sockets[0]:
                raise OSError("closed meanwhile")
            super().watch(fileobj, handler)

    loop: Any = Closing()
    target = Target()
    target.sockets = sockets
    guest = Guest(target)
    guest.update(loop)
    assert list(loop.handlers) == sockets[1:]


def test_what_fails_of_the_program_s_own_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @property
        def sockets(self) -> list[Any]:
            raise ValueError("no sockets")

    loop: Any = Watched()
    Guest(Broken()).update(loop)
    assert "no sockets" in caplog.text
