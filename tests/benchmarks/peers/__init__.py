"""Other ways to call a function in another process, for the row of the small call.

Each module here is one library: ``serve(announce)`` serves a function that adds two integers, for
ever, after announcing where; ``adder(address)`` yields what a client calls. Each is used as its own
manual shows it, with its fastest usual means. None of them does what Pyro does; they say what calls
cost elsewhere.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from tests.benchmarks.raw import HOST


def serve(name: str, announce: Callable[[str], None]) -> None:
    """Serve as the library *name*, for ever."""
    import_module(f"{__name__}.{name}").serve(announce)


@contextmanager
def small_calls(name: str, address: str, count: int) -> Iterator[Callable[[], None]]:
    """Yield a function that makes *count* calls of ``add(3, 4)``."""
    with import_module(f"{__name__}.{name}").adder(address) as add:
        if add(3, 4) != 7:
            raise ValueError(f"{name} cannot add")

        def run() -> None:
            for _ in range(count):
                add(3, 4)

        yield run


def free_port() -> int:
    """Return a port for a library that does not tell which one the system has chosen."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
