"""What a proxy knows and does, against peers that answer as a test tells them."""

from __future__ import annotations

import gc
import logging
import marshal
import queue
import socket
import threading
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.client.channel import UnsentError
from pyrolike.client.iterator import StreamResultIterator
from pyrolike.client.link import Link
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    MessageTooLargeError,
    NamingError,
    ProtocolError,
    PyroError,
    SecurityError,
    SerializeError,
)
from pyrolike.protocol import Message
from pyrolike.serializers import SerializedBlob, get_serializer
from pyrolike.uri import URI
from tests.support import wire
from tests.support.channels import Call
from tests.support.daemon import changed_settings
from tests.support.rawpeer import METADATA, PATIENCE, RawPeer, Script, scripted_server, serpent
from tests.support.wire import RawMessage

SERIALIZERS = {"serpent": 1, "marshal": 2, "json": 3, "msgpack": 4}
STREAM_ID = "0d8b9f3c-6c0c-4f0e-9d0b-1f6a7c1e2d3f"


@pytest.fixture(autouse=True)
def own_context() -> Iterator[ContextState]:
    """Give the test a context nobody has touched."""
    before, state = get_state(), ContextState()
    set_state(state)
    yield state
    set_state(before)


def link_to(location: str) -> Link:
    link = Link(URI(f"PYRO:calc@{location}"))
    link.set_timeout(PATIENCE)
    return link


def contents(request: RawMessage) -> Any:
    """Return what is in the request of a call: object, method, arguments, keyword arguments."""
    name = next(name for name, number in SERIALIZERS.items() if number == request.serializer)
    return get_serializer(name).loadsCall(request.payload)


Answers = Callable[[RawMessage], bytes]


def answering(
    *answers: Answers | None,
    metadata: Mapping[str, list[str]] = METADATA,
    requests: list[RawMessage] | None = None,
) -> Script:
    """Return a script that answers one call after the other; None answers nothing.

    *requests* takes down all that was asked, the handshake included.
    """

    def script(peer: RawPeer) -> None:
        heard = [] if requests is None else requests
        heard.append(peer.accept_handshake(metadata))
        for answer in answers:
            heard.append(peer.read_message())
            if answer is not None:
                peer.send(answer(heard[-1]))
        peer.wait_closed()

    return script


def value(result: Any, **options: Any) -> Answers:
    """Return an answer with this value."""
    return lambda request: wire.message(
        wire.RESULT,
        serpent(result),
        seq=request.seq,
        serializer=options.pop("serializer", request.serializer),
        **options,
    )


def failure(class_name: str, *args: Any) -> Answers:
    """Return an answer that is an exception."""
    state = {
        "__class__": class_name,
        "__exception__": True,
        "args": args,
        "attributes": {"_pyroTraceback": ["remote line\n"]},
    }
    return value(state, flags=wire.EXCEPTION)


def serve_call(link: Link, method: str = "call", *args: Any, **kwargs: Any) -> Any:
    return link.invoke(method, args, kwargs)


# -- calls


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_call_is_written_in_the_serializer_that_is_wanted(serializer: str) -> None:
    requests: list[RawMessage] = []

    def answer(request: RawMessage) -> bytes:
        payload = get_serializer(serializer).dumps("result")
        return wire.message(wire.RESULT, payload, seq=request.seq, serializer=request.serializer)

    with scripted_server(answering(answer, answer, requests=requests)) as location:
        link = link_to(location)
        with pytest.raises(SerializeError):
            link.serializer_name = "no-such"
        assert link.serializer_name is None
        link.connect()
        link.serializer_name = serializer
        assert link.serializer_name == serializer
        assert serve_call(link, "call", 1, two=2) == "result"
        with changed_settings(SERIALIZER=serializer):
            link.serializer_name = None
            assert serve_call(link) == "result"
        link.release()
    _, call, again = requests
    assert call.type == wire.INVOKE
    assert (call.serializer, again.serializer) == (SERIALIZERS[serializer],) * 2
    object_id, method, vargs, kwargs = contents(call)
    assert (object_id, method, list(vargs), kwargs) == ("calc", "call", [1], {"two": 2})


