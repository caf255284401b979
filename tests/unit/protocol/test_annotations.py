"""Annotation chunks, for either width of their length field."""

from __future__ import annotations

from struct import Struct

import pytest

from pyrolike.errors import ProtocolError
from pyrolike.protocol.annotations import read_chunks, write_chunks

WIDE = Struct("!4sI")
NARROW = Struct("!4sH")


@pytest.mark.parametrize("chunk_header", [WIDE, NARROW])
def test_what_was_written_is_read(chunk_header: Struct) -> None:
    annotations = {"ABCD": b"value", "EFGH": b"", "a b ": bytes(1000)}
    written = write_chunks(annotations, chunk_header)
    assert read_chunks(memoryview(written), chunk_header) == annotations


def test_chunks_look_like_this() -> None:
    assert write_chunks({"ABCD": b"xy"}, WIDE) == b"ABCD\0\0\0\x02xy"
    assert write_chunks({"ABCD": b"xy"}, NARROW) == b"ABCD\0\x02xy"


def test_values_are_views_not_copies() -> None:
    data = bytearray(b"ABCD\0\0\0\x02xy")
    annotations = read_chunks(memoryview(data), WIDE)
    data[-2:] = b"pq"
    assert annotations == {"ABCD": b"pq"}


@pytest.mark.parametrize("value", [b"xyz", bytearray(b"xyz"), memoryview(b"xyz")])
def test_every_bytes_like_value_is_written(value: bytes | bytearray | memoryview) -> None:
    assert write_chunks({"ABCD": value}, WIDE) == b"ABCD\0\0\0\x03xyz"


def test_a_view_of_wider_items_counts_in_bytes() -> None:
    numbers = memoryview(bytes(8)).cast("I")
    written = write_chunks({"ABCD": numbers}, WIDE)
    assert read_chunks(memoryview(written), WIDE) == {"ABCD": bytes(8)}


@pytest.mark.parametrize("key", ["ABC", "ABCDE", "", "ÄBCD", 1234, b"ABCD"])
def test_an_id_must_be_four_ascii_characters(key: object) -> None:
    with pytest.raises(ProtocolError, match="exactly 4 ASCII characters"):
        write_chunks({key: b""}, WIDE)  # type: ignore[dict-item]  # that is the mistake


@pytest.mark.parametrize("value", ["text", 5, None, [1]])
def test_a_value_must_be_bytes_like(value: object) -> None:
    with pytest.raises(ProtocolError, match=rf"bytearray.*not {type(value).__name__}"):
        write_chunks({"ABCD": value}, WIDE)  # type: ignore[dict-item]  # that is the mistake


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        (b"A", "middle of a chunk header"),
        (b"ABCD\0\0\0", "middle of a chunk header"),
        (b"ABCD\0\0\0\x03xy", "announces 3 bytes, 2 are left"),
        (b"ABCD\xff\xff\xff\xffxy", "announces 4294967295 bytes"),
        (b"\x80BCD\0\0\0\0", "not ASCII"),
    ],
)
def test_chunks_must_fill_their_place_exactly(chunks: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        read_chunks(memoryview(chunks), WIDE)
