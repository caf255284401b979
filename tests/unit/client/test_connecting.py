"""Opening a channel: what is said, and what the answers and silences of a peer become."""

from __future__ import annotations

import logging
import pickle
import socket
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike._remembering import Remembered
from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.client import connecting
from pyrolike.client.connecting import (
    Opened,
    WireSettings,
    adopt_socket,
    codec_of,
    get_deadline,
    log_received,
    open_channel,
)
from pyrolike.configure import config
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    MessageTooLargeError,
    ProtocolError,
    SerializeError,
)
from pyrolike.protocol import V48, V502, Dialect, Message, MessageType
from pyrolike.serializers import get_serializer, serializers
from pyrolike.uri import URI
from tests.support import wire
from tests.support.channels import exchange
from tests.support.daemon import changed_settings
from tests.support.rawpeer import METADATA, PATIENCE, RawPeer, scripted_server, serpent
from tests.support.wire import RawMessage

NUMBERS = {"serpent": 1, "marshal": 2, "json": 3, "msgpack": 4}


@pytest.fixture(autouse=True)
def own_context() -> Iterator[ContextState]:
    """Give the test a context nobody has touched."""
    before, state = get_state(), ContextState()
    set_state(state)
    yield state
    set_state(before)


def settings(serializer: str | None = None, dialect: Dialect = V502) -> WireSettings:
    return WireSettings.take(config, serializer, dialect)


def uri_at(location: str) -> URI:
    return URI(f"PYRO:calc@{location}")


def connect(
    location: str,
    handshake: Any = "hello",
    serializer: str | None = None,
    timeout: float | None = PATIENCE,
    **options: Any,
) -> Opened:
    deadline = get_deadline(timeout)
    return open_channel(
        uri_at(location), handshake, settings(serializer), deadline=deadline, **options
    )


def answering(
    payload: bytes | None = None, type: int = wire.CONNECTOK, **options: Any
) -> Callable[[RawPeer], None]:
    """Return a script that answers the handshake and waits until it is left."""
    if payload is None:
        payload = serpent({"handshake": "welcome", "meta": dict(METADATA)})

    def script(peer: RawPeer) -> None:
        request = peer.read_message()
        peer.send(wire.message(type, payload, seq=request.seq, **options))
        peer.wait_closed()

    return script


# -- settings


def test_settings_are_what_the_configuration_says_now() -> None:
    taken = settings()
    assert taken.validity is config.validity
    assert (taken.codec.name, taken.number) == ("serpent", 1)
    assert taken.max_size == config.MAX_MESSAGE_SIZE
    assert not taken.needs_care


def test_settings_are_taken_once_for_all_but_not_if_something_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = settings("json")
    assert settings("json") is taken
    assert settings("json", V48) is settings("json", V48) is not taken
    with changed_settings(MAX_MESSAGE_SIZE=1000):
        assert settings("json").max_size == 1000
    own = get_serializer("marshal")
    monkeypatch.setitem(serializers, "json", own)
    assert settings("json").codec is own


@pytest.mark.parametrize("name", NUMBERS)
def test_a_proxys_own_serializer_goes_before_the_setting(name: str) -> None:
    with changed_settings(SERIALIZER="json"):
        taken = settings(name)
    assert (taken.codec.name, taken.number) == (name, NUMBERS[name])


@pytest.mark.parametrize("item", ["COMPRESSION", "LOGWIRE"])
def test_compression_and_logging_need_care(item: str) -> None:
    with changed_settings(**{item: True}):
        assert settings().needs_care


def test_bytes_may_be_wanted_as_python_writes_them() -> None:
    with changed_settings(SERPENT_BYTES_REPR=True):
        assert b"b'x'" in settings().codec.dumps(b"x")


def test_json_is_written_by_the_module_of_the_setting() -> None:
    with changed_settings(JSON_MODULE="some_other"):
        assert settings("json").codec is get_serializer("json", json_module="some_other")
        assert settings("serpent").codec is get_serializer("serpent")


def test_an_unknown_serializer_is_refused() -> None:
    with pytest.raises(SerializeError, match="no-such"):
        settings("no-such")


# -- the request


