"""Marshal data: the check in front of Python's loader, and the loader behind it.

The loader crashes on much that nobody should send; a crash ends this process, and is the finding.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from pyrolike.errors import SerializeError
from pyrolike.serializers import marshal_check, marshal_rows
from tests.fuzz.messages import payloads
from tests.fuzz.reading import RICHER, make_check, written
from tests.fuzz.target import Target

_read_and_write = make_check("marshal")


def check(data: bytes) -> None:
    allowed = _accepts(marshal_check._Walk(data).check)
    assert _accepts(lambda: marshal_check.check_marshal(data)) == allowed
    if not allowed:
        assert not marshal_check.is_simple(data)
        assert not marshal_check._is_proven_in_a_hurry(data)
        assert not _is_proven_by_rows(data)
    _read_and_write(data)


_matchers: dict[Any, Any] = {}


def _is_proven_by_rows(data: bytes) -> bool:
    """Say whether data is proven by patterns for rows, where three rows are many."""
    with (
        patch.multiple(marshal_check, _ROWS_AT_LEAST=3, _RUNS=(2, 2)),
        patch.multiple(marshal_rows, COUNT=2, BYTES=0, MOST_SHAPES=2000, _matchers=_matchers),
    ):
        return marshal_check._is_proven_in_a_hurry(data)


def _accepts(check: Callable[[], None]) -> bool:
    try:
        check()
    except SerializeError:
        return False
    return True


_RECORDS = 12 * [{"name": "x", "size": 1, "tags": ["a", "b"], "price": 1.5}]
_ROWS = [
    {"id": number, "name": f"row {number}", "share": number / 2, "is_even": number % 2 == 0}
    for number in range(9)
]
_plain = [value for value in RICHER if not isinstance(value, BaseException)]
_VALUES = [*_plain, _RECORDS, _ROWS]

TARGET = Target(
    "What the check accepts, Python's loader reads to harmless values or refuses, and lives; the"
    " check's quick ways accept nothing that its slow way refuses.",
    check,
    [
        *payloads("marshal"), *written("marshal", _plain),
        *(marshal.dumps(value, version) for value in _VALUES for version in (0, 2, 4)),
        marshal.dumps(compile("1", "x", "eval")),
    ],
    tokens=[
        b"r\0\0\0\0", b"r\x01\0\0\0", b"r\xff\xff\xff\x7f", b"[\xff\xff\xff\x7f",
        b"s\xff\xff\xff\x7f",
        b"(\0\0\0\x80", b"l\xff\xff\xff\x7f", b"\xdb\x01\0\0\0", b"\xa9\x01", b"\xfb", b"0", b"<",
        b">",
        b"\xbc\x01\0\0\0", b"\xbe\x01\0\0\0", b"y" + bytes(16), b"\xe3", b"c", b"I", b"x", b"f",
        b"R",
        b"\xda\x01a", b"\xfa\x01a", b"[\x01\0\0\0" * 12,
    ],
)  # fmt: skip
