"""One client of a daemon, with scripted bytes: what it is told, and when its session ends."""

from __future__ import annotations

import contextlib
import json
import logging
import marshal
import select
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pyrolike.callcontext import current_context
from pyrolike.errors import CommunicationError
from pyrolike.objects import expose, oneway
from pyrolike.serializers import get_serializer, serializers
from pyrolike.server import session as session_module
from pyrolike.server.service import Service
from tests.support import wire
from tests.support.daemon import PATIENCE, changed_settings
from tests.support.rawpeer import call_message, serpent
from tests.support.serving import (
    HeldTask,
    Hooks,
    Serving,
    exchange,
    make_service,
    run_bounded,
    serving,
    tcp_pair,
)
from tests.support.wire import RawMessage

SERPENT = get_serializer("serpent")
HELLO = {"handshake": "hello", "object": "calc"}
CONNECT = wire.message(wire.CONNECT, serpent(HELLO))
CORRELATION = bytes(range(16))


class Calc:
    """An object with something of everything."""

    def __init__(self) -> None:
        self.fired: list[Any] = []
        self.held = HeldTask()

    @expose
    def add(self, a: Any, b: Any) -> Any:
        return a + b

    @expose
    def fail(self) -> None:
        raise ValueError("failed")

    @expose
    def fail_as(self, kind: str) -> None:
        raise {"os": OSError, "communication": CommunicationError}[kind]("of the method")

    @expose
    def size(self, data: Any) -> int:
        return len(data)

    @expose
    def repeat(self, text: str, times: int) -> str:
        return text * times

    @expose
    def count(self) -> Iterator[int]:
        yield from range(3)

    @expose
    def annotate(self, fails: bool = False) -> None:
        current_context.response_annotations = {"MINE": b"method", "BOTH": b"method"}
        if fails:
            raise ValueError("failed")

    @expose
    def annotate_badly(self, name: str, value: Any) -> None:
        current_context.response_annotations = {name: value}

    @expose
    def context(self) -> list[Any]:
        context = current_context
        annotations = {name: bytes(value) for name, value in context.annotations.items()}
        return [context.seq, context.msg_flags, context.serializer_id, annotations]

    @expose
    def kick(self) -> None:
        current_context.client.close()

    @expose
    @oneway
    def fire(self, value: Any) -> None:
        self.fired.append((value, current_context.seq, threading.current_thread()))

    @expose
    @oneway
    def stream_for_nobody(self) -> Iterator[int]:
        return iter([1])


class Annotating(Hooks):
    """Annotates every reply as the test wants."""

    def __init__(self, annotations: Any) -> None:
        super().__init__()
        self._annotations = annotations

    def annotations(self) -> Mapping[str, Any]:
        if isinstance(self._annotations, BaseException):
            raise self._annotations
        return self._annotations  # type: ignore[no-any-return]


