"""Lists of records, as text: many flat dictionaries with the same keys, written column by column.

A serializer for text goes from value to value, and asks each what it is. Records have the same kind
of value under the same key, mostly, so that a column can be asked, and written, by a few functions
in C. The text of the keys, and what is between them, is made once for all rows.

Other threads may change a row meanwhile, as with any serializer: each value is looked up under its
key, so none can come to stand under another.
"""

from __future__ import annotations

from itertools import chain
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MANY = 30
"""Rows from which on columns pay. Measured: from about half of that on."""

SCALARS = frozenset({str, int, float, bool, type(None)})
"""What may be in a column; exactly these, no classes derived from them."""

_are_str = frozenset({str}).issuperset
_are_dicts = frozenset({dict}).issuperset
_are_scalars = SCALARS.issuperset


def are_records(value: Any) -> bool:
    """Say whether a value looks like a list of records."""
    return type(value) is list and len(value) >= MANY and dict in map(type, value[:1])


class RecordWriter:
    """Writes lists of records.

    Args:
        comma: What is between two items.
        colon: What is between a key and its value.
        write_key: Makes the text of a key.
        write_column: Makes the texts of some scalars, as many, given their types, too; None if that
            is not possible.
    """

    __slots__ = ("_colon", "_comma", "_write_column", "_write_key")

    def __init__(
        self,
        comma: str,
        colon: str,
        write_key: Callable[[str], str],
        write_column: Callable[[list[Any], set[type]], Iterable[str] | None],
    ) -> None:
        self._comma = comma
        self._colon = colon
        self._write_key = write_key
        self._write_column = write_column

    def write(self, rows: Sequence[Any]) -> str | None:
        """Return the text of some rows, without brackets around it; None if they are no records.

        Args:
            rows: A list or a tuple, `MANY` or longer.
        """
        rows = list(rows)
        first = rows[0] if rows else None  # another thread may have taken them away
        if type(first) is not dict or not first or not _are_scalars(map(type, first.values())):
            return None  # found out at once, and so costs those nothing who send other things
        keys = list(first)
        if not _have_keys(rows, keys):
            return None
        try:
            columns = [list(map(itemgetter(key), rows)) for key in keys]
        except KeyError:  # another thread has just taken it away
            return None
        kinds = [set(map(type, column)) for column in columns]
        if not all(map(SCALARS.issuperset, kinds)):
            return None
        written = list(map(self._write_column, columns, kinds))
        return None if None in written else self._join(keys, written, len(rows))

    def _join(self, keys: Sequence[str], columns: Sequence[Any], count: int) -> str:
        """Put keys and values together: ``{key:value,key:value},{key:value,key:value}``."""
        period = 2 * len(keys)
        row = [""] * period
        row[::2] = [f"{self._comma}{self._write_key(key)}{self._colon}" for key in keys]
        first = row[0].replace(self._comma, "{", 1)
        row[0] = f"}}{self._comma}{first}"
        pieces = row * count
        for place, column in enumerate(columns):
            pieces[2 * place + 1 :: period] = column
        pieces[0] = first
        pieces.append("}")
        return "".join(pieces)


def _have_keys(rows: list[Any], keys: list[Any]) -> bool:
    """Say whether all rows are dictionaries with exactly these keys, texts, in this order.

    It is enough that the keys of all rows, one after the other, are *keys* again and again. No row
    can be longer than that, or it would have a key twice; so none is shorter, either.
    """
    return (
        _are_str(map(type, keys))
        and _are_dicts(map(type, rows))
        and list(chain.from_iterable(rows)) == keys * len(rows)
    )


def are_finite(column: list[Any], kinds: set[type]) -> bool:
    """Say whether no float of a column is an infinity or a NaN; if in doubt, one is."""
    if float not in kinds:
        return True
    return isfinite(sum(column if len(kinds) == 1 else _floats(column)))


def _floats(column: Iterable[Any]) -> Iterator[float]:
    return (item for item in column if type(item) is float)
