"""Peers that mean harm, or mean nothing: what they send must cost little and change nothing."""

from __future__ import annotations

import contextlib
import json
import marshal
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Proxy, expose
from pyrolike.errors import PyroError, RemoteError, SecurityError, SerializeError
from pyrolike.serializers import get_serializer
from tests.support import wire
from tests.support.answers import answering, value
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon
from tests.support.rawpeer import RawPeer, raw_client, scripted_server, serpent
from tests.support.wire import RawMessage

MEGABYTE = 1024 * 1024


class Echo:
    """Echoes."""

    @expose
    def echo(self, value: Any) -> Any:
        return value


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDaemon]:
    with running_daemon({"calc": Echo()}) as running:
        yield running


@pytest.fixture
def peer(running: RunningDaemon) -> Iterator[RawPeer]:
    """A connection that has shaken hands."""
    with raw_client(running.location) as peer:
        assert peer.connect().type == wire.CONNECTOK
        yield peer


@pytest.fixture(autouse=True)
def still_alive(running: RunningDaemon) -> Iterator[None]:
    """Whatever a test did to the daemon, it serves the next client."""
    yield
    with running.proxy() as proxy:
        assert proxy.echo("alive") == "alive"


@contextmanager
def at_most_allocated(limit: int) -> Iterator[None]:
    """Check that this process, in which the daemon runs, never holds *limit* bytes more."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


def invoke(payload: bytes, serializer: int = wire.SERPENT, flags: int = 0) -> bytes:
    return wire.message(wire.INVOKE, payload, serializer=serializer, flags=flags, seq=1)


def error_in(reply: RawMessage) -> str:
    """Return the class of the exception in a reply, as its text has it."""
    assert reply.type == wire.RESULT
    assert reply.flags & wire.EXCEPTION
    return reply.payload.decode()


# -- sizes


@pytest.mark.slow
def test_a_bomb_in_the_handshake_is_not_inflated(running: RunningDaemon) -> None:
    bomb = zlib.compress(serpent({"handshake": "x" * 20 * MEGABYTE, "object": "calc"}), 9)
    with raw_client(running.location) as peer:
        with at_most_allocated(5 * MEGABYTE):
            peer.send(wire.message(wire.CONNECT, bomb, flags=wire.COMPRESSED))
            assert peer.read_message().type == wire.CONNECTFAIL
        peer.wait_closed()


@pytest.mark.slow
def test_a_bomb_in_a_call_is_not_inflated_beyond_the_limit(running: RunningDaemon) -> None:
    bomb = zlib.compress(serpent(("calc", "echo", ("x" * 20 * MEGABYTE,), {})), 9)
    with changed_settings(MAX_MESSAGE_SIZE=MEGABYTE), raw_client(running.location) as peer:
        peer.connect()
        with at_most_allocated(5 * MEGABYTE):
            peer.send(invoke(bomb, flags=wire.COMPRESSED))
            assert "MessageTooLargeError" in error_in(peer.read_message())


def test_a_large_handshake_is_refused_by_its_header(running: RunningDaemon) -> None:
    with raw_client(running.location) as peer:
        peer.send(wire.header(wire.CONNECT, data_size=100 * MEGABYTE))
        assert peer.read_message().type == wire.CONNECTFAIL
        peer.wait_closed()


def test_a_call_beyond_the_limit_is_refused_by_its_header(running: RunningDaemon) -> None:
    with raw_client(running.location) as peer:
        peer.connect()
        peer.send(wire.header(wire.INVOKE, data_size=0xFFFF_FFFF, seq=9))
        reply = peer.read_message()
        assert "MessageTooLargeError" in error_in(reply)
        assert reply.seq == 9
        peer.wait_closed()


def test_a_size_that_is_only_announced_takes_no_memory(running: RunningDaemon) -> None:
    with raw_client(running.location) as peer:
        peer.connect()
        with at_most_allocated(10 * MEGABYTE):
            peer.send(wire.header(wire.INVOKE, data_size=500 * MEGABYTE) + b"a little")
            with running.proxy() as proxy:
                assert proxy.echo(1) == 1  # so that the daemon has had time to read the header


# -- order


@pytest.mark.parametrize("kind", [wire.CONNECT, wire.CONNECTOK, wire.CONNECTFAIL, wire.RESULT, 99])
def test_a_message_that_has_no_place_ends_the_connection(peer: RawPeer, kind: int) -> None:
    peer.send(wire.message(kind, serpent({"handshake": "hello", "object": "calc"})))
    peer.wait_closed()


@pytest.mark.parametrize("kind", [wire.INVOKE, wire.PING, wire.RESULT, 0])
def test_nothing_is_answered_before_the_handshake(running: RunningDaemon, kind: int) -> None:
    with raw_client(running.location) as peer:
        peer.send(wire.message(kind, serpent(("calc", "echo", (1,), {}))))
        assert peer.read_message().type == wire.CONNECTFAIL
        peer.wait_closed()


def test_a_ping_is_answered_after_the_handshake(peer: RawPeer) -> None:
    peer.send(wire.message(wire.PING, b"anything", serializer=42, seq=7))
    reply = peer.read_message()
    assert (reply.type, reply.seq, reply.serializer, reply.payload) == (wire.PING, 7, 42, b"pong")


@pytest.mark.parametrize(
    "rubbish",
    [
        b"x" * 40,
        wire.header(wire.INVOKE, data_size=0, version=48),
        wire.header(wire.INVOKE, data_size=0, magic=0),
        wire.header(wire.INVOKE, data_size=0, annotations_size=4) + b"ABCD",
    ],
    ids=["no tag", "version", "magic", "annotations"],
)
def test_rubbish_after_the_handshake_ends_the_connection(peer: RawPeer, rubbish: bytes) -> None:
    peer.send(rubbish)
    peer.wait_closed()


# -- payloads


NUMBERS = {"serpent": 1, "marshal": 2, "json": 3, "msgpack": 4, "pickle": 200, "dill": 201}


@pytest.mark.parametrize("accepted", ["serpent", "json", "marshal", "msgpack", "pickle"])
def test_only_the_serializers_that_are_accepted_are_read(accepted: str) -> None:
    handshake = {"handshake": "hello", "object": "calc"}
    with (
        changed_settings(SERIALIZERS_ACCEPTED={accepted}),
        running_daemon({"calc": Echo()}) as running,
    ):
        for name, number in NUMBERS.items():
            codec = get_serializer("pickle" if name == "dill" else name)
            is_accepted = name == accepted
            with raw_client(running.location) as peer:
                peer.send(wire.message(wire.CONNECT, codec.dumps(handshake), serializer=number))
                expected = wire.CONNECTOK if is_accepted else wire.CONNECTFAIL
                assert peer.read_message().type == expected
            with raw_client(running.location) as peer:
                hello = get_serializer(accepted).dumps(handshake)
                peer.send(wire.message(wire.CONNECT, hello, serializer=NUMBERS[accepted]))
                assert peer.read_message().type == wire.CONNECTOK
                call = codec.dumpsCall("calc", "echo", (1,), {})
                peer.send(wire.message(wire.INVOKE, call, serializer=number, seq=1))
                with contextlib.suppress(EOFError):  # nobody can write the refusal for it
                    answer = peer.read_message()
                    assert bool(answer.flags & wire.EXCEPTION) is not is_accepted
                    assert is_accepted or b"SERIALIZERS_ACCEPTED" in answer.payload


def test_a_client_may_change_its_serializer_as_stock_programs_do(peer: RawPeer) -> None:
    for name in ("json", "marshal", "serpent"):
        codec, number = get_serializer(name), NUMBERS[name]
        call = codec.dumpsCall("calc", "echo", ("x",), {})
        peer.send(wire.message(wire.INVOKE, call, serializer=number, seq=1))
        answer = peer.read_message()
        assert (answer.serializer, codec.loads(answer.payload)) == (number, "x")


@pytest.mark.parametrize("number", [0, 5, 42, 200, 255])
def test_a_serializer_nobody_accepts_ends_the_connection(peer: RawPeer, number: int) -> None:
    peer.send(invoke(b"whatever", serializer=number))
    try:
        assert peer.read_message().flags & wire.EXCEPTION
    except (EOFError, ConnectionError):
        return
    peer.wait_closed()


@pytest.mark.parametrize(
    ("serializer", "payload"),
    [
        (wire.SERPENT, b"# serpent utf-8 python3.2\n('calc','echo',"),
        (wire.SERPENT, b"\xff\xfe\xfd"),
        (wire.SERPENT, b""),
        (wire.JSON, b'{"object": "calc"'),
        (wire.JSON, b'["calc", "echo"]'),
        (wire.MARSHAL, b"\x00\x01\x02"),
        (wire.MARSHAL, b""),
        (wire.MSGPACK, b"\xc1"),
        (wire.MSGPACK, b"\x94\xa4calc"),
    ],
)
def test_a_payload_that_cannot_be_read_is_answered_and_the_connection_lives(
    peer: RawPeer, serializer: int, payload: bytes
) -> None:
    peer.send(invoke(payload, serializer))
    reply = peer.read_message()
    assert reply.flags & wire.EXCEPTION
    assert (reply.serializer, reply.seq) == (serializer, 1)
    assert peer.call("echo", "still here", seq=2).payload == serpent("still here")


@pytest.mark.parametrize(
    "payload",
    ["text", ("calc", "echo"), ("calc", "echo", (1,), {}, "more"), ("calc", 5, (1,), {}), 17],
)
def test_a_payload_of_another_shape_is_answered_and_the_connection_lives(
    peer: RawPeer, payload: object
) -> None:
    peer.send(invoke(serpent(payload)))
    assert peer.read_message().flags & wire.EXCEPTION
    assert peer.call("echo", "still here", seq=2).payload == serpent("still here")


DEEP = 100_000


@pytest.mark.parametrize(
    ("serializer", "payload"),
    [
        (wire.SERPENT, b"# serpent utf-8 python3.2\n" + b"(" * DEEP + b")" * DEEP),
        (wire.SERPENT, b"# serpent utf-8 python3.2\n" + b"-" * DEEP + b"1"),
        (wire.JSON, b'{"object": "calc", "params": ' + b"[" * DEEP + b"]" * DEEP + b"}"),
        (wire.MARSHAL, b"[\x01\x00\x00\x00" * DEEP + b"N"),
        (wire.MSGPACK, b"\x91" * DEEP + b"\xc0"),
    ],
    ids=["serpent", "serpent signs", "json", "marshal", "msgpack"],
)
def test_a_deeply_nested_payload_is_answered_as_a_serialize_error(
    peer: RawPeer, serializer: int, payload: bytes
) -> None:
    peer.send(invoke(payload, serializer))
    assert b"SerializeError" in peer.read_message().payload


@pytest.mark.parametrize(
    "payload",
    [
        marshal.dumps(("calc", "echo", [compile("1", "x", "eval")], {})),
        b"\xe3" + bytes(50),
        b"[\xff\xff\xff\x7f",
        b"s\xff\xff\xff\x7f",
        b"(\x00\x00\x00\x80",
        b"r\x00\x00\x00\x00",
    ],
    ids=["code object", "broken code", "huge list", "huge bytes", "negative size", "reference"],
)
def test_marshal_reads_data_and_nothing_else(peer: RawPeer, payload: bytes) -> None:
    with at_most_allocated(5 * MEGABYTE):
        peer.send(invoke(payload, wire.MARSHAL))
        assert peer.read_message().flags & wire.EXCEPTION


CALL = b"\x94\xa4calc\xa4echo"


@pytest.mark.parametrize(
    "payload",
    [
        CALL + b"\xdd\x7f\xff\xff\xff",
        CALL + b"\x91\xdf\x7f\xff\xff\xff",
        CALL + b"\x91\xc6\x7f\xff\xff\xff",
        CALL + b"\x91\xdb\x7f\xff\xff\xff",
        CALL + b"\x91\xc9\x7f\xff\xff\xff\x31",
        CALL + b"\x91\xc8\xff\xff\x31" + b"9" * 0xFFFF + b"\x80",
        CALL + b"\x91\xd5\x30ab\x80",
        CALL + b"\x91\xd7\x32" + b"\xff" * 8 + b"\x80",
        CALL + b"\x91\xd7\x33" + b"\xff" * 8 + b"\x80",
        CALL + b"\x91\xd4\x7f\x00\x80",
    ],
    ids=[
        "huge list",
        "huge dict",
        "huge bytes",
        "huge text",
        "huge extension",
        "huge number",
        "half a complex number",
        "a time that is none",
        "a date that is none",
        "an unknown extension",
    ],
)
def test_msgpack_believes_no_announced_size(peer: RawPeer, payload: bytes) -> None:
    with at_most_allocated(5 * MEGABYTE):
        peer.send(invoke(payload, wire.MSGPACK))
        assert peer.read_message().flags & wire.EXCEPTION
    assert peer.call("echo", "still here", seq=2).payload == serpent("still here")


def class_dict(name: str, **content: Any) -> dict[str, Any]:
    return {"__class__": name, **content}


@pytest.mark.parametrize(
    "name", ["os.system", "subprocess.Popen", "builtins.eval", "builtins.open", "collections.deque"]
)
def test_a_class_that_is_not_known_is_never_made(peer: RawPeer, name: str) -> None:
    reply = peer.call("echo", class_dict(name, args=("true",), __exception__=True))
    assert "SerializeError" in error_in(reply)


@pytest.mark.parametrize("name", ["__main__.Thing", "builtins.__import__", "os.__dict__"])
def test_a_class_with_two_underscores_is_a_security_error(peer: RawPeer, name: str) -> None:
    assert "SecurityError" in error_in(peer.call("echo", class_dict(name)))


@pytest.mark.parametrize(
    "content",
    [
        class_dict("Pyro5.core.URI"),
        class_dict("Pyro5.core.URI", state=5),
        class_dict("Pyro5.core.URI", state=(1, 2)),
        class_dict("Pyro5.core.URI", state=("PYRO", ["a"], {}, (), "port")),
        class_dict("Pyro5.client.Proxy", state=()),
        class_dict("Pyro5.client.Proxy", state=(5, 5, 5, 5, 5, 5)),
        class_dict("Pyro5.core._ExceptionWrapper", exception=5),
        class_dict("builtins.ValueError", __exception__=True),
        class_dict("builtins.ValueError", __exception__=True, args=5),
        class_dict("builtins.UnicodeDecodeError", __exception__=True, args=("too few",)),
        class_dict("NoSuchName", __exception__=True, args=()),
        class_dict(""),
    ],
)
def test_a_malformed_class_dict_is_a_serialize_error(
    peer: RawPeer, content: dict[str, Any]
) -> None:
    assert "SerializeError" in error_in(peer.call("echo", content))


def test_a_blob_without_its_info_is_answered(peer: RawPeer) -> None:
    peer.send(invoke(serpent(("calc", "echo", (1,), {})), flags=wire.KEEPSERIALIZED))
    assert peer.read_message().flags & wire.EXCEPTION


@pytest.mark.parametrize("info", [b"", b"\xff", marshal.dumps((1, 2)), marshal.dumps("text")])
def test_a_blob_with_malformed_info_is_answered(peer: RawPeer, info: bytes) -> None:
    peer.send(
        wire.message(
            wire.INVOKE,
            serpent(("calc", "echo", (1,), {})),
            annotations={"BLBI": info},
            flags=wire.KEEPSERIALIZED,
            seq=1,
        )
    )
    assert peer.read_message().flags & wire.EXCEPTION


def test_a_failing_oneway_call_is_never_answered(peer: RawPeer) -> None:
    for payload in (b"rubbish", serpent(("nobody", "echo", (1,), {})), serpent("shape")):
        peer.send(invoke(payload, flags=wire.ONEWAY))
    assert peer.call("echo", "first answer", seq=2).payload == serpent("first answer")


def test_a_client_that_does_not_read_stops_only_itself(running: RunningDaemon) -> None:
    with raw_client(running.location) as peer:
        peer.connect()
        big = json.dumps(
            {"object": "calc", "method": "echo", "params": ["x" * 5 * MEGABYTE], "kwargs": {}}
        )
        peer.send(invoke(big.encode(), wire.JSON))
        start = time.monotonic()
        with running.proxy() as proxy:
            assert proxy.echo(1) == 1
        assert time.monotonic() - start < 3.0


# -- servers that mean harm


def answer_of(payload: dict[str, Any]) -> Any:
    """Return a script that answers the first call with an exception."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        request = peer.read_message()
        reply = wire.message(wire.RESULT, serpent(payload), seq=request.seq, flags=wire.EXCEPTION)
        peer.send(reply)
        with contextlib.suppress(EOFError):  # the client may leave such a server
            peer.answer(peer.read_message(), "next")

    return script