class Doorkeeper(Hooks):
    """Does with a handshake what the test wants."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        super().validateHandshake(conn, data)
        return self._answer(conn, data)


@pytest.fixture
def calc() -> Calc:
    return Calc()


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def service(calc: Calc, hooks: Hooks) -> Service:
    return make_service({"calc": calc}, hooks)


@pytest.fixture
def new(service: Service) -> Iterator[Serving]:
    """A session that has not shaken hands yet."""
    with serving(service) as pair:
        yield pair


@pytest.fixture
def opened(new: Serving) -> Serving:
    """A session that has."""
    connect(new)
    return new


def connect(pair: Serving) -> RawMessage:
    pair.peer.send(CONNECT)
    pair.work()
    assert pair.session.is_open
    return pair.peer.read_message()


def assert_silent(pair: Serving) -> None:
    """The client is sent nothing more."""
    pair.session.connection.close()
    pair.peer.wait_closed()


def invoke(method: str, *args: Any, **options: Any) -> bytes:
    """Return the message of a call; *options* are those of `wire.message`."""
    options.setdefault("seq", 1)
    return wire.message(wire.INVOKE, serpent(("calc", method, args, {})), **options)


def value_of(message: RawMessage) -> Any:
    names = {1: "serpent", 2: "marshal", 3: "json", 4: "msgpack"}
    return get_serializer(names[message.serializer]).loads(message.payload)


def error_of(message: RawMessage) -> BaseException:
    assert message.type == wire.RESULT
    assert message.flags & wire.EXCEPTION
    error = value_of(message)
    assert isinstance(error, BaseException)
    return error


def reason_of(message: RawMessage) -> str:
    assert message.type == wire.CONNECTFAIL
    reason = value_of(message)
    assert isinstance(reason, str)
    return reason


def fill(sock: socket.socket) -> None:
    """Send until nothing more goes in; then the other end is not reading."""
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sock.send(bytes(65536)):
            pass


# -- shaking hands


def test_a_handshake_is_answered_with_the_hooks_answer_and_the_metadata(
    new: Serving, hooks: Hooks
) -> None:
    answer = connect(new)
    assert (answer.type, answer.serializer, answer.seq) == (wire.CONNECTOK, wire.SERPENT, 0)
    content = value_of(answer)
    assert content["handshake"] == "hello"
    assert "add" in content["meta"]["methods"]
    assert set(content["meta"]["oneway"]) == {"fire", "stream_for_nobody"}
    assert hooks.shaken == [(new.session.connection, "hello")]
    assert new.session.connection.objectId == "calc"


@pytest.mark.parametrize("name", ["serpent", "marshal", "json", "msgpack"])
def test_a_handshake_is_answered_in_the_clients_serializer_and_with_its_number(
    new: Serving, name: str
) -> None:
    codec = get_serializer(name)
    answer = exchange(
        new,
        wire.message(
            wire.CONNECT,
            codec.dumps(HELLO),
            serializer=codec.serializer_id,
            seq=4711,
            correlation_id=CORRELATION,
            flags=wire.CORR_ID,
        ),
    )
    assert (answer.type, answer.serializer, answer.seq) == (
        wire.CONNECTOK,
        codec.serializer_id,
        4711,
    )
    assert (answer.flags, answer.correlation_id) == (wire.CORR_ID, CORRELATION)
    assert value_of(answer)["handshake"] == "hello"


def test_the_context_describes_the_client_while_its_hand_is_shaken(calc: Calc) -> None:
    seen: list[Any] = []

    def look(conn: Any, data: Any) -> str:
        context = current_context
        seen.extend((context.client, context.seq, context.serializer_id, context.annotations))
        context.response_annotations = {"GREE": b"ting"}
        return "welcome"

    with serving(make_service({"calc": calc}, Doorkeeper(look))) as pair:
        message = wire.message(wire.CONNECT, serpent(HELLO), seq=5, annotations={"ABCD": b"1"})
        answer = exchange(pair, message)
        assert value_of(answer)["handshake"] == "welcome"
        assert answer.annotations == {"GREE": b"ting"}
        assert seen[:3] == [pair.session.connection, 5, wire.SERPENT]
        assert bytes(seen[3]["ABCD"]) == b"1"


def raise_error(error: BaseException) -> Any:
    def hook(conn: Any, data: Any) -> Any:
        raise error

    return hook


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("not you"), "not you"),
        (ValueError(), "ValueError"),
        (OSError("no disk"), "no disk"),
        (CommunicationError("no line"), "no line"),
        (SystemExit("go away"), "go away"),
        (KeyboardInterrupt("stop"), "stop"),
    ],
    ids=repr,
)
def test_a_hook_that_raises_refuses_the_client_with_the_reason(
    calc: Calc, error: BaseException, reason: str
) -> None:
    hooks = Doorkeeper(raise_error(error))
    with serving(make_service({"calc": calc}, hooks)) as pair:
        answer = exchange(pair, CONNECT)
        assert reason in reason_of(answer)
        assert (answer.serializer, answer.seq) == (wire.SERPENT, 0)
        pair.peer.wait_closed()
        assert hooks.left == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (serpent({"handshake": "hello", "object": "nobody"}), "unknown object"),
        (serpent({"handshake": "hello"}), "'object'"),
        (serpent({"object": "calc"}), "'handshake'"),
        (serpent(["handshake", "object"]), "needs the keys"),
        (serpent({"handshake": "hello", "object": ["calc"]}), ""),
        (b"rubbish (", ""),
        (b"", ""),
    ],
)
def test_a_handshake_that_makes_no_sense_is_refused_with_a_reason(
    new: Serving, hooks: Hooks, payload: bytes, reason: str
) -> None:
    answer = exchange(new, wire.message(wire.CONNECT, payload, seq=3))
    assert reason in reason_of(answer)
    assert reason_of(answer)
    assert (answer.serializer, answer.seq) == (wire.SERPENT, 3)
    new.peer.wait_closed()
    assert hooks.left == []


def test_a_handshake_may_be_compressed(new: Serving) -> None:
    payload = zlib.compress(serpent(HELLO))
    answer = exchange(new, wire.message(wire.CONNECT, payload, flags=wire.COMPRESSED))
    assert answer.type == wire.CONNECTOK


@pytest.mark.parametrize("payload", [b"rubbish", zlib.compress(b"x" * 2_000_000)[:-1]])
def test_a_handshake_that_is_compressed_badly_is_refused(new: Serving, payload: bytes) -> None:
    answer = exchange(new, wire.message(wire.CONNECT, payload, flags=wire.COMPRESSED))
    assert "compressed" in reason_of(answer)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(100), "invalid data"),
        (b"GET / HTTP/1.0\r\n\r\n" + bytes(40), "invalid data"),
        (wire.header(wire.CONNECT, data_size=0, version=47), "47"),
        (wire.header(wire.CONNECT, data_size=0, magic=1), "magic"),
        (wire.header(wire.CONNECT, data_size=1 << 31), "allowed"),
        (invoke("add", 1, 2), "CONNECT"),
        (wire.message(wire.PING, b"ping"), "CONNECT"),
        (wire.message(wire.CONNECT, b"", annotations={"\x7f" * 4: b""})[:-8] + b"\xff" * 8, ""),
    ],
    ids=["zeros", "http", "version", "magic", "too large", "call", "ping", "annotations"],
)
def test_what_is_no_handshake_is_refused_in_marshal_with_number_0(
    new: Serving, data: bytes, reason: str
) -> None:
    answer = exchange(new, data)
    assert reason in reason_of(answer)
    assert (answer.serializer, answer.seq) == (wire.MARSHAL, 0)
    new.peer.wait_closed()


@pytest.mark.parametrize("number", [0, 5, 42, 200, 255])
def test_a_handshake_in_a_serializer_that_is_not_accepted_is_refused(
    new: Serving, number: int
) -> None:
    answer = exchange(new, wire.message(wire.CONNECT, b"never read", serializer=number, seq=2))
    assert "SERIALIZERS_ACCEPTED" in reason_of(answer)
    assert (answer.serializer, answer.seq) == (wire.MARSHAL, 2)
    new.peer.wait_closed()


def test_a_call_may_come_right_behind_the_handshake(new: Serving) -> None:
    new.peer.send(CONNECT + invoke("add", 1, 2))
    new.work()
    assert new.peer.read_message().type == wire.CONNECTOK
    assert value_of(new.peer.read_message()) == 3


def test_a_session_without_a_handshake_begins_with_a_call(service: Service) -> None:
    with serving(service, needs_handshake=False) as pair:
        assert pair.session.is_open
        assert value_of(exchange(pair, invoke("add", 1, 2))) == 3


def test_annotations_that_cannot_be_written_refuse_the_client_with_a_reason(calc: Calc) -> None:
    hooks = Annotating({"TOO LONG": b""})
    with serving(make_service({"calc": calc}, hooks)) as pair:
        assert "TOO LONG" in reason_of(exchange(pair, CONNECT))


def test_a_session_tells_how_it_is(new: Serving) -> None:
    assert "Session new" in repr(new.session)
    connect(new)
    assert "Session open" in repr(new.session)
    new.session.end()
    assert "Session finished" in repr(new.session)


# -- calls


def test_a_call_is_answered_in_its_serializer_with_its_number_and_its_correlation(
    opened: Serving,
) -> None:
    payload = json.dumps({"object": "calc", "method": "add", "params": [1, 2], "kwargs": {}})
    answer = exchange(
        opened,
        wire.message(
            wire.INVOKE,
            payload.encode(),
            serializer=wire.JSON,
            seq=65535,
            flags=wire.CORR_ID,
            correlation_id=CORRELATION,
        ),
    )
    assert (answer.type, answer.serializer, answer.seq) == (wire.RESULT, wire.JSON, 65535)
    assert (answer.flags, answer.correlation_id) == (wire.CORR_ID, CORRELATION)
    assert answer.payload == b"3"


def test_the_context_describes_the_call(opened: Serving) -> None:
    answer = exchange(opened, invoke("context", seq=77, annotations={"ABCD": b"1"}))
    assert value_of(answer) == [77, 0, wire.SERPENT, {"ABCD": ANY_BYTES}]
    assert value_of(exchange(opened, invoke("context", seq=78)))[3] == {}


class _AnyBytes:
    """Equal to what serpent makes of bytes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other.get("encoding") == "base64"

    __hash__ = None  # type: ignore[assignment]


