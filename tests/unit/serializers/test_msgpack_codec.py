import array
import datetime
import decimal
import fractions
import struct
import uuid
from enum import IntEnum
from typing import Any

import msgpack
import pytest

from pyrolike.errors import NamingError, SecurityError, SerializeError
from pyrolike.serializers import ExceptionWrapper, MsgpackSerializer, msgpack_codec
from pyrolike.serializers.classes import (
    register_class_to_dict,
    register_dict_to_class,
    register_type_replacement,
)
from pyrolike.uri import URI
from tests.support import things
from tests.support.names import shown
from tests.support.things import text_array

WHEN = datetime.datetime(2020, 1, 2, 3, 4, 5, 678)


@pytest.fixture
def codec() -> MsgpackSerializer:
    return MsgpackSerializer()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, "c0"),
        (True, "c3"),
        (5, "05"),
        (1.5, "cb 3f f8 00 00 00 00 00 00"),
        (float("inf"), "cb 7f f0 00 00 00 00 00 00"),
        (1 + 2j, "d8 30 00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40"),
        ("a\"'€", "a6 61 22 27 e2 82 ac"),
        (b"\x00\xffab", "c4 04 00 ff 61 62"),
        ((1, (2,)), "92 01 91 02"),
        ({1}, "91 01"),
        (set(), "90"),
        (frozenset({1}), "91 01"),
        ({"a": 1}, "81 a1 61 01"),
        (decimal.Decimal("1.50"), "a4 31 2e 35 30"),
        (datetime.date(2020, 1, 2), "d7 33 92 40 0b 00 00 00 00 00"),
        (array.array("i", [1, 2]), "92 01 02"),
        (text_array("hi"), "a2 68 69"),
        (things.Number.ONE, "01"),
        (2**64, "c7 14 31" + b"18446744073709551616".hex()),
    ],
    ids=shown,
)
def test_a_value_is_written_as_pyro_writes_it(
    codec: MsgpackSerializer, value: object, data: str
) -> None:
    assert codec.dumps(value) == bytes.fromhex(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("value", [2**80, -(2**80), 1 + 2j, WHEN, WHEN.date()], ids=shown)
def test_extension_types_arrive_in_results_and_in_calls(
    codec: MsgpackSerializer, value: object, kind: Any
) -> None:
    # Before 5.17 Pyro left them undecoded in calls.
    assert codec.loads(kind(codec.dumps([value]))) == [value]
    call = kind(codec.dumpsCall("o", "m", (value,), {"k": value}))
    assert codec.loadsCall(call) == ("o", "m", [value], {"k": value})


def test_a_date_of_a_peer_on_windows_is_read(codec: MsgpackSerializer) -> None:
    day = datetime.date(2020, 1, 2)
    data = msgpack.packb(msgpack.ExtType(0x33, struct.pack("<l", day.toordinal())))
    assert codec.loads(data) == day


def test_a_uuid_is_sent_as_text(codec: MsgpackSerializer) -> None:
    number = uuid.UUID(int=5)
    assert codec.loads(codec.dumps(number)) == str(number)


def test_a_number_without_a_form_of_its_own_is_an_object(codec: MsgpackSerializer) -> None:
    with pytest.raises(SerializeError, match=r"unknown class fractions\.Fraction"):
        codec.loads(codec.dumps(fractions.Fraction(1, 2)))


@pytest.mark.parametrize(
    "value",
    [
        WHEN.astimezone(),
        "\ud800",
        datetime.time(1),
        things.Colour.RED,
        object(),
        range(3),
    ],
    ids=shown,
)
def test_what_msgpack_cannot_send_is_named(codec: MsgpackSerializer, value: object) -> None:
    with pytest.raises(SerializeError) as caught:
        codec.dumps([1, value])
    assert caught.value.where == "the value[1]"
    with pytest.raises(ValueError, match=r"at kwargs\['k'\]"):
        codec.dumpsCall("o", "m", (1,), {"k": value})


def test_what_contains_itself_is_refused(codec: MsgpackSerializer) -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(SerializeError, match=r"at args\[0\]\[0\]: it contains itself"):
        codec.dumpsCall("o", "m", (loop,), {})


def test_replacements_and_converters_are_used_everywhere(codec: MsgpackSerializer) -> None:
    register_type_replacement(things.Special, lambda obj: "special")
    register_class_to_dict(things.Plain, lambda obj: "plain")
    sent = codec.dumps([{"a": things.Special()}, things.Plain()])
    assert codec.loads(sent) == [{"a": "special"}, "plain"]


@pytest.mark.parametrize(
    "value", [URI("PYRO:a@h:1"), WHEN, 2**80, 3, None, {"a": URI("PYRO:a@h:1")}, {1}], ids=shown
)
def test_what_they_return_is_converted_as_well(codec: MsgpackSerializer, value: object) -> None:
    register_type_replacement(things.Special, lambda obj: value)
    register_class_to_dict(things.Plain, lambda obj: value)
    expected = [1] if value == {1} else value
    assert codec.loads(codec.dumps([things.Special(), things.Plain()])) == [expected, expected]


def test_a_converter_that_returns_its_own_kind_is_refused(codec: MsgpackSerializer) -> None:
    register_class_to_dict(things.Plain, lambda obj: obj)
    with pytest.raises(SerializeError, match="nested too deeply, or contains itself"):
        codec.dumps(things.Plain())


def test_a_converter_may_serialize_something_itself(codec: MsgpackSerializer) -> None:
    register_class_to_dict(things.Plain, lambda obj: codec.dumps([1, 2]))
    assert codec.loads(codec.dumps([things.Plain(), 3])) == [b"\x92\x01\x02", 3]


def test_packers_are_used_again_unless_they_became_large(codec: MsgpackSerializer) -> None:
    codec.dumps(1)
    (packer,) = codec._packers
    codec.dumps(2)
    assert codec._packers == [packer]
    codec.dumps(list(range(100_000)))
    assert codec._packers == []
    codec._packers.extend([packer] * msgpack_codec._MOST_KEPT + [packer])
    codec.dumps(3)
    assert len(codec._packers) == msgpack_codec._MOST_KEPT


def test_a_failure_leaves_nothing_behind(codec: MsgpackSerializer) -> None:
    with pytest.raises(SerializeError):
        codec.dumps([1, 2, object()])
    assert codec.dumps([1]) == b"\x91\x01"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\x01\x02",
        b"\x81\x01\x02",
        b"\xa1\xff",
        b"\xd4\x77x",
        b"\xd4\x31x",
        b"\xd4\x32x",
        b"\xd7\x32\xff\xff\xff\xff\xff\xff\xef\x7f",
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
    ],
)
@pytest.mark.parametrize("tail", [b"", b"__class__"])
def test_damaged_data_is_a_serialize_error(
    codec: MsgpackSerializer, data: bytes, tail: bytes
) -> None:
    for load in (codec.loads, codec.loadsCall):
        with pytest.raises(SerializeError):
            load(data + tail)


