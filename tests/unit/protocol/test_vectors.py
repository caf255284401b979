"""Every captured message is read, and every one a client sent is written again."""

from __future__ import annotations

import marshal
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from pyrolike.errors import PyroError
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
from pyrolike.serializers import ExceptionWrapper, get_serializer
from tests.support.vectors import VECTORS, VECTORS_48, VECTORS_502, Vector

LIMIT = 1_000_000
RUBBISH = b"HTTP/1.1 200 OK\r\n and forty more bytes that are no message at all\r\n"

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def dialect_of(vector: Vector) -> Dialect:
    if vector.key is not None:
        return Pyro4Dialect(vector.key)
    return DIALECTS[vector.protocol]


def reader_of(vector: Vector) -> MessageReader:
    """Return a reader for a vector, which knows its key."""
    return MessageReader(LIMIT, None, {vector.protocol: dialect_of(vector)})


# -- reading

PYRO4_FLAGS = {
    0x10: Flag.META_ON_CONNECT,
    0x20: Flag.ITEMSTREAMRESULT,
    0x40: Flag.KEEPSERIALIZED,
}
PYRO4_SERIALIZERS = {1: 1, 2: 3, 3: 2, 4: 200, 6: 4, 42: 42 + 256}


def numbers_above_the_wire(vector: Vector) -> tuple[int, int]:
    """Return flags and serializer as a message has them."""
    flags, serializer = vector.number("flags"), vector.number("serializer_id")
    if vector.protocol == 502:
        return flags, serializer
    meanings = (meaning for bit, meaning in PYRO4_FLAGS.items() if flags & bit)
    return flags & 0xF | sum(meanings), PYRO4_SERIALIZERS[serializer]


def check_against_header(message: Message | None, vector: Vector) -> None:
    assert message is not None
    assert message.type == vector.number("msg_type")
    assert (message.flags, message.serializer_id) == numbers_above_the_wire(vector)
    assert message.seq == vector.number("seq")
    assert message.correlation_id == vector.correlation_id
    assert bytes(message.payload) == vector.payload_as_sent
    annotations = vector.annotations
    special = {"CORR", "HMAC"} if vector.protocol == 48 else {}
    assert (message.annotations or {}) == {
        name: value for name, value in annotations.items() if name not in special
    }


@every_vector
def test_a_vector_is_read_whole(vector: Vector) -> None:
    reader = reader_of(vector)
    check_against_header(reader.feed(vector.data), vector)
    assert not reader.is_inside_message


@every_vector
def test_a_vector_is_read_byte_by_byte(vector: Vector) -> None:
    reader = reader_of(vector)
    for position in range(len(vector.data) - 1):
        assert reader.feed(vector.data[position : position + 1]) is None
        assert reader.is_inside_message
    check_against_header(reader.feed(vector.data[-1:]), vector)
    assert not reader.is_inside_message


@every_vector
def test_a_vector_is_read_before_the_rubbish_behind_it_is_refused(vector: Vector) -> None:
    reader = reader_of(vector)
    check_against_header(reader.feed(vector.data + RUBBISH), vector)
    with pytest.raises(PyroError, match="invalid data"):
        reader.take()


VECTORS_OF = {502: VECTORS_502, 48: VECTORS_48}
UNSIGNED_48 = [vector for vector in VECTORS_48 if vector.key is None]


@pytest.mark.parametrize("vectors", [VECTORS_502, UNSIGNED_48], ids=["502", "48"])
def test_all_vectors_are_read_from_one_stream_of_bytes(vectors: list[Vector]) -> None:
    reader = MessageReader(LIMIT)
    message = reader.feed(b"".join(vector.data for vector in vectors))
    for vector in vectors:
        check_against_header(message, vector)
        message = reader.take()
    assert message is None


# -- what the messages mean