ANY_BYTES = _AnyBytes()


@pytest.mark.parametrize("kind", ["os", "communication"])
def test_an_error_of_a_method_is_an_answer_whatever_its_class(opened: Serving, kind: str) -> None:
    assert "of the method" in str(error_of(exchange(opened, invoke("fail_as", kind))))
    assert value_of(exchange(opened, invoke("add", 1, 2))) == 3


def test_a_large_result_arrives_whole(opened: Serving) -> None:
    opened.peer.send(invoke("repeat", "x", 200_000))
    worker = threading.Thread(target=opened.work)
    worker.start()
    assert value_of(opened.peer.read_message()) == "x" * 200_000
    worker.join(PATIENCE)


def test_a_batch_is_answered_as_a_batch(opened: Serving) -> None:
    calls: list[Any] = [("add", (1, 2), {}), ("add", (3, 4), {})]
    payload = serpent(("calc", "<batch>", calls, None))
    answer = exchange(opened, wire.message(wire.INVOKE, payload, flags=wire.BATCH))
    assert answer.flags == wire.BATCH
    assert value_of(answer) == [3, 7]


def test_an_iterator_is_answered_with_a_stream(opened: Serving, service: Service) -> None:
    answer = exchange(opened, invoke("count"))
    assert answer.flags == wire.EXCEPTION | wire.ITEMSTREAM
    assert list(service.streams.as_dict()) == [answer.annotations["STRM"].decode()]


