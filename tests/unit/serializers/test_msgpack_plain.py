"""Plain values in MessagePack data: read as msgpack reads them, or left to it."""

from __future__ import annotations

import datetime
import sys
import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from pyrolike.serializers import get_serializer, msgpack_plain
from pyrolike.serializers.msgpack_plain import PLAIN_DATA, read_plain

PLAIN = [None, True, 0, -(2**63), 2**64 - 1, 1.0, float("inf"), "", "text", "é\U0001f600", [], {}]
RECORDS = [{"id": n, "name": f"record {n}", "value": n / 2, "odd": n % 2 == 1} for n in range(100)]


@pytest.fixture
def no_msgspec(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    msgpack_plain._decoder.cache_clear()
    yield
    msgpack_plain._decoder.cache_clear()


@pytest.mark.parametrize(
    "value",
    [
        RECORDS,
        ("object", "method", (RECORDS, PLAIN), {"more": RECORDS}),
        {"found": RECORDS, "all": True},
        [[PLAIN, {"k": PLAIN}], {"k": {"k": {"k": {"k": 1}}}}],
    ],
    ids=["records", "a call", "a result with records", "containers"],
)
def test_plain_values_are_read_as_msgpack_reads_them(value: object) -> None:
    data = msgpack.packb(value)
    for form in (data, bytearray(data), memoryview(data)):
        assert repr(read_plain(form)) == repr(msgpack.unpackb(data))


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1: 2},
        {b"key": 1},
        {None: 1},
        msgpack.ExtType(0x30, bytes(16)),
        msgpack.Timestamp(1, 2),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        [[[[[[1]]]]]],
    ],
    ids=["bytes", "number as key", "bytes as key", "none as key", "extension", "timestamp",
         "datetime", "too deep"],
)  # fmt: skip
def test_all_other_values_are_left_to_msgpack(value: object) -> None:
    for shape in (value, [value], {"k": value}, [RECORDS, value], {"k": [RECORDS, value]}):
        assert read_plain(msgpack.packb(shape, datetime=True)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\x91\x01\x01",
        b"\xa2\xff\xfe",
        b"\xa3\xed\xa0\x80",
        b"\x81\xa1\xff\x01",
        b"\x91" * 100_000,
        b"\x81\xa1k" * 100_000,
    ],
    ids=["nothing", "no code", "too short", "too long", "no utf-8", "surrogate", "key, no utf-8",
         "deep lists", "deep dictionaries"],
)  # fmt: skip
def test_damaged_data_is_left_to_msgpack(data: bytes) -> None:
    assert read_plain(data) is None


@pytest.mark.parametrize(
    "code", [b"\xdd", b"\xdf", b"\xdb", b"\xc6"], ids=["list", "dictionary", "text", "bytes"]
)
def test_an_announced_size_takes_no_memory(code: bytes) -> None:
    assert read_plain(msgpack.packb(RECORDS))  # has the decoder made
    rest = b"\xa1k" * PLAIN_DATA
    tracemalloc.start()
    try:
        for size in (b"\xff\xff\xff\xff", b"\x10\0\0\0", b"\0\xff\xff\xff"):
            for start in (b"", b"\x91", b"\x81\xa1k"):
                assert read_plain(start + code + size + rest) is None
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


def test_many_names_in_one_dictionary_are_read_once_each() -> None:
    data = b"\xde\x07\xd0" + b"\xa1k\x01" * 2000
    assert read_plain(data) == msgpack.unpackb(data) == {"k": 1}


@pytest.mark.usefixtures("no_msgspec")
def test_without_msgspec_everything_is_left_to_msgpack() -> None:
    assert read_plain(msgpack.packb(RECORDS)) is None
    codec = get_serializer("msgpack")
    assert codec.loads(codec.dumps(RECORDS)) == RECORDS
    assert codec.loadsCall(codec.dumpsCall("o", "m", (RECORDS,), {}))[2] == [RECORDS]


@pytest.mark.parametrize("count", [60, 1000])
def test_the_serializer_reads_plain_records_with_it(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    value: Any = [dict(RECORDS[0], id=n) for n in range(count)]
    codec = get_serializer("msgpack")
    data = codec.dumps(value)
    monkeypatch.setattr("pyrolike.serializers.msgpack_codec._unpack", pytest.fail)
    assert codec.loads(data) == value