def test_numbers_go_on_from_one_connection_to_the_next() -> None:
    requests: list[RawMessage] = []
    script = answering(value(1), value(2), requests=requests)
    with scripted_server(script, script) as location:
        link = link_to(location)
        assert link.last_seq == 0
        link.last_seq = 7
        assert link.last_seq == 7
        link.last_seq = 0
        serve_call(link)
        serve_call(link)
        assert link.last_seq == 2
        link.release()
        assert link.last_seq == 2
        serve_call(link)
        link.last_seq = 65534
        serve_call(link)
        assert link.last_seq == 65535
        link.release()
    assert [request.seq for request in requests] == [0, 1, 2, 2, 3, 65535]


def test_a_oneway_method_is_not_waited_for() -> None:
    requests: list[RawMessage] = []
    metadata = {**METADATA, "oneway": ["call"]}
    with scripted_server(
        answering(None, value(1), metadata=metadata, requests=requests)
    ) as location:
        link = link_to(location)
        assert link.oneway == set()
        link.connect()
        assert serve_call(link, "call") is None
        # The daemon's own methods are another matter, whatever their names.
        assert link.invoke("call", [], {}, object_id=DAEMON_NAME) == 1
        link.release()
    assert [request.flags for request in requests] == [0, wire.ONEWAY, 0]
    assert contents(requests[2])[0] == DAEMON_NAME


def test_an_exception_of_the_method_is_raised_and_the_connection_stays() -> None:
    with scripted_server(answering(failure("builtins.ValueError", "bad"), value(1))) as location:
        link = link_to(location)
        with pytest.raises(ValueError, match="bad") as caught:
            serve_call(link)
        assert caught.value._pyroTraceback == ["remote line\n"]  # type: ignore[attr-defined]
        assert serve_call(link) == 1
        link.release()


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("Pyro5.errors.SerializeError", SerializeError),
        ("Pyro5.errors.SecurityError", SecurityError),
        ("Pyro5.errors.ConnectionClosedError", ConnectionClosedError),
    ],
)
def test_behind_an_error_of_pyro_the_next_call_connects_anew(
    class_name: str, expected: type[Exception]
) -> None:
    """A stock daemon closes the connection behind these."""
    with scripted_server(
        answering(failure(class_name, "bad")), answering(value(2), value(3))
    ) as location:
        link = link_to(location)
        with pytest.raises(expected, match="bad"):
            serve_call(link)
        assert link.connection is None
        assert serve_call(link) == 2
        assert serve_call(link) == 3
        link.release()


BAD_REPLIES: dict[str, tuple[Answers, type[Exception]]] = {
    "a ping": (
        lambda request: wire.message(wire.PING, serpent("pong"), seq=request.seq),
        ProtocolError,
    ),
    "another number": (
        lambda request: wire.message(wire.RESULT, serpent(1), seq=request.seq + 1),
        ProtocolError,
    ),
    "another serializer": (value(1, serializer=wire.JSON), SerializeError),
    "unreadable": (
        lambda request: wire.message(wire.RESULT, b"((((", seq=request.seq),
        SerializeError,
    ),
    "not compressed": (value(1, flags=wire.COMPRESSED), ProtocolError),
    "an exception that is none": (value(1, flags=wire.EXCEPTION), ProtocolError),
    "a stream without an id": (
        failure("Pyro5.errors.ProtocolError", "result of call is an iterator"),
        ProtocolError,
    ),
    "a stream with another id": (
        value(
            {
                "__class__": "Pyro5.errors.ProtocolError",
                "__exception__": True,
                "args": ("result of call is an iterator",),
                "attributes": {},
            },
            flags=wire.EXCEPTION | wire.ITEMSTREAM,
            annotations={"ABCD": b"no stream"},
        ),
        ProtocolError,
    ),
    "a class nobody knows": (value({"__class__": "some.Thing", "x": 1}), SerializeError),
    "a class nobody may have": (value({"__class__": "os.__system__"}), SecurityError),
}