@pytest.mark.parametrize("serializer", [0, 5, 42, 255])
def test_a_call_in_an_unknown_serializer_ends_the_session(opened: Serving, serializer: int) -> None:
    opened.peer.send(invoke("add", 1, 2, serializer=serializer))
    opened.finish()
    opened.peer.wait_closed()


@pytest.mark.parametrize(
    ("number", "name"),
    [(wire.MARSHAL, "marshal"), (200, "pickle"), (201, "dill"), (202, "cloudpickle")],
)
def test_a_call_in_a_serializer_that_is_not_accepted_is_told_so_in_it(
    calc: Calc, number: int, name: str
) -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"serpent"}):
        service = make_service({"calc": calc})
    with serving(service) as pair:
        connect(pair)
        answer = exchange(pair, invoke("add", 1, 2, serializer=number))
        assert (answer.serializer, answer.flags) == (number, wire.EXCEPTION)
        error = get_serializer(name).loads(answer.payload)
        assert type(error).__name__ == "SerializeError"
        assert "SERIALIZERS_ACCEPTED" in str(error)
        pair.peer.wait_closed()


def test_what_is_not_accepted_is_not_even_imported(
    calc: Calc, monkeypatch: pytest.MonkeyPatch
) -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"serpent"}):
        service = make_service({"calc": calc})
    for number, name in (201, "dill"), (202, "cloudpickle"):
        monkeypatch.delattr(type(serializers[name]), "_load_classes")
        with serving(service) as pair:
            connect(pair)
            answer = exchange(pair, invoke("add", 1, 2, serializer=number))
            assert b"SERIALIZERS_ACCEPTED" in answer.payload


def test_a_oneway_call_in_a_serializer_that_is_not_accepted_is_told_nothing(calc: Calc) -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"serpent"}):
        service = make_service({"calc": calc})
    with serving(service) as pair:
        connect(pair)
        pair.peer.send(invoke("add", 1, 2, serializer=wire.MARSHAL, flags=wire.ONEWAY))
        pair.finish()
        pair.peer.wait_closed()


@pytest.mark.parametrize("serializer", [wire.SERPENT, 42, 255])
def test_a_ping_is_answered_whatever_it_carries(opened: Serving, serializer: int) -> None:
    message = wire.message(wire.PING, b"\xff\xff", serializer=serializer, seq=9)
    answer = exchange(opened, message)
    assert (answer.type, answer.serializer, answer.seq) == (wire.PING, serializer, 9)
    assert (answer.payload, answer.flags) == (b"pong", 0)


@pytest.mark.parametrize(
    "data",
    [
        CONNECT,
        wire.message(wire.RESULT, serpent(1)),
        wire.message(99),
        bytes(100),
        b"PYRO" + bytes(100),
        wire.header(wire.INVOKE, data_size=0, magic=1),
        wire.header(wire.INVOKE, data_size=0, annotations_size=3) + b"abc",
    ],
    ids=["connect", "result", "99", "zeros", "version 0", "magic", "annotations"],
)
def test_what_is_no_call_ends_the_session_without_a_word(
    opened: Serving, hooks: Hooks, data: bytes
) -> None:
    opened.peer.send(data)
    opened.finish()
    opened.peer.wait_closed()
    assert hooks.left == [opened.session.connection]


def test_what_came_before_a_mistake_is_answered(opened: Serving) -> None:
    opened.peer.send(invoke("add", 1, 2) + bytes(100))
    opened.finish()
    assert value_of(opened.peer.read_message()) == 3
    opened.peer.wait_closed()


# -- sizes


def test_a_call_beyond_the_limit_is_told_so_by_its_header(calc: Calc, hooks: Hooks) -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        serving(make_service({"calc": calc}, hooks)) as pair,
    ):
        connect(pair)
        answer = exchange(pair, wire.header(wire.INVOKE, data_size=1001, seq=8))
        assert answer.seq == 8
        assert "1,001" in str(error_of(answer))
        pair.peer.wait_closed()
        assert hooks.left == [pair.session.connection]