@pytest.mark.parametrize("serializer", NUMBERS)
def test_the_handshake_names_the_object_and_says_what_it_is_told_to(serializer: str) -> None:
    requests = []
    codec = get_serializer(serializer)

    def script(peer: RawPeer) -> None:
        requests.append(peer.read_message())
        answer = codec.dumps({"handshake": "welcome", "meta": dict(METADATA)})
        peer.send(wire.message(wire.CONNECTOK, answer, serializer=NUMBERS[serializer], seq=77))

    with scripted_server(script) as location:
        channel, connection, answer, meta, _ = connect(location, [1, "two"], serializer, seq=77)
    (request,) = requests
    assert (request.type, request.flags, request.seq) == (wire.CONNECT, 0, 77)
    assert request.serializer == NUMBERS[serializer]
    assert request.annotations == {}
    assert codec.loads(request.payload) == {"handshake": [1, "two"], "object": "calc"}
    assert answer == "welcome"
    assert set(meta["methods"]) == {"call"}
    assert channel.connection is connection
    assert channel.seq == 77
    assert connection.objectId == "calc"
    channel.close()


@pytest.mark.parametrize(
    ("handshake", "answer", "written", "read"),
    [
        ("hello", {"handshake": "welcome", "meta": dict(METADATA)}, 1, 1),
        ("a secret", {"handshake": "welcome", "meta": dict(METADATA)}, 3, 1),
        ("hello", {"handshake": ["anew"], "meta": dict(METADATA)}, 1, 3),
        ("hello", {"handshake": "welcome", "meta": {**METADATA, "methods": ["m" * 20_000]}}, 1, 3),
    ],
)
def test_what_is_said_in_each_handshake_is_written_and_read_once(
    monkeypatch: pytest.MonkeyPatch, handshake: str, answer: Any, written: int, read: int
) -> None:
    codec = get_serializer("serpent")
    dumps, loads, payload = codec.dumps, codec.loads, serpent(answer)
    said: list[Any] = []
    heard: list[Any] = []
    monkeypatch.setattr(connecting, "_greetings", Remembered(10))
    monkeypatch.setattr(connecting, "_known_answers", Remembered(10))
    monkeypatch.setattr(codec, "dumps", lambda data: said.append(data) or dumps(data))
    monkeypatch.setattr(codec, "loads", lambda data: heard.append(data) or loads(data))
    found = []
    for _ in range(3):
        with scripted_server(answering(payload)) as location:
            opened = connect(location, handshake)
            opened.channel.close()
            found.append((opened.answer, opened.meta))
    assert found == [found[0]] * 3
    assert (len(said), len(heard)) == (written, read)


def test_annotations_and_correlation_id_of_the_thread_go_out(own_context: ContextState) -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        peer.accept_handshake(requests=requests)

    correlation = uuid.uuid4().bytes
    own_context.outgoing = {"ABCD": b"note"}
    own_context.correlation = correlation
    with scripted_server(script) as location:
        connect(location)[0].close()
    (request,) = requests
    assert request.annotations == {"ABCD": b"note"}
    assert (request.flags, request.correlation_id) == (wire.CORR_ID, correlation)


def test_annotations_of_the_call_win_over_those_of_the_thread(own_context: ContextState) -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        peer.accept_handshake(requests=requests)

    with scripted_server(script, script, script) as location:
        connect(location, annotations={"HOOK": b"only"})[0].close()
        own_context.outgoing = {"ABCD": b"thread", "BOTH": b"thread"}
        connect(location, annotations={"HOOK": b"hook", "BOTH": b"hook"})[0].close()
        connect(location, annotations={})[0].close()
    assert [request.annotations for request in requests] == [
        {"HOOK": b"only"},
        {"ABCD": b"thread", "BOTH": b"hook", "HOOK": b"hook"},
        {"ABCD": b"thread", "BOTH": b"thread"},
    ]
    assert own_context.outgoing == {"ABCD": b"thread", "BOTH": b"thread"}


@pytest.mark.parametrize("name", ["ABC", "ÄÖÜß"])
def test_annotations_that_cannot_be_sent_end_the_attempt(name: str) -> None:
    with (
        scripted_server(RawPeer.wait_closed) as location,
        pytest.raises(ProtocolError, match="annotation"),
    ):
        connect(location, annotations={name: b"x"})


def test_annotations_count_for_the_size_of_the_handshake() -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        scripted_server(RawPeer.wait_closed) as location,
        pytest.raises(MessageTooLargeError),
    ):
        connect(location, annotations={"ABCD": b"x" * 1000})


