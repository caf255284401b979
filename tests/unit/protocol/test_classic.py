"""The wire in Pyro5's words: SendingMessage, ReceivingMessage, recv_stub."""

from __future__ import annotations

import uuid
import zlib

import pytest

import pyrolike.protocol as protocol
from pyrolike.errors import MessageTooLargeError, ProtocolError
from pyrolike.protocol import ReceivingMessage, SendingMessage, recv_stub
from tests.support import wire

NUMBER = uuid.UUID("11112222-3333-4444-5555-666677778888")


class Line:
    """A connection in memory: gives what it was made with, keeps what is sent."""

    def __init__(self, data: bytes = b"") -> None:
        self.incoming = data
        self.outgoing = b""

    def send(self, data: bytes) -> None:
        self.outgoing += data

    def recv(self, size: int) -> bytes:
        assert len(self.incoming) >= size, "more was asked for than there is"
        data, self.incoming = self.incoming[:size], self.incoming[size:]
        return data


def test_the_constants_have_pyro5_names_and_values() -> None:
    assert [
        protocol.MSG_CONNECT,
        protocol.MSG_CONNECTOK,
        protocol.MSG_CONNECTFAIL,
        protocol.MSG_INVOKE,
        protocol.MSG_RESULT,
        protocol.MSG_PING,
    ] == [1, 2, 3, 4, 5, 6]
    assert [
        protocol.FLAGS_EXCEPTION,
        protocol.FLAGS_COMPRESSED,
        protocol.FLAGS_ONEWAY,
        protocol.FLAGS_BATCH,
        protocol.FLAGS_ITEMSTREAMRESULT,
        protocol.FLAGS_KEEPSERIALIZED,
        protocol.FLAGS_CORR_ID,
    ] == [1, 2, 4, 8, 16, 32, 64]
    assert protocol.PROTOCOL_VERSION == 502


# -- sending


def test_a_message_is_made_as_pyro_makes_it() -> None:
    message = SendingMessage(
        protocol.MSG_INVOKE, protocol.FLAGS_ONEWAY, 7, 3, b"payload", {"ABCD": b"hello"}
    )
    assert message.data == wire.message(
        wire.INVOKE,
        b"payload",
        annotations={"ABCD": b"hello"},
        flags=wire.ONEWAY,
        seq=7,
        serializer=3,
    )
    assert (message.type, message.seq, message.serializer_id) == (wire.INVOKE, 7, 3)
    assert (message.flags, message.corr_id) == (wire.ONEWAY, None)
    assert "seq=7" in repr(message)


def test_a_message_may_carry_a_correlation_id() -> None:
    message = SendingMessage(protocol.MSG_INVOKE, 0, 0, 1, b"", corr_id=NUMBER)
    assert message.flags == wire.CORR_ID
    assert message.data == wire.message(
        wire.INVOKE, flags=wire.CORR_ID, correlation_id=NUMBER.bytes
    )


def test_only_the_message_itself_says_that_it_is_compressed() -> None:
    plain = SendingMessage(protocol.MSG_INVOKE, wire.COMPRESSED, 0, 1, bytes(500))
    squeezed = SendingMessage(protocol.MSG_INVOKE, 0, 0, 1, bytes(500), compress_payload=True)
    short = SendingMessage(protocol.MSG_INVOKE, 0, 0, 1, bytes(50), compress_payload=True)
    assert plain.data == wire.message(wire.INVOKE, bytes(500))
    assert squeezed.flags == wire.COMPRESSED
    assert squeezed.data == wire.message(
        wire.INVOKE, zlib.compress(bytes(500), 4), flags=wire.COMPRESSED
    )
    assert short.data == wire.message(wire.INVOKE, bytes(50))


@pytest.mark.parametrize("payload", [b"payload", bytearray(b"payload"), memoryview(b"payload")])
def test_any_bytes_like_payload_is_sent(payload: bytes) -> None:
    message = SendingMessage(protocol.MSG_INVOKE, 0, 0, 1, payload)
    assert message.data == wire.message(wire.INVOKE, b"payload")


def test_a_malformed_annotation_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="ABCDE"):
        SendingMessage(protocol.MSG_INVOKE, 0, 0, 1, b"", {"ABCDE": b""})


# -- receiving


