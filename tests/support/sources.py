"""A remote object whose methods return iterators, and which counts what becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from pyrolike.api import expose


class Stranger:
    """A value that no serializer knows."""


@expose
class Source:
    """Gives items.

    Attributes:
        produced: How many items its generators have made.
        closed: How many generators were left, by their end or earlier.
        left: Set when one was.
    """

    def __init__(self) -> None:
        self.produced = 0
        self.closed = 0
        self.left = threading.Event()

    def count(self, number: int) -> Iterator[int]:
        """Count from 0."""
        try:
            for item in range(number):
                self.produced += 1
                yield item
        finally:
            self.closed += 1
            self.left.set()

    def repeat(self, item: Any, number: int) -> Iterator[Any]:
        for _ in range(number):
            yield item

    def fail_at(self, place: int, number: int) -> Iterator[int]:
        for item in range(number):
            if item == place:
                raise ValueError(f"no item {item}")
            yield item

    def strange_at(self, place: int, number: int) -> Iterator[Any]:
        """Give an item that cannot be sent."""
        for item in range(number):
            yield Stranger() if item == place else item

    def large_at(self, place: int, number: int, size: int) -> Iterator[Any]:
        for item in range(number):
            yield "x" * size if item == place else item
