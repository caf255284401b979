"""Lists of records are written as the serializers' own libraries write them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from enum import IntEnum
from typing import Any

import pytest
import serpent

from pyrolike.errors import SerializeError
from pyrolike.serializers import JsonSerializer, get_serializer, record_lists
from pyrolike.serializers.json_codec import _record_writer as json_writer
from pyrolike.serializers.record_lists import MANY, RecordWriter, are_finite, are_records
from pyrolike.serializers.serpent_text import MAX_DEPTH
from pyrolike.serializers.serpent_writer import LiteralWriter, _record_writer as serpent_writer
from tests.support.names import shown


class Level(IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()


def rows(make: Callable[[int], Any]) -> list[Any]:
    return [make(number) for number in range(MANY + 7)]


def odd(replacement: Any, place: int = 20) -> list[Any]:
    """Return records with another thing among them."""
    records = rows(lambda n: {"id": n, "name": f"n {n}"})
    records[place] = replacement
    return records


RECORDS: dict[str, list[Any]] = {
    "one column": rows(lambda n: {"id": n}),
    "every kind": rows(
        lambda n: {"id": n - 5, "big": 10**n, "name": f"n {n}", "value": n / 3, "ok": n % 2 == 0,
                   "nothing": None}
    ),
    "mixed columns": rows(
        lambda n: {"a": (None, n, 0.5, "text", True)[n % 5], "b": None if n % 2 else 1e300}
    ),
    "texts": rows(lambda n: {"a": ("it's", '"', "\\", "\n\0", "é€😀", "None", "},{", "")[n % 8]}),
    "keys": rows(lambda n: {"it's": n, 'a "b"': n, "\\": n, "\n": n, "é": n, "": n, "a, b": n}),
    "the same row": [{"id": 1, "name": "x"}] * MANY,
}  # fmt: skip
OTHERS: dict[str, list[Any]] = {
    "a key more": odd({"id": 1, "name": "n", "more": 1}),
    "a key less": odd({"id": 1}),
    "a key less and one more": [*odd({"id": 1}, 3)[:-1], {"id": 2, "name": "n", "x": 1}],
    "another key": odd({"id": 1, "Name": "n"}),
    "another order": odd({"name": "n", "id": 1}),
    "other keys in the first row": odd({"name": "n", "id": 1}, 0),
    "no row": odd(None),
    "no row at first": odd(["id", "name"], 0),
    "a list": odd(["id", "name"]),
    "an empty row": odd({}),
    "only empty rows": rows(lambda n: {}),
    "numbers as keys": rows(lambda n: {1: n, 2: n}),
    "something nested": odd({"id": [1], "name": {"a": (1,)}}),
    "something nested at first": odd({"id": [1], "name": {"a": (1,)}}, 0),
    "a date": odd({"id": date(2026, 1, 2), "name": "n"}),
    "an infinity": odd({"id": math.inf, "name": "n"}),
    "not a number": odd({"id": math.nan, "name": "n"}),
    "a column of infinities": rows(lambda n: {"a": math.inf if n % 2 else -math.inf}),
    "a sum beyond all floats": rows(lambda n: {"a": 1.7e308}),
    "a derived text": odd({"id": 1, "name": Text("n")}),
}


def write_other(value: object) -> str:
    text: bytes = serpent.dumps(value)
    return text.decode().partition("\n")[2]


write_literal = LiteralWriter(write_other, bytes_repr=False).write
ALL = RECORDS | OTHERS


@pytest.mark.parametrize("value", ALL.values(), ids=ALL)
def test_the_text_is_that_of_the_libraries(value: list[Any]) -> None:
    for shape in (value, tuple(value), [value, 1], {"rows": value}):
        expected = serpent.dumps(shape).decode().partition("\n")[2]
        assert write_literal(shape) == expected
    for shape in (value, [value], [1, value], {"rows": value}):
        expected = json.dumps(shape, ensure_ascii=False, default=str).encode()
        assert get_serializer("json").pack(shape) == expected
        call = {"object": "o", "method": "m", "params": [shape, value], "kwargs": {}}
        expected = json.dumps(call, ensure_ascii=False, default=str).encode()
        for vargs in ((shape, value), [shape, value]):
            assert get_serializer("json").pack_call("o", "m", vargs, {}) == expected
        call["kwargs"] = {"rows": value}
        expected = json.dumps(call, ensure_ascii=False, default=str).encode()
        assert (
            get_serializer("json").pack_call("o", "m", (shape, value), {"rows": value}) == expected
        )


@pytest.mark.parametrize("writer", [serpent_writer, json_writer], ids=["serpent", "json"])
def test_records_are_written_by_column(writer: RecordWriter) -> None:
    for name, value in RECORDS.items():
        assert writer.write(value), name
    for name, value in OTHERS.items():
        assert writer.write(value) is None, name
    assert writer.write([]) is None


def test_derived_values_are_left_to_whoever_knows_them() -> None:
    for row in ({"id": Level.LOW, "name": "n"}, {"id": 1, Text("name"): "n"}):
        value = odd(row, 0)
        assert json_writer.write(value) is serpent_writer.write(value) is None
        assert get_serializer("json").loads(get_serializer("json").pack(value)) == value


@pytest.mark.parametrize("name", ["serpent", "json"])
def test_an_integer_of_too_many_digits_is_refused_as_ever(name: str) -> None:
    value = odd({"id": 10**5000, "name": "n"})
    with pytest.raises(SerializeError, match="limit"):
        get_serializer(name).pack(value)
    with pytest.raises(SerializeError, match="limit"):
        get_serializer(name).pack_call("o", "m", (value,), {})


def test_records_nest_only_as_deep_as_others() -> None:
    records = RECORDS["one column"]
    assert write_literal(records, MAX_DEPTH - 2)
    for depth in (MAX_DEPTH - 1, MAX_DEPTH):
        with pytest.raises(ValueError, match="inside each other"):
            write_literal(records, depth)


def test_a_key_that_is_taken_away_meanwhile_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    records = rows(lambda n: {"id": n, "name": "n"})
    have_keys = record_lists._have_keys

    def take_one_away(found: list[Any], keys: list[Any]) -> bool:
        answer = have_keys(found, keys)
        del records[-1]["name"]
        return answer

    monkeypatch.setattr(record_lists, "_have_keys", take_one_away)
    assert serpent_writer.write(records) is None


@pytest.mark.parametrize(
    ("column", "finite"),
    [
        ([1.5, -2.5], True), ([1.5, math.inf], False), ([math.inf, -math.inf], False),
        ([math.nan], False), ([1, 2, 1.5, None, "a"], True), ([1, math.nan, None], False),
        ([10**400, 1], True), ([10**400, 1.5], True),
    ],
    ids=shown,
)  # fmt: skip
def test_only_floats_can_be_infinite(column: list[Any], finite: bool) -> None:
    assert are_finite(column, set(map(type, column))) is finite


def test_what_looks_like_a_list_of_records() -> None:
    assert are_records(RECORDS["one column"])
    for other in (None, (), [], [{}], rows(lambda n: n), tuple(RECORDS["one column"])):
        assert not are_records(other)


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_derived_serializers_write_records_in_their_own_way(name: str) -> None:
    kind = type(get_serializer(name))
    value = RECORDS["one column"]
    for method in ("dumps", "dumpsCall"):
        derived = type("Derived", (kind,), {method: lambda *args: b"mine"})()
        packed = {"dumps": derived.pack(value), "dumpsCall": derived.pack_call("", "", [value], {})}
        assert packed[method] == b"mine"


def test_another_json_module_is_asked_for_records_too() -> None:
    serializer = JsonSerializer(module="tests.support.things")
    with pytest.raises(SerializeError, match="cannot use"):
        serializer.pack(RECORDS["one column"])
    with pytest.raises(SerializeError, match="cannot use"):
        serializer.pack_call("o", "m", (RECORDS["one column"],), {})


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_arguments_that_contain_themselves_are_refused(name: str) -> None:
    vargs: list[Any] = [RECORDS["one column"]]
    vargs.append(vargs)
    with pytest.raises(SerializeError, match="contains itself"):
        get_serializer(name).pack_call("o", "m", vargs, {})
