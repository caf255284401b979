"""thriftpy2: Thrift's binary protocol, compiled."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import thriftpy2
from thriftpy2.rpc import client_context, make_server

from tests.benchmarks.raw import HOST

from . import free_port

INTERFACE = thriftpy2.load_fp(
    io.StringIO("service Adder { i64 add(1: i64 a, 2: i64 b) }"), module_name="adder_thrift"
)


class Adder:
    """What is served."""

    def add(self, a: int, b: int) -> int:
        return a + b


def serve(announce: Callable[[str], None]) -> None:
    port = free_port()
    server = make_server(INTERFACE.Adder, Adder(), HOST, port, client_timeout=None)
    server.trans.listen()
    server.trans.listen = _do_nothing  # it would bind again
    announce(str(port))
    server.serve()


@contextmanager
def adder(address: str) -> Iterator[Callable[[int, int], int]]:
    with client_context(INTERFACE.Adder, HOST, int(address), timeout=None) as client:
        yield client.add


def _do_nothing() -> None:
    pass