@pytest.mark.parametrize(
    "options",
    [{"flags": wire.ONEWAY}, {"serializer": 42}],
    ids=["oneway", "unknown serializer"],
)
def test_a_call_beyond_the_limit_that_cannot_be_told_is_only_ended(
    calc: Calc, options: Any
) -> None:
    with changed_settings(MAX_MESSAGE_SIZE=1000), serving(make_service({"calc": calc})) as pair:
        connect(pair)
        pair.peer.send(wire.header(wire.INVOKE, data_size=1001, **options))
        pair.finish()
        pair.peer.wait_closed()


def test_a_ping_beyond_the_limit_ends_the_session(calc: Calc) -> None:
    with changed_settings(MAX_MESSAGE_SIZE=1000), serving(make_service({"calc": calc})) as pair:
        connect(pair)
        pair.peer.send(wire.header(wire.PING, data_size=1001))
        pair.finish()
        pair.peer.wait_closed()


def test_a_result_beyond_the_limit_is_an_error_and_the_session_goes_on(calc: Calc) -> None:
    with changed_settings(MAX_MESSAGE_SIZE=5000), serving(make_service({"calc": calc})) as pair:
        connect(pair)
        assert "5,000" in str(error_of(exchange(pair, invoke("repeat", "x", 6000))))
        assert value_of(exchange(pair, invoke("add", 1, 2))) == 3


# -- compression and logging


def test_replies_are_compressed_where_the_setting_says_so_and_it_helps(opened: Serving) -> None:
    with changed_settings(COMPRESSION=True):
        large = exchange(opened, invoke("repeat", "x", 1000))
        assert large.flags & wire.COMPRESSED
        assert SERPENT.loads(zlib.decompress(large.payload)) == "x" * 1000
        small = exchange(opened, invoke("add", 1, 2))
        assert not small.flags & wire.COMPRESSED


def test_compressed_calls_are_opened_whatever_the_setting_says(opened: Serving) -> None:
    payload = zlib.compress(serpent(("calc", "add", (1, 2), {})))
    answer = exchange(opened, wire.message(wire.INVOKE, payload, flags=wire.COMPRESSED))
    assert value_of(answer) == 3


@pytest.mark.parametrize(
    "payload", [b"rubbish", zlib.compress(serpent("x" * 3000))], ids=["rubbish", "bomb"]
)
def test_a_call_that_is_compressed_badly_is_told_so(calc: Calc, payload: bytes) -> None:
    with changed_settings(MAX_MESSAGE_SIZE=1000), serving(make_service({"calc": calc})) as pair:
        connect(pair)
        message = wire.message(wire.INVOKE, payload, flags=wire.COMPRESSED, seq=4)
        answer = exchange(pair, message)
        assert "compressed" in str(error_of(answer))
        assert answer.seq == 4
        silent = wire.message(wire.INVOKE, payload, flags=wire.COMPRESSED | wire.ONEWAY)
        pair.peer.send(silent)
        assert value_of(exchange(pair, invoke("add", 1, 2))) == 3