@pytest.mark.parametrize("value", [3, [1, 2, 3], None])
def test_what_is_no_call_is_a_serialize_error(codec: MsgpackSerializer, value: object) -> None:
    with pytest.raises(SerializeError, match="not a call"):
        codec.loadsCall(msgpack.packb(value))


# -- objects: made from the inside out


def test_nested_objects_are_made_before_those_around_them(codec: MsgpackSerializer) -> None:
    register_dict_to_class("a.B", lambda name, data: data["inner"])
    inner = {"__class__": "Pyro5.core.URI", "state": ["PYRO", "a", None, "h", 1]}
    data = msgpack.packb([{"__class__": "a.B", "inner": inner}, {"x": 1}])
    assert codec.loads(data) == [URI("PYRO:a@h:1"), {"x": 1}]
    wrapped = codec.loads(codec.dumps(ExceptionWrapper(NamingError("n"))))
    assert isinstance(wrapped.exception, NamingError)


UNKNOWN = {"__class__": "a.B"}
A_URI = {"__class__": "Pyro5.core.URI", "state": ["PYRO", "a", None, "h", 1]}


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (["o", "m", [1, {"x": UNKNOWN}], {}], "args[1]['x']"),
        (["o", "m", [A_URI], {"k": [UNKNOWN]}], "kwargs['k'][0]"),
        (UNKNOWN, "the value"),
    ],
)
def test_an_unknown_class_is_reported_with_its_place(
    codec: MsgpackSerializer, call: object, where: str
) -> None:
    with pytest.raises(SerializeError) as caught:
        codec.loadsCall(msgpack.packb(call))
    assert str(caught.value).startswith(f"unknown class a.B at {where}; register")
    assert caught.value.where == where


def test_a_refused_class_is_reported_with_its_place(codec: MsgpackSerializer) -> None:
    with pytest.raises(SecurityError, match=r"__main__\.X at the value\[0\]; its name"):
        codec.loads(msgpack.packb([{"__class__": "__main__.X"}]))


def test_a_class_may_be_named_where_there_is_no_container_to_look_for_it(
    codec: MsgpackSerializer,
) -> None:
    with pytest.raises(SerializeError, match="unknown msgpack extension"):
        codec.loads(b"\xc7\x0a\x92\xa9__class__")