@pytest.mark.parametrize("kind", BAD_REPLIES)
def test_a_bad_reply_is_an_error_and_the_next_call_connects_anew(kind: str) -> None:
    answer, expected = BAD_REPLIES[kind]
    with scripted_server(answering(answer), answering(value(2))) as location:
        link = link_to(location)
        with pytest.raises(expected):
            serve_call(link)
        assert serve_call(link) == 2
        link.release()


def test_a_bad_reply_is_an_error_too_where_replies_are_looked_at_closely() -> None:
    answer, expected = BAD_REPLIES["a ping"]
    with changed_settings(LOGWIRE=True), scripted_server(answering(answer)) as location:
        link = link_to(location)
        with pytest.raises(expected):
            serve_call(link)
        link.release()


def test_a_bad_reply_on_an_old_connection_leaves_the_new_one_alone() -> None:
    with scripted_server((hall := Hall()).script) as location, closing(hall):
        link = link_to(location)
        link.connect()
        call = Call(lambda: serve_call(link))
        peer = hall.next_peer()
        request = peer.read_message()
        link.channel = new = LeavingChannel()  # type: ignore[assignment]  # has what a link needs
        peer.send(wire.message(wire.RESULT, b"((((", seq=request.seq))
        assert isinstance(call.wait(), SerializeError)
        assert link.channel is new
        peer.wait_closed()
        link.release()


def test_a_stream_becomes_an_iterator() -> None:
    stream = value(
        None,
        flags=wire.EXCEPTION | wire.ITEMSTREAM,
        annotations={"STRM": STREAM_ID.encode()},
    )
    with scripted_server(answering(stream, None)) as location:
        link = link_to(location)
        result = serve_call(link)
        assert isinstance(result, StreamResultIterator)
        assert result.streamId == STREAM_ID
        result.close()
        link.release()


class LeavingChannel:
    """Gives itself up between a call's look at it and its sending."""

    def __init__(self) -> None:
        self.is_usable = True
        self.seq = 7

    def exchange(self, *_: Any) -> Any:
        self.is_usable = False
        raise UnsentError("gone")

    def post(self, *_: Any) -> Any:
        self.exchange()

    def close(self) -> None:
        pass

    retire = close


def test_a_call_that_could_not_be_sent_is_made_on_a_new_connection() -> None:
    with scripted_server(answering(value(1), value(2))) as location:
        link = link_to(location)
        link.channel = LeavingChannel()  # type: ignore[assignment]  # has what a link needs
        assert serve_call(link) == 1
        assert link.last_seq == 8
        assert serve_call(link) == 2
        link.release()


# -- settings


def test_a_changed_setting_holds_for_the_next_call() -> None:
    with scripted_server(
        answering(value("x" * 100), value("x" * 2000)), answering(value(3))
    ) as location:
        link = link_to(location)
        assert serve_call(link) == "x" * 100
        with changed_settings(MAX_MESSAGE_SIZE=1000):
            with pytest.raises(MessageTooLargeError):
                serve_call(link)
            assert serve_call(link) == 3
        link.release()


def test_calls_are_compressed_if_that_is_wanted() -> None:
    requests: list[RawMessage] = []

    def compressed(request: RawMessage) -> bytes:
        payload = zlib.compress(serpent("y" * 1000))
        return wire.message(wire.RESULT, payload, seq=request.seq, flags=wire.COMPRESSED)

    script = answering(compressed, value(2), compressed, requests=requests)
    with scripted_server(script) as location:
        link = link_to(location)
        with changed_settings(COMPRESSION=True):
            assert serve_call(link, "call", "x" * 1000) == "y" * 1000
            assert serve_call(link, "call", "short") == 2
        assert serve_call(link) == "y" * 1000
        link.release()
    assert [request.flags for request in requests] == [0, wire.COMPRESSED, 0, 0]
    assert b"x" * 1000 in zlib.decompress(requests[1].payload)