def test_a_method_that_connects_carries_its_correlation_id_on(own_context: ContextState) -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        peer.accept_handshake(requests=requests)

    own_context.client = object()  # a request is being served
    with scripted_server(script) as location:
        connect(location)[0].close()
    assert own_context.correlation is not None
    assert requests[0].correlation_id == own_context.correlation


def test_a_long_handshake_is_compressed_if_that_is_wanted() -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        peer.accept_handshake(requests=requests)

    with changed_settings(COMPRESSION=True), scripted_server(script, script) as location:
        connect(location, "x" * 1000)[0].close()
        connect(location, "short")[0].close()
    long, short = requests
    assert (long.flags, short.flags) == (wire.COMPRESSED, 0)
    assert b"x" * 1000 in zlib.decompress(long.payload)


def test_the_handshake_is_logged_if_that_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pyrolike.client")
    with changed_settings(LOGWIRE=True), scripted_server(answering()) as location:
        connect(location)[0].close()
    texts = [record.getMessage() for record in caplog.records]
    assert [text.split()[0] for text in texts] == ["sending", "received"]
    assert "CONNECTOK" in texts[1]


def test_what_cannot_be_sent_as_handshake_is_the_callers_mistake() -> None:
    with scripted_server(RawPeer.wait_closed) as location, pytest.raises(TypeError):
        connect(location, handshake=object, serializer="serpent")


# -- good answers


def test_the_channel_works_after_the_handshake() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        request = peer.read_message()
        peer.send(wire.message(wire.RESULT, request.payload[::-1], seq=request.seq))

    with scripted_server(script) as location:
        channel, connection, *_ = connect(location, seq=4)
        assert exchange(channel, b"word", PATIENCE).payload == b"drow"
        assert channel.seq == 5
        channel.close()
        assert connection.is_closed


@pytest.mark.parametrize("step", [1, 39, 41])
def test_the_answer_may_be_cut_anywhere(step: int) -> None:
    def script(peer: RawPeer) -> None:
        request = peer.read_message()
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        payload = serpent({"handshake": "welcome", "meta": dict(METADATA)})
        data = wire.message(wire.CONNECTOK, payload, seq=request.seq)
        for start in range(0, len(data), step):
            peer.send(data[start : start + step])

    with scripted_server(script) as location:
        channel, _, answer, *_ = connect(location)
        assert answer == "welcome"
        channel.close()


def test_a_large_answer_is_received(own_context: ContextState) -> None:
    methods = [f"method_{number}" for number in range(20_000)]
    payload = serpent({"handshake": "", "meta": {**METADATA, "methods": methods}})
    with scripted_server(answering(payload)) as location:
        channel, _, _, meta, _ = connect(location)
        assert len(meta["methods"]) == 20_000
        channel.close()


def test_a_compressed_answer_is_opened() -> None:
    payload = zlib.compress(serpent({"handshake": "welcome", "meta": dict(METADATA)}))
    with scripted_server(answering(payload, flags=wire.COMPRESSED)) as location:
        channel, _, answer, *_ = connect(location)
        assert answer == "welcome"
        channel.close()


def test_the_answer_may_come_in_another_serializer() -> None:
    payload = get_serializer("json").dumps({"handshake": "welcome", "meta": dict(METADATA)})
    with scripted_server(answering(payload, serializer=wire.JSON)) as location:
        channel, _, answer, *_ = connect(location)
        assert answer == "welcome"
        channel.close()


def test_annotations_of_the_answer_can_be_read_in_the_context(own_context: ContextState) -> None:
    with scripted_server(answering(annotations={"ABCD": b"note"}), answering()) as location:
        connect(location)[0].close()
        assert own_context.response_received == {"ABCD": b"note"}
        connect(location)[0].close()
        assert not own_context.response_received


class Seen:
    """Writes down the annotations it is shown."""

    def __init__(self, error: Exception | None = None) -> None:
        self.shown: list[tuple[dict[str, bytes], int]] = []
        self._error = error

    def __call__(self, annotations: Mapping[str, Any], type: int) -> None:
        self.shown.append(({name: bytes(value) for name, value in annotations.items()}, type))
        if self._error is not None:
            raise self._error


def test_annotations_of_the_answer_are_shown_to_who_wants_to_see_them() -> None:
    seen = Seen()
    with scripted_server(answering(annotations={"ABCD": b"note"}), answering()) as location:
        connect(location, on_annotations=seen)[0].close()
        connect(location, on_annotations=seen)[0].close()  # there are none
    assert seen.shown == [({"ABCD": b"note"}, wire.CONNECTOK)]


