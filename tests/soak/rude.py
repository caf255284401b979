"""Clients that do not behave: they say nothing, half of something, rubbish, or do not listen."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable

from pyrolike.api import config
from pyrolike.socketutil import get_ssl_context
from tests.soak.server import HOST, OBJECT_ID
from tests.support import wire
from tests.support.rawpeer import call_message, serpent

STAY = 0.7
"""Seconds each of them stays."""

HANDSHAKE = wire.message(wire.CONNECT, serpent({"handshake": "hello", "object": OBJECT_ID}))


def say_nothing(sock: socket.socket) -> None:
    """Connect, and that is all."""


def say_half_a_header(sock: socket.socket) -> None:
    sock.sendall(HANDSHAKE[:20])


def say_half_a_message(sock: socket.socket) -> None:
    sock.sendall(HANDSHAKE)
    sock.sendall(call_message("write", "x" * 100, object_id=OBJECT_ID)[:-1])


def say_rubbish(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)


def read_nothing(sock: socket.socket) -> None:
    """Ask for more than any buffer takes, and leave it there."""
    sock.sendall(HANDSHAKE)
    for seq in range(4):
        sock.sendall(call_message("fill", 2_000_000, seq=seq, object_id=OBJECT_ID))


MANNERS: tuple[Callable[[socket.socket], None], ...] = (
    say_nothing,
    say_half_a_header,
    say_half_a_message,
    say_rubbish,
    read_nothing,
)


class Rude:
    """A thread that misbehaves in one manner after the other, two at a time."""

    def __init__(self, port: int) -> None:
        self.visits = 0
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rude", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for manners in itertools.cycle(itertools.pairwise((*MANNERS, MANNERS[0]))):
            with contextlib.ExitStack() as visit:
                for manner in manners:
                    with contextlib.suppress(OSError):  # the server may be dead just now
                        manner(visit.enter_context(self._connect()))
                        self.visits += 1
                if self._stop.wait(STAY):
                    return

    def _connect(self) -> socket.socket:
        sock = socket.create_connection((HOST, self._port), STAY)
        # Half of the visitors of a server with TLS do not know about that.
        if not config.SSL or self.visits % 2:
            return sock
        context = get_ssl_context(cacerts=config.SSL_CACERTS)
        with contextlib.ExitStack() as failing:
            failing.callback(sock.close)
            wrapped = context.wrap_socket(sock, server_hostname=HOST)
            failing.pop_all()
        return wrapped
