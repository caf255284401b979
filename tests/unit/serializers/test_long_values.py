"""Long values as pieces: what is sent is what the serializers' own libraries write."""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
import serpent

from pyrolike._pieces import JOINABLE, Pieces
from pyrolike.errors import SerializeError
from pyrolike.serializers import JsonSerializer, SerpentSerializer, get_serializer
from pyrolike.serializers.long_values import FEW, LONG, LONG_COPY, MOST, has_long, pack_around

OCTETS = bytes(range(256)) * 500
TEXT = "text " * 25_000
ALPHABET = "ж" * 40_000
LONGS: dict[str, Any] = {
    "bytes": OCTETS,
    "just long": b"x" * LONG,
    "a size of 16 bits": b"x" * 0xFFFF,
    "a size of 32 bits": b"x" * 0x10000,
    "text": TEXT,
    "another alphabet": ALPHABET,
    "single quotes": f"{TEXT}'",
    "double quotes": f'{TEXT}"',
    "a backslash": f"{TEXT}\\",
    "a line break": f"{TEXT}\n",
    "delete": f"{TEXT}\x7f",
    "a lone surrogate": f"{TEXT}\udc00",
}
SHAPES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda value: value,
    "in a list": lambda value: [1, value, None],
    "in a tuple": lambda value: ("name", value),
    "as a value": lambda value: {"offset": 3, "data": value},
    "twice": lambda value: [value, value],
    "deeper": lambda value: [[{"data": value}]],
    "among many": lambda value: [*range(FEW), value],
    "beside its token": lambda value: [value, "long value 0", b"long value 0000000000"],
}
NAMES = ("serpent", "json", "marshal", "msgpack")