def test_a_message_is_taken_apart() -> None:
    data = wire.message(
        wire.RESULT,
        b"payload",
        annotations={"ABCD": b"hello"},
        flags=wire.CORR_ID,
        seq=7,
        serializer=3,
        correlation_id=NUMBER.bytes,
    )
    message = ReceivingMessage(data[:40], data[40:])
    assert (message.type, message.seq, message.serializer_id) == (wire.RESULT, 7, 3)
    assert (message.flags, message.corr_id) == (wire.CORR_ID, NUMBER)
    assert (message.data, message.data_size) == (b"payload", 7)
    assert (message.annotations, message.annotations_size) == ({"ABCD": b"hello"}, 13)
    assert "seq=7" in repr(message)


def test_the_payload_may_be_added_later() -> None:
    data = wire.message(wire.RESULT, b"payload")
    message = ReceivingMessage(data[:40])
    assert message.data == b""
    message.add_payload(data[40:])
    assert message.data == b"payload"
    assert isinstance(message.data, bytes)


@pytest.mark.parametrize("annotations", [{}, {"ABCD": b"hello"}])
def test_a_compressed_message_is_opened(annotations: dict[str, bytes]) -> None:
    data = wire.message(
        wire.RESULT,
        zlib.compress(bytes(500)),
        flags=wire.COMPRESSED | wire.BATCH,
        annotations=annotations,
    )
    message = ReceivingMessage(data[:40], data[40:])
    assert message.data == bytes(500)
    assert (message.data_size, message.flags) == (500, wire.BATCH)
    assert message.annotations == annotations


def test_a_payload_of_another_size_is_refused() -> None:
    message = ReceivingMessage(wire.header(wire.RESULT, data_size=7))
    with pytest.raises(ProtocolError, match="7 bytes announced, 6 given"):
        message.add_payload(b"payloa")


def test_validate_looks_at_as_much_as_there_is() -> None:
    head = wire.header(wire.PING, data_size=0)
    for size in (4, 5, 6, 39, 40):
        ReceivingMessage.validate(head[:size])
    with pytest.raises(ValueError, match="4 bytes"):
        ReceivingMessage.validate(head[:3])
    with pytest.raises(ProtocolError, match="invalid data"):
        ReceivingMessage.validate(b"GET ")
    with pytest.raises(ProtocolError, match="version 48"):
        ReceivingMessage.validate(b"PYRO\0\x30")
    with pytest.raises(ProtocolError, match="magic"):
        ReceivingMessage.validate(head[:-1] + b"\0")


# -- over a connection


def test_recv_stub_reads_one_message_and_nothing_beyond_it() -> None:
    line = Line(wire.message(wire.RESULT, b"payload") + b"what follows")
    message = recv_stub(line)
    assert message.data == b"payload"
    assert line.incoming == b"what follows"


def test_recv_stub_reads_a_message_without_a_body() -> None:
    assert recv_stub(Line(wire.message(wire.PING)), [protocol.MSG_PING]).data == b""


def test_recv_stub_refuses_other_types_before_their_body() -> None:
    line = Line(wire.message(wire.INVOKE, b"payload", seq=3))
    with pytest.raises(ProtocolError, match="INVOKE") as caught:
        recv_stub(line, [protocol.MSG_RESULT])
    assert caught.value.pyroMsg.seq == 3  # type: ignore[attr-defined]  # Pyro puts it there
    assert line.incoming == b"payload"


def test_recv_stub_refuses_a_message_too_large_by_its_header() -> None:
    line = Line(wire.header(wire.RESULT, data_size=1 << 30, annotations_size=1))
    with pytest.raises(MessageTooLargeError, match="1,073,741,825"):
        recv_stub(line)


def test_recv_stub_refuses_what_is_no_message() -> None:
    with pytest.raises(ProtocolError, match="invalid data"):
        recv_stub(Line(b"HTTP/1.1 400 Bad Request and so on, for forty bytes"))


def test_a_ping_waits_for_its_answer() -> None:
    line = Line(wire.message(wire.PING, b"pong", serializer=42))
    SendingMessage.ping(line)
    assert line.outgoing == wire.message(wire.PING, b"ping", serializer=42)


def test_a_ping_is_not_content_with_another_message() -> None:
    with pytest.raises(ProtocolError, match="only PING"):
        SendingMessage.ping(Line(wire.message(wire.RESULT)))