@dataclass(frozen=True)
class Call:
    """What a request asks for, and how it is flagged."""

    object_id: str
    method: str
    vargs: Any = ()
    kwargs: dict[str, Any] | None = field(default_factory=dict)
    flags: int = 0


def batch(*calls: tuple[str, tuple[int, ...], dict[str, Any]], flags: int = 0) -> Call:
    return Call("calc", "<batch>", list(calls), None, Flag.BATCH | flags)


ADD_1_2 = ("add", (1, 2), {})
ADD_3_4 = ("add", (3, 4), {})
DIV_1_0 = ("div", (1, 0), {})
STREAM = "<the stream's id>"

CALLS = {
    "invoke-add": Call("calc", "add", (1, 2)),
    "invoke-kwargs": Call("calc", "echo", (1, "x"), {"k": None}),
    "exception": Call("calc", "div", (1, 0)),
    "getattr": Call("calc", "__getattr__", ("value",), None),
    "setattr": Call("calc", "__setattr__", ("value", 7), None),
    "batch": batch(ADD_1_2, ADD_3_4),
    "batch-exception": batch(ADD_1_2, DIV_1_0, ADD_3_4),
    "batch-oneway": batch(ADD_1_2, flags=Flag.ONEWAY),
    "oneway": Call("calc", "fire", (1,), flags=Flag.ONEWAY),
    "stream-start": Call("calc", "gen"),
    "stream-next": Call("Pyro.Daemon", "get_next_stream_item", [STREAM]),
    "stream-next2": Call("Pyro.Daemon", "get_next_stream_item", [STREAM]),
    "stream-end": Call("Pyro.Daemon", "get_next_stream_item", [STREAM]),
    "stream-close": Call("Pyro.Daemon", "close_stream", [STREAM], flags=Flag.ONEWAY),
    "annotation-correlation": Call("calc", "ann"),
    "hmac-invoke-add": Call("calc", "add", (1, 2)),
    "hmac-annotations": Call("calc", "add", (1, 2)),
    "compressed": Call("calc", "echo", ("x" * 200,), flags=Flag.COMPRESSED),
    "serialized-blob": Call("calc", "blob", [1, 2, 3], flags=Flag.KEEPSERIALIZED),
    "get-metadata": Call("Pyro.Daemon", "get_metadata", ["calc"]),
    "unknown-object": Call("nope", "add", [1, 2]),
}
"""Topic to call, for every INVOKE in the file."""

HANDSHAKES: dict[str, Any] = {
    "connect": {"handshake": "hello", "object": "calc"},
    "connectfail": {"handshake": "hello", "object": "nope"},
    "connect-denied": {"handshake": {"user": "me", "n": 1}, "object": "calc"},
    "connect-nometa": {"handshake": "hello"},
    "hmac-connect": {"handshake": "hello", "object": "calc"},
}
"""Topic to payload, for every CONNECT in the file."""

METADATA = {
    "methods": {"add", "ann", "blob", "div", "echo", "fire", "gen"},
    "oneway": {"fire"},
    "attrs": {"value"},
}

RESULTS: dict[str, Any] = {
    "invoke-add": 3,
    "invoke-kwargs": [[1, "x"], {"k": None}],
    "getattr": 7,
    "setattr": None,
    "batch": [3, 7],
    "stream-next": 1,
    "stream-next2": 2,
    "annotation-correlation": "ok",
    "compressed": [["x" * 200], {}],
    "serialized-blob": "info",
    "connectfail": "unknown object",
    "connect-nometa": "hello",
    "hmac-invoke-add": 3,
    "hmac-annotations": 3,
}
"""Topic to payload, for every reply with a plain value."""

ERRORS = {
    "exception": ("ZeroDivisionError", ("integer division or modulo by zero",)),
    "stream-start": ("ProtocolError", ("result of call is an iterator",)),
    "stream-end": ("StopIteration", ()),
    "unknown-object": ("DaemonError", ("unknown object",)),
}
"""Topic to exception class and arguments, for every reply flagged as an exception."""


