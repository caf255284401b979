"""One end of a connected socket, in a process of its own, with either library.

``python -m tests.support.connected serve FD`` serves the socket that it inherited under that number
until the other end is gone; ``call FD`` calls what is served at the other end. Both say what they
found, and look at the end whether the socket is still theirs.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any

from tests.support.peers.library import api


@api.expose
class Calculator:
    """What is served."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def add(self, a: int, b: int) -> int:
        return a + b

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    def fail(self) -> None:
        raise ValueError("failed")

    @api.oneway
    def note(self, word: str) -> None:
        self.words.append(word)

    def repeat(self, text: str, count: int) -> str:
        return text * count


@api.expose
@api.behavior(instance_mode="session")
class Numbered:
    """An instance for the connection."""

    def __init__(self) -> None:
        self._calls = 0

    def call(self) -> int:
        self._calls += 1
        return self._calls


def visit(sock: socket.socket) -> list[Any]:
    """Call everything, with one proxy after the other, and return what came of it."""
    found: list[Any] = []
    with api.Proxy("calc", connected_socket=sock) as calc:
        found += [calc.add(3, 4), list(calc.count(3)), len(calc.repeat("x", 500_000))]
        calc.note("word")
        try:
            calc.fail()
        except ValueError as fault:
            found.append(str(fault))
        batch = api.BatchProxy(calc)
        batch.add(1, 2)
        batch.add(3, 4)
        found.append(list(batch()))
    with api.Proxy("numbered", connected_socket=sock) as numbered:
        found += [numbered.call(), numbered.call()]
    return found


VISITED = [7, [0, 1, 2], 500_000, "failed", [3, 7], 1, 2]
"""What `visit` returns."""


def serve(sock: socket.socket) -> None:
    """Serve until the other end is gone."""
    with api.Daemon(connected_socket=sock) as daemon:
        daemon.register(Calculator(), "calc")
        daemon.register(Numbered, "numbered")
        print("READY", flush=True)
        daemon.requestLoop()


def main(role: str, number: str) -> None:
    """Play *role* on the socket with that descriptor."""
    with socket.socket(fileno=int(number)) as sock:
        if role == "serve":
            serve(sock)
        else:
            print("FOUND", visit(sock), flush=True)
        print("OPEN", sock.fileno() == int(number), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
