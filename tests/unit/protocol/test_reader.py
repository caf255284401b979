"""Bytes in, messages out: how they may be cut, what is refused, and when."""

from __future__ import annotations

import tracemalloc
import uuid

import pytest

from pyrolike.errors import MessageTooLargeError, ProtocolError
from pyrolike.protocol import (
    V48,
    V502,
    Message,
    MessageReader,
    Pyro4Dialect,
    SignatureError,
    UnexpectedTypeError,
    reader as reader_module,
    recognise,
)
from pyrolike.protocol.reader import GROWTH, LARGE_BODY, LARGEST_KEPT
from tests.support import wire, wire48

LIMIT = 64 * 1024 * 1024


def read_all(reader: MessageReader, *pieces: bytes) -> list[Message]:
    """Feed pieces, taking out every message that is complete after each."""
    messages = []
    for piece in pieces:
        message = reader.feed(piece)
        while message is not None:
            messages.append(message)
            message = reader.take()
    return messages


def fill(reader: MessageReader, data: bytes, step: int) -> list[Message]:
    """Receive like a socket: into the reader's own buffer where it has one."""
    messages = []
    view = memoryview(data)
    while view:
        room = reader.get_buffer()
        if room is None:
            messages += read_all(reader, bytes(view[:step]))
            view = view[step:]
            continue
        with room:
            count = min(len(room), len(view), step)
            room[:count] = view[:count]
        message = reader.filled(count)
        view = view[count:]
        messages += [message] if message is not None else []
    return messages


# -- no more than is missing


