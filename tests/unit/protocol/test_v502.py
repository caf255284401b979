"""Protocol 502: the header, byte for byte, and the numbers of the serializers."""

from __future__ import annotations

import uuid

import pytest

from pyrolike.errors import ProtocolError
from pyrolike.protocol import V502, Flag, MessageType
from tests.support import wire

NUMBER = uuid.UUID("11112222-3333-4444-5555-666677778888").bytes


def test_the_example_of_the_wire_page_is_written() -> None:
    head = V502.write_head(MessageType.INVOKE, 1, 0, 1, bytes(49))
    assert head.hex(" ", 1) == (
        "50 59 52 4f 01 f6 04 01 00 00 00 01 00 00 00 31 00 00 00 00 "
        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 4d c5"
    )


def test_annotations_follow_the_header() -> None:
    head = V502.write_head(MessageType.RESULT, 3, Flag.BATCH, 65535, bytes(7), {"ABCD": b"xy"})
    assert head == (
        wire.header(
            wire.RESULT,
            serializer=3,
            flags=wire.BATCH,
            seq=65535,
            data_size=7,
            annotations_size=10,
        )
        + b"ABCD\0\0\0\x02xy"
    )


def test_a_correlation_id_brings_its_flag() -> None:
    head = V502.write_head(MessageType.INVOKE, 1, 0, 0, b"", None, NUMBER)
    assert head == wire.header(wire.INVOKE, data_size=0, flags=wire.CORR_ID, correlation_id=NUMBER)
    message, _, _ = V502.read_header(head)
    assert message.correlation_id == NUMBER


def test_a_header_gives_a_message_without_a_body_and_the_sizes_of_what_follows() -> None:
    head = wire.header(wire.INVOKE, data_size=12, annotations_size=34, serializer=4, seq=56)
    message, annotations_size, data_size = V502.read_header(head + b"what follows")
    assert (annotations_size, data_size) == (34, 12)
    assert (message.type, message.serializer_id, message.flags, message.seq) == (4, 4, 0, 56)
    assert (message.payload, message.annotations, message.correlation_id) == (b"", None, None)


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ({"tag": b"PYR0"}, "begins with b'PYRO'"),
        ({"version": 48}, "version changed to 48"),
        ({"magic": 0}, "magic number is 0x0000, expected 0x4dc5"),
    ],
)
def test_a_wrong_header_is_refused(mistake: dict[str, bytes | int], reason: str) -> None:
    head = wire.header(wire.PING, data_size=0, **mistake)  # type: ignore[arg-type]  # of each its own
    with pytest.raises(ProtocolError, match=reason):
        V502.read_header(head)


def test_serializers_have_pyro5_numbers() -> None:
    numbers = {name: V502.serializer_numbers[name] for name in ("serpent", "marshal", "json")}
    assert numbers == {"serpent": 1, "marshal": 2, "json": 3}
    assert V502.serializer_numbers["msgpack"] == 4


def test_serializers_that_execute_code_have_numbers_no_stock_peer_knows() -> None:
    assert [V502.serializer_numbers[name] for name in ("pickle", "dill", "cloudpickle")] == [
        200,
        201,
        202,
    ]


def test_names_and_numbers_are_each_others_reverse() -> None:
    for name, number in V502.serializer_numbers.items():
        assert V502.serializer_names[number] == name


def test_only_payloads_over_a_hundred_bytes_are_worth_compressing() -> None:
    assert not V502.is_worth_compressing(100)
    assert V502.is_worth_compressing(101)