def test_a_compressed_reply_that_grows_too_large_is_refused() -> None:
    def bomb(request: RawMessage) -> bytes:
        payload = zlib.compress(serpent("y" * 100_000))
        return wire.message(wire.RESULT, payload, seq=request.seq, flags=wire.COMPRESSED)

    with changed_settings(MAX_MESSAGE_SIZE=1000), scripted_server(answering(bomb)) as location:
        link = link_to(location)
        with pytest.raises(MessageTooLargeError):
            serve_call(link)
        link.release()


def test_a_call_that_is_too_large_is_not_sent_and_the_connection_stays() -> None:
    requests: list[RawMessage] = []
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        scripted_server(answering(value(1), requests=requests)) as location,
    ):
        link = link_to(location)
        with pytest.raises(MessageTooLargeError) as caught:
            serve_call(link, "call", "x" * 1000)
        assert caught.value.limit == 1000
        assert caught.value.announced is not None
        assert caught.value.announced > 1000
        assert serve_call(link) == 1
        link.release()
    assert len(requests) == 2


def test_annotations_count_for_the_size_of_a_call(own_context: ContextState) -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        scripted_server(answering(value(1))) as location,
    ):
        link = link_to(location)
        link.connect()
        own_context.outgoing = {"ABCD": b"x" * 900}
        with pytest.raises(MessageTooLargeError):
            serve_call(link, "call", "x" * 200)
        own_context.outgoing = None
        assert serve_call(link) == 1
        link.release()


@pytest.mark.parametrize("annotations", [{"ABCD": 5}, {"ABCD": None}, {"ABCD": "x"}, {"A": b"x"}])
def test_annotations_that_cannot_be_sent_are_refused_and_the_connection_stays(
    own_context: ContextState, annotations: dict[str, Any]
) -> None:
    with scripted_server(answering(value(1))) as location:
        link = link_to(location)
        link.connect()
        own_context.outgoing = annotations
        with pytest.raises(ProtocolError, match="annotation"):
            serve_call(link)
        own_context.outgoing = None
        assert serve_call(link) == 1
        link.release()


def test_calls_are_logged_if_that_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pyrolike.client")
    with changed_settings(LOGWIRE=True), scripted_server(answering(value(1))) as location:
        link = link_to(location)
        assert serve_call(link) == 1
        link.release()
    texts = [record.getMessage() for record in caplog.records]
    assert [text for text in texts if text.startswith("sending") and "INVOKE" in text]
    assert [text for text in texts if text.startswith("received") and "RESULT" in text]


def test_a_new_link_has_the_settings_of_its_time() -> None:
    with changed_settings(COMMTIMEOUT=2.5, MAX_RETRIES=3):
        link = Link(URI("PYRO:calc@127.0.0.1:1"))
    assert (link.timeout, link.max_retries) == (2.5, 3)
    assert Link(URI("PYRO:calc@127.0.0.1:1")).timeout is None


# -- context


def test_annotations_of_the_thread_go_out_and_those_of_the_reply_come_back(
    own_context: ContextState,
) -> None:
    requests: list[RawMessage] = []
    script = answering(value(1, annotations={"BACK": b"note"}), value(2), None, requests=requests)
    with scripted_server(script) as location:
        link = link_to(location)
        link.connect()
        own_context.outgoing = {"ABCD": b"note"}
        serve_call(link)
        assert own_context.response_received == {"BACK": b"note"}
        serve_call(link)
        assert own_context.response_received is None
        own_context.response = {"OLD!": b"set by the program"}
        link.invoke("call", (), {}, wire.ONEWAY)
        assert own_context.response is None
        link.release()
    assert [request.annotations for request in requests[1:]] == [{"ABCD": b"note"}] * 3


