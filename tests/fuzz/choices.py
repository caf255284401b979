"""Values out of bytes: so that a mutation of the bytes is another value, and never a broken one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

TEXTS = (
    "", "a", "x" * 300, "__class__", "__init__", "_private", "a.b.c", "Pyro.NameServer", "\0", "\n",
    "\x1b[2J", "\ud800", "Zürich", "1" * 60, "None", "%s%n", "../../etc", "\u202e", "nan",
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2**31, -(2**63), 2**64, 10**30, 0.0, -0.0, 1e308, float("inf"), float("nan"), 1j,
)  # fmt: skip
WORDS: tuple[Any, ...] = (None, True, False, b"", b"bytes", (), [], {}, set(), frozenset({1}))


class Choices:
    """Takes decisions from bytes; when there are none left, always the first possibility."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_used_up(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        if self.is_used_up:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def pick(self, possibilities: Sequence[T]) -> T:
        return possibilities[self.byte() % len(possibilities)]

    def text(self) -> str:
        """Return a text: one that has made trouble somewhere, or any."""
        if self.byte() % 4:
            return self.pick(TEXTS)
        size = self.byte()
        self._at += size
        return self._data[self._at - size : self._at].decode("utf-8", "replace")

    def value(self, depth: int = 0) -> Any:
        """Return a value of any kind, also of those that no argument should have."""
        kind = self.byte() % (8 if depth < 4 else 4)
        if kind == 0:
            return self.text()
        if kind == 1:
            return self.pick(NUMBERS)
        if kind == 2:
            return self.pick(WORDS)
        if kind == 3:
            return self.byte()
        items = [self.value(depth + 1) for _ in range(self.byte() % 5)]
        if kind == 4:
            return items
        if kind == 5:
            return tuple(items)
        return {self.text(): item for item in items}