def test_annotations_of_a_refusal_are_shown_before_it_is_raised() -> None:
    seen = Seen()
    script = answering(serpent("go away"), wire.CONNECTFAIL, annotations={"ABCD": b"why"})
    with scripted_server(script) as location, pytest.raises(CommunicationError, match="go away"):
        connect(location, on_annotations=seen)
    assert seen.shown == [({"ABCD": b"why"}, wire.CONNECTFAIL)]


def test_who_sees_the_annotations_may_refuse_the_connection() -> None:
    """The script waits until it is left: a connection that stayed open would be noticed."""
    seen = Seen(PermissionError("unsigned"))
    with (
        scripted_server(answering(annotations={"ABCD": b"note"})) as location,
        pytest.raises(PermissionError, match="unsigned"),
    ):
        connect(location, on_annotations=seen)


# -- bad answers


def test_a_refusal_says_where_and_why() -> None:
    with (
        scripted_server(answering(serpent("go away"), wire.CONNECTFAIL)) as location,
        pytest.raises(CommunicationError, match="rejected") as caught,
    ):
        connect(location)
    assert location in str(caught.value)
    assert "go away" in str(caught.value)
    assert type(caught.value) is CommunicationError


def test_a_refusal_that_could_not_wait_for_our_serializer_is_understood() -> None:
    payload = get_serializer("marshal").dumps("no free workers, increase server threadpool size")
    script = answering(payload, wire.CONNECTFAIL, serializer=wire.MARSHAL)
    with (
        scripted_server(script) as location,
        pytest.raises(CommunicationError, match="no free workers"),
    ):
        connect(location)


def rubbish(peer: RawPeer) -> None:
    peer.read_message()
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    peer.wait_closed()


def hang_up(peer: RawPeer) -> None:
    peer.read_message()


def hang_up_in_the_middle(peer: RawPeer) -> None:
    peer.read_message()
    peer.send(wire.message(wire.CONNECTOK, serpent({}))[:-1])


def reset(peer: RawPeer) -> None:
    peer.receive(1)  # the rest is never read


BAD_ANSWERS: dict[str, tuple[Callable[[RawPeer], None], type[Exception]]] = {
    "a result": (answering(type=wire.RESULT), ProtocolError),
    "a request": (answering(type=wire.CONNECT), ProtocolError),
    "no dictionary": (answering(serpent(["meta"])), ProtocolError),
    "no metadata": (answering(serpent({"handshake": "welcome"})), ProtocolError),
    "unreadable": (answering(b"(((("), SerializeError),
    "not compressed": (answering(b"plain", flags=wire.COMPRESSED), ProtocolError),
    "an unknown serializer": (answering(b"", serializer=99), SerializeError),
    "an unsafe serializer": (answering(pickle.dumps("x"), serializer=200), SerializeError),
    "rubbish": (rubbish, ProtocolError),
    "hung up": (hang_up, ConnectionClosedError),
    "cut": (hang_up_in_the_middle, ConnectionClosedError),
    "reset": (reset, ConnectionClosedError),
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_is_an_error_and_the_connection_is_closed(kind: str) -> None:
    script, expected = BAD_ANSWERS[kind]
    with scripted_server(script) as location, pytest.raises(expected):
        connect(location)


def test_an_answer_that_is_too_large_is_refused() -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        scripted_server(answering(b"x" * 1001)) as location,
        pytest.raises(MessageTooLargeError),
    ):
        connect(location)


def test_an_answer_that_grows_too_large_is_refused() -> None:
    bomb = zlib.compress(serpent("x" * 100_000))
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        scripted_server(answering(bomb, flags=wire.COMPRESSED)) as location,
        pytest.raises(MessageTooLargeError),
    ):
        connect(location)


def test_a_handshake_that_is_too_large_is_not_sent() -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        scripted_server(RawPeer.wait_closed) as location,
        pytest.raises(MessageTooLargeError),
    ):
        connect(location, "x" * 1001)


def test_where_nobody_listens_there_is_no_channel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        location = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(CommunicationError, match="nobody is listening"):
        connect(location)