def test_a_call_from_within_a_method_carries_its_correlation_id_on(
    own_context: ContextState,
) -> None:
    requests: list[RawMessage] = []
    own_context.client = object()
    own_context.response = {"MINE": b"the method's own"}
    with scripted_server(answering(value(1), requests=requests)) as location:
        link = link_to(location)
        serve_call(link)
        link.release()
    assert requests[0].correlation_id == requests[1].correlation_id == own_context.correlation
    assert own_context.response == {"MINE": b"the method's own"}


# -- blobs


def test_a_blob_takes_the_place_of_the_arguments(own_context: ContextState) -> None:
    requests: list[RawMessage] = []
    own_context.outgoing = {"ABCD": b"note"}
    with scripted_server(answering(value(1), value(2), requests=requests)) as location:
        link = link_to(location)
        serve_call(link, "call", SerializedBlob("info", [1, 2]))
        serve_call(link)
        link.release()
    _, blob, plain = requests
    assert blob.flags == wire.KEEPSERIALIZED
    assert marshal.loads(blob.annotations["BLBI"]) == ("info", "calc", "call")
    assert blob.annotations["ABCD"] == b"note"
    assert list(contents(blob)[2]) == [1, 2]
    assert plain.annotations == {"ABCD": b"note"}


def test_a_blob_that_was_received_is_passed_on_in_its_own_serializer() -> None:
    requests: list[RawMessage] = []
    payload = get_serializer("json").dumpsCall("other", "method", [1], {})

    def in_json(request: RawMessage) -> bytes:
        return wire.message(wire.RESULT, b'"seen"', seq=request.seq, serializer=wire.JSON)

    with scripted_server(answering(in_json, requests=requests)) as location:
        link = link_to(location)
        message = Message(wire.INVOKE, wire.JSON, 0, 1, payload)
        assert serve_call(link, "call", SerializedBlob("info", message, is_blob=True)) == "seen"
        link.release()
    assert (requests[1].serializer, requests[1].payload) == (wire.JSON, payload)


def test_a_blob_must_be_the_only_argument() -> None:
    with scripted_server(answering(value(1))) as location:
        link = link_to(location)
        blob = SerializedBlob("info", [1])
        for args, kwargs in [((blob, 1), {}), ((blob,), {"x": 1}), ((1,), {"x": blob})]:
            with pytest.raises(SerializeError, match="only argument"):
                serve_call(link, "call", *args, **kwargs)
        assert serve_call(link) == 1
        link.release()


# -- raw replies


def test_a_raw_reply_is_the_message_uncompressed() -> None:
    def compressed(request: RawMessage) -> bytes:
        payload = zlib.compress(serpent("result"))
        return wire.message(wire.RESULT, payload, seq=request.seq, flags=wire.COMPRESSED)

    replies = [compressed, value("plain"), failure("builtins.ValueError", "bad")]
    with scripted_server(answering(*replies)) as location:
        link = link_to(location)
        link.wants_raw_replies = True
        first, second, third = (serve_call(link) for _ in replies)
        assert (bytes(first.payload), first.flags) == (serpent("result"), 0)
        assert bytes(second.payload) == serpent("plain")
        assert third.flags == wire.EXCEPTION
        link.release()


# -- metadata


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_metadata_may_come_in_any_collection(kind: type) -> None:
    link = Link(URI("PYRO:calc@127.0.0.1:1"))
    assert not link.has_metadata
    link.set_metadata({"methods": kind(["a", "b"]), "attrs": kind(["c"]), "oneway": kind("b")})
    assert link.has_metadata
    assert (link.methods, link.attrs, link.oneway) == ({"a", "b"}, {"c"}, {"b"})
    link.ensure_metadata()  # known: nobody is asked


