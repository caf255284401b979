"""Rows in marshal data: dictionaries of short values whose keys were written before.

A list of records is mostly such rows, and they are alike. The general pattern for runs of flat
items asks at each value of which of many kinds it is. So one row is looked at, and the next ones
are compared with a pattern made for rows like it: a third of the time, and nothing is believed of
the row that was looked at. Loaded when it is first needed, as part of the proof in `marshal_check`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .marshal_check import TEXT, either

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Buffer

    Match = Callable[[Buffer, int], Any]

COUNT = 50
"""Rows that a pattern matches: fewer are left to the general one."""

MOST_VALUES = 16
"""Values of a row."""

MOST_SHAPES = 128
"""Shapes for which a process makes patterns, of up to 40 KB each. They stay; more are not made."""

BYTES = 4096
"""Bytes of data for each value of a row. To make a pattern takes a quarter of a millisecond for
each; so a peer who has new ones made all the time costs no more than one who sends odd data."""

_START, _END, _REF, _BRIEF = b"{0rT"
_TOKENS = {
    _REF: b"r[\\x%02x-\xff]...",
    _BRIEF: b"[NTF.]",
    b"i"[0]: b"[i\xe9]....",
    b"g"[0]: b"[g\xe7]........",
    b"z"[0]: TEXT,
}
"""By kind; of a reference, it is to be said to which object at least."""

_SIZES = {_REF: 5, _BRIEF: 1, b"i"[0]: 5, b"g"[0]: 9, b"z"[0]: 2}
_KINDS = dict(zip(b"rTNF.i\xe9g\xe7zZ\xfa\xda", b"rTTTTiiggzzzz", strict=True))

Shape = tuple[frozenset[int], ...]
"""Of each value of a row, of which kinds it may be."""


def find_shape(data: Buffer, at: int, before: Shape | None = None) -> Shape | None:
    """Return what the row at *at* is like; None if it is no row.

    Args:
        data: The data; an IndexError is raised where it ends too soon.
        at: Where the row begins.
        before: What earlier rows are like, for a shape that has room for those, too.
    """
    if data[at] != _START:
        return None
    at += 1
    kinds: list[int] = []
    while data[at] == _REF and len(kinds) < MOST_VALUES:
        at += 5
        kind = _KINDS.get(data[at])
        if kind is None:
            return None
        kinds.append(kind)
        at += _SIZES[kind] + (data[at + 1] if kind == b"z"[0] else 0)
    if data[at] != _END:
        return None
    if before is None or len(before) != len(kinds):
        return tuple(frozenset({kind}) for kind in kinds)
    return tuple(old | {kind} for old, kind in zip(before, kinds, strict=True))


def rows_matcher(shape: Shape, least: int, size: int) -> Match | None:
    """Return what matches `COUNT` rows of a shape; None if that is not worth it.

    Args:
        shape: What the rows are like.
        least: The first object that references may lead to. Of a reference, whose four bytes begin
            with the lowest, that byte says that it is high enough; some are refused by that.
        size: Bytes of data in which there may be rows.
    """
    if least > 0xFF or len(shape) * BYTES > size:
        return None
    matcher = _matchers.get((shape, least))
    if matcher is None and len(_matchers) < MOST_SHAPES:
        matcher = _matchers[shape, least] = _make_matcher(shape, least)
    return matcher


_matchers: dict[tuple[Shape, int], Match] = {}


def _make_matcher(shape: Shape, least: int) -> Match:
    reference = _TOKENS[_REF] % least
    values = (
        either(*(_TOKENS[kind] if kind != _REF else reference for kind in sorted(kinds)))
        for kinds in shape
    )
    row = rb"\{" + b"".join(reference + value for value in values) + b"0"
    return re.compile(b"(?:%b){%d}+" % (row, COUNT), re.DOTALL).match