library_writes: dict[str, Callable[[Any], bytes]] = {
    "serpent": serpent.dumps,
    "json": lambda value: json.dumps(value, ensure_ascii=False).encode(),
    "msgpack": msgpack.packb,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("long", LONGS.values(), ids=LONGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_is_sent_is_what_the_library_writes(name: str, long: Any, shape: Any) -> None:
    codec, value = get_serializer(name), shape(long)
    if name == "marshal":
        # Which objects get a number to be referred to depends on who else refers to them just now.
        assert marshal.loads(bytes(codec.pack(value))) == value
        _, _, [first, second], kwargs = marshal.loads(
            bytes(codec.pack_call("o", "m", (value, 3), {"k": value}))
        )
        assert (first, second, kwargs) == (value, 3, {"k": value})
        return
    try:
        expected = library_writes[name](value)
    except (TypeError, UnicodeEncodeError):
        with pytest.raises(SerializeError):
            codec.pack(value)
        with pytest.raises(SerializeError):
            codec.pack_call("o", "m", (value,), {})
        return
    assert bytes(codec.pack(value)) == expected == codec.dumps(value)
    call: Any = ("o", "m", (value, 3), {"k": value})
    if name == "json":
        call = dict(zip(("object", "method", "params", "kwargs"), call, strict=True))
    assert bytes(codec.pack_call("o", "m", (value, 3), {"k": value})) == library_writes[name](call)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("serpent", OCTETS), ("serpent", TEXT), ("json", TEXT), ("json", ALPHABET),
        ("marshal", OCTETS), ("msgpack", OCTETS), ("msgpack", TEXT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", ["alone", "in a list", "in a tuple", "as a value"])
def test_it_is_in_pieces(name: str, value: Any, shape: str) -> None:
    codec, shaped = get_serializer(name), SHAPES[shape](value)
    assert type(codec.pack(shaped)) is Pieces
    is_deep = name == "marshal" and shape != "alone"
    packed = codec.pack_call("o", "m", (shaped,), {})
    assert type(packed) is (bytes if is_deep else Pieces)
    packed = codec.pack_call("o", "m", (), {"k": shaped})
    assert type(packed) is (bytes if is_deep else Pieces)


@pytest.mark.parametrize("name", ["marshal", "msgpack"])
def test_a_copy_is_avoided_where_it_is_dear(name: str) -> None:
    codec = get_serializer(name)
    half, rest = b"x" * (LONG_COPY // 2), b"x" * (LONG_COPY - LONG_COPY // 2)
    assert type(codec.pack([half, rest[1:]])) is bytes
    assert type(codec.pack([half, rest])) is Pieces
    assert type(codec.pack_call("o", "m", (half, 3, rest), {})) is Pieces


@pytest.mark.parametrize("name", ["marshal", "msgpack"])
def test_long_bytes_are_sent_from_where_they_are(name: str) -> None:
    packed = get_serializer(name).pack_call("o", "m", (OCTETS, 3), {})
    assert isinstance(packed, Pieces)
    assert any(part is OCTETS for part in packed.parts)


@pytest.mark.parametrize("name", ["marshal", "msgpack"])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_may_change_before_it_is_sent_is_copied(name: str, kind: Any) -> None:
    codec = get_serializer(name)
    assert type(codec.pack(kind(OCTETS))) is bytes
    assert codec.loads(codec.dumps(kind(OCTETS))) == OCTETS


@pytest.mark.parametrize("name", NAMES)
def test_pieces_are_longer_than_what_is_joined_to_a_header(name: str) -> None:
    codec = get_serializer(name)
    for size in (LONG, JOINABLE - 100, JOINABLE, JOINABLE + 1):
        for value in (b"x" * size, "x" * size):
            if name != "json" or type(value) is str:
                packed = codec.pack(value)
                assert type(packed) is bytes or len(packed) > JOINABLE


@pytest.mark.parametrize("name", NAMES)
def test_very_many_of_them_are_written_as_usual(name: str) -> None:
    codec = get_serializer(name)
    value = [dict.fromkeys("abcdefgh", TEXT) for _ in range(FEW)]
    assert FEW * 8 > MOST
    assert type(codec.pack_call("o", "m", value, {})) is bytes


def test_an_error_names_the_place_as_usual() -> None:
    for name in NAMES:
        codec = get_serializer(name)
        with pytest.raises(SerializeError, match=r"args\[1\]"):
            codec.pack_call("o", "m", (OCTETS if name != "json" else TEXT, len), {})
        with pytest.raises(SerializeError, match=r"the value\[1\]"):
            codec.pack([OCTETS if name != "json" else TEXT, len])


def test_bytes_as_python_writes_them_are_written_as_usual() -> None:
    codec = SerpentSerializer(bytes_repr=True)
    assert bytes(codec.pack(OCTETS)) == serpent.dumps(OCTETS, bytes_repr=True)


def test_marshal_keeps_what_is_the_same() -> None:
    inner = {"data": OCTETS}
    _, _, [first, [second]], _ = marshal.loads(
        bytes(get_serializer("marshal").pack_call("o", "m", (inner, [inner]), {}))
    )
    assert first is second


def test_a_serializer_that_writes_otherwise_sends_what_it_writes() -> None:
    class Reversed(JsonSerializer):
        def dumps(self, data: Any) -> bytes:
            return super().dumps(data)[::-1]

        def dumpsCall(self, obj: str, method: str, vargs: Any, kwargs: Any) -> bytes:
            return super().dumpsCall(obj, method, vargs, kwargs)[::-1]

    class Derived(Reversed):
        pass

    for codec in (Reversed(), Derived()):
        assert codec.pack(TEXT) == f'"{TEXT}"'[::-1].encode()
        assert bytes(codec.pack_call("o", "m", (TEXT,), {})).startswith(b"}")


def test_only_what_is_written_once_is_put_in() -> None:
    def write(value: Any) -> bytes:
        return json.dumps(value).encode() * 2

    assert pack_around([TEXT], 1, str, write, lambda token, value: (b'"0"', b"")) is None
    assert pack_around([TEXT], 1, str, write, lambda token, value: None) is None


@pytest.mark.parametrize("shape", ["alone", "in a list", "in a tuple", "as a value", "twice"])
def test_they_are_found(shape: str) -> None:
    assert has_long([1, SHAPES[shape](TEXT)])
    assert has_long([SHAPES[shape](OCTETS), 1])
    assert not has_long([SHAPES[shape](TEXT[: LONG - 1]), 2, None, [1, 2], [[]]])