def exception_dict(name: str, **attributes: Any) -> dict[str, Any]:
    return class_dict(name, __exception__=True, args=("text",), attributes=attributes)


def call_and_get_error(payload: dict[str, Any]) -> BaseException:
    with scripted_server(answer_of(payload)) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        with pytest.raises(BaseException) as caught:  # noqa: PT011  # which one is the question
            proxy.call()
        return caught.value


ONLY_CALL: dict[str, list[str]] = {"methods": ["call"], "oneway": [], "attrs": []}
ENDS = ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"]


@pytest.mark.parametrize("name", ENDS)
def test_a_server_cannot_end_its_client(name: str) -> None:
    error = call_and_get_error(exception_dict(f"builtins.{name}"))
    assert isinstance(error, RemoteError)
    assert name in str(error)


@pytest.mark.parametrize("name", ENDS)
def test_a_server_cannot_end_its_client_by_way_of_a_batch(name: str) -> None:
    failure = exception_dict(f"builtins.{name}")
    wrapped = class_dict("Pyro5.core._ExceptionWrapper", exception=failure)
    answers = answering(value([1, wrapped], flags=wire.BATCH), metadata=ONLY_CALL)
    with scripted_server(answers) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        batch = BatchProxy(proxy)
        batch.call()
        batch.call()
        results = batch()
        assert next(results) == 1
        with pytest.raises(RemoteError, match=name):
            next(results)