def plain(value: Any) -> Any:
    """Return *value* with lists for tuples: json and msgpack know no difference."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def opened(vector: Vector) -> Message:
    message = reader_of(vector).feed(vector.data)
    assert message is not None
    if message.flags & Flag.COMPRESSED:
        inflate(message, LIMIT)
    return message


def loads(vector: Vector) -> Any:
    return get_serializer(vector.serializer).loads(opened(vector).payload)


def requests_of(kind: int) -> Any:
    """Parametrize a test with the requests of one message type."""
    found = [
        pytest.param(vector, id=vector.name)
        for vector in VECTORS
        if vector.is_request and vector.number("msg_type") == kind
    ]
    return pytest.mark.parametrize("vector", found)


def call_of(vector: Vector) -> Call:
    """Return the call of a request; the stream's id, which differs in each, is filled in."""
    call = CALLS[vector.topic]
    if call.vargs != [STREAM]:
        return call
    found = re.search(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", vector.data)
    assert found is not None
    return Call(call.object_id, call.method, [found[0].decode()], call.kwargs, call.flags)


invokes = requests_of(MessageType.INVOKE)
connects = requests_of(MessageType.CONNECT)


@invokes
def test_a_request_is_understood(vector: Vector) -> None:
    call = call_of(vector)
    decoded = get_serializer(vector.serializer).loadsCall(opened(vector).payload)
    object_id, method, vargs, kwargs = decoded
    assert (object_id, method, plain(vargs)) == (call.object_id, call.method, plain(call.vargs))
    assert (kwargs or None) == (call.kwargs or None)


@connects
def test_a_handshake_is_understood(vector: Vector) -> None:
    assert loads(vector) == HANDSHAKES[vector.topic]


def replies_about(*topics: str) -> Any:
    """Parametrize a test with the replies about some topics."""
    found = [
        pytest.param(vector, id=vector.name)
        for vector in VECTORS
        if not vector.is_request and vector.topic in topics
    ]
    return pytest.mark.parametrize("vector", found)


@replies_about(*RESULTS)
def test_a_result_is_understood(vector: Vector) -> None:
    assert loads(vector) == RESULTS[vector.topic]


@replies_about(*ERRORS)
def test_an_exception_is_understood(vector: Vector) -> None:
    error = loads(vector)
    assert vector.number("flags") & Flag.EXCEPTION
    assert (type(error).__name__, error.args) == ERRORS[vector.topic]


@replies_about("batch-exception")
def test_an_exception_inside_a_batch_is_understood(vector: Vector) -> None:
    first, wrapper = loads(vector)
    assert first == 3
    assert isinstance(wrapper, ExceptionWrapper)
    with pytest.raises(ZeroDivisionError):
        wrapper.raiseIt()


@replies_about("connect", "hmac-connect", "get-metadata")
def test_metadata_are_understood(vector: Vector) -> None:
    value = loads(vector)
    if vector.topic != "get-metadata":
        assert value["handshake"] == "hello"
        value = value["meta"]
    assert {kind: set(names) for kind, names in value.items()} == METADATA


@replies_about("connect-denied", "garbage")
def test_the_reason_of_a_refusal_is_understood(vector: Vector) -> None:
    reason = loads(vector)
    assert isinstance(reason, str)
    assert reason


@pytest.mark.parametrize("version", [502, 48])
def test_pings_and_annotations_are_understood(version: int) -> None:
    by_name = {vector.name.partition("-")[2]: opened(vector) for vector in VECTORS_OF[version]}
    assert bytes(by_name["serpent-ping-request"].payload) == b"ping"
    assert bytes(by_name["serpent-ping-response"].payload) == b"pong"
    request = by_name["serpent-annotation-correlation-request"]
    reply = by_name["serpent-annotation-correlation-response"]
    assert request.annotations == {"ABCD": b"hello"}
    assert reply.annotations == {"RESP": b"from-server"}
    assert request.correlation_id == reply.correlation_id
    assert request.correlation_id is not None
    blob = by_name["serpent-serialized-blob-request"].annotations
    assert blob is not None
    assert marshal.loads(blob["BLBI"]) == ("info", "calc", "blob")


# -- writing


def written(vector: Vector, payload: bytes, flags: int) -> bytes:
    """Return the message our writer makes of *payload*, with the numbers of *vector*.

    The value of a blob's annotation is taken over: marshal writes it, which is not canonical.
    """
    annotations = opened(vector).annotations
    head = dialect_of(vector).write_head(
        vector.number("msg_type"),
        V502.serializer_numbers[vector.serializer],
        flags,
        vector.number("seq"),
        payload,
        annotations,
        vector.correlation_id,
    )
    return head + payload


def check_written(vector: Vector, payload: bytes, flags: int) -> None:
    """Compare what we write with what a real client wrote, byte for byte.

    Marshal's bytes depend on the version of Python and on which objects are shared: there, only the
    header is compared (and `test_a_request_is_understood` reads the payload).
    """
    if vector.serializer == "marshal":
        payload = vector.payload_as_sent
    assert written(vector, payload, flags).hex() == vector.data.hex()


@invokes
def test_a_request_is_written_as_a_real_client_writes_it(vector: Vector) -> None:
    call = call_of(vector)
    serializer = get_serializer(vector.serializer, tags=dialect_of(vector).tags)
    payload = serializer.dumpsCall(call.object_id, call.method, call.vargs, call.kwargs)
    if call.flags & Flag.COMPRESSED:
        payload = bytes(compress(payload, dialect_of(vector)))
        if "ng" in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng finds other matches; any zlib reads both
            assert zlib.decompress(payload) == zlib.decompress(vector.payload_as_sent)
            payload = vector.payload_as_sent
    check_written(vector, payload, call.flags)


@connects
def test_a_handshake_is_written_as_a_real_client_writes_it(vector: Vector) -> None:
    payload = get_serializer(vector.serializer).dumps(HANDSHAKES[vector.topic])
    asks = vector.protocol == 48 and vector.topic != "connect-nometa"
    check_written(vector, payload, Flag.META_ON_CONNECT if asks else 0)


@pytest.mark.parametrize("dialect", [V502, V48], ids=["502", "48"])
def test_a_ping_is_written_as_a_real_client_writes_it(dialect: Dialect) -> None:
    vectors = VECTORS_OF[dialect.version]
    [vector] = [each for each in vectors if each.topic == "ping" and each.is_request]
    assert dialect.write_head(MessageType.PING, 42, 0, 0, b"ping") + b"ping" == vector.data


@every_vector
def test_a_message_that_was_read_is_written_again(vector: Vector) -> None:
    message = reader_of(vector).feed(vector.data)
    assert message is not None
    head = dialect_of(vector).write_head(
        message.type,
        message.serializer_id,
        message.flags,
        message.seq,
        message.payload,
        message.annotations,
        message.correlation_id,
    )
    assert (head + bytes(message.payload)).hex() == vector.data.hex()


ONLY_48 = {"connect-nometa", "hmac-connect", "hmac-invoke-add", "hmac-annotations"}


@pytest.mark.parametrize("version", [502, 48])
def test_no_vector_was_forgotten(version: int) -> None:
    requests = {vector.topic for vector in VECTORS_OF[version] if vector.is_request}
    replies = {vector.topic for vector in VECTORS_OF[version] if not vector.is_request}
    absent = ONLY_48 if version == 502 else set()
    assert requests == {*CALLS, *HANDSHAKES, "ping"} - absent
    special = {"ping", "batch-exception", "connect", "hmac-connect", "get-metadata"}
    assert replies == {*RESULTS, *ERRORS, *special, "connect-denied", "garbage"} - absent
    assert len(VECTORS_OF[version]) == {502: 107, 48: 139}[version]