def test_a_certificate_that_is_not_there_is_missed_before_anything_is_sent() -> None:
    with (
        changed_settings(SSL=True, SSL_CLIENTCERT="/nowhere/client.pem"),
        pytest.raises(CommunicationError, match="client cert file not found"),
    ):
        connect("127.0.0.1:1")


# -- time


def test_a_peer_that_says_nothing_is_given_up() -> None:
    def script(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with scripted_server(script) as location, pytest.raises(errors.TimeoutError):
        connect(location, timeout=0.05)


@pytest.mark.slow
def test_a_peer_that_says_it_slowly_is_given_up_as_well() -> None:
    """The time is for all of it, not for each byte."""
    left = threading.Event()

    def script(peer: RawPeer) -> None:
        request = peer.read_message()
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        payload = serpent({"handshake": "welcome", "meta": dict(METADATA)})
        for byte in wire.message(wire.CONNECTOK, payload, seq=request.seq):
            try:
                peer.send(bytes([byte]))
            except ConnectionError:
                return  # given up, as it should be
            if left.wait(0.01):
                return

    with scripted_server(script) as location:
        try:
            with pytest.raises(errors.TimeoutError):
                connect(location, timeout=0.2)[0].close()
        finally:
            left.set()


def test_a_deadline_that_has_passed_does_not_connect() -> None:
    with pytest.raises(errors.TimeoutError, match="connecting"):
        open_channel(uri_at("127.0.0.1:1"), "hello", settings(), deadline=monotonic() - 1.0)


def test_a_handshake_that_is_not_taken_in_time_is_given_up() -> None:
    """More than the system's buffers hold, for a peer that reads nothing."""
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        assert over.wait(PATIENCE)

    with scripted_server(script) as location:
        try:
            with pytest.raises(errors.TimeoutError):
                connect(location, "x" * 20_000_000, timeout=0.1)
        finally:
            over.set()


def test_without_a_deadline_the_answer_is_waited_for() -> None:
    with scripted_server(answering()) as location:
        channel, connection, *_ = connect(location, timeout=None)
        assert connection.gettimeout() is None
        channel.close()


@pytest.mark.parametrize("seconds", [None, 0, 0.0])
def test_no_time_limit_is_no_deadline(seconds: float | None) -> None:
    assert get_deadline(seconds) is None


def test_a_deadline_is_so_many_seconds_away() -> None:
    before = monotonic()
    deadline = get_deadline(7.5)
    assert deadline is not None
    assert before + 7.5 <= deadline <= monotonic() + 7.5


# -- sockets of others


def test_numbers_on_a_borrowed_socket_do_not_begin_where_others_did() -> None:
    """Or the late answer to a call of an earlier proxy could be taken for one of this."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        seqs = {adopt_socket(ours, "calc", settings())[0].seq for _ in range(50)}
    assert len(seqs) > 40


def test_a_borrowed_socket_is_used_as_it_is_and_not_closed() -> None:
    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer:
        channel, connection = adopt_socket(ours, "calc", settings())
        assert (connection.sock, connection.objectId) == (ours, "calc")
        channel.post(wire.SERPENT, wire.ONEWAY, b"word", None, None)
        request = peer.read_message()
        assert (request.type, request.seq, request.payload) == (wire.INVOKE, channel.seq, b"word")
        channel.close()
        ours.sendall(b"!")
        assert peer.receive(1) == b"!"


# -- whose serializer may be used


def message_in(number: int) -> Message:
    return Message(MessageType.RESULT, number, 0, 1, b"")


@pytest.mark.parametrize("name", NUMBERS)
def test_a_peer_may_answer_in_a_safe_serializer(name: str) -> None:
    assert codec_of(message_in(NUMBERS[name]), settings()).name == name


def test_a_peer_may_not_answer_in_a_serializer_that_runs_code_unless_we_use_it() -> None:
    with pytest.raises(SerializeError, match="pickle"):
        codec_of(message_in(200), settings())
    assert codec_of(message_in(200), settings("pickle")).name == "pickle"
    assert codec_of(message_in(200), settings(), {"pickle"}).name == "pickle"
    with pytest.raises(SerializeError, match="unknown serializer 99"):
        codec_of(message_in(99), settings(), {"pickle"})


def test_a_message_can_be_logged_whatever_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pyrolike.client")
    log_received(Message(99, 99, 0xFFFF, 1, b"\xff" * 1000, {"ABCD": memoryview(b"x")}, bytes(16)))
    assert "received" in caplog.text
