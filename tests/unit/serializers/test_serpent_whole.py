"""Which texts become JSON as a whole, and that strings in them are left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
import serpent

from pyrolike.errors import SerializeError
from pyrolike.serializers import serpent_reader
from pyrolike.serializers.serpent_reader import read, read_call
from pyrolike.serializers.serpent_text import HEADER, MAX_DEPTH
from pyrolike.serializers.serpent_whole import to_json

RECORDS = [
    {
        "id": n,
        "name": f"record {n}",
        "value": n / 2,
        "active": n % 2 == 0,
        "none": None,
        "x": [1, {}],
    }
    for n in range(100)
]


def body(value: object) -> str:
    text: bytes = serpent.dumps(value)
    return text.decode().removeprefix(HEADER)


@pytest.mark.parametrize(
    "value",
    [
        [], {}, [[]], {"a": []}, RECORDS, {"rows": RECORDS}, [None, True, False, -1, 1.5, "é€😀"],
        ["", "a, b: c", ",", ":", "#", "nan"],
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_plain_containers_become_json(value: Any) -> None:
    translated = to_json(body(value), MAX_DEPTH)
    assert translated is not None
    assert json.loads(translated) == value


@pytest.mark.parametrize(
    "text",
    [
        "(1,)", "[(1,2)]", "[1)", "['(']", "['a]']", "['{']", "{'}':1}", "['a", "['a]", '["a"]',
        r"['\n']", "['\0']", "[null]", "['null']", "[true]", "[false]", "['falsehood']",
    ],
)  # fmt: skip
def test_whatever_is_not_obvious_is_left_to_others(text: str) -> None:
    assert to_json(text, MAX_DEPTH) is None


@pytest.mark.parametrize(
    "text",
    [
        "['None']", "['True']", "['a False b']", "{'None':None}", "['a,True,b']", "[1True]",
        "[NoneTrue]",
        "[xTrue]", "[Truex]", "{1:2}", "{1,2}", "{'a','b'}", "{None:1}", "[1 2]", "['a' 'b']",
        "['a'b'c']",
        "[1,]", "[,]", "[]]", "[[]", "[}", "[NaN]", "[Infinity]", "[01]", "['\t']", "[# x\n1]",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_by_its_parser(text: str) -> None:
    translated = to_json(text, MAX_DEPTH)
    assert translated is not None
    assert serpent_reader._read_whole(text, MAX_DEPTH) is None


def test_depth_is_limited() -> None:
    for limit in (1, 5, MAX_DEPTH):
        assert to_json("[" * limit + "]" * limit, limit)
        assert to_json(limit * "{'a':" + "1" + limit * "}", limit)
        for deeper in (limit + 1, 5000):  # of few brackets, the depth is not counted
            assert (to_json("[" * deeper + "]" * deeper, limit) is None) == (deeper > limit)


@pytest.mark.parametrize("odd", ["", "None", "true", "(", "]", "it's", '"', "\\", "\n", "\0", "é"])
def test_long_texts_are_read_as_the_library_reads_them(odd: str) -> None:
    records = [*RECORDS, {"id": odd}, {odd: 1}]
    for value in (records, (records,), {"rows": records, "more": (1,)}, [*records, {1}, {2: 3}]):
        text = HEADER + body(value)
        assert read(text) == read_call(text) == serpent.loads(text.encode())


@pytest.mark.parametrize("kwargs", [None, {}, {"a": 1}, {"rows": RECORDS}])
@pytest.mark.parametrize("more", [(), (1,), ((1, 2),), ({1},), ("(",), ("None",), ([],)])
def test_long_calls_are_read_as_the_library_reads_them(more: tuple[Any, ...], kwargs: Any) -> None:
    for vargs in ((RECORDS, *more), (*more, RECORDS), [RECORDS, *more]):
        call = ("object", "method", vargs, kwargs)
        assert read_call(HEADER + body(call)) == call


LONG = body(RECORDS)


@pytest.mark.parametrize(
    "arguments",
    [f"{LONG}", f"{LONG},,", f"{LONG},1),(2,", f",{LONG}", f"{LONG[:-1]}", f"{LONG}]", f"{LONG} 1,",
     f"{LONG},),{{}},", "," * 2000],
    ids=["no comma", "two commas", "brackets", "first a comma", "open", "closed", "two", "kwargs",
         "only commas"],
)  # fmt: skip
def test_damaged_long_calls_are_read_as_the_library_reads_them(arguments: str) -> None:
    for tail in ("),{})", "),None)"):
        text = f"{HEADER}('o','m',({arguments}{tail}"
        try:
            expected = serpent.loads(text.encode())
        except (ValueError, SyntaxError):
            with pytest.raises(SerializeError, match="invalid serpent data"):
                read_call(text)
        else:
            assert repr(read_call(text)) == repr(expected)


def test_usual_calls_with_records_are_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serpent_reader, "_translate_simple", None)
    monkeypatch.setattr(serpent_reader, "split", None)
    call = ("o", "m", (RECORDS, 1), {})
    assert read_call(HEADER + body(call)) == call
    assert read(HEADER + body(RECORDS)) == RECORDS
