"""The raw socket echo that everything is compared with: what the machine allows, without a library.

A client says once, in four bytes, how long its messages are; from then on the server answers every
message with itself. The length is agreed beforehand so that the measured loop holds nothing but one
send and one receive on either side: no header, no parsing, no allocation.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LENGTH_SIZE = 4
"""Bytes of the length that opens a connection."""

HOST = "127.0.0.1"


def serve(announce: Callable[[str], None]) -> None:
    """Serve each client in a thread of its own, for ever, after announcing ``host:port``."""
    with socket.create_server((HOST, 0)) as listener:
        announce(f"{HOST}:{listener.getsockname()[1]}")
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve_client, args=(connection,), daemon=True).start()


@contextmanager
def echoes(address: str, size: int, count: int) -> Iterator[Callable[[], None]]:
    """Yield a function that has *size* bytes echoed *count* times, one after the other."""
    with echo(address, size) as round_trip:

        def run() -> None:
            for _ in range(count):
                round_trip()

        yield run


@contextmanager
def echo(address: str, size: int) -> Iterator[Callable[[], None]]:
    """Connect to the server at *address* and yield a function that has *size* bytes echoed once."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        _no_delay(connection)
        connection.sendall(size.to_bytes(LENGTH_SIZE))
        message = bytes(range(256)) * (size // 256 + 1)
        outgoing = memoryview(message)[:size]
        incoming = memoryview(bytearray(size))

        def round_trip() -> None:
            connection.sendall(outgoing)
            if not _receive(connection, incoming):
                raise ConnectionError("the raw server hung up")

        round_trip()
        if incoming != outgoing:
            raise ValueError("the raw server answered with other bytes than it was sent")
        yield round_trip


def _serve_client(connection: socket.socket) -> None:
    with connection:
        _no_delay(connection)
        length = memoryview(bytearray(LENGTH_SIZE))
        if _receive(connection, length):
            message = memoryview(bytearray(int.from_bytes(length)))
            while _receive(connection, message):
                connection.sendall(message)


def _receive(connection: socket.socket, message: memoryview) -> bool:
    """Fill *message*; return False when the peer has hung up instead."""
    received = connection.recv_into(message)
    while 0 < received < len(message):
        more = connection.recv_into(message[received:])
        if more == 0:
            return False
        received += more
    return received > 0


def _no_delay(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
