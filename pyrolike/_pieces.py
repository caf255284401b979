"""Bytes that lie in several places, and leave without being joined.

To join a megabyte to the few bytes around it means a second megabyte: to fetch its memory from the
system and to copy it takes longer than to send it. So what holds long values is made in `Pieces`,
and only who really needs it in one (to compress it, to sign it) joins them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

JOINABLE = 32 * 1024
"""Bytes of a payload that is joined to its header: a copy costs less than a longer call. None that
is in pieces is so short."""

Payload: TypeAlias = "bytes | bytearray | memoryview | Pieces"
"""What the payload of a message to be sent is made of."""


class Pieces:
    """Bytes in several places. It has a length like other bytes, and ``bytes(pieces)`` joins them.

    Args:
        parts: The places, in order; they must not change any more. The first is short.

    Attributes:
        parts: See above; empty once they were laid out to be sent.
    """

    __slots__ = ("_size", "parts")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)

    def __repr__(self) -> str:
        return f"<Pieces {self._size} bytes in {len(self.parts)} places>"


def join(payload: Any) -> Any:
    """Return a payload in one piece; what is in one already is not copied."""
    return bytes(payload) if type(payload) is Pieces else payload


def lay_out(head: bytes, payload: Any) -> list[Any]:
    """Return a message as parts to be sent one after the other.

    Pieces are taken out of their payload, which is empty then. So whoever waits for the answer does
    not hold them meanwhile, and their memory is there for it.
    """
    if type(payload) is not Pieces:
        return [head, payload]
    (first, *others), payload.parts = payload.parts, ()
    return [head + first, *others]


def take(parts: Sequence[Any], count: int) -> list[Any]:
    """Return the first *count* bytes of *parts*, without copying them; all if there are fewer."""
    taken: list[Any] = []
    for part in parts:
        if len(part) >= count:
            return [*taken, memoryview(part)[:count]]
        taken.append(part)
        count -= len(part)
    return taken


def drop(parts: Sequence[Any], count: int) -> list[Any]:
    """Return what is left of *parts* behind their first *count* bytes, without copying it."""
    for index, part in enumerate(parts):
        if count < len(part):
            return [memoryview(part)[count:], *parts[index + 1 :]]
        count -= len(part)
    return []