def test_the_place_may_be_lost_in_damaged_data(codec: MsgpackSerializer) -> None:
    data = msgpack.packb([UNKNOWN, 1])[:-1] + b"\xc1"
    with pytest.raises(SerializeError, match=r"unknown class a\.B; register"):
        codec.loads(data)


def test_a_users_error_comes_as_it_is(codec: MsgpackSerializer) -> None:
    error = ValueError("mine")

    def fail(name: str, data: dict[str, Any]) -> object:
        raise error

    register_dict_to_class("a.B", fail)
    with pytest.raises(ValueError, match="mine") as caught:
        codec.loads(msgpack.packb([UNKNOWN]))
    assert caught.value is error


RECORDS = [{"id": n, "name": f"record {n}", "tags": [1, b"x"], "ok": None} for n in range(1000)]
DERIVED: list[Any] = [(1,), things.Special(), {1}, 2**70, 1j, WHEN, IntEnum("Kind", ["ONE"])(1)]


@pytest.mark.parametrize(
    "odd", [{"a": 1}, {}, {b"a": 2**63}, *DERIVED], ids=lambda odd: type(odd).__name__
)
@pytest.mark.parametrize("place", [0, 500])
def test_records_are_packed_as_anything_else(
    codec: MsgpackSerializer, odd: Any, place: int
) -> None:
    for row in (odd, {"inside": [odd]}):
        records = [*RECORDS[:place], row, *RECORDS[place:]]
        assert codec.pack(records) == codec.dumps(records)
        for vargs in ((records,), [1, records], (1, (records,)), ("x" * 50_000, records)):
            for kwargs in (None, {}, {"more": records}):
                packed = bytes(codec.pack_call("o", "m", vargs, kwargs))
                assert packed == codec.dumpsCall("o", "m", vargs, kwargs)


def test_records_are_packed_with_exact_types_if_there_are_no_others(
    codec: MsgpackSerializer,
) -> None:
    assert msgpack_codec._pack_exact(RECORDS) == msgpack.packb(RECORDS)
    for odd in DERIVED:
        assert msgpack_codec._pack_exact([*RECORDS, odd]) is None
    with pytest.raises(SerializeError, match="surrogates"):
        codec.pack([*RECORDS, "\ud800"])


@pytest.mark.parametrize("place", [0, 500, 1000])
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_objects_are_found_anywhere_in_long_messages(
    codec: MsgpackSerializer, form: Any, place: int
) -> None:
    register_dict_to_class("made.Here", lambda name, data: name)
    wanted = {"__class__": "made.Here"}
    records = [*RECORDS[:place], {"inside": [wanted]}, *RECORDS[place:]]
    assert codec.loads(form(codec.dumps(records)))[place] == {"inside": ["made.Here"]}
    (loaded,) = codec.loadsCall(form(codec.dumpsCall("o", "m", [records], {})))[2]
    assert loaded[place] == {"inside": ["made.Here"]}


@pytest.mark.parametrize(
    "wrap", [lambda v: v, lambda v: [v], lambda v: {"a": v}, lambda v: [[[v]]]]
)
def test_objects_are_found_beside_long_values(codec: MsgpackSerializer, wrap: Any) -> None:
    register_dict_to_class("made.Here", lambda name, data: name)
    long = b"x" * 100_000
    data = codec.dumps([long, wrap({"__class__": "made.Here"})])
    assert codec.loads(data) == [long, wrap("made.Here")]
    assert codec.loads(codec.dumps([long, {"a": b"__class__"}])) == [long, {"a": b"__class__"}]


def test_long_messages_that_are_damaged_or_name_unknown_classes_are_refused(
    codec: MsgpackSerializer,
) -> None:
    data = codec.dumps(RECORDS)
    with pytest.raises(SerializeError, match="invalid msgpack data"):
        codec.loads(data[:-1])
    with pytest.raises(SerializeError, match=r"unknown class no\.Such at the value\[1000\]"):
        codec.loads(codec.dumps([*RECORDS, {"__class__": "no.Such"}]))


@pytest.mark.parametrize(("key", "kind"), [(1, "int"), (None, "NoneType"), ((1, 2), "list")])
def test_a_key_that_cannot_be_read_is_told_in_words(
    codec: MsgpackSerializer, key: object, kind: str
) -> None:
    with pytest.raises(SerializeError, match=f"is of the type {kind}, .* must be text or bytes"):
        codec.loads(codec.dumps({key: 1}))
