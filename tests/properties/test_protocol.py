"""What holds for the wire floor whatever the bytes are, and however they are cut."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings, strategies as st

from pyrolike.errors import MessageTooLargeError, ProtocolError
from pyrolike.protocol import (
    DIALECTS,
    V48,
    V502,
    Dialect,
    Flag,
    Message,
    MessageReader,
    MessageType,
    Pyro4Dialect,
    compress,
    inflate,
)
from pyrolike.protocol.reader import LARGE_BODY
from tests.support import wire, wire48
from tests.support.vectors import VECTORS, Vector

# The machines of a test run are shared: time says nothing about the code.
relaxed = settings(deadline=None)

LIMIT = 500
"""Most bytes of a body in these tests; small, so that random sizes fall on either side of it."""

HEADER_SIZE = V502.header_size


class Outcome(NamedTuple):
    """Everything a reader gave for some bytes."""

    messages: list[tuple[Any, ...]]
    fault: str | None


def taken_apart(message: Message) -> tuple[Any, ...]:
    annotations = {key: bytes(value) for key, value in (message.annotations or {}).items()}
    return (
        message.type,
        message.serializer_id,
        message.flags,
        message.seq,
        bytes(message.payload),
        annotations,
        message.correlation_id,
    )


KEY = b"secretkey"
SIGNED = {48: Pyro4Dialect(KEY)}


def read(
    pieces: Iterable[bytes], limit: int = LIMIT, dialects: Mapping[int, Dialect] = DIALECTS
) -> Outcome:
    """Feed pieces and take what comes; only a ProtocolError may come instead of messages."""
    reader = MessageReader(limit, None, dialects)
    messages = []
    try:
        for piece in pieces:
            message = reader.feed(piece)
            while message is not None:
                messages.append(taken_apart(message))
                message = reader.take()
            assert reader.stored_size <= HEADER_SIZE + limit
    except ProtocolError as fault:
        assert reader.stored_size == 0
        return Outcome(messages, str(fault))
    return Outcome(messages, None)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut *data* at some places; two places that coincide leave an empty piece between them."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


uint16 = st.integers(0, 0xFFFF)
places = st.lists(st.integers(0, 1 << 20), max_size=12)
annotation_ids = st.text(st.characters(codec="ascii"), min_size=4, max_size=4)
annotations_of_a_message = st.dictionaries(annotation_ids, st.binary(max_size=40), max_size=3)

well_formed = st.builds(
    wire.message,
    st.integers(0, 255),
    st.binary(max_size=300),
    annotations=annotations_of_a_message,
    serializer=st.integers(0, 255),
    flags=uint16,
    seq=uint16,
    correlation_id=st.binary(min_size=16, max_size=16),
)

well_formed_48 = st.builds(
    wire48.message,
    uint16,
    st.binary(max_size=300),
    annotations=annotations_of_a_message,
    serializer=uint16,
    flags=uint16,
    seq=uint16,
)

signed = st.builds(
    wire48.message,
    uint16,
    st.binary(max_size=300),
    annotations=annotations_of_a_message,
    key=st.sampled_from([KEY, KEY, KEY, b"another", None]),
)

small_sizes = st.integers(0, 2 * LIMIT)
sizes = small_sizes | st.integers(0, 0xFFFF_FFFF)
headers = st.builds(
    wire.header,
    st.integers(0, 255),
    data_size=sizes,
    annotations_size=small_sizes,
    flags=uint16,
    seq=uint16,
    version=st.sampled_from([502, 502, 502, 48, 503]),
    magic=st.sampled_from([wire.MAGIC, wire.MAGIC, wire.MAGIC, 0]),
)

headers_48 = st.builds(
    wire48.header,
    uint16,
    data_size=small_sizes | st.integers(-(1 << 31), (1 << 31) - 1),
    annotations_size=small_sizes,
    flags=uint16,
    seq=uint16,
    version=st.sampled_from([48, 48, 48, 502]),
    error=st.sampled_from([0, 0, 0, 1]),
)

rubbish = st.binary(max_size=80)
anything = (
    st.lists(well_formed | headers | rubbish, max_size=6)
    | st.lists(well_formed_48 | headers_48 | rubbish, max_size=6)
    | st.lists(well_formed | well_formed_48, max_size=4)
).map(b"".join)
"""Messages, headers that announce something else than what follows, and rubbish, in any order."""


@pytest.mark.slow
@relaxed
@given(st.lists(well_formed, max_size=5) | st.lists(well_formed_48, max_size=5), places)
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    messages: list[bytes], places: list[int]
) -> None:
    outcome = read(cut(b"".join(messages), places), limit=1000)
    assert outcome.fault is None
    assert len(outcome.messages) == len(messages)
    for got, sent in zip(outcome.messages, messages, strict=True):
        alone = MessageReader(1000).feed(sent)
        assert alone is not None
        assert got == taken_apart(alone)


@pytest.mark.slow
@settings(relaxed, max_examples=300)
@given(anything, places)
@example(b"PYRO\x01\xf6", [5])
@example(wire.message(wire.PING) + b"PYRO\x00\x30" + bytes(40), [41])
def test_whatever_the_bytes_chunking_never_changes_the_result(
    data: bytes, places: list[int]
) -> None:
    assert read(cut(data, places)) == read([data])


@pytest.mark.slow
@relaxed
@given(st.lists(signed | headers_48 | rubbish, max_size=4).map(b"".join), places)
def test_chunking_never_changes_what_a_signature_is_worth(data: bytes, places: list[int]) -> None:
    outcome = read([data], dialects=SIGNED)
    assert read(cut(data, places), dialects=SIGNED) == outcome
    check_signatures(outcome, data)


def check_signatures(outcome: Outcome, data: bytes) -> None:
    """See that what came out was signed in what went in."""
    for *_, payload, values, correlation_id in outcome.messages:
        if correlation_id is not None:
            values["CORR"] = correlation_id
        assert wire48.signature(KEY, payload, values) in data


@relaxed
@given(anything)
def test_byte_by_byte_is_no_different(data: bytes) -> None:
    assert read(data[at : at + 1] for at in range(len(data))) == read([data])


@pytest.mark.slow
@relaxed
@given(
    st.integers(LARGE_BODY - 2, 3 * LARGE_BODY),
    annotations_of_a_message,
    st.lists(st.integers(1, LARGE_BODY), min_size=1, max_size=5),
)
def test_a_large_body_is_the_same_in_whichever_way_it_is_received(
    size: int, annotations: dict[str, bytes], steps: list[int]
) -> None:
    payload = (b"0123456789" * (size // 10 + 1))[:size]
    data = wire.message(wire.RESULT, payload, annotations=annotations) + wire.message(wire.PING)
    reader = MessageReader(1 << 20)
    messages, view, turn = [], memoryview(data), 0
    while view:
        step, turn = steps[turn % len(steps)], turn + 1
        room = reader.get_buffer()
        if room is None:
            count = min(step, len(view))
            message = reader.feed(bytes(view[:count]))
        else:
            with room:
                count = min(step, len(view), len(room))
                room[:count] = view[:count]
            message = reader.filled(count)
        view = view[count:]
        while message is not None:
            messages.append(taken_apart(message))
            message = reader.take()
    assert messages == read([data], limit=1 << 20).messages
    assert [message[4] for message in messages] == [payload, b""]


@relaxed
@given(sizes, sizes, st.binary(max_size=100))
def test_a_body_beyond_the_limit_is_never_begun(
    data_size: int, annotations_size: int, start: bytes
) -> None:
    reader = MessageReader(LIMIT)
    head = wire.header(wire.INVOKE, data_size=data_size, annotations_size=annotations_size)
    announced = data_size + annotations_size
    if announced <= LIMIT:
        assert announced == 0 or reader.feed(head) is None
        return
    with pytest.raises(MessageTooLargeError) as caught:
        reader.feed(head + start)
    assert caught.value.announced == announced
    assert reader.stored_size == 0


@relaxed
@given(
    st.sampled_from([V502, V48, *SIGNED.values()]),
    st.integers(0, 255),
    st.sampled_from(sorted(V502.serializer_names)),
    st.integers(0, 0x3F),
    uint16,
    st.binary(max_size=300),
    annotations_of_a_message,
    st.none() | st.binary(min_size=16, max_size=16),
)
def test_what_is_written_is_read(
    dialect: Dialect,
    kind: int,
    serializer: int,
    flags: int,
    seq: int,
    payload: bytes,
    annotations: dict[str, bytes],
    correlation_id: bytes | None,
) -> None:
    head = dialect.write_head(kind, serializer, flags, seq, payload, annotations, correlation_id)
    message = MessageReader(1000, None, {dialect.version: dialect}).feed(head + payload)
    assert message is not None
    if dialect is V502:
        flags |= Flag.CORR_ID if correlation_id is not None else 0
    elif flags & Flag.EXCEPTION:
        correlation_id = None
    expected = (kind, serializer, flags, seq, payload, annotations, correlation_id)
    assert taken_apart(message) == expected


@relaxed
@given(st.sampled_from([V502, V48]), st.binary(max_size=200))
def test_whatever_the_chunks_they_give_annotations_or_a_protocol_error(
    dialect: Dialect, chunks: bytes
) -> None:
    message = Message(MessageType.PING, 1, 0, 0, b"")
    try:
        dialect.add_annotations(message, memoryview(chunks))
    except ProtocolError:
        return
    values = (message.annotations or {}).values()
    assert sum(6 + len(value) for value in values) <= len(chunks)


@pytest.mark.slow
@settings(relaxed, max_examples=400)
@given(st.sampled_from(VECTORS), st.lists(st.tuples(uint16, st.integers(0, 255)), max_size=4))
def test_a_captured_message_that_was_damaged_gives_a_message_or_a_protocol_error(
    vector: Vector, damages: list[tuple[int, int]]
) -> None:
    data = bytearray(vector.data)
    for at, value in damages:
        data[at % len(data)] = value
    dialects = SIGNED if vector.key else DIALECTS
    outcome = read([bytes(data)], dialects=dialects)
    assert read(cut(data, [5, 24, 40]), dialects=dialects) == outcome
    if vector.key:
        check_signatures(outcome, bytes(data))


def compressed(payload: bytes) -> Message:
    return Message(MessageType.RESULT, 1, Flag.COMPRESSED, 0, payload)


repetitive = st.builds(lambda piece, times: piece * times, st.binary(max_size=8), small_sizes)


@relaxed
@given(repetitive)
def test_a_compressed_payload_opens_to_what_it_was(payload: bytes) -> None:
    squeezed = compress(payload, V502)
    if squeezed is payload:
        return
    assert len(squeezed) < len(payload)
    message = compressed(bytes(squeezed))
    inflate(message, len(payload))
    assert message.payload == payload
    assert not message.flags & Flag.COMPRESSED


def damaged(payload: bytes, at: int, value: int) -> bytes:
    stream = bytearray(zlib.compress(payload))
    stream[at % len(stream)] = value
    return bytes(stream)


streams = (
    st.binary(max_size=200)
    | repetitive.map(zlib.compress)
    | st.builds(damaged, repetitive, uint16, st.integers(0, 255))
)


@relaxed
@given(streams, small_sizes)
def test_whatever_is_inflated_gives_at_most_the_limit_or_a_protocol_error(
    stream: bytes, limit: int
) -> None:
    message = compressed(stream)
    try:
        inflate(message, limit)
    except ProtocolError:
        assert message.payload == stream
        assert message.flags & Flag.COMPRESSED
    else:
        assert len(message.payload) <= limit
