"""A remote object whose methods return iterators, and which counts what becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from pyrolike.api import expose
from tests.support.daemon import PATIENCE


class Stranger:
    """A value that no serializer knows."""


@expose
class Source:
    """Gives items.

    Attributes:
        produced: How many items its generators have made.
        closed: How many generators were left, by their end or earlier.
    """

    def __init__(self) -> None:
        self.produced = 0
        self.closed = 0
        self._left = threading.Condition()
        self.gate = threading.Event()
        self.holding = threading.Event()
        self.released = threading.Event()

    def wait_closed(self, count: int) -> bool:
        """Wait until so many generators were left: streams are closed by one-way calls."""
        with self._left:
            return self._left.wait_for(lambda: self.closed == count, PATIENCE)

    def count(self, number: int) -> Iterator[int]:
        """Count from 0."""
        try:
            for item in range(number):
                self.produced += 1
                yield item
        finally:
            with self._left:
                self.closed += 1
                self._left.notify_all()

    def repeat(self, item: Any, number: int) -> Iterator[Any]:
        for _ in range(number):
            self.produced += 1
            yield item

    def gated(self, number: int) -> Iterator[int]:
        """Count from 0, and wait in the middle until the gate is open."""
        for item in range(number):
            if item == number // 2:
                assert self.gate.wait(PATIENCE)
            yield item

    def hold(self) -> None:
        """Stay until released."""
        self.holding.set()
        assert self.released.wait(PATIENCE)

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
