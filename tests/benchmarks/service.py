"""What the measured servers serve: one object whose methods do nothing worth mentioning.

The text is the same for every library; which one exposes it is an argument. Method names and
signatures are short, because their spelling travels with each call.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

OBJECT_ID = "benchmark"
"""Id under which the object is registered; a generated id would cost each library differently."""


def make_service(api: ModuleType) -> object:
    """Return the object to serve, exposed by the library whose ``api`` module is given."""

    class Service:
        def add(self, a: int, b: int) -> int:
            return a + b

        def echo(self, value: Any) -> Any:
            return value

        def take(self, *values: Any) -> int:
            return len(values)

        def sleep(self, seconds: float) -> None:
            time.sleep(seconds)

        def count(self, end: int) -> Iterator[int]:
            yield from range(end)

        def memory(self) -> int:
            return resident_bytes()

        def offer(self, members: int) -> str:
            return _offer(api, self, members)

        def crowd(self, count: int) -> int:
            return _crowd(api, self, count)

    # Keeps the one class whichever library marks it; each run marks its own copy.
    exposed: type = api.expose(Service)
    return exposed()


def resident_bytes() -> int:
    """Return how much of this process is in memory. Linux only, as the figures are."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _offer(api: ModuleType, service: Any, members: int) -> str:
    """Register one more object, with as many exposed methods, ``add`` among them; return its id."""
    methods = {
        f"member{number}": _copy(_answer, f"member{number}") for number in range(members - 1)
    }
    kind = type("Offer", (), {**methods, "add": _copy(_add, "add")})
    object_id = f"{OBJECT_ID}.{members}"
    if object_id not in service._pyroDaemon.objectsById:
        service._pyroDaemon.register(api.expose(kind)(), object_id)
    return object_id


def _crowd(api: ModuleType, service: Any, count: int) -> int:
    """Register small objects until there are *count* in the daemon, its own included."""
    daemon = service._pyroDaemon
    kind = api.expose(type("Small", (), {"__slots__": ("_pyroDaemon", "_pyroId"), "add": _add}))
    for number in range(len(daemon.objectsById), count):
        daemon.register(kind(), f"{OBJECT_ID}.{number}")
    return len(daemon.objectsById)


def _add(self: object, a: int, b: int) -> int:
    return a + b


def _answer(self: object) -> int:
    return 42


def _copy(function: Any, name: str) -> Any:
    """Return a function of its own: what marks it must not mark the others."""
    return type(function)(function.__code__, function.__globals__, name)
