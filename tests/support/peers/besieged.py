"""A server that is attacked, for ``tests/integration/test_attacks.py``; settings by environment.

``python -m tests.support.peers.besieged`` says ``ready host:port`` and serves until its input ends.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from pyrolike.api import Daemon, expose, oneway
from pyrolike.naming.server import NameServer

OBJECT_ID = "calc"
NAMES_ID = "names"
LONG_NAME = "a" * 27 + "!"


@expose
class Calc:
    """What strangers may reach; and a little that they may not."""

    def __init__(self) -> None:
        self._secret = 17
        self.notes = 0

    def echo(self, value: Any) -> Any:
        return value

    def look_at(self, value: Any) -> str:
        """Do with a value what a method does that has no use for it."""
        return f"{value!r:.50} {value == 1} {value in [1, 2]} {isinstance(value, str)}"

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    @oneway
    def note(self, value: Any) -> None:
        self.notes += 1

    def _private(self) -> int:
        return self._secret


class Plain:
    """Has nothing that is remote."""

    def hidden(self) -> str:
        return "hidden"


def main() -> None:
    names = NameServer()
    names.register(LONG_NAME, "PYRO:x@localhost:1")
    with Daemon(host="localhost") as daemon:
        daemon.register(Calc(), OBJECT_ID)
        daemon.register(Plain(), "plain")
        daemon.register(names, NAMES_ID)
        print(f"ready {daemon.locationStr}", flush=True)

        def end() -> None:
            sys.stdin.read()
            daemon.shutdown()

        threading.Thread(target=end, daemon=True).start()
        daemon.requestLoop()
    print(f"ended {os.getpid()}", flush=True)


if __name__ == "__main__":
    main()
