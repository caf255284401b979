"""grpcio, without protocol buffers: two packed integers, which is less work than those."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from tests.benchmarks.raw import HOST

PAIR = struct.Struct("<qq")
NUMBER = struct.Struct("<q")


def add(request: tuple[int, int], context: Any) -> int:
    """What is served."""
    return request[0] + request[1]


def serve(announce: Callable[[str], None]) -> None:
    method = grpc.unary_unary_rpc_method_handler(
        add, request_deserializer=PAIR.unpack, response_serializer=NUMBER.pack
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    service = grpc.method_handlers_generic_handler("Adder", {"add": method})
    server.add_generic_rpc_handlers((service,))
    announce(str(server.add_insecure_port(f"{HOST}:0")))
    server.start()
    server.wait_for_termination()


@contextmanager
def adder(address: str) -> Iterator[Callable[[int, int], int]]:
    with grpc.insecure_channel(f"{HOST}:{address}") as channel:
        call = channel.unary_unary(
            "/Adder/add",
            request_serializer=lambda pair: PAIR.pack(*pair),
            response_deserializer=lambda data: NUMBER.unpack(data)[0],
        )
        yield lambda a, b: call((a, b))
