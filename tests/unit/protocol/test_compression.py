"""Payloads made smaller, and opened again without trust."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest

from pyrolike.errors import MessageTooLargeError, ProtocolError
from pyrolike.protocol import V502, Flag, Message, MessageType, compress, inflate

REPETITIVE = b"the same again and again, " * 100


def compressed_message(payload: bytes, flags: int = Flag.COMPRESSED) -> Message:
    return Message(MessageType.RESULT, 1, flags, 0, payload)


def test_a_long_payload_becomes_smaller_and_can_be_opened() -> None:
    squeezed = compress(REPETITIVE, V502)
    assert len(squeezed) < len(REPETITIVE)
    message = compressed_message(bytes(squeezed), Flag.COMPRESSED | Flag.BATCH)
    inflate(message, len(REPETITIVE))
    assert message.payload == REPETITIVE
    assert message.flags == Flag.BATCH


def test_a_stream_begins_as_pyro_writes_it() -> None:
    assert bytes(compress(REPETITIVE, V502)[:2]) == b"\x78\x5e"  # zlib, level 4


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_short_payload_stays_as_it_is(size: int) -> None:
    payload = bytes(size)
    assert compress(payload, V502) is payload


def test_a_payload_of_101_bytes_is_compressed() -> None:
    assert len(compress(bytes(101), V502)) < 101


def test_a_payload_that_would_grow_stays_as_it_is() -> None:
    payload = random.Random(1).randbytes(101)
    assert compress(payload, V502) is payload


@pytest.mark.parametrize("level", range(10))
def test_every_level_is_opened(level: int) -> None:
    message = compressed_message(zlib.compress(REPETITIVE, level))
    inflate(message, 10_000)
    assert message.payload == REPETITIVE


def test_a_payload_of_exactly_the_limit_is_opened() -> None:
    message = compressed_message(zlib.compress(bytes(1000)))
    inflate(message, 1000)
    assert message.payload == bytes(1000)


def test_a_payload_over_the_limit_is_refused() -> None:
    message = compressed_message(zlib.compress(bytes(1001)))
    with pytest.raises(MessageTooLargeError, match=r"1000.*MAX_MESSAGE_SIZE") as caught:
        inflate(message, 1000)
    assert caught.value.limit == 1000


def test_a_bomb_is_not_inflated_beyond_the_limit() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(MessageTooLargeError):
            inflate(compressed_message(bomb), 100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not one whole zlib stream"),
        (b"no zlib at all", "cannot be opened"),
        (zlib.compress(REPETITIVE)[:-1], "not one whole zlib stream"),
        (zlib.compress(REPETITIVE) + b"more", "not one whole zlib stream"),
        (zlib.compress(REPETITIVE)[:-1] + b"\0", "cannot be opened"),
    ],
)
def test_a_payload_that_is_not_one_stream_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        inflate(compressed_message(payload), 100_000)