@pytest.mark.parametrize("name", ENDS)
def test_a_server_cannot_end_the_generator_that_reads_its_stream(name: str) -> None:
    def relayed(items: Any) -> Iterator[Any]:
        yield from items

    stream = value(
        class_dict("Pyro5.errors.ProtocolError", args=("result is an iterator",)),
        flags=wire.EXCEPTION | wire.ITEMSTREAM,
        annotations={"STRM": b"0d8b9f3c-6c0c-4f0e-9d0b-1f6a7c1e2d3f"},
    )
    end = value(exception_dict(f"builtins.{name}"), flags=wire.EXCEPTION)
    answers = answering(stream, value("first"), end, metadata=ONLY_CALL)
    with scripted_server(answers) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        items = relayed(proxy.call())
        assert next(items) == "first"
        with pytest.raises(RemoteError, match=name):
            next(items)


@pytest.mark.parametrize("name", ENDS)
def test_a_server_cannot_end_who_waits_for_an_asynchronous_call(name: str) -> None:
    failure = value(exception_dict(f"builtins.{name}"), flags=wire.EXCEPTION)
    answers = answering(failure, metadata=ONLY_CALL)
    with scripted_server(answers) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        proxy._pyroAsync()
        with pytest.raises(RemoteError, match=name):
            _ = proxy.call().value


@pytest.mark.parametrize(
    "attributes",
    [
        {"__class__": 5},
        {"__dict__": {}},
        {"args": ("other",)},
        {"with_traceback": 5},
        {"add_note": 5},
        {"__traceback__": 5},
        {"__notes__": 5},
        {"_pyroTraceback": 5},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_attributes_of_an_exception_cannot_break_it(attributes: dict[str, Any]) -> None:
    error = call_and_get_error(exception_dict("builtins.ValueError", good=1, **attributes))
    assert isinstance(error, ValueError)
    assert error.args == ("text",)
    assert error.good == 1  # type: ignore[attr-defined]  # sent as an attribute
    assert error.with_traceback(None) is error
    error.add_note("a note")


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (exception_dict("os.system"), SerializeError),
        (exception_dict("builtins.eval"), SerializeError),
        (exception_dict("__main__.Thing"), SecurityError),
    ],
)
def test_a_server_cannot_make_the_client_make_anything(
    payload: dict[str, Any], error: type[Exception]
) -> None:
    assert isinstance(call_and_get_error(payload), error)


def test_an_exception_reply_that_is_no_exception_is_refused() -> None:
    assert isinstance(call_and_get_error({"just": "a dict"}), PyroError)
