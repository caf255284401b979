"""Names in alphabetical order, a million of them, that come and go one by one.

One sorted list would do for the searching, but each insertion would move half of it. So there are
many short lists, each sorted, one after the other, and a list of their last names to find the right
one; a list that grows too long is cut in two. A change moves about a thousand names, which takes
two or three microseconds; the names behind a prefix are found by bisection and copied in slices.

Order is that of Python's str, by code point, so everything with one prefix stands together.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import takewhile

_LONGEST = 2000
"""Names in one short list. The figures are flat between 500 and 5000."""


class OrderedNames:
    """A set of names that can be searched by prefix. Not thread-safe."""

    def __init__(self) -> None:
        self._lists: list[list[str]] = []
        self._lasts: list[str] = []

    def add(self, name: str) -> None:
        """Take in a name that is not there yet."""
        if not self._lists:
            self._lists.append([name])
            self._lasts.append(name)
            return
        at = min(bisect_left(self._lasts, name), len(self._lists) - 1)
        names = self._lists[at]
        insort(names, name)
        self._lasts[at] = names[-1]
        if len(names) > _LONGEST:
            self._cut(at)

    def remove(self, name: str) -> None:
        """Forget a name that is there."""
        at = bisect_left(self._lasts, name)
        names = self._lists[at]
        del names[bisect_left(names, name)]
        if names:
            self._lasts[at] = names[-1]
        else:
            del self._lists[at], self._lasts[at]

    def clear(self) -> None:
        """Forget all."""
        self._lists.clear()
        self._lasts.clear()

    def with_prefix(self, prefix: str) -> Iterator[str]:
        """Return the names that begin with *prefix*, in order."""
        for at in range(bisect_left(self._lasts, prefix), len(self._lists)):
            names = self._lists[at]
            begin = bisect_left(names, prefix)
            if names[-1].startswith(prefix):  # the usual case in the middle of many
                yield from names[begin:]
            else:
                yield from takewhile(lambda name: name.startswith(prefix), names[begin:])
                return

    def _cut(self, at: int) -> None:
        names = self._lists[at]
        half = len(names) // 2
        self._lists[at : at + 1] = names[:half], names[half:]
        self._lasts[at : at + 1] = names[half - 1], names[-1]
