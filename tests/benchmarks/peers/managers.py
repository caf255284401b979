"""The managers of Python's own multiprocessing: pickle over a connection with a shared secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.managers import BaseManager

from tests.benchmarks.raw import HOST

KEY = b"benchmark"


class Adder:
    """What is served."""

    def add(self, a: int, b: int) -> int:
        return a + b


class Manager(BaseManager):
    """Knows `Adder`."""


Manager.register("Adder", Adder)


def serve(announce: Callable[[str], None]) -> None:
    server = Manager((HOST, 0), KEY).get_server()
    announce(str(server.address[1]))
    server.serve_forever()


@contextmanager
def adder(address: str) -> Iterator[Callable[[int, int], int]]:
    manager = Manager((HOST, int(address)), KEY)
    manager.connect()
    yield manager.Adder().add  # type: ignore[attr-defined]  # made by register()
