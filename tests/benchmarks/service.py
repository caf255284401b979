"""What the measured servers serve: one object whose methods do nothing worth mentioning.

The text is the same for every library; which one exposes it is an argument. Method names and
signatures are short, because their spelling travels with each call.
"""

from __future__ import annotations

from collections.abc import Iterator
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

        def count(self, end: int) -> Iterator[int]:
            yield from range(end)

    # Keeps the one class whichever library marks it; each run marks its own copy.
    exposed: type = api.expose(Service)
    return exposed()