@pytest.mark.parametrize("step", [7, 1_000_000])
@pytest.mark.parametrize("size", [0, 1, 100, LARGE_BODY - 1, LARGE_BODY, 3 * GROWTH])
def test_who_receives_what_is_missing_never_takes_what_follows(size: int, step: int) -> None:
    step = max(step, size // 1000)
    one = wire.message(wire.INVOKE, bytes(size), annotations={"ABCD": b"value"})
    data, position = one * 2 + b"for somebody else", 0
    reader = MessageReader(LIMIT)
    messages: list[Message] = []
    while len(messages) < 2:
        missing = reader.missing_size
        assert missing > 0
        found = fill(reader, data[position : position + min(missing, step)], step)
        position += min(missing, step)
        messages += found
    assert position == 2 * len(one)
    assert [len(message.payload) for message in messages] == [size, size]


# -- whole messages


def test_a_whole_message_is_returned_at_once() -> None:
    message = MessageReader(LIMIT).feed(wire.message(wire.INVOKE, b"payload", seq=7, serializer=3))
    assert message is not None
    assert (message.type, message.serializer_id, message.seq) == (wire.INVOKE, 3, 7)
    assert (message.flags, message.payload, message.annotations) == (0, b"payload", None)
    assert message.correlation_id is None


def test_annotations_and_payload_are_told_apart() -> None:
    annotations = {"ABCD": b"hello", "EFGH": b"", "IJKL": bytes(300)}
    message = MessageReader(LIMIT).feed(
        wire.message(wire.RESULT, b"payload", annotations=annotations)
    )
    assert message is not None
    assert message.annotations == annotations
    assert message.payload == b"payload"


def test_the_last_of_two_annotations_with_one_id_wins() -> None:
    extra = wire.chunks({"SAME": b"first"}) + wire.chunks({"SAME": b"second"})
    head = wire.header(wire.PING, data_size=0, annotations_size=len(extra))
    message = MessageReader(LIMIT).feed(head + extra)
    assert message is not None
    assert message.annotations == {"SAME": b"second"}


def test_a_correlation_id_counts_only_with_its_flag() -> None:
    number = uuid.uuid4().bytes
    with_flag = wire.message(wire.PING, correlation_id=number, flags=wire.CORR_ID)
    without_flag = wire.message(wire.PING, correlation_id=number)
    first, second = read_all(MessageReader(LIMIT), with_flag + without_flag)
    assert first.correlation_id == number
    assert second.correlation_id is None


def test_the_reserved_field_is_ignored() -> None:
    head = wire.header(wire.PING, data_size=0, reserved=0xFFFF)
    assert MessageReader(LIMIT).feed(head) is not None


def test_an_empty_payload_is_a_message() -> None:
    reader = MessageReader(LIMIT)
    message = reader.feed(wire.message(wire.RESULT))
    assert message is not None
    assert message.payload == b""
    assert not reader.is_inside_message


def test_a_message_may_come_in_any_bytes_like_object() -> None:
    data = wire.message(wire.INVOKE, b"payload")
    for kind in (bytes, bytearray, memoryview):
        message = MessageReader(LIMIT).feed(kind(data))
        assert message is not None
        assert message.payload == b"payload"


def test_what_is_fed_may_be_overwritten_afterwards() -> None:
    small, annotated = (
        bytearray(wire.message(wire.INVOKE, b"payload")),
        bytearray(wire.message(wire.INVOKE, b"payload", annotations={"ABCD": b"value"})),
    )
    for data in (small, annotated):
        message = MessageReader(LIMIT).feed(data)
        data[:] = bytes(len(data))
        assert message is not None
        assert message.payload == b"payload"


# -- cut messages


@pytest.mark.parametrize("step", [1, 2, 39, 40, 41, 47, 1000])
@pytest.mark.parametrize("size", [0, 1, 100, LARGE_BODY - 1, LARGE_BODY, LARGE_BODY + 5])
def test_chunking_makes_no_difference(size: int, step: int) -> None:
    if size > 1000 and step < 39:
        step *= 997  # byte by byte is proven by the small sizes
    data = b"".join(
        wire.message(wire.RESULT, bytes([seq]) * size, seq=seq, annotations={"ABCD": bytes(seq)})
        for seq in range(3)
    )
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    messages = read_all(MessageReader(LIMIT), *pieces)
    assert [message.seq for message in messages] == [0, 1, 2]
    assert [bytes(message.payload) for message in messages] == [
        bytes([seq]) * size for seq in range(3)
    ]
    assert [message.annotations for message in messages] == [
        {"ABCD": bytes(seq)} for seq in range(3)
    ]


def test_nothing_fed_is_nothing_found() -> None:
    reader = MessageReader(LIMIT)
    assert reader.feed(b"") is None
    assert reader.take() is None
    assert reader.stored_size == 0
    assert not reader.is_inside_message


def test_the_reader_knows_when_it_is_inside_a_message() -> None:
    reader = MessageReader(LIMIT)
    data = wire.message(wire.INVOKE, b"payload")
    for position in range(len(data) - 1):
        reader.feed(data[position : position + 1])
        assert reader.is_inside_message
    assert reader.feed(data[-1:]) is not None
    assert not reader.is_inside_message


def test_the_dialect_is_known_after_six_bytes() -> None:
    reader = MessageReader(LIMIT)
    data = wire.message(wire.PING)
    reader.feed(data[:5])
    assert reader.dialect is None
    assert "unknown" in repr(reader)
    reader.feed(data[5:6])
    assert reader.dialect is V502
    assert "502" in repr(reader)


# -- large bodies


@pytest.mark.parametrize("step", [1000, 65_536, 3_000_000])
def test_a_large_body_is_received_where_it_stays(step: int) -> None:
    payload = bytes(range(256)) * (3 * GROWTH // 256)
    data = wire.message(wire.RESULT, payload, seq=1) + wire.message(wire.RESULT, b"next", seq=2)
    messages = fill(MessageReader(LIMIT), data, step)
    assert [message.seq for message in messages] == [1, 2]
    assert messages[0].payload == payload
    assert messages[1].payload == b"next"


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the room that the process keeps."""
    reader_module._kept.clear()
    monkeypatch.setattr(reader_module, "_get_only", lambda: None)


def kept_room() -> bytearray | None:
    return reader_module._kept.get("room")


@pytest.mark.usefixtures("no_room")
def test_the_room_of_a_body_is_kept_when_nobody_needs_the_body() -> None:
    reader = MessageReader(LIMIT)
    large = wire.message(wire.RESULT, b"a" * (3 * LARGE_BODY))
    (message,) = fill(reader, large, 10_000)
    payload = message.payload[5:10]
    assert kept_room() is None
    del message
    assert kept_room() is None, "somebody has a slice of it"
    assert payload == b"aaaaa"
    (message,) = fill(reader, large, 10_000)
    del message
    room = kept_room()
    assert room is not None
    shorter = wire.message(wire.RESULT, b"b" * LARGE_BODY, annotations={"ABCD": b"note"})
    first, second = fill(MessageReader(LIMIT), shorter * 2, 10_000)
    assert kept_room() is None, "it was lent once, and not twice"
    for message in (first, second):
        assert message.payload == b"b" * LARGE_BODY
        assert message.annotations == {"ABCD": b"note"}
    annotations = first.annotations
    del first, message
    assert kept_room() is room, "an annotation needs none of it"
    assert annotations == {"ABCD": b"note"}
    del second
    assert kept_room() is room


@pytest.mark.usefixtures("no_room")
def test_a_longer_body_makes_kept_room_larger_and_a_very_long_one_has_its_own() -> None:
    reader = MessageReader(LIMIT)
    for size in (LARGE_BODY, 3 * LARGE_BODY, LARGE_BODY + 1, LARGEST_KEPT):
        (message,) = fill(reader, wire.message(wire.RESULT, b"c" * size), 10_000)
        assert message.payload == b"c" * size
        del message
        room = kept_room()
        assert room is not None
        assert len(room) <= LARGEST_KEPT
    (message,) = fill(reader, wire.message(wire.RESULT, b"d" * (LARGEST_KEPT + 1)), 100_000)
    assert kept_room() is room, "it is not for such"
    del message
    assert kept_room() is room


@pytest.mark.usefixtures("no_room")
def test_a_body_that_never_comes_whole_keeps_no_room() -> None:
    reader = MessageReader(LIMIT)
    assert fill(reader, wire.message(wire.RESULT, bytes(LARGE_BODY))[:-1], 10_000) == []
    del reader
    assert kept_room() is None


@pytest.mark.usefixtures("no_room")
def test_who_only_announces_bodies_gets_no_more_than_one_room() -> None:
    large = wire.message(wire.RESULT, bytes(LARGEST_KEPT))
    fill(MessageReader(LIMIT), large, 100_000).clear()
    room = kept_room()
    assert room is not None
    idle = [MessageReader(LIMIT) for _ in range(3)]
    for reader in idle:
        fill(reader, large[:100], 100)
        assert kept_room() is None
        fill(MessageReader(LIMIT), large, 100_000).clear()
        assert kept_room() is None, "there is one already"
    assert [len(reader.body or b"") for reader in idle] == [len(room), GROWTH, GROWTH]
    del room, reader
    idle.clear()
    fill(MessageReader(LIMIT), large, 100_000).clear()
    assert kept_room() is not None


def test_a_small_message_needs_no_buffer() -> None:
    reader = MessageReader(LIMIT)
    assert reader.get_buffer() is None
    reader.feed(wire.header(wire.INVOKE, data_size=100))
    assert reader.get_buffer() is None


def test_a_large_body_may_also_be_fed() -> None:
    reader = MessageReader(LIMIT)
    payload = bytes(range(256)) * 1024
    data = wire.message(wire.RESULT, payload) + wire.message(wire.PING)
    assert reader.feed(data[:100]) is None
    assert reader.get_buffer() is not None
    assert reader.is_inside_message
    message = reader.feed(data[100:])
    assert message is not None
    assert message.payload == payload
    ping = reader.take()
    assert ping is not None
    assert ping.type == wire.PING


def test_an_announced_size_is_not_believed_in_advance() -> None:
    tracemalloc.start()
    try:
        reader = MessageReader(1 << 30)
        reader.feed(wire.header(wire.INVOKE, data_size=1 << 30) + b"start")
        room = reader.get_buffer()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert room is not None
    assert peak < 3 * GROWTH


def test_malformed_annotations_of_a_large_body_are_refused() -> None:
    extra = wire.header(wire.PING, data_size=0)
    head = wire.header(wire.RESULT, data_size=LARGE_BODY, annotations_size=len(extra))
    reader = MessageReader(LIMIT)
    with pytest.raises(ProtocolError, match="annotation"):
        fill(reader, head + extra + bytes(LARGE_BODY), 1000)
    with pytest.raises(ProtocolError, match="annotation"):
        reader.feed(b"")
    assert reader.stored_size == 0


# -- refusals


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "invalid data"),
        (bytes(6), "invalid data"),
        (wire.header(wire.PING, data_size=0, version=48), "checksum"),
        (wire.header(wire.PING, data_size=0, version=503), "version 503"),
        (wire.header(wire.PING, data_size=0, magic=0x4DC6), "magic"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, reason: str) -> None:
    reader = MessageReader(LIMIT)
    with pytest.raises(ProtocolError, match=reason):
        reader.feed(data)
    assert reader.stored_size == 0


def test_six_bytes_are_enough_to_refuse() -> None:
    reader = MessageReader(LIMIT)
    assert reader.feed(b"\0\0\0\0\0") is None
    with pytest.raises(ProtocolError, match="invalid data"):
        reader.feed(b"\0")


def test_the_dialect_cannot_change_within_a_connection() -> None:
    reader = MessageReader(LIMIT)
    assert reader.feed(wire.message(wire.PING)) is not None
    with pytest.raises(ProtocolError, match="version"):
        reader.feed(wire48.message(wire.PING, bytes(16)))  # as much as the other's header
    reader = MessageReader(LIMIT)
    assert reader.feed(wire48.message(wire.PING)) is not None
    with pytest.raises(ProtocolError, match="version changed to 502 within a connection that sp"):
        reader.feed(wire.message(wire.PING))


def test_a_reader_may_be_told_what_is_spoken() -> None:
    assert MessageReader(LIMIT, None, {48: V48}).feed(wire48.message(wire.PING)) is not None
    with pytest.raises(ProtocolError, match="version 502 is not spoken here; this end speaks 48"):
        MessageReader(LIMIT, None, {48: V48}).feed(wire.message(wire.PING))


def test_a_message_that_is_not_signed_is_refused_before_its_body_comes() -> None:
    reader = MessageReader(LIMIT, None, {48: Pyro4Dialect(b"key")})
    with pytest.raises(SignatureError, match="does not sign"):
        reader.feed(wire48.message(wire.PING, b"ping")[:24])
    assert reader.stored_size == 0
    with pytest.raises(SignatureError, match="does not sign"):
        reader.feed(b"")


def test_a_large_body_with_a_wrong_signature_is_refused() -> None:
    reader = MessageReader(10 * LARGE_BODY, None, {48: Pyro4Dialect(b"key")})
    data = wire48.message(wire.PING, bytes(2 * LARGE_BODY), key=b"other")
    assert reader.feed(data[:1000]) is None
    assert reader.feed(data[1000 : LARGE_BODY + 1]) is None
    assert reader.get_buffer() is not None
    with pytest.raises(SignatureError, match="not signed with the key"):
        reader.feed(data[LARGE_BODY + 1 :])
    assert reader.stored_size == 0


def test_a_tag_missing_in_a_later_message_is_refused() -> None:
    reader = MessageReader(LIMIT)
    assert reader.feed(wire.message(wire.PING)) is not None
    with pytest.raises(ProtocolError, match="invalid data"):
        reader.feed(wire.header(wire.PING, data_size=0, tag=b"ORYP"))


@pytest.mark.parametrize(("data_size", "annotations_size"), [(1001, 0), (0, 1001), (500, 501)])
def test_a_size_beyond_the_limit_is_refused_by_the_header(
    data_size: int, annotations_size: int
) -> None:
    reader = MessageReader(1000)
    head = wire.header(wire.INVOKE, data_size=data_size, annotations_size=annotations_size)
    with pytest.raises(MessageTooLargeError, match=r"1,001.*1,000.*MAX_MESSAGE_SIZE") as caught:
        reader.feed(head)
    assert (caught.value.announced, caught.value.limit) == (1001, 1000)
    assert reader.stored_size == 0


def test_a_message_of_exactly_the_limit_is_accepted() -> None:
    reader = MessageReader(1000)
    assert reader.feed(wire.message(wire.INVOKE, bytes(980), annotations={"ABCD": bytes(12)}))


def test_the_limit_may_change_between_messages() -> None:
    reader = MessageReader(10)
    assert reader.feed(wire.message(wire.CONNECT, bytes(10))) is not None
    reader.max_size = 20
    assert reader.feed(wire.message(wire.INVOKE, bytes(20))) is not None
    with pytest.raises(MessageTooLargeError):
        reader.feed(wire.message(wire.INVOKE, bytes(21)))


def test_an_unexpected_type_is_refused_by_its_header() -> None:
    reader = MessageReader(LIMIT, frozenset({wire.CONNECT}))
    with pytest.raises(UnexpectedTypeError, match=r"INVOKE.*only CONNECT") as caught:
        reader.feed(wire.header(wire.INVOKE, data_size=1000, seq=5, serializer=2))
    stub = caught.value.pyroMsg
    assert (stub.type, stub.seq, stub.serializer_id, stub.payload) == (wire.INVOKE, 5, 2, b"")


def test_a_type_nobody_knows_is_refused_by_its_number() -> None:
    reader = MessageReader(LIMIT, frozenset({wire.INVOKE, wire.PING}))
    with pytest.raises(UnexpectedTypeError, match=r"type 99.*INVOKE or PING"):
        reader.feed(wire.message(99))


def test_the_accepted_types_may_change_between_messages() -> None:
    reader = MessageReader(LIMIT, frozenset({wire.CONNECT}))
    assert reader.feed(wire.message(wire.CONNECT)) is not None
    reader.accepted_types = frozenset({wire.INVOKE})
    assert reader.feed(wire.message(wire.INVOKE)) is not None


@pytest.mark.parametrize(
    "extra",
    [
        b"ABC",
        b"ABCD\0\0\0",
        b"ABCD\0\0\0\x01",
        b"ABCD\xff\xff\xff\xff",
        b"\xff\xfe\xfd\xfc\0\0\0\0",
        wire.chunks({"ABCD": b"fine"}) + b"E",
    ],
)
def test_malformed_annotations_are_refused(extra: bytes) -> None:
    head = wire.header(wire.INVOKE, data_size=0, annotations_size=len(extra))
    with pytest.raises(ProtocolError, match="annotation"):
        MessageReader(LIMIT).feed(head + extra)


def test_messages_before_a_fault_come_out_first() -> None:
    reader = MessageReader(LIMIT)
    good = wire.message(wire.INVOKE, b"first", seq=1) + wire.message(wire.INVOKE, b"second", seq=2)
    first = reader.feed(good + b"rubbish that is long enough to be judged")
    second = reader.take()
    assert first is not None
    assert second is not None
    assert (first.seq, second.seq) == (1, 2)
    with pytest.raises(ProtocolError, match="invalid data"):
        reader.take()


def test_after_a_fault_every_call_raises_it_again() -> None:
    reader = MessageReader(LIMIT)
    with pytest.raises(ProtocolError) as first:
        reader.feed(b"rubbish")
    with pytest.raises(ProtocolError) as second:
        reader.feed(wire.message(wire.PING))
    assert str(second.value) == str(first.value)
    assert reader.get_buffer() is None


def test_recognise_wants_tag_and_version() -> None:
    assert recognise(wire.message(wire.PING)) is V502
    assert recognise(wire48.message(wire.PING)) is V48
    with pytest.raises(ProtocolError, match="version 47 is not spoken here; this end speaks 48, 5"):
        recognise(b"PYRO\x00\x2f")
    with pytest.raises(ProtocolError, match="version 48 is not spoken here; this end speaks 502"):
        recognise(b"PYRO\x00\x30", {502: V502})
    with pytest.raises(ProtocolError, match=r"invalid data: .*b'PYRA.*Pyro program at the other"):
        recognise(b"PYRA\x01\xf6")


@pytest.mark.parametrize(
    ("start", "guess"),
    [
        (b"HTTP/1.1 400", "web server"),
        (b"GET / HTTP", "web browser"),
        (b"POST /", "HTTP gateway"),
        (b"SSH-2.0", "SSH server"),
    ],
)
def test_who_begins_like_a_known_stranger_is_named(start: bytes, guess: str) -> None:
    for given in (start, bytearray(start), memoryview(start)):
        with pytest.raises(ProtocolError, match=f"b'{start[:6].decode()}'; .*{guess}"):
            recognise(given)