@pytest.mark.parametrize(
    "metadata", [{}, {"methods": ["a"], "attrs": []}, {"methods": 1, "attrs": [], "oneway": []}, 1]
)
def test_what_is_no_metadata_is_refused(metadata: Any) -> None:
    link = Link(URI("PYRO:calc@127.0.0.1:1"))
    with pytest.raises(ProtocolError, match="malformed"):
        link.set_metadata(metadata)
    assert not link.has_metadata


def test_an_object_that_exposes_nothing_cannot_be_connected_to() -> None:
    nothing: dict[str, list[str]] = {"methods": [], "attrs": [], "oneway": []}
    with scripted_server(answering(metadata=nothing)) as location:
        link = link_to(location)
        with pytest.raises(PyroError, match="exposes nothing"):
            link.connect()
        assert link.channel is link.connection is None


def test_metadata_that_was_forgotten_is_fetched_again() -> None:
    requests: list[RawMessage] = []
    metadata = {"methods": ["fetched"], "attrs": [], "oneway": []}
    with scripted_server(answering(value(metadata), requests=requests)) as location:
        link = link_to(location)
        link.ensure_metadata()
        assert link.methods == {"call"}
        link.methods = set()
        link.ensure_metadata()
        assert link.methods == {"fetched"}
        link.release()
    assert contents(requests[1]) == (DAEMON_NAME, "get_metadata", ["calc"], {})


def test_metadata_of_another_object_can_be_fetched() -> None:
    requests: list[RawMessage] = []
    with scripted_server(answering(value(dict(METADATA)), requests=requests)) as location:
        link = link_to(location)
        assert link.fetch_metadata("other")["methods"] == ["call"]
        link.release()
    assert list(contents(requests[1])[2]) == ["other"]


def test_metadata_can_be_fetched_by_name_before_anything_else() -> None:
    """The daemon knows the object by its id, not by the name it has at the name server."""
    requests: list[RawMessage] = []
    script = answering(value(dict(METADATA)), requests=requests)
    with scripted_server(script) as location, named(f"PYRO:calc@{location}") as name_server:
        link = Link(URI(f"PYRONAME:some.name@{name_server}"))
        link.set_timeout(PATIENCE)
        link.fetch_metadata()
        link.release()
    assert list(contents(requests[1])[2]) == ["calc"]


# -- connecting


def named(uri: str, times: int = 1) -> Any:
    """Run a name server that says *uri* whatever it is asked, to so many clients."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.answer(peer.read_message(), uri)
        peer.wait_closed()

    return scripted_server(*[script] * times)


def test_there_is_one_connection() -> None:
    with scripted_server(answering(value(1))) as location:
        link = link_to(location)
        channel = link.connect()
        assert link.connect() is channel is link.channel
        assert link.bind() is False
        assert serve_call(link) == 1
        assert link.channel is channel
        link.release()
        assert link.channel is link.connection is None
        link.release()


def test_a_lost_connection_is_replaced_with_the_next_call() -> None:
    def leave(peer: RawPeer) -> None:
        peer.accept_handshake()

    with scripted_server(leave, answering(value(1))) as location:
        link = link_to(location)
        link.connect()
        with pytest.raises(ConnectionClosedError):
            serve_call(link)
        assert serve_call(link) == 1
        link.release()


def test_binding_keeps_the_uri_a_name_stands_for() -> None:
    with scripted_server(answering(value(1))) as location:
        with named(f"PYRO:calc@{location}") as name_server:
            link = Link(URI(f"PYRONAME:some.name@{name_server}"))
            link.set_timeout(PATIENCE)
            assert link.bind() is True
            assert link.uri == URI(f"PYRO:calc@{location}")
        assert serve_call(link) == 1
        link.release()


def test_connecting_otherwise_keeps_the_name() -> None:
    requests: list[RawMessage] = []
    script = answering(value(1), requests=requests)
    with (
        scripted_server(script, script) as location,
        named(f"PYRO:calc@{location}", times=2) as name_server,
    ):
        uri = URI(f"PYRONAME:some.name@{name_server}")
        link = Link(uri)
        link.set_timeout(PATIENCE)
        for _ in range(2):
            serve_call(link)
            assert link.uri == uri
            link.release()
    assert contents(requests[1])[0] == "calc"


def test_binding_that_fails_keeps_the_name() -> None:
    """The object may come back elsewhere; the name will tell where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"127.0.0.1:{listener.getsockname()[1]}"
    with named(f"PYRO:calc@{nobody}") as name_server:
        uri = URI(f"PYRONAME:some.name@{name_server}")
        link = Link(uri)
        link.set_timeout(PATIENCE)
        with pytest.raises(CommunicationError):
            link.bind()
        assert link.uri == uri


