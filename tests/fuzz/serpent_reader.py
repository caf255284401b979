"""Serpent's text: its quick reader against Python's own parser."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from pyrolike.errors import SerializeError
from pyrolike.serializers import long_strings, serpent_reader
from pyrolike.serializers.serpent_parser import read_literal
from pyrolike.serializers.serpent_text import HEADER
from tests.fuzz.messages import payloads
from tests.fuzz.reading import RICHER, make_check, written
from tests.fuzz.target import Target

_read_and_write = make_check("serpent")


def check(data: bytes) -> None:
    _read_and_write(data)
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError:
        return
    for whole in (text, HEADER + text):
        expected = _result(serpent_reader._read_anything, whole)
        ways = serpent_reader.read, serpent_reader.read_call
        assert [_result(way, whole) for way in ways] == 2 * [expected], whole
        with patch.object(serpent_reader, "MANY", 0):
            assert [_result(way, whole) for way in ways] == 2 * [expected], whole
        assert _around(whole) in (None, expected), whole
        if expected is not None:
            assert _tokens_of(whole) in (None, expected)
            assert _shown(ast.literal_eval(whole)) == expected


def _tokens_of(text: str) -> str | None:
    try:
        return _shown(read_literal(text))
    except (ValueError, TypeError, OverflowError):
        return None


def _around(text: str) -> str | None:
    """Return what is read around long strings, when those are long that have three characters."""
    usual, long_strings.LONG = long_strings.LONG, 3
    try:
        found = serpent_reader.read_long(text.encode())
    except SerializeError:
        return None
    finally:
        long_strings.LONG = usual
    return None if found is None else _shown(found[0])


def _result(way: Callable[[str], Any], text: str) -> str | None:
    """Return what is read, as text; None if it is refused."""
    try:
        return _shown(way(text))
    except SerializeError:
        return None


def _shown(value: Any) -> str:
    """Return a value as text, in which 1 and True differ, and a NaN equals itself."""
    kind = type(value)
    if kind in (set, frozenset):
        return f"{kind.__name__}{sorted(map(_shown, value))}"
    if kind in (list, tuple):
        return f"{kind.__name__}({','.join(map(_shown, value))})"
    if kind is dict:
        return f"dict{[(_shown(key), _shown(item)) for key, item in value.items()]}"
    return hex(value) if kind is int else repr(value)


TARGET = Target(
    "Text is read to harmless values or refused with an error of Pyro's; the quick ways read what"
    " Python's own parser reads, and nothing else.",
    check,
    [*payloads("serpent"), *written("serpent", RICHER), b"# serpent utf-8 python3.2\n{'a':(1,)}"],
    tokens=[
        b"# serpent utf-8 python3.2\n", b"'__class__':", b"(1,)", b"{1,2}", b"{1:2}", b"None",
        b"True", b"False", b"\\x00", b"\\u0000", b"\\'", b'"""', b"'''", b"b'x'", b"-1", b"+1j",
        b"1e999", b"null", b"true", b"NaN", b"set()", b"...", b"f'", b"0x1", b"1_0", b"((((((((",
        b"9" * 60, b"~", b"[]*9", b" if ", b"lambda:0", b"#", b"\\\n", b"{**{}}", b"\xc2\xa0",
    ],
    largest=2000,
)  # fmt: skip
