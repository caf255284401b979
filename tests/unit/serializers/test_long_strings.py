"""Long strings around the parser: the same values, the same refusals, whatever is in them."""

from __future__ import annotations

import json
from ast import literal_eval
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import get_serializer
from pyrolike.serializers.long_strings import LONG, read_around

X = "x" * LONG
STRINGS = {
    "plain": X,
    "another alphabet": "ж" * LONG,
    "beyond 16 bits": "\N{GRINNING FACE}" * LONG,
    "like a token": f"long string 0{X}",
    "double quotes": f'{X}"{X}',
    "single quotes": f"{X}'{X}",
    "both quotes": f"'{X}\"",
    "a backslash": f"{X}\\",
    "a line break": f"{X}\n",
    "a control character": f"{X}\x01",
    "a zero": f"{X}\0",
    "delete": f"{X}\x7f",
    "a line separator": f"{X}\N{LINE SEPARATOR}",
    "brackets": "([{" * LONG,
    "a class": "__class__" * LONG,
}
SHAPES: dict[str, Any] = {
    "alone": lambda text: text,
    "in a list": lambda text: [text, 1, text],
    "as a key": lambda text: {text: {"key": text}},
    "beside its token": lambda text: ["long string 0", text, "long string 1"],
    "deep": lambda text: [[[[[{"key": [text]}]]]]],
}


@pytest.mark.parametrize("name", ["serpent", "json"])
@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_long_strings_arrive_as_they_were(name: str, text: str, shape: Any) -> None:
    codec, value = get_serializer(name), shape(text)
    assert codec.loads(codec.dumps(value)) == value
    obj, method, vargs, kwargs = codec.loadsCall(codec.dumpsCall("o", "m", [value], {"k": value}))
    assert (obj, method, [*vargs], kwargs) == ("o", "m", [value], {"k": value})


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_is_written_is_what_the_parsers_of_others_read(text: str, shape: Any) -> None:
    value = shape(text)
    assert json.loads(get_serializer("json").dumps(value)) == value
    assert json.loads(get_serializer("json").dumpsCall("o", "m", [value], {}))["params"] == [value]
    if "\0" not in text:
        assert literal_eval(get_serializer("serpent").dumps(value).decode()) == value


@pytest.mark.parametrize("name", ["serpent", "json"])
def test_very_many_of_them_arrive_too(name: str) -> None:
    codec, value = get_serializer(name), [X] * 120
    assert codec.loads(codec.dumps(value)) == value
    assert [*codec.loadsCall(codec.dumpsCall("o", "m", value, {}))[2]] == value


@pytest.mark.parametrize("name", ["serpent", "json"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_they_are_read_from_whatever_they_lie_in(name: str, kind: Any) -> None:
    codec, value = get_serializer(name), [X, "short", {"key": "ж" * LONG}]
    assert codec.loads(kind(codec.dumps(value))) == value


def test_tuples_and_sets_keep_their_kind() -> None:
    codec = get_serializer("serpent")
    value = (X, {X, "short"}, (1, [X]))
    assert codec.loads(codec.dumps(value)) == value


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("serpent", f"'{X}\n'"),
        ("serpent", f"['{X}\r', 1]"),
        ("serpent", f"'{X}"),
        ("serpent", f"['{X}' 1]"),
        ("serpent", f"{{'{X}': eval}}"),
        ("json", f'"{X}\n"'),
        ("json", f'["{X}\x01", 1]'),
        ("json", f'"{X}'),
        ("json", f'["{X}" 1]'),
        ("json", f'["{X}", NaN'),
        ("serpent", f"['{X}', '\udcff']"),
        ("serpent", f"['{X}\udcff', 'short']"),
        ("json", f'["{X}", "\udcff"]'),
        ("json", f'["{X}\udcff", "short"]'),
    ],
)
def test_what_is_invalid_is_refused(name: str, data: str) -> None:
    codec = get_serializer(name)
    header = "# serpent utf-8 python3.2\n" if name == "serpent" else ""
    with pytest.raises(SerializeError):
        codec.loads((header + data).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", ["serpent", "json", "marshal", "msgpack"])
def test_an_object_beside_a_long_string_is_made(name: str) -> None:
    codec = get_serializer(name)
    value = [X * 5, {"__class__": "ValueError", "__exception__": True, "args": ["no"]}]
    text, error = codec.loads(codec.dumps(value))
    assert text == X * 5
    assert repr(error) == "ValueError('no')"
    _, _, vargs, kwargs = codec.loadsCall(codec.dumpsCall("o", "m", value, {"error": value[1]}))
    assert repr(vargs[1]) == repr((kwargs or {})["error"]) == "ValueError('no')"


def test_what_names_a_class_in_a_long_string_is_no_object() -> None:
    for name in ("serpent", "json", "marshal", "msgpack"):
        codec = get_serializer(name)
        value = ["__class__" * LONG, {"key": "value"}]
        assert codec.loads(codec.dumps(value)) == value


def test_a_token_that_is_in_the_text_makes_this_way_impossible() -> None:
    assert around(["long string 00", X]) is None
    assert around(["long string 01", X]) == (
        ["long string 01", X],
        '["long string 01", "long string 00"]',
    )


def test_text_that_is_not_simple_is_left_to_the_parser() -> None:
    assert around(["short"]) is None
    assert around([X, "a\\b"]) is None
    assert around([X + "\x01"]) is None
    assert around([X + "\x01"], forbidden=b"") is None, "it is escaped"
    assert read_around(f'["{X}'.encode(), b'"', b"", b"", json.loads) is None


def test_among_many_short_strings_it_is_not_worth_it() -> None:
    assert around([X, *["short"] * 10]) is not None
    assert around([X, *["short"] * 10_000]) is None


def around(value: Any, forbidden: bytes = b"\x01") -> tuple[Any, str] | None:
    return read_around(json.dumps(value).encode(), b'"', b"\\", forbidden, json.loads)