def test_the_name_of_a_name_cannot_be_connected_to() -> None:
    with named("PYRONAME:another.name") as name_server:
        link = Link(URI(f"PYRONAME:some.name@{name_server}"))
        with pytest.raises(NamingError, match="name again"):
            link.connect()


def test_the_hook_sees_the_connection_and_may_call() -> None:
    seen = []

    def hook(response: Any) -> None:
        assert link.connection is not None
        seen.append((response, link.invoke("call", (), {}), link.methods))

    with scripted_server(answering(value("in the hook"), value("after"))) as location:
        link = link_to(location)
        link.on_connected = hook
        assert serve_call(link) == "after"
        link.release()
    assert seen == [("hello", "in the hook", {"call"})]


def test_the_hook_may_refuse() -> None:
    class RefusedError(Exception):
        pass

    def hook(response: Any) -> None:
        raise RefusedError(response)

    with scripted_server(answering(), answering()) as location:
        link = link_to(location)
        link.on_connected = hook
        for _ in range(2):
            with pytest.raises(RefusedError):
                link.connect()
            assert link.channel is link.connection is None


def test_a_timeout_holds_for_the_connection_there_is() -> None:
    with scripted_server(answering(None), answering(value(1))) as location:
        link = link_to(location)
        link.connect()
        link.set_timeout(0.05)
        assert link.connection is not None
        assert link.connection.timeout == 0.05
        with pytest.raises(errors.TimeoutError):
            serve_call(link)
        link.set_timeout(PATIENCE)  # the connection is closed by now
        assert serve_call(link) == 1
        link.set_timeout(0)
        assert link.timeout is None
        assert link.connection.timeout is None
        link.release()


def test_without_a_timeout_connecting_has_one_of_its_own() -> None:
    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with changed_settings(CONNECT_TIMEOUT=0.05), scripted_server(silent) as location:
        link = Link(URI(f"PYRO:calc@{location}"))
        assert link.timeout is None
        with pytest.raises(errors.TimeoutError):
            link.connect()


class Hall:
    """Where the far ends of connections wait for a test, their handshakes done."""

    def __init__(self) -> None:
        self._peers: queue.Queue[RawPeer] = queue.Queue()
        self._is_over = threading.Event()

    def script(self, peer: RawPeer) -> None:
        peer.accept_handshake()
        self._peers.put(peer)
        assert self._is_over.wait(PATIENCE)

    def next_peer(self) -> RawPeer:
        return self._peers.get(timeout=PATIENCE)

    def close(self) -> None:
        self._is_over.set()


def test_a_call_in_flight_survives_that_another_gave_up() -> None:
    """The one whose time was over makes a new connection; the other finishes on the old one."""
    with scripted_server((hall := Hall()).script, hall.script) as location, closing(hall):
        link = link_to(location)
        link.connect()
        old = hall.next_peer()
        patient = Call(lambda: serve_call(link, "call", "patient"))
        request = old.read_message()
        link.timeout = 0.05
        with pytest.raises(errors.TimeoutError):
            serve_call(link, "call", "impatient")
        link.timeout = PATIENCE
        again = Call(lambda: serve_call(link, "call", "again"))
        new = hall.next_peer()
        new.answer(new.read_message(), "new")
        assert again.answer() == "new"
        assert not patient.is_over(), patient.error
        old.answer(request, "old")
        assert patient.answer() == "old"
        link.release()


