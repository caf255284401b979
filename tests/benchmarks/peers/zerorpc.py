"""zerorpc: msgpack over ZeroMQ, with gevent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import zerorpc

from tests.benchmarks.raw import HOST

from . import free_port


class Adder:
    """What is served."""

    def add(self, a: int, b: int) -> int:
        return a + b


def serve(announce: Callable[[str], None]) -> None:
    server = zerorpc.Server(Adder())
    address = f"tcp://{HOST}:{free_port()}"
    server.bind(address)
    announce(address)
    server.run()


@contextmanager
def adder(address: str) -> Iterator[Callable[[int, int], int]]:
    client = zerorpc.Client(address)
    try:
        yield client.add
    finally:
        client.close()
