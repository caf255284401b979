"""Words become values, and values become JSON."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from pyrolike._terminal import CommandError
from pyrolike.client import Proxy
from pyrolike.commands.values import read_word, to_json
from pyrolike.uri import URI


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("3", 3),
        ("-2.5e3", -2500.0),
        ("true", True),
        ("null", None),
        ('"3"', "3"),
        ('[1, {"a": null}]', [1, {"a": None}]),
        ("hello", "hello"),
        ("two words", "two words"),
        ("True", "True"),
        ("", ""),
        ("-", "-"),
        ("1,2", "1,2"),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_a_word_is_json_or_itself(word: str, value: Any) -> None:
    assert read_word(word) == value


def test_as_text_every_word_is_itself() -> None:
    assert [read_word(word, as_text=True) for word in ("3", "[1", "null")] == ["3", "[1", "null"]


@pytest.mark.parametrize("word", ["[1,", "{a: 1}", '"open', " {", "[1] [2]"])
def test_what_begins_like_json_must_be_json(word: str) -> None:
    with pytest.raises(ValueError, match=r"begins like JSON, but is none: .* at character"):
        read_word(word)


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        read_word("[" * 200_000)


class Point:
    def __repr__(self) -> str:
        return "<Point>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (b"\x00\xff", {"data": "AP8=", "encoding": "base64"}),
        (bytearray(b"x"), {"data": "eA==", "encoding": "base64"}),
        (memoryview(b"x"), {"data": "eA==", "encoding": "base64"}),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        ([float("-inf")], ["-Infinity"]),
        (complex(1, 2), {"real": 1.0, "imag": 2.0}),
        (datetime.datetime(2024, 2, 29, 12, 30), "2024-02-29T12:30:00"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (datetime.time(12, 30), "12:30:00"),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (URI("PYRO:x@h:1"), "PYRO:x@h:1"),
        (ValueError("bad", 1), {"__class__": "ValueError", "args": ["bad", 1]}),
        ({1: "a", None: "b", 2.5: "c"}, {"1": "a", "null": "b", "2.5": "c"}),
        ({False: 1, "x": 2}, {"false": 1, "x": 2}),
        ({1: "a", "1": "b"}, {"__class__": "dict", "items": [[1, "a"], ["1", "b"]]}),
        ({(1, 2): "a"}, {"__class__": "dict", "items": [[[1, 2], "a"]]}),
        ({float("inf"): 1}, {"__class__": "dict", "items": [["Infinity", 1]]}),
        (Point(), {"__class__": f"{__name__}.Point", "repr": "<Point>"}),
    ],
)
def test_what_json_lacks_has_a_form_of_its_own(value: Any, shown: Any) -> None:
    found = to_json(value)
    assert found == shown
    json.dumps(found, allow_nan=False)


def test_a_set_whose_items_cannot_be_compared_is_an_array_too() -> None:
    assert sorted(to_json({1, "a"}), key=str) == [1, "a"]


def test_a_proxy_is_its_uri_and_is_not_asked_for_anything() -> None:
    assert to_json([Proxy("PYRO:x@nowhere.invalid:1")]) == ["PYRO:x@nowhere.invalid:1"]


def test_what_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CommandError, match="nested too deeply"):
        to_json(value)