def test_releasing_ends_the_calls_in_flight() -> None:
    with scripted_server((hall := Hall()).script) as location, closing(hall):
        link = link_to(location)
        link.connect()
        call = Call(lambda: serve_call(link))
        hall.next_peer().read_message()
        link.release()
        assert isinstance(call.wait(), ConnectionClosedError)


# -- sockets of others


def test_a_borrowed_socket_is_asked_for_metadata_and_never_closed() -> None:
    ours, theirs = socket.socketpair()
    requests = []

    def serve() -> None:
        for answer in (dict(METADATA), "result"):
            requests.append(peer.read_message())
            peer.answer(requests[-1], answer)

    with ours, RawPeer(theirs) as peer:
        serving = Call(serve)
        link = Link(URI("PYRO:calc@<<connected-socket>>:0"))
        link.set_timeout(PATIENCE)
        link.adopt(ours)
        assert link.methods == {"call"}
        assert serve_call(link) == "result"
        serving.answer()
        link.release()
        del link
        ours.sendall(b"!")
        assert peer.receive(1) == b"!"
    assert contents(requests[0]) == (DAEMON_NAME, "get_metadata", ["calc"], {})
    assert [request.seq for request in requests] == [1, 2]


# -- streams that nobody iterates any more


def test_a_forgotten_stream_is_closed_with_the_next_call() -> None:
    requests: list[RawMessage] = []
    with scripted_server(answering(None, None, value(1), requests=requests)) as location:
        link = link_to(location)
        link.connect()
        link.forgotten_streams.extend(["one", "two"])
        assert serve_call(link) == 1
        assert not link.forgotten_streams
        link.release()
    _, one, two, _ = requests
    assert (one.flags, two.flags) == (wire.ONEWAY, wire.ONEWAY)
    assert contents(one) == (DAEMON_NAME, "close_stream", ["one"], {})
    assert contents(two) == (DAEMON_NAME, "close_stream", ["two"], {})


def test_releasing_forgets_the_forgotten() -> None:
    link = Link(URI("PYRO:calc@127.0.0.1:1"))
    link.forgotten_streams.append("one")
    link.release()
    assert not link.forgotten_streams


class Contested(deque[str]):
    """Another thread always takes the last item first."""

    def popleft(self) -> str:
        self.clear()
        return super().popleft()


def test_two_threads_may_come_to_close_one_stream() -> None:
    with scripted_server(answering(value(1))) as location:
        link = link_to(location)
        link.connect()
        link.forgotten_streams = Contested(["one"])
        assert serve_call(link) == 1
        link.release()


def test_a_stream_that_cannot_be_closed_does_not_harm_the_call() -> None:
    """Another thread gives the channel up just then; the stream ends with its connection."""
    with scripted_server((hall := Hall()).script) as location, closing(hall):
        link = link_to(location)
        link.channel = LeavingChannel()  # type: ignore[assignment]  # has what a link needs
        link.forgotten_streams.append("one")
        call = Call(lambda: serve_call(link))
        if call.is_over(0.1):
            call.answer()
        peer = hall.next_peer()
        peer.answer(peer.read_message(), "result")
        assert call.answer() == "result"
        link.release()


# -- the end


def test_the_last_reference_closes_the_connection() -> None:
    gc.disable()
    try:
        with scripted_server(answering(value(1))) as location:
            link = link_to(location)
            serve_call(link)
            connection = weakref.ref(link.connection)
            del link
            assert connection() is None
    finally:
        gc.enable()


def test_without_its_serializer_there_is_no_link() -> None:
    with changed_settings(SERIALIZER="no-such"), pytest.raises(SerializeError, match="no-such"):
        Link(URI("PYRO:calc@127.0.0.1:1"))
