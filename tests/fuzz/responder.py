"""Who answers broadcasts: any datagram."""

from __future__ import annotations

import contextlib
import socket
from functools import cache

from pyrolike.constants import NAMESERVER_QUESTION
from pyrolike.naming.announce import BroadcastServer
from tests.fuzz.target import Target

URI = "PYRO:Pyro.NameServer@127.0.0.1:9090"


@cache
def open_both() -> tuple[BroadcastServer, socket.socket]:
    """Return a server and a client, for as long as the process lives."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("127.0.0.1", 0))
    client.setblocking(False)
    return BroadcastServer(URI, "127.0.0.1", 0), client


def check(data: bytes) -> None:
    server, client = open_both()
    client.sendto(data, ("127.0.0.1", server.getPort()))
    server.processRequest()
    answers = []
    with contextlib.suppress(BlockingIOError):
        while True:
            answers.append(client.recv(2000))
    assert answers == ([URI.encode()] if data == NAMESERVER_QUESTION else [])


TARGET = Target(
    "The one question is answered, once and with the name server's uri; nothing else is answered at"
    " all, so that nobody can have us send to somebody else more than he sends.",
    check,
    [b"", NAMESERVER_QUESTION, NAMESERVER_QUESTION + b"\n", bytes(1000), b"GET_NSURI" * 200],
    tokens=[NAMESERVER_QUESTION],
)