def test_messages_are_logged_where_the_setting_says_so(
    new: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with changed_settings(LOGWIRE=True), caplog.at_level(logging.DEBUG, "pyrolike.server"):
        connect(new)
        exchange(new, invoke("add", 1, 2))
    text = caplog.text
    for word in "received", "sending", "CONNECT", "INVOKE", "RESULT":
        assert word in text


def test_a_refusal_is_logged_where_the_setting_says_so(
    new: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with changed_settings(LOGWIRE=True), caplog.at_level(logging.DEBUG, "pyrolike.server"):
        exchange(new, bytes(100))
    assert "sending CONNECTFAIL" in caplog.text


# -- annotations of replies


def test_annotations_of_a_method_go_with_its_reply_and_with_no_other(opened: Serving) -> None:
    assert exchange(opened, invoke("annotate")).annotations == {
        "MINE": b"method",
        "BOTH": b"method",
    }
    assert exchange(opened, invoke("add", 1, 2)).annotations == {}


def test_annotations_of_a_method_that_fails_go_nowhere(opened: Serving) -> None:
    assert exchange(opened, invoke("annotate", True)).annotations == {}
    assert exchange(opened, invoke("add", 1, 2)).annotations == {}


def test_annotations_of_the_hook_go_with_every_reply_and_win(calc: Calc) -> None:
    hooks = Annotating({"HOOK": b"hook", "BOTH": b"hook"})
    with serving(make_service({"calc": calc}, hooks)) as pair:
        assert connect(pair).annotations == hooks.annotations()
        expected = {"MINE": b"method", "BOTH": b"hook", "HOOK": b"hook"}
        assert exchange(pair, invoke("annotate")).annotations == expected
        assert exchange(pair, invoke("annotate", True)).annotations == hooks.annotations()
        assert exchange(pair, wire.message(wire.PING)).annotations == hooks.annotations()
        stream = exchange(pair, invoke("count")).annotations
        assert set(stream) == {"HOOK", "BOTH", "STRM", "STRW"}


@pytest.mark.parametrize(
    ("name", "value"), [("LONGER", "text"), ("ÄÖÜß", "text"), ("ABCD", "text"), ("ABCD", 5)]
)
def test_annotations_of_a_method_that_cannot_be_written_are_an_error(
    opened: Serving, name: str, value: Any
) -> None:
    answer = exchange(opened, invoke("annotate_badly", name, value))
    assert f"annotation id {name!r}" in (text := str(error_of(answer))) or "must be bytes" in text
    assert value_of(exchange(opened, invoke("add", 1, 2))) == 3


@pytest.mark.parametrize(
    "annotations",
    [{"TOO LONG": b""}, {"ABCD": 5}, ValueError("of the hook"), OSError("of the hook")],
    ids=repr,
)
def test_a_hook_for_annotations_that_fails_is_an_error_that_the_caller_gets_to_know(
    calc: Calc, annotations: Any
) -> None:
    hooks = Annotating({})
    with serving(make_service({"calc": calc}, hooks)) as pair:
        connect(pair)
        hooks._annotations = annotations
        pair.peer.send(invoke("add", 1, 2))
        pair.finish()
        assert "annotation" in (text := str(error_of(pair.peer.read_message()))) or "hook" in text


def test_a_ping_is_answered_although_the_hook_for_annotations_fails(calc: Calc) -> None:
    hooks = Annotating({})
    with serving(make_service({"calc": calc}, hooks)) as pair:
        connect(pair)
        hooks._annotations = ValueError("of the hook")
        answer = exchange(pair, wire.message(wire.PING, b"ping", serializer=42, seq=9))
        assert (answer.type, answer.serializer, answer.seq) == (wire.PING, 42, 9)
        assert answer.payload == b"pong"


# -- one-way calls


class Threaded:
    """A server type that starts a thread for each task."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def start_task(self, task: Any) -> bool:
        thread = threading.Thread(target=task, daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def forget(self, session: Any) -> None: ...

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)


def test_a_oneway_call_runs_in_another_thread_and_is_not_answered(
    opened: Serving, service: Service, calc: Calc
) -> None:
    server = Threaded()
    service.server = server  # type: ignore[assignment]
    opened.peer.send(invoke("fire", "value", flags=wire.ONEWAY, seq=6))
    answer = exchange(opened, invoke("add", 1, 2, seq=7))
    assert answer.seq == 7
    server.join()
    ((value, seq, thread),) = calc.fired
    assert (value, seq) == ("value", 6)
    assert thread is not threading.current_thread()


def test_oneway_calls_run_in_the_order_they_came(
    opened: Serving, service: Service, calc: Calc
) -> None:
    server = Threaded()
    service.server = server  # type: ignore[assignment]
    for number in range(5):
        opened.peer.send(invoke("fire", number, flags=wire.ONEWAY))
    opened.work()
    server.join()
    assert [fired[0] for fired in calc.fired] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("settings", [{"ONEWAY_THREADED": False}, {}])
def test_a_oneway_call_runs_here_where_the_setting_says_so_or_there_is_no_thread(
    opened: Serving, calc: Calc, settings: Any
) -> None:
    with changed_settings(**settings):
        opened.peer.send(invoke("fire", "value", flags=wire.ONEWAY))
        opened.work()
    assert calc.fired[0][2] is threading.current_thread()
    assert_silent(opened)


def test_a_oneway_batch_runs_here(opened: Serving, service: Service, calc: Calc) -> None:
    service.server = Threaded()  # type: ignore[assignment]
    payload = serpent(("calc", "<batch>", [("fire", (1,), {}), ("fire", (2,), {})], None))
    opened.peer.send(wire.message(wire.INVOKE, payload, flags=wire.BATCH | wire.ONEWAY))
    opened.work()
    assert [fired[0] for fired in calc.fired] == [1, 2]
    assert_silent(opened)


@pytest.mark.parametrize(
    "payload", [b"rubbish (", serpent(("nobody", "fire", (), {})), serpent(("calc", "x", (), {}))]
)
def test_a_oneway_call_that_cannot_be_made_is_dropped(
    opened: Serving, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "pyrolike.server"):
        opened.peer.send(wire.message(wire.INVOKE, payload, flags=wire.ONEWAY))
        assert value_of(exchange(opened, invoke("add", 1, 2))) == 3
    assert "cannot be made" in caplog.text


@pytest.mark.parametrize("threaded", [True, False])
def test_an_iterator_that_nobody_waits_for_becomes_no_stream(
    opened: Serving, service: Service, threaded: bool
) -> None:
    with changed_settings(ONEWAY_THREADED=threaded):
        opened.peer.send(invoke("stream_for_nobody", flags=wire.ONEWAY))
        opened.work()
    assert len(service.streams) == 0


# -- receiving


def test_calls_in_one_piece_are_answered_one_by_one(opened: Serving) -> None:
    opened.peer.send(call_message("add", 1, 2) + call_message("add", 3, 4))
    opened.work()
    assert [value_of(opened.peer.read_message()) for _ in range(2)] == [3, 7]


@pytest.mark.parametrize("parked", [True, False])
def test_a_large_call_is_answered(opened: Serving, parked: bool) -> None:
    message = call_message("size", "x" * 300_000)
    sender = threading.Thread(target=opened.peer.send, args=(message,))
    sender.start()
    while parked and not opened.session.receive_available():
        select.select([opened.session.connection.sock], [], [], PATIENCE)
    while (whole := opened.session.take_message()) is None:
        assert not opened.session.is_finished
    opened.session.process(whole)
    sender.join(PATIENCE)
    assert value_of(opened.peer.read_message()) == 300_000


def test_who_leaves_finishes_the_session(opened: Serving, hooks: Hooks) -> None:
    opened.peer.sock.close()
    opened.finish()
    assert opened.session.is_finished
    assert hooks.left == [opened.session.connection]


def test_rubbish_finishes_the_session_and_its_client_is_told(new: Serving) -> None:
    new.peer.send(bytes(100))
    assert new.session.receive_available()
    assert new.session.is_finished
    new.session.end()
    assert "invalid data" in reason_of(new.peer.read_message())


def test_a_finished_session_gives_no_messages(opened: Serving) -> None:
    opened.peer.send(call_message("add", 1, 2))
    opened.session.expire()
    assert opened.session.must_end
    assert opened.session.take_message() is None


@pytest.mark.parametrize(
    ("is_open", "text"), [(False, "no handshake in time"), (True, "idle too long")]
)
def test_who_takes_too_long_is_ended(
    new: Serving, caplog: pytest.LogCaptureFixture, is_open: bool, text: str
) -> None:
    if is_open:
        connect(new)
    with caplog.at_level(logging.INFO, "pyrolike.server"):
        new.session.expire()
    assert new.session.is_finished
    assert text in caplog.text
    new.session.end()
    new.peer.wait_closed()


# -- refusing


def arrive(pair: Serving, data: bytes) -> None:
    pair.peer.send(data)
    assert pair.session.receive_available()


def test_when_there_is_no_worker_a_new_client_is_turned_away(new: Serving) -> None:
    arrive(new, wire.message(wire.CONNECT, serpent(HELLO), seq=12))
    new.session.refuse_busy()
    answer = new.peer.read_message()
    assert reason_of(answer).startswith("no free workers")
    assert (answer.serializer, answer.seq) == (wire.MARSHAL, 12)
    assert marshal.loads(answer.payload) == session_module.BUSY
    assert new.session.is_finished


def test_when_there_is_no_worker_a_client_may_try_again(opened: Serving) -> None:
    arrive(opened, invoke("add", 1, 2, seq=3))
    opened.session.refuse_busy()
    answer = opened.peer.read_message()
    assert answer.seq == 3
    assert "no free workers" in str(error_of(answer))
    assert value_of(exchange(opened, invoke("add", 1, 2))) == 3


def test_when_there_is_no_worker_a_ping_is_answered_all_the_same(opened: Serving) -> None:
    arrive(opened, wire.message(wire.PING, b"ping", serializer=42, seq=8))
    opened.session.refuse_busy()
    answer = opened.peer.read_message()
    assert (answer.type, answer.serializer, answer.seq, answer.payload) == (
        wire.PING,
        42,
        8,
        b"pong",
    )


def test_when_there_is_no_worker_a_oneway_call_is_dropped(
    opened: Serving, calc: Calc, caplog: pytest.LogCaptureFixture
) -> None:
    arrive(opened, invoke("fire", 1, flags=wire.ONEWAY))
    with caplog.at_level(logging.ERROR, "pyrolike.server"):
        opened.session.refuse_busy()
    assert "a oneway call was dropped" in caplog.text
    assert calc.fired == []
    assert not opened.session.is_finished


def test_when_there_is_no_worker_an_unknown_serializer_ends_the_session(opened: Serving) -> None:
    arrive(opened, invoke("add", 1, 2, serializer=42))
    opened.session.refuse_busy()
    assert opened.session.is_finished


def test_who_has_sent_no_message_cannot_be_refused(new: Serving) -> None:
    new.session.refuse_busy()
    assert new.session.is_finished


def test_a_refusal_that_does_not_fit_into_the_connection_ends_the_session(
    opened: Serving,
) -> None:
    sock = opened.session.connection.sock
    arrive(opened, invoke("add", 1, 2))
    fill(sock)
    opened.session.refuse_busy()
    assert opened.session.is_finished


def test_a_refusal_does_not_wait_even_if_the_program_has_set_a_timeout(opened: Serving) -> None:
    # It is the parking thread that refuses: whatever makes it wait holds up all clients.
    connection = opened.session.connection
    arrive(opened, invoke("add", 1, 2))
    fill(connection.sock)
    connection.settimeout(2.0)
    assert run_bounded(opened.session.refuse_busy, 1.0)


# -- sending


def test_a_client_that_takes_no_answer_loses_its_session(service: Service) -> None:
    with serving(service) as pair:
        connect(pair)
        pair.session.connection.limit_waiting(0.02, 0.02)
        pair.peer.send(invoke("repeat", "x", 10_000_000))
        pair.work()
        assert pair.session.is_finished
        pair.session.end()


def test_a_client_that_is_gone_when_its_answer_comes_loses_its_session(
    opened: Serving, hooks: Hooks
) -> None:
    arrive(opened, invoke("add", 1, 2))
    opened.peer.sock.close()
    opened.finish()
    assert opened.session.is_finished
    assert len(hooks.left) == 1


@pytest.mark.parametrize(
    "message",
    [wire.message(wire.PING), invoke("add", flags=wire.COMPRESSED)],
    ids=["a ping", "a failure"],
)
def test_a_client_that_is_gone_when_anything_is_sent_to_it_loses_its_session(
    opened: Serving, message: bytes
) -> None:
    arrive(opened, message)
    opened.peer.sock.close()
    opened.finish()
    assert opened.session.is_finished


def test_a_client_that_is_gone_before_its_handshake_is_answered_never_was_there(
    new: Serving, hooks: Hooks
) -> None:
    new.peer.send(CONNECT)
    new.peer.sock.close()
    new.finish()
    assert new.session.is_finished
    assert not new.session.is_open
    assert hooks.left == []


# -- ending


def test_a_session_may_be_ended_twice(opened: Serving, hooks: Hooks) -> None:
    opened.session.end()
    opened.session.end()
    assert hooks.left == [opened.session.connection]


def test_a_client_that_never_shook_hands_does_not_leave(new: Serving, hooks: Hooks) -> None:
    new.session.end()
    assert hooks.left == []
    new.peer.wait_closed()


def test_the_hook_sees_the_connection_before_it_is_closed(calc: Calc) -> None:
    seen: list[Any] = []

    class Resource:
        closed = False

        def close(self) -> None:
            self.closed = True

    class Watching(Hooks):
        def clientDisconnect(self, conn: Any) -> None:
            seen.extend((conn.fileno() >= 0, set(conn.tracked_resources), resource.closed))

    resource = Resource()
    with serving(make_service({"calc": calc}, Watching())) as pair:
        connect(pair)
        pair.session.connection.tracked_resources.add(resource)
        pair.session.connection.pyroInstances[Calc] = calc
        pair.session.end()
        assert seen == [True, {resource}, False]
        assert resource.closed
        assert pair.session.connection.pyroInstances == {}


@pytest.mark.parametrize("error", [ValueError("failed"), SystemExit(1)], ids=["error", "exit"])
def test_a_hook_that_fails_does_not_keep_the_connection_open(
    calc: Calc, error: BaseException
) -> None:
    class Failing(Hooks):
        def clientDisconnect(self, conn: Any) -> None:
            raise error

    with serving(make_service({"calc": calc}, Failing())) as pair:
        connect(pair)
        pair.session.end()
        assert pair.session.connection.is_closed


def test_of_a_client_whose_connection_the_program_has_closed_the_daemon_is_told_too(
    opened: Serving, hooks: Hooks
) -> None:
    opened.peer.send(invoke("kick"))
    opened.finish()
    assert opened.session.is_finished
    assert hooks.left == [opened.session.connection]


@pytest.mark.parametrize("size", [100, 200_000])
def test_the_last_words_arrive_although_more_was_sent_than_was_read(
    service: Service, size: int
) -> None:
    with serving(service, pair=tcp_pair) as pair:
        answer = exchange(pair, bytes(size))
        assert "invalid data" in reason_of(answer)
        pair.peer.wait_closed()


@pytest.mark.parametrize("pair_of_sockets", [socket.socketpair, tcp_pair])
def test_a_client_that_never_stops_sending_does_not_hold_up_the_end(
    service: Service, pair_of_sockets: Any
) -> None:
    with serving(service, pair=pair_of_sockets) as pair:
        fill(pair.peer.sock)
        pair.finish()
        assert pair.session.connection.is_closed


def test_the_end_does_not_wait_even_if_the_program_has_set_a_timeout(opened: Serving) -> None:
    opened.session.connection.settimeout(2.0)
    assert run_bounded(opened.session.end, 1.0)
