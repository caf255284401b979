import array
import datetime
import marshal
import uuid
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import ExceptionWrapper, MarshalSerializer, load_marshal
from pyrolike.serializers.classes import register_class_to_dict, register_type_replacement
from pyrolike.uri import URI
from tests.support import things
from tests.support.names import shown
from tests.support.things import text_array

ID = uuid.UUID("11112222-3333-4444-5555-666677778888")
A_URI = {"__class__": "Pyro5.core.URI", "state": ("PYRO", "a", None, "h", 1)}


@pytest.fixture
def codec() -> MarshalSerializer:
    return MarshalSerializer()


PLAIN = [
    None, True, 2**80, 1.5, 1j, "\ud800é", b"ab", (1, [2]), {1}, frozenset({1}), {None: 1, (1,): 2},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=shown)
def test_plain_values_arrive_as_they_are(codec: MarshalSerializer, value: object) -> None:
    arrived = codec.loads(codec.dumps(value))
    assert (arrived, type(arrived)) == (value, type(value))
    call = codec.loadsCall(codec.dumpsCall("o", "m", (value,), {"k": value}))
    assert call == ("o", "m", [value], {"k": value})


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (array.array("i", [1, 2]), [1, 2]),
        (text_array("hi"), "hi"),
        (ID, str(ID)),
        (URI("PYRO:a@h:1"), URI("PYRO:a@h:1")),
    ],
    ids=shown,
)
def test_some_arguments_are_converted(
    codec: MarshalSerializer, value: object, arrives: object
) -> None:
    assert codec.loads(codec.dumps(value)) == arrives
    call = codec.loadsCall(codec.dumpsCall("o", "m", (1, value), {"k": value}))
    assert call == ("o", "m", [1, arrives], {"k": arrives})


def test_an_object_is_sent_as_a_class_dict(codec: MarshalSerializer) -> None:
    sent = load_marshal(codec.dumps(things.Point(1, 2)))
    assert sent == {"x": 1, "y": 2, "__class__": "tests.support.things.Point"}
    register_class_to_dict(things.Point, lambda obj: [obj.x])
    assert codec.loads(codec.dumps(things.Point(1, 2))) == [1]


def test_a_registered_object_is_sent_as_a_class_dict_and_not_changed(
    codec: MarshalSerializer,
) -> None:
    register_type_replacement(things.Plain, lambda obj: "a proxy")
    obj = things.Plain(_pyroId="x", _pyroDaemon=codec)
    sent = load_marshal(codec.dumpsCall("o", "m", (obj,), {}))[2][0]
    assert sent == {
        "_pyroId": "x", "_pyroDaemon": None, "__class__": "tests.support.things.Plain"
    }  # fmt: skip
    assert obj._pyroDaemon is codec  # type: ignore[attr-defined]  # set above


def test_no_keyword_arguments_are_sent_as_none(codec: MarshalSerializer) -> None:
    # Pyro's client fails here: no attributes and no batches with marshal (conflicts, defect 27).
    data = codec.dumpsCall("o", "__getattr__", ("value",), None)
    assert marshal.loads(data) == ("o", "__getattr__", ["value"], None)
    assert codec.loadsCall(data) == ("o", "__getattr__", ["value"], None)


def test_the_exceptions_of_a_batch_are_converted(codec: MarshalSerializer) -> None:
    results = codec.loads(codec.dumps([3, ExceptionWrapper(KeyError("k"))]))
    assert results[0] == 3
    assert repr(results[1].exception) == "KeyError('k')"


def test_the_exceptions_of_a_batch_may_be_unserializable(codec: MarshalSerializer) -> None:
    with pytest.raises(SerializeError, match=r"the value\[1\]\['exception'\]\['args'\]\[0\]"):
        codec.dumps([3, ExceptionWrapper(KeyError(object()))])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (URI("PYRO:a@h:1"), "takes no objects inside of others"),
        (datetime.date(2020, 1, 1), "takes no objects inside of others"),
        (things.Text("x"), "unmarshallable"),
        (things.Number.ONE, "unmarshallable"),
    ],
    ids=shown,
)
def test_what_is_inside_of_others_must_be_plain(
    codec: MarshalSerializer, value: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        codec.dumpsCall("o", "m", (1, {"a": [value]}), {})
    assert isinstance(caught.value, SerializeError)
    assert caught.value.where == "args[1]['a'][0]"


@pytest.mark.parametrize("value", [datetime.time(1), range(3), object(), len, ...], ids=shown)
def test_an_argument_that_cannot_be_sent_is_named(codec: MarshalSerializer, value: object) -> None:
    with pytest.raises(SerializeError, match="at the value"):
        codec.dumps(value)
    with pytest.raises(TypeError, match=r"at kwargs\['k'\]"):
        codec.dumpsCall("o", "m", (), {"k": value})


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_nested_too_deeply_is_refused(codec: MarshalSerializer) -> None:
    with pytest.raises(SerializeError, match="nested too deeply"):
        codec.dumps(nested(3000))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[\x05\x00\x00\x00N",
        b"(\xff\xff\xff\xff",
        b"r\x05\x00\x00\x00",
        b"[\x01\x00\x00\x00" * 5000,
        b"<\x01\x00\x00\x00[\x00\x00\x00\x00",
        b"u\x01\x00\x00\x00\xff",
    ],
)
def test_damaged_data_is_a_serialize_error(codec: MarshalSerializer, data: bytes) -> None:
    for load in (codec.loads, codec.loadsCall, load_marshal):
        with pytest.raises(SerializeError):
            load(data)


@pytest.mark.parametrize("value", [3, (1, 2, 3), (1, 2, 3, 4, 5), None, ("o", "m", 5, {"k": 1})])
def test_what_is_no_call_is_a_serialize_error(codec: MarshalSerializer, value: object) -> None:
    with pytest.raises(SerializeError, match="not a call"):
        codec.loadsCall(marshal.dumps(value))


CODE = compile("", "", "exec").replace(
    co_filename="", co_name="", co_qualname="", co_linetable=b"", co_consts=()
)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize(
    "value",
    [
        CODE,
        [1, CODE],
        {"a": (CODE,)},
        {CODE: 1},
        [frozenset([CODE])],
        [test_what_is_no_call_is_a_serialize_error.__code__],
    ],
)
def test_code_is_refused(version: int, value: object) -> None:
    with pytest.raises(SerializeError, match="no plain value"):
        load_marshal(marshal.dumps(value, version))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_only_looks_like_code_is_not(kind: Any) -> None:
    innocent = ["c" + "x" * 20 + "s" * 40, {"c": "c" * 100}, (1, {2})]
    assert load_marshal(kind(marshal.dumps(innocent))) == innocent


def test_data_that_contains_itself_is_refused() -> None:
    items: list[object] = ["x" * 60]
    items.append(items)
    with pytest.raises(SerializeError, match="reference to itself"):
        load_marshal(marshal.dumps(items))


def test_class_dicts_are_opened_with_their_place(codec: MarshalSerializer) -> None:
    call = ("o", "m", [A_URI], {"k": [A_URI]})
    uri = URI("PYRO:a@h:1")
    assert codec.loadsCall(marshal.dumps(call)) == ("o", "m", [uri], {"k": [uri]})
    unknown = marshal.dumps(("o", "m", [1, [{"__class__": "a.B"}]], {}))
    with pytest.raises(SerializeError, match=r"unknown class a\.B at args\[1\]\[0\]"):
        codec.loadsCall(unknown)
