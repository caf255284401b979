"""Every captured message of protocol 502 is read, and every one a client sent is written again."""

from __future__ import annotations

import marshal
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from pyrolike.errors import PyroError
from pyrolike.protocol import V502, Flag, Message, MessageReader, MessageType, compress, inflate
from pyrolike.serializers import ExceptionWrapper, get_serializer
from tests.support.vectors import VECTORS_502, Vector

LIMIT = 1_000_000
RUBBISH = b"HTTP/1.1 200 OK\r\n and forty more bytes that are no message at all\r\n"

every_vector = pytest.mark.parametrize("vector", VECTORS_502, ids=lambda vector: vector.name)


# -- reading


def check_against_header(message: Message | None, vector: Vector) -> None:
    assert message is not None
    assert message.type == vector.number("msg_type")
    assert message.serializer_id == vector.number("serializer_id")
    assert message.flags == vector.number("flags")
    assert message.seq == vector.number("seq")
    assert message.correlation_id == vector.correlation_id
    assert bytes(message.payload) == vector.payload_as_sent
    assert annotations_size(message) == vector.number("annotations_length")


def annotations_size(message: Message) -> int:
    return sum(8 + len(value) for value in (message.annotations or {}).values())


@every_vector
def test_a_vector_is_read_whole(vector: Vector) -> None:
    reader = MessageReader(LIMIT)
    check_against_header(reader.feed(vector.data), vector)
    assert not reader.is_inside_message


@every_vector
def test_a_vector_is_read_byte_by_byte(vector: Vector) -> None:
    reader = MessageReader(LIMIT)
    for position in range(len(vector.data) - 1):
        assert reader.feed(vector.data[position : position + 1]) is None
        assert reader.is_inside_message
    check_against_header(reader.feed(vector.data[-1:]), vector)
    assert not reader.is_inside_message


@every_vector
def test_a_vector_is_read_before_the_rubbish_behind_it_is_refused(vector: Vector) -> None:
    reader = MessageReader(LIMIT)
    check_against_header(reader.feed(vector.data + RUBBISH), vector)
    with pytest.raises(PyroError, match="invalid data"):
        reader.take()


def test_all_vectors_are_read_from_one_stream_of_bytes() -> None:
    reader = MessageReader(LIMIT)
    message = reader.feed(b"".join(vector.data for vector in VECTORS_502))
    for vector in VECTORS_502:
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
    "annotation-correlation": Call("calc", "ann", flags=Flag.CORR_ID),
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
    "garbage": "invalid data",
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
    message = MessageReader(LIMIT).feed(vector.data)
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
        for vector in VECTORS_502
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
        for vector in VECTORS_502
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


@replies_about("connect", "get-metadata")
def test_metadata_are_understood(vector: Vector) -> None:
    value = loads(vector)
    if vector.topic == "connect":
        assert value["handshake"] == "hello"
        value = value["meta"]
    assert {kind: set(names) for kind, names in value.items()} == METADATA


@replies_about("connect-denied")
def test_the_reason_of_a_refusal_is_understood(vector: Vector) -> None:
    reason = loads(vector)
    assert isinstance(reason, str)
    assert reason


def test_pings_and_annotations_are_understood() -> None:
    by_name = {vector.name: opened(vector) for vector in VECTORS_502}
    assert bytes(by_name["p502-serpent-ping-request"].payload) == b"ping"
    assert bytes(by_name["p502-serpent-ping-response"].payload) == b"pong"
    request = by_name["p502-serpent-annotation-correlation-request"]
    reply = by_name["p502-serpent-annotation-correlation-response"]
    assert request.annotations == {"ABCD": b"hello"}
    assert reply.annotations == {"RESP": b"from-server"}
    blob = by_name["p502-serpent-serialized-blob-request"].annotations
    assert blob is not None
    assert marshal.loads(blob["BLBI"]) == ("info", "calc", "blob")


# -- writing


def written(vector: Vector, payload: bytes, flags: int) -> bytes:
    """Return the message our writer makes of *payload*, with the numbers of *vector*.

    The value of a blob's annotation is taken over: marshal writes it, which is not canonical.
    """
    annotations = opened(vector).annotations
    head = V502.write_head(
        vector.number("msg_type"),
        V502.serializer_numbers[vector.serializer],
        flags & ~Flag.CORR_ID,
        vector.number("seq"),
        len(payload),
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
    serializer = get_serializer(vector.serializer)
    payload = serializer.dumpsCall(call.object_id, call.method, call.vargs, call.kwargs)
    if call.flags & Flag.COMPRESSED:
        payload = bytes(compress(payload, V502))
        if "ng" in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng finds other matches; any zlib reads both
            assert zlib.decompress(payload) == zlib.decompress(vector.payload_as_sent)
            payload = vector.payload_as_sent
    check_written(vector, payload, call.flags)


@connects
def test_a_handshake_is_written_as_a_real_client_writes_it(vector: Vector) -> None:
    payload = get_serializer(vector.serializer).dumps(HANDSHAKES[vector.topic])
    check_written(vector, payload, 0)


def test_a_ping_is_written_as_a_real_client_writes_it() -> None:
    [vector] = [each for each in VECTORS_502 if each.topic == "ping" and each.is_request]
    assert V502.write_head(MessageType.PING, 42, 0, 0, 4) + b"ping" == vector.data


def test_no_vector_was_forgotten() -> None:
    requests = {vector.topic for vector in VECTORS_502 if vector.is_request}
    replies = {vector.topic for vector in VECTORS_502 if not vector.is_request}
    assert requests == {*CALLS, *HANDSHAKES, "ping"}
    special = {"ping", "batch-exception", "connect", "get-metadata", "connect-denied"}
    assert replies == {*RESULTS, *ERRORS, *special}
    assert len(VECTORS_502) == 107
