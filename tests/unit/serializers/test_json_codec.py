import array
import datetime
import decimal
import json
import uuid
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import JsonSerializer, json_codec
from pyrolike.serializers.classes import register_class_to_dict, register_type_replacement
from pyrolike.serializers.recreation import TOO_DEEP
from pyrolike.uri import URI
from tests.support import things
from tests.support.things import text_array


@pytest.fixture
def codec() -> JsonSerializer:
    return JsonSerializer()


WHEN = datetime.datetime(2020, 1, 2, 3, 4, 5, 678)
ID = uuid.UUID("11112222-3333-4444-5555-666677778888")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (2**80, "1208925819614629174706176"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        ("a\"'€\0", '"a\\"\'€\\u0000"'),
        ((1, [2]), "[1, [2]]"),
        ({1}, "[1]"),
        (set(), "[]"),
        (frozenset({1}), "[1]"),
        (
            {"a": 1, 2: 3, None: 4, True: 5, 1.5: 6},
            '{"a": 1, "2": 3, "null": 4, "true": 5, "1.5": 6}',
        ),
        (decimal.Decimal("1.50"), '"1.50"'),
        (ID, f'"{ID}"'),
        (WHEN, '"2020-01-02T03:04:05.000678"'),
        (WHEN.date(), '"2020-01-02"'),
        (array.array("i", [1, 2]), "[1, 2]"),
        (text_array("hi"), '"hi"'),
        (things.Number.ONE, "1"),
        (things.Text("x"), '"x"'),
        (
            URI("PYRO:o@h:1"),
            '{"__class__": "Pyro5.core.URI", "state": ["PYRO", "o", null, "h", 1]}',
        ),
        (things.Point(1, 2), '{"x": 1, "y": 2, "__class__": "tests.support.things.Point"}'),
        (
            ValueError("b", 1),
            '{"__class__": "builtins.ValueError", "__exception__": true, '
            '"args": ["b", 1], "attributes": {}}',
        ),
    ],
)
def test_a_value_is_written_as_pyro_writes_it(
    codec: JsonSerializer, value: object, text: str
) -> None:
    assert codec.dumps(value).decode() == text


def test_a_call_is_written_as_pyro_writes_it(codec: JsonSerializer) -> None:
    assert codec.dumpsCall("calc", "add", (1, "é"), {"k": None}).decode() == (
        '{"object": "calc", "method": "add", "params": [1, "é"], "kwargs": {"k": null}}'
    )
    assert codec.dumpsCall("c", "m", (), None).decode().endswith('"params": [], "kwargs": null}')


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        1j,
        "\ud800",
        datetime.time(1),
        datetime.timedelta(1),
        {(1, 2): 3},
        things.Colour.RED,
        object(),
        range(3),
    ],
)
def test_what_json_cannot_send_is_named(codec: JsonSerializer, value: object) -> None:
    with pytest.raises(SerializeError) as caught:
        codec.dumps([1, value])
    assert caught.value.where == "the value[1]"
    with pytest.raises(TypeError, match=r"at kwargs\['k'\]"):
        codec.dumpsCall("o", "m", (1,), {"k": value})


def test_what_contains_itself_is_refused(codec: JsonSerializer) -> None:
    loop: dict[str, Any] = {}
    loop["me"] = loop
    with pytest.raises(ValueError, match=r"at args\[0\]\['me'\]: it contains itself"):
        codec.dumpsCall("o", "m", (loop,), {})


def test_replacements_and_converters_are_used_everywhere(codec: JsonSerializer) -> None:
    register_type_replacement(things.Special, lambda obj: "special")
    register_class_to_dict(things.Plain, lambda obj: "plain")
    assert codec.dumps([{"a": things.Special()}, things.Plain()]) == b'[{"a": "special"}, "plain"]'


def test_the_family_of_names_is_chosen_by_the_constructor() -> None:
    assert b'"Pyro4.core.URI"' in JsonSerializer(tags="Pyro4").dumps(URI("PYRO:o@h:1"))


def test_without_the_c_encoder_the_text_is_the_same(
    codec: JsonSerializer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    slow = JsonSerializer()
    value = {"a": [1, 2.5, float("nan"), "é\n", None, {1}], 3: WHEN}
    assert slow.dumps(value) == codec.dumps(value)


@pytest.mark.parametrize("text", ["", "[1", "[1] 2", "{'a': 1}", "nul", '"a', "[" * 100_000])
def test_damaged_data_is_a_serialize_error(codec: JsonSerializer, text: str) -> None:
    for load in (codec.loads, codec.loadsCall):
        with pytest.raises(SerializeError):
            load(text.encode())


def test_data_that_is_no_text_is_a_serialize_error(codec: JsonSerializer) -> None:
    with pytest.raises(SerializeError, match="utf-8"):
        codec.loads(b"\xff")


def test_an_integer_of_too_many_digits_is_a_serialize_error(codec: JsonSerializer) -> None:
    with pytest.raises(SerializeError, match="digits"):
        codec.loads(b"1" * 5000)


def test_too_deep_data_is_called_so(codec: JsonSerializer) -> None:
    with pytest.raises(SerializeError, match=TOO_DEEP):
        codec.loads(b"[" * 100_000 + b"]" * 100_000)


def test_white_space_around_the_data_is_allowed(codec: JsonSerializer) -> None:
    assert codec.loads(b" [1]\n") == [1]
    assert codec.loads(b"1 ") == 1


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "[1, 2, 3, 4]",
        "{}",
        '{"object": 1, "method": 2}',
    ],
)
def test_what_is_no_call_is_a_serialize_error(codec: JsonSerializer, text: str) -> None:
    with pytest.raises(SerializeError, match="not a call"):
        codec.loadsCall(text.encode())


def test_the_c_encoder_is_what_makes_it_fast() -> None:
    # If a Python renames it we would silently be slower.
    assert getattr(json_codec.json.encoder, "c_make_encoder", None) is not None


def test_class_dicts_are_opened_with_their_place(codec: JsonSerializer) -> None:
    uri = URI("PYRO:a@h:1")
    call = codec.loadsCall(codec.dumpsCall("o", "m", [[uri]], {"k": uri}))
    assert call == ("o", "m", [[uri]], {"k": uri})
    unknown = codec.dumpsCall("o", "m", (), {"k": [{"__class__": "a.B"}]})
    with pytest.raises(SerializeError, match=r"unknown class a\.B at kwargs\['k'\]\[0\]"):
        codec.loadsCall(unknown)


@pytest.mark.parametrize("value", [5, None, "text", {"a": [1]}, [[1], 2], (), ([],)])
def test_a_blob_may_have_anything_where_a_call_has_its_arguments(value: Any) -> None:
    data = JsonSerializer().dumpsCall("o", "m", value, {})
    assert json.loads(data)["params"] == (list(value) if type(value) is tuple else value)
