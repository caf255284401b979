"""Thousands of clients that look a name up at the same moment, each with a connection of its own.

They are bare sockets in one thread: what is measured is the name server and not two thousand
proxies. Every client sends its question before any answer is read.
"""

from __future__ import annotations

import selectors
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, perf_counter

from tests.support import wire
from tests.support.rawpeer import call_message, raw_client, serpent

PATIENCE = 60.0
NAME_SERVER = "Pyro.NameServer"


@dataclass(frozen=True, slots=True)
class Round:
    """All clients have looked up a name once.

    Attributes:
        seconds: From the first question to the last answer.
        latencies: Seconds each client has waited, sorted.
        failures: Answers that were errors.
    """

    seconds: float
    latencies: list[float]
    failures: list[bytes]


class Client:
    """One connection, and what has arrived on it."""

    def __init__(self, location: str) -> None:
        peer = raw_client(location)
        hello = serpent({"handshake": "", "object": NAME_SERVER})
        peer.send(wire.message(wire.CONNECT, hello))
        assert peer.read_message().type == wire.CONNECTOK
        self.sock = peer.sock
        self.asked = 0.0
        self._received = b""

    def ask(self, name: str, number: int) -> None:
        self.asked = perf_counter()
        self.sock.sendall(call_message("lookup", name, seq=number, object_id=NAME_SERVER))

    def take(self) -> wire.RawMessage | None:
        """Read what has arrived; return the answer when it is there as a whole."""
        data = self.sock.recv(65536)
        assert data, "the name server has closed the connection"
        self._received += data
        if len(self._received) < wire.HEADER_SIZE:
            return None
        size, extra = struct.unpack_from("!II", self._received, 12)
        if len(self._received) < wire.HEADER_SIZE + size + extra:
            return None
        rest = memoryview(self._received)
        self._received = b""

        def receive(count: int) -> bytes:
            nonlocal rest
            piece, rest = bytes(rest[:count]), rest[count:]
            return piece

        return wire.read_message(receive)


@contextmanager
def connected_clients(location: str, count: int) -> Iterator[list[Client]]:
    """Connect so many clients, one after the other, and close them in the end."""
    clients: list[Client] = []
    try:
        while len(clients) < count:
            clients.append(Client(location))
        yield clients
    finally:
        for client in clients:
            client.sock.close()


def look_up_at_once(clients: list[Client], name: str, number: int) -> Round:
    """Have all clients ask for *name*, and wait for all answers."""
    latencies, failures = [], []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_READ, client)
        begin, deadline = perf_counter(), monotonic() + PATIENCE
        for client in clients:
            client.ask(name, number)
        left = len(clients)
        while left:
            assert monotonic() < deadline, f"{left} of {len(clients)} clients got no answer"
            for key, _ in selector.select(1.0):
                answer = key.data.take()
                if answer is None:
                    continue
                latencies.append(perf_counter() - key.data.asked)
                if answer.flags & wire.EXCEPTION:
                    failures.append(answer.payload)
                left -= 1
        return Round(perf_counter() - begin, sorted(latencies), failures)


def allow_open_files(count: int) -> bool:
    """Raise the limit of this process and of those it starts; False if that is not allowed."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    return True
