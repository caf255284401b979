"""What is made of the same thing again and again, and so is remembered: but not without bounds.

A client that connects a hundred times says the same in each handshake, and so does the daemon. The
second time neither has to write it, nor to read what it knows already.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """A few values by keys. Any thread may use it.

    Args:
        most: Values that are kept; one more, and all are forgotten: who has so many different ones
            has no use for it, and the others lose little.
    """

    __slots__ = ("_most", "_values", "get")

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[K, V] = {}
        self.get = self._values.get  # on the way of every connection

    def keep(self, key: K, value: V) -> None:
        """Remember *value*; it must be one that nobody changes."""
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[key] = value
