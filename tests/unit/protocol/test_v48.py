"""Protocol 48: the header, byte for byte, and what Pyro4 says otherwise than Pyro5."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from pyrolike.errors import MessageTooLargeError, ProtocolError, SecurityError
from pyrolike.protocol import (
    V48,
    V502,
    Flag,
    Message,
    MessageReader,
    MessageType,
    Pyro4Dialect,
    SignatureError,
    key_bytes,
)
from pyrolike.protocol.message import PING_SERIALIZER
from pyrolike.protocol.v48 import MOST_ANNOTATIONS, MOST_DATA
from tests.support import wire, wire48

NUMBER = uuid.UUID("11112222-3333-4444-5555-666677778888").bytes
LIMIT = 1_000_000
SIGNED = Pyro4Dialect(b"key")


def read(data: bytes, dialect: Pyro4Dialect = V48) -> Message:
    message = MessageReader(LIMIT, None, {48: dialect}).feed(data)
    assert message is not None
    return message


# -- the header


def test_the_example_of_the_wire_page_is_written() -> None:
    head = V48.write_head(MessageType.INVOKE, 1, 0, 1, bytes(49))
    assert head.hex(" ", 1) == (
        "50 59 52 4f 00 30 00 04 00 00 00 01 00 00 00 31 00 01 00 00 00 00 35 50"
    )


def test_annotations_follow_the_header() -> None:
    head = V48.write_head(MessageType.RESULT, 3, Flag.BATCH, 65535, b"payload", {"ABCD": b"xy"})
    expected = wire48.message(
        wire.RESULT,
        b"payload",
        serializer=wire48.JSON,
        flags=wire.BATCH,
        seq=65535,
        annotations={"ABCD": b"xy"},
    )
    assert head + b"payload" == expected


def test_a_header_gives_a_message_without_a_body_and_the_sizes_of_what_follows() -> None:
    head = wire48.header(wire.INVOKE, data_size=12, annotations_size=34, serializer=6, seq=56)
    message, annotations_size, data_size = V48.read_header(head + b"what follows")
    assert (annotations_size, data_size) == (34, 12)
    assert (message.type, message.serializer_id, message.flags, message.seq) == (4, 4, 0, 56)
    assert (message.payload, message.annotations, message.correlation_id) == (b"", None, None)


def test_what_is_reserved_is_ignored() -> None:
    head = wire48.header(wire.PING, data_size=0, reserved=7)
    assert V48.read_header(head)[0].type == wire.PING


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ({"tag": b"PYR0"}, "begins with b'PYRO'"),
        ({"version": 502}, "version changed to 502"),
        ({"error": 1}, "checksum is 0x3521, expected 0x3520"),
        ({"data_size": -1}, "-1 is no size"),
    ],
)
def test_a_wrong_header_is_refused(mistake: dict[str, Any], reason: str) -> None:
    head = wire48.header(wire.PING, **{"data_size": 0, **mistake})
    with pytest.raises(ProtocolError, match=reason):
        V48.read_header(head)


# The sum has 16 bits: it knows nothing of the upper half of the payload's size.
@pytest.mark.parametrize("at", [at for at in range(6, 20) if at not in (12, 13)])
def test_every_number_of_the_header_counts_for_the_checksum(at: int) -> None:
    head = bytearray(wire48.header(wire.PING, data_size=300, annotations_size=20))
    head[at] ^= 1
    with pytest.raises(ProtocolError, match="checksum"):
        V48.read_header(head)


def test_a_payload_beyond_the_field_is_too_large() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return MOST_DATA + 1

    with pytest.raises(MessageTooLargeError, match="2,147,483,648 bytes") as caught:
        V48.write_head(MessageType.INVOKE, 1, 0, 0, Huge())
    assert (caught.value.announced, caught.value.limit) == (MOST_DATA + 1, MOST_DATA)


# -- flags and numbers

PLAIN_FLAGS = (Flag.EXCEPTION, Flag.COMPRESSED, Flag.ONEWAY, Flag.BATCH)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        *((flag, flag) for flag in PLAIN_FLAGS),
        (wire48.META_ON_CONNECT, Flag.META_ON_CONNECT),
        (wire48.ITEMSTREAM, Flag.ITEMSTREAMRESULT),
        (wire48.KEEPSERIALIZED, Flag.KEEPSERIALIZED),
        (wire48.ITEMSTREAM | wire.EXCEPTION, Flag.ITEMSTREAMRESULT | Flag.EXCEPTION),
        (0x7F, 0x1003F),
    ],
)
def test_flags_are_translated_both_ways(theirs: int, ours: int) -> None:
    data = wire48.message(wire.RESULT, flags=theirs)
    assert read(data).flags == ours
    assert V48.write_head(wire.RESULT, 1, ours, 0, b"") == data


def test_flags_that_mean_nothing_here_are_not_passed_on() -> None:
    assert read(wire48.message(wire.RESULT, flags=0xFF80)).flags == 0
    assert V48.write_head(wire.RESULT, 1, Flag.CORR_ID, 0, b"") == wire48.message(wire.RESULT)


def test_serializers_have_pyro4s_numbers() -> None:
    assert dict(V48.serializer_numbers) == {
        "serpent": 1,
        "json": 2,
        "marshal": 3,
        "pickle": 4,
        "dill": 5,
        "msgpack": 6,
        "cloudpickle": 7,
    }


@pytest.mark.parametrize("name", V48.serializer_numbers)
def test_a_message_has_the_serializers_number_of_502(name: str) -> None:
    data = wire48.message(wire.RESULT, serializer=V48.serializer_numbers[name])
    ours = V502.serializer_numbers[name]
    assert read(data).serializer_id == ours
    assert V48.write_head(wire.RESULT, ours, 0, 0, b"") == data


@pytest.mark.parametrize("number", [0, 8, 42, 200, 255, 256, 298, 0xFFFF])
def test_a_serializer_nobody_knows_is_mistaken_for_none(number: int) -> None:
    data = wire48.message(wire.PING, serializer=number)
    message = read(data)
    assert message.serializer_id not in V502.serializer_names
    assert V48.number_on_wire(message.serializer_id) == number
    assert V48.write_head(wire.PING, message.serializer_id, 0, 0, b"") == data


def test_a_ping_of_ours_has_its_usual_number() -> None:
    head = V48.write_head(MessageType.PING, PING_SERIALIZER, 0, 0, b"ping")
    assert head + b"ping" == wire48.message(wire.PING, b"ping", serializer=42)


def test_only_payloads_from_two_hundred_bytes_on_are_worth_compressing() -> None:
    assert not V48.is_worth_compressing(199)
    assert V48.is_worth_compressing(200)


# -- annotations


def test_the_correlation_id_is_an_annotation_behind_those_of_the_program() -> None:
    head = V48.write_head(MessageType.INVOKE, 1, 0, 0, b"", {"ABCD": b"x"}, NUMBER)
    assert head == wire48.message(wire.INVOKE, annotations={"ABCD": b"x", "CORR": NUMBER})
    message = read(head)
    assert message.correlation_id == NUMBER
    assert message.annotations == {"ABCD": b"x"}


def test_a_message_with_nothing_but_a_correlation_id_has_no_annotations() -> None:
    head = V48.write_head(MessageType.INVOKE, 1, 0, 0, b"", None, NUMBER)
    assert head == wire48.message(wire.INVOKE, annotations={"CORR": NUMBER})
    assert read(head).annotations is None


def test_exceptions_and_streams_go_out_without_a_correlation_id() -> None:
    for flags in (Flag.EXCEPTION, Flag.EXCEPTION | Flag.ITEMSTREAMRESULT):
        head = V48.write_head(MessageType.RESULT, 1, flags, 0, b"", None, NUMBER)
        assert len(head) == V48.header_size


@pytest.mark.parametrize("size", [0, 15, 17])
def test_what_is_no_correlation_id_is_ignored(size: int) -> None:
    message = read(wire48.message(wire.INVOKE, annotations={"CORR": bytes(size)}))
    assert (message.correlation_id, message.annotations) == (None, None)


@pytest.mark.parametrize("chunks", [b"ABC", b"ABCD\0\5xy", b"ABCD\0\1xy", b"\xff\xff\xff\xff\0\0"])
def test_malformed_annotations_are_refused(chunks: bytes) -> None:
    data = wire48.header(wire.INVOKE, data_size=0, annotations_size=len(chunks)) + chunks
    with pytest.raises(ProtocolError, match="annotation"):
        read(data)


def test_annotations_may_fill_their_field_and_no_more() -> None:
    fitting = {"ABCD": bytes(MOST_ANNOTATIONS - 6)}
    head = V48.write_head(MessageType.INVOKE, 1, 0, 0, b"", fitting)
    assert read(head).annotations == fitting
    beyond = {"ABCD": bytes(MOST_ANNOTATIONS - 11), "EFGH": b""}
    with pytest.raises(ProtocolError, match=r"take 65,536 bytes, .* room for 65,535"):
        V48.write_head(MessageType.INVOKE, 1, 0, 0, b"", beyond)
    with pytest.raises(ProtocolError, match="room for"):  # signature and correlation id count
        SIGNED.write_head(MessageType.INVOKE, 1, 0, 0, b"", fitting)


@pytest.mark.parametrize("annotations", [{"ABC": b""}, {"ÄBCD": b""}, {"ABCD": "text"}])
@pytest.mark.parametrize("dialect", [V48, SIGNED], ids=["plain", "signed"])
def test_annotations_that_cannot_be_sent_are_refused(
    dialect: Pyro4Dialect, annotations: Mapping[str, Any]
) -> None:
    with pytest.raises((ProtocolError, TypeError)):
        dialect.write_head(MessageType.INVOKE, 1, 0, 0, b"", annotations)


# -- signatures

ANNOTATIONS: list[dict[str, bytes]] = [
    {},
    {"ABCD": b"hello"},
    {"WXYZ": b"2", "ABCD": b"1"},
    {"CORR": NUMBER},
    {"ZZZZ": b"3", "CORR": NUMBER},
]


@pytest.mark.parametrize("annotations", ANNOTATIONS, ids=lambda given: "+".join(given) or "none")
@pytest.mark.parametrize("payload", [b"", b"payload"])
def test_a_message_is_signed_over_payload_and_annotations(
    annotations: dict[str, bytes], payload: bytes
) -> None:
    data = wire48.message(wire.INVOKE, payload, annotations=annotations, key=b"key")
    plain = {name: value for name, value in annotations.items() if name != "CORR"}
    correlation_id = annotations.get("CORR")
    head = SIGNED.write_head(wire.INVOKE, 1, 0, 0, payload, plain, correlation_id)
    assert head + payload == data
    message = read(data, SIGNED)
    assert (message.annotations or {}, message.correlation_id) == (plain, correlation_id)
    assert bytes(message.payload) == payload


@pytest.mark.parametrize("at", [-1, -7, 35, 45])
def test_a_message_that_was_changed_is_refused(at: int) -> None:
    data = wire48.message(wire.INVOKE, b"payload", annotations={"ABCD": b"hello"}, key=b"key")
    changed = bytearray(data)
    changed[at] ^= 1
    with pytest.raises(SignatureError):
        read(bytes(changed), SIGNED)


@pytest.mark.parametrize("signature", [b"", b"x", bytes(20), bytes(60_000)])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError, match="not signed with the key"):
        read(wire48.message(wire.INVOKE, annotations={"HMAC": signature}), SIGNED)


def test_both_sides_must_have_the_same_key_or_none() -> None:
    signed = wire48.message(wire.INVOKE, b"x", key=b"key")
    other = wire48.message(wire.INVOKE, b"x", key=b"other key")
    plain = wire48.message(wire.INVOKE, b"x")
    annotated = wire48.message(wire.INVOKE, b"x", annotations={"ABCD": b"x"})
    assert bytes(read(signed, SIGNED).payload) == b"x"
    with pytest.raises(SignatureError, match="not signed with the key of this side"):
        read(other, SIGNED)
    for unsigned in (plain, annotated):
        with pytest.raises(SignatureError, match="the other side does not sign"):
            read(unsigned, SIGNED)
    with pytest.raises(SignatureError, match="this side has none"):
        read(signed)


def test_a_wrong_signature_is_an_error_of_both_kinds() -> None:
    assert issubclass(SignatureError, SecurityError)
    assert issubclass(SignatureError, ProtocolError)


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, None), ("ключ", "ключ".encode()), (b"key", b"key"), (bytearray(b"key"), b"key")],
)
def test_a_key_is_bytes_or_text(key: Any, expected: bytes | None) -> None:
    assert key_bytes(key) == expected


@pytest.mark.parametrize(("key", "error"), [("", ValueError), (b"", ValueError), (5, TypeError)])
def test_what_is_no_key_is_refused(key: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="key"):
        key_bytes(key)
