"""Another module than the standard one under the json serializer, for the setting JSON_MODULE."""

from __future__ import annotations

import decimal
import json
import math
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pyrolike.errors import SecurityError, SerializeError
from pyrolike.serializers import (
    JsonSerializer,
    SerializerBase,
    get_serializer,
    json_modules,
    registry,
    serializers,
)
from pyrolike.serializers.recreation import TOO_DEEP
from pyrolike.uri import URI
from tests.support import things

NAME = "json_of_a_test"


class Pair(NamedTuple):
    """What some modules would write as an object."""

    a: int
    b: int


def dumps(value: object, *, ensure_ascii: bool, allow_nan: bool, default: Any) -> str:
    """Do what the standard module does, recognisably: with hardly a space."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        allow_nan=allow_nan,
        default=default,
        separators=(",", ":"),
    )


def loads(text: str) -> Any:
    return json.loads(text)


MakeModule = Callable[..., JsonSerializer]


@pytest.fixture
def with_module(monkeypatch: pytest.MonkeyPatch) -> MakeModule:
    """Gives a serializer that uses a module with the given content."""

    def make(**content: object) -> JsonSerializer:
        module = types.ModuleType(NAME)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, NAME, module)
        return JsonSerializer(module=NAME)

    monkeypatch.setattr(registry, "_variants", {})
    return make


@pytest.fixture
def codec(with_module: MakeModule) -> JsonSerializer:
    return with_module(dumps=dumps, loads=loads)


def test_the_module_writes_and_reads(codec: JsonSerializer) -> None:
    assert codec.dumps([1, {"a": "é"}]) == '[1,{"a":"é"}]'.encode()
    call = codec.dumpsCall("calc", "add", (1, 2), None)
    assert call == b'{"object":"calc","method":"add","params":[1,2],"kwargs":null}'
    assert codec.loadsCall(call) == ("calc", "add", [1, 2], None)
    assert codec.loads(memoryview(b" [1] ")) == [1]


def test_objects_are_converted_as_ever(codec: JsonSerializer) -> None:
    value = [{1}, URI("PYRO:a@h:1"), decimal.Decimal("1.50"), {"k": KeyError("x")}]
    assert codec.loads(codec.dumps(value))[:3] == [[1], URI("PYRO:a@h:1"), "1.50"]
    assert JsonSerializer().dumps(value).replace(b" ", b"") == codec.dumps(value)


def test_errors_are_worded_as_ever(codec: JsonSerializer) -> None:
    standard = JsonSerializer()
    loop: list[Any] = []
    loop.append(loop)
    for value in ([1, b"x"], {"a": [object()]}, {(1, 2): 3}, loop, things.Colour.RED):
        texts = set()
        for one in (codec, standard):
            with pytest.raises(SerializeError) as caught:
                one.dumpsCall("o", "m", (value,), {})
            texts.add(str(caught.value))
        assert len(texts) == 1
    for data in (b"[1", b"nul", b"\xff", b"[" * 100_000, b"1" * 5000, b"3"):
        texts = set()
        for one in (codec, standard):
            with pytest.raises(SerializeError) as caught:
                one.loadsCall(data)
            texts.add(str(caught.value))
        assert len(texts) == 1


def test_what_a_peer_may_create_is_the_same(codec: JsonSerializer) -> None:
    with pytest.raises(SecurityError):
        codec.loads(b'{"__class__": "__main__.X"}')
    with pytest.raises(SerializeError, match=r"unknown class a\.B at args\[0\]"):
        codec.loadsCall(codec.dumpsCall("o", "m", [{"__class__": "a.B"}], {}))
    deep = b'{"__class__": "x", "a":' + b"[" * 100_000
    with pytest.raises(SerializeError, match=TOO_DEEP):
        codec.loads(deep)


def test_a_failure_of_the_modules_own_kind_is_a_serialize_error(with_module: MakeModule) -> None:
    class OwnError(Exception):
        pass

    def fail(function: Any) -> Any:
        def failing(value: Any, **options: Any) -> Any:
            if value in ("bad", '"bad"'):
                raise OwnError("of its own")
            return function(value, **options)

        return failing

    codec = with_module(dumps=fail(json.dumps), loads=fail(json.loads))
    assert codec.loads(codec.dumps("good")) == "good"
    with pytest.raises(SerializeError, match="OwnError: of its own"):
        codec.dumps("bad")
    with pytest.raises(SerializeError, match="invalid json data: OwnError: of its own"):
        codec.loads(b'"bad"')


def test_a_module_is_imported_when_it_is_needed() -> None:
    codec = JsonSerializer(module="no_such_module_anywhere")
    for _ in range(2):
        for use in (
            lambda: codec.dumps(1),
            lambda: codec.loads(b"1"),
            lambda: codec.dumpsCall("o", "m", (1,), {}),
            lambda: codec.loadsCall(b"1"),
        ):
            with pytest.raises(
                SerializeError, match=r"JSON_MODULE names 'no_such_module_anywhere'.*imported"
            ) as caught:
                use()
            assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", ["", ".relative", "math", "json.no_such_part"])
def test_what_is_no_json_module_is_told_with_what_is_needed(name: str) -> None:
    with pytest.raises(SerializeError, match=r"cannot use \(.*needs dumps and loads like"):
        JsonSerializer(module=name).dumps(1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"dumps": dumps}, "loads"),
        ({"dumps": lambda value, **_: b"{}", "loads": loads}, "returns bytes, not text"),
        ({"dumps": lambda value: "{}", "loads": loads}, "unexpected keyword argument"),
        ({"dumps": dumps, "loads": lambda text: {}}, "not what the standard module does"),
        ({"dumps": lambda value, **_: "{}", "loads": loads}, "not what the standard module does"),
        ({"dumps": dumps, "loads": math.sqrt}, "TypeError"),
        ({"dumps": min, "loads": loads}, "TypeError"),  # whose parameters nobody knows
    ],
)
def test_a_module_with_other_ways_is_refused_before_it_does_harm(
    with_module: MakeModule, content: dict[str, object], reason: str
) -> None:
    with pytest.raises(json_modules.UnfitModuleError, match=reason):
        with_module(**content).dumps([1])


def test_the_registry_keeps_one_serializer_for_each_module(with_module: MakeModule) -> None:
    with_module(dumps=dumps, loads=loads)
    standard, other = get_serializer("json"), get_serializer("json", json_module=NAME)
    assert get_serializer("json", json_module="json") is standard is serializers["json"]
    assert get_serializer("json", json_module=NAME) is other
    assert isinstance(other, JsonSerializer)
    assert (other.name, other.serializer_id, other.module) == ("json", 3, NAME)
    assert other != standard
    assert get_serializer("serpent", json_module=NAME) is serializers["serpent"]


def test_a_users_json_serializer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(JsonSerializer):
        pass

    own: SerializerBase = Own()
    monkeypatch.setitem(serializers, "json", own)
    assert get_serializer("json", json_module=NAME) is own


def test_simplejson_writes_and_reads_what_the_standard_module_does() -> None:
    pytest.importorskip("simplejson")
    codec, standard = JsonSerializer(module="simplejson"), JsonSerializer()
    values = [
        decimal.Decimal("1.50"), Pair(1, 2), {1: 2, None: 3, 1.5: 4}, "é\u2028\0", {1}, 2**80,
        float("inf"), float("-inf"), float("nan"), things.Number.ONE, things.Text("x"),
        [{"a": [None, True]}], KeyError("k"),
    ]  # fmt: skip
    for value in values:
        data = codec.dumps(value)
        assert data == standard.dumps(value)
        assert repr(codec.loads(data)) == repr(standard.loads(data))
    for value in (b"x", 1j, object(), {(1, 2): 3}):
        with pytest.raises(SerializeError):
            codec.dumps(value)
