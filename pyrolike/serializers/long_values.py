"""Long values, sent as they are: taken out of what is written, and put back as pieces.

A serializer copies what it writes, some several times, and looks at each character of a text. For a
value of a megabyte that takes longer than the whole call otherwise. So long values are replaced by
short tokens, what remains is written as usual, and at the place of each token the message is cut
and the value itself put in. What comes out is the same, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike._pieces import JOINABLE, Pieces

from .failures import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyrolike._pieces import Payload

LONG = 20_000
"""Bytes, or characters, of a value that is worth it where each of them is looked at, or translated.
Measured: from about half of that on."""

LONG_COPY = 120_000
"""The same where it would merely be copied. From about that on a copy is made in fresh memory,
which the system has to find and to clear."""

LONGEST = 0x7FFF_FFFF
"""Whether it can be written at all is for the serializer to say."""

MOST = 100
"""Long values of one message: so many places a system takes at once."""

FEW = 16
"""Items of a container that is looked through."""

SHORT = frozenset({type(None), bool, int, float})
"""Types of values that cannot be long. Who sends asks for these, and for the length of a text, in
place, once for all serializers: to call `has_long` would cost each small call 3 % and more."""

_CONTAINERS = frozenset({tuple, list, dict})
_LEAVES = frozenset({str, bytes})
_LOOKED_THROUGH = frozenset({tuple, list, type({}.values())})


def has_long(values: Iterable[Any], least: int = LONG) -> bool:
    """Say whether long values are among *values*, or in containers of few items among them.

    Not asked for what is obviously short: see `SHORT`.

    Args:
        values: A tuple, a list, or a dictionary's values. In anything else, which a blob may have
            where a call has its arguments, nothing is looked for.
        least: How long they must be together.
    """
    if type(values) not in _LOOKED_THROUGH:
        return False
    total = 0
    for value in values:
        kind = type(value)
        if kind is str or kind is bytes:
            if len(value) >= LONG:
                total += len(value)
        elif kind in _CONTAINERS and len(value) <= FEW:
            for item in value.values() if kind is dict else value:
                if type(item) in _LEAVES and len(item) >= LONG:
                    total += len(item)
    return total >= least


def pack_around(
    value: Any,
    depth: int,
    make_token: Callable[[int], Any],
    write: Callable[[Any], bytes],
    cut: Callable[[Any, Any], Sequence[bytes] | None],
) -> Payload | None:
    """Write something that has long values in it; None if this way is not possible.

    Args:
        value: What to write.
        depth: How many containers deep to look.
        make_token: Returns what stands for the long value of that number.
        write: Writes what remains.
        cut: Returns the bytes of a token as they are written, and then those that belong there;
            or None if that value has to be written as usual.
    """
    aside = _Aside(make_token, cut)
    try:
        rest = aside.take_out(value, depth)
        if not 0 < len(aside.cuts) <= MOST:
            return None
        return _put_in(write(rest), aside.cuts)
    except FAULTS:
        return None  # the usual way fails, too, and says why


class _Aside:
    """The long values of one message.

    Attributes:
        cuts: Of each, the bytes of its token and those that belong there.
    """

    __slots__ = ("_cut", "_make_token", "cuts")

    def __init__(
        self, make_token: Callable[[int], Any], cut: Callable[[Any, Any], Sequence[bytes] | None]
    ) -> None:
        self._make_token = make_token
        self._cut = cut
        self.cuts: list[Sequence[bytes]] = []

    def take_out(self, value: Any, depth: int) -> Any:
        """Return *value* with tokens in place of long values."""
        kind = type(value)
        if kind in _LEAVES:
            return self._replace(value) if LONG <= len(value) <= LONGEST else value
        if kind not in _CONTAINERS or not depth or len(value) > FEW:
            return value
        before = len(self.cuts)
        items = value.values() if kind is dict else value
        rest = [self.take_out(item, depth - 1) for item in items]
        if len(self.cuts) == before:
            return value
        return dict(zip(value, rest, strict=True)) if kind is dict else kind(rest)

    def _replace(self, value: Any) -> Any:
        token = self._make_token(len(self.cuts))
        cut = self._cut(token, value)
        if cut is None:
            return value
        self.cuts.append(cut)
        return token


def _put_in(written: bytes, cuts: Iterable[Sequence[bytes]]) -> Payload | None:
    """Put what belongs there in the place of each token; None if a token is not there once."""
    places = []
    for token, *pieces in cuts:
        if written.count(token) != 1:
            return None
        places.append((written.index(token), len(token), pieces))
    parts: list[bytes] = []
    end = 0
    for start, length, pieces in sorted(places):
        parts += written[end:start], *pieces
        end = start + length
    parts.append(written[end:])
    packed = Pieces(parts)
    return packed if len(packed) > JOINABLE else bytes(packed)
