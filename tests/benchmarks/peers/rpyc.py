"""rpyc: a service with an exposed method; values that are plain travel as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rpyc
from rpyc.utils.server import ThreadedServer

from tests.benchmarks.raw import HOST


class Adder(rpyc.Service):
    """What is served."""

    def exposed_add(self, a: int, b: int) -> int:
        return a + b


def serve(announce: Callable[[str], None]) -> None:
    server = ThreadedServer(Adder, HOST, port=0)
    announce(str(server.port))
    server.start()


@contextmanager
def adder(address: str) -> Iterator[Callable[[int, int], int]]:
    with rpyc.connect(HOST, int(address)) as connection:
        yield connection.root.add
