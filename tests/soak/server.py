"""The server's process: ``python -m tests.soak.server PORT NAME_SERVER_PORT LOG SERVER_TYPE``.

It is made to be killed: what it has acknowledged is in the log before the answer leaves. It serves
until somebody writes a line to its standard input, or closes it.
"""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections.abc import Iterator
from typing import Any

from pyrolike.api import Daemon, config, current_context, expose, locate_ns, oneway, start_ns

HOST = "127.0.0.1"
OBJECT_ID = "ledger"
NAME = "soak.ledger"
PATIENCE = 5.0
"""Seconds the server waits for its clients at most."""

CUT_EVERY = 17
"""After so many items a stream loses its connection, in the middle of the answer."""


def checksum(key: str) -> int:
    """Return what the ledger answers when it has written *key*."""
    return zlib.crc32(key.encode())


@expose
class Ledger:
    """Writes down what it is told, before it says that it has."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._noted: dict[str, int] = {}

    def generation(self) -> int:
        """Say which of the servers this is, of all that were killed and started again."""
        return os.getpid()

    def write(self, key: str) -> int:
        # One call of the system: the death of this process cannot take it back, or tear it.
        os.write(self._file, f"call {key}\n".encode())
        return checksum(key)

    @oneway
    def note(self, writer: str, number: int) -> None:
        os.write(self._file, f"note {writer} {number}\n".encode())
        self._noted[writer] = number

    def last_note(self, writer: str) -> int:
        """Return the number of a writer's last note: they are made in the order of its calls."""
        return self._noted.get(writer, -1)

    def count(self, key: str, number: int) -> Iterator[str]:
        """Count, and hang up in the middle of it."""
        for item in range(number):
            if item % CUT_EVERY == CUT_EVERY - 1:
                current_context.client.close()
            yield f"{key}:{item}"

    def reverse(self, data: bytes) -> bytes:
        return data[::-1]

    def fill(self, size: int) -> str:
        return "x" * size

    def call_back(self, listener: Any, word: str) -> str:
        """Ask the caller's own object, while it waits."""
        with listener:
            listener._pyroTimeout = PATIENCE
            return f"heard {listener.hear(word)}"


def main(port: str, name_server_port: str, log: str, server_type: str) -> None:
    """Serve until told to stop."""
    config.SERVERTYPE = server_type
    config.HANDSHAKE_TIMEOUT = 3.0
    _, name_daemon, _ = start_ns(HOST, int(name_server_port), enableBroadcast=False)
    names = threading.Thread(target=name_daemon.requestLoop)
    names.start()
    with Daemon(host=HOST, port=int(port)) as daemon:
        uri = daemon.register(Ledger(log), OBJECT_ID)
        with locate_ns(HOST, int(name_server_port)) as name_server:
            name_server.register(NAME, uri)
        threading.Thread(target=_stop_when_told, args=(daemon,), daemon=True).start()
        print("READY", flush=True)
        daemon.requestLoop()
    name_daemon.close()
    names.join()


def _stop_when_told(daemon: Daemon) -> None:
    sys.stdin.readline()
    daemon.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
