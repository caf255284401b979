"""What a proxy knows and does, against peers that answer as a test tells them."""

from __future__ import annotations

import logging
import marshal
import socket
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from time import monotonic
from types import SimpleNamespace
from typing import Any, SupportsIndex

import pytest

from pyrolike import errors
from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.client.channel import UnsentError
from pyrolike.client.iterator import StreamResultIterator
from pyrolike.client.link import Link
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import (
    ConnectionClosedError,
    MessageTooLargeError,
    NamingError,
    ProtocolError,
    SecurityError,
    SerializeError,
)
from pyrolike.protocol import Message
from pyrolike.serializers import SerializedBlob, get_serializer
from pyrolike.uri import URI
from tests.support import wire
from tests.support.answers import (
    SERIALIZERS,
    Answers,
    Hall,
    Slow,
    answering,
    contents,
    failure,
    named,
    value,
)
from tests.support.channels import Call
from tests.support.daemon import changed_settings
from tests.support.rawpeer import METADATA, PATIENCE, RawPeer, scripted_server, serpent
from tests.support.wire import RawMessage

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


def serve_call(link: Link, method: str = "call", *args: Any, **kwargs: Any) -> Any:
    return link.call(method, *args, **kwargs)


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
        assert link.connection is not None
        assert link.connection.is_closed
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


def stream_of(most: bytes | None) -> Answers:
    """Return the answer that is a stream, with the number of items one can get at once."""
    annotations = {"STRM": STREAM_ID.encode()}
    if most is not None:
        annotations["STRW"] = most
    return value(None, flags=wire.EXCEPTION | wire.ITEMSTREAM, annotations=annotations)


STOCK = (DAEMON_NAME, "get_next_stream_item", [STREAM_ID], {})
COUNTED = (DAEMON_NAME, "get_next_stream_item", [STREAM_ID, 0], {})
BATCH = (DAEMON_NAME, "<batch>", [("get_next_stream_item", (STREAM_ID,), {})] * 5, None)


def window_of(count: int) -> tuple[str, str, list[Any], dict[str, Any]]:
    return (DAEMON_NAME, "get_stream_items", [STREAM_ID, 0, count], {})


@pytest.mark.parametrize(
    ("most", "window", "expected"),
    [
        (None, 1, STOCK),
        (b"1000", 1, COUNTED),
        (b"1000", 5, window_of(5)),
        (b"1000", 3000, window_of(1000)),
        (b"5", 5, window_of(5)),
        (b"4", 5, window_of(4)),
        (b"1", 5, COUNTED),
        (b"0", 5, COUNTED),
        (b"0007", 5, window_of(5)),
        (b"9" * 18, 5, window_of(5)),
        # What is no count of items says nothing.
        (None, 5, BATCH),
        (b"", 5, BATCH),
        (b"-4", 5, BATCH),
        (b"4.0", 5, BATCH),
        (b" 4", 5, BATCH),
        (b"4_0", 5, BATCH),
        (b"many", 5, BATCH),
        (b"\xb2\xff", 5, BATCH),
        ("٣".encode(), 5, BATCH),
        (b"9" * 19, 5, BATCH),
        (b"9" * 100_000, 5, BATCH),
    ],
    ids=lambda part: repr(part)[:20],
)
def test_the_daemon_says_how_items_can_be_fetched(
    most: bytes | None, window: int, expected: Any
) -> None:
    requests: list[RawMessage] = []
    lists = expected in (BATCH, *map(window_of, (4, 5, 1000)))
    script = answering(stream_of(most), value(["item"] if lists else "item"), requests=requests)
    with scripted_server(script) as location:
        link = link_to(location)
        link.stream_window = window
        items = serve_call(link)
        assert next(items) == "item"
        link.release()
    object_id, method, vargs, kwargs = contents(requests[2])
    assert (object_id, method, list(vargs), kwargs) == expected
    assert requests[2].flags == (wire.BATCH if expected is BATCH else 0)


def test_the_window_is_that_of_the_setting_when_the_stream_arrived() -> None:
    requests: list[RawMessage] = []
    script = answering(stream_of(b"1000"), value(["item"]), requests=requests)
    with scripted_server(script) as location:
        link = link_to(location)
        assert link.stream_window is None
        with changed_settings(ITER_STREAM_WINDOW=7):
            items = serve_call(link)
        assert next(items) == "item"
        link.release()
    assert list(contents(requests[2])[2]) == [STREAM_ID, 0, 7]


def test_a_stream_keeps_the_owner_of_the_link_if_it_has_one() -> None:
    class Owner:
        _pyroIsPlain = False

        def _pyroInvoke(self) -> None:
            """Stand for the proxy's."""

    with scripted_server(answering(stream_of(None), None, stream_of(b"9"))) as location:
        link = link_to(location)
        owner: Owner | None = Owner()
        link.owner = weakref.ref(owner)
        items = serve_call(link)
        owner = None
        assert link.owner() is not None
        del items
        assert link.owner() is None
        assert isinstance(serve_call(link), StreamResultIterator)  # the owner has gone before
        link.release()


@pytest.mark.parametrize("failing", ["Pyro5.errors.SerializeError", "lost"])
def test_a_stream_goes_on_where_it_was_after_connecting_again(failing: str) -> None:
    requests: list[RawMessage] = []

    def leave(peer: RawPeer) -> None:
        peer.accept_handshake(requests=requests)
        for answer in (stream_of(b"9"), value(["a", "b"])):
            requests.append(peer.read_message())
            peer.send(answer(requests[-1]))
        requests.append(peer.read_message())
        if failing != "lost":
            peer.send(failure(failing, "bad")(requests[-1]))
            peer.wait_closed()

    again = answering(*[failure(failing, "bad")] * (failing != "lost"), requests=requests)
    last = answering(value(["c"]), requests=requests)
    scripts = [leave, again, last] if failing != "lost" else [leave, last]
    with scripted_server(*scripts) as location:
        link = link_to(location)
        link.stream_window = 2
        items = serve_call(link)
        assert [next(items), next(items)] == ["a", "b"]
        with pytest.raises((SerializeError, ConnectionClosedError)):
            next(items)
        link.connect()
        assert next(items) == "c"
        link.release()
    calls = [contents(request) for request in requests if request.type == wire.INVOKE]
    positions = [list(vargs)[1] for _, method, vargs, _ in calls if method != "call"]
    # The item that cannot be sent was looked for alone, and is then passed over.
    assert positions == ([0, 2, 2] if failing == "lost" else [0, 2, 2, 3])


class LeavingChannel:
    """Gives itself up between a call's look at it and its sending."""

    def __init__(self) -> None:
        self.is_usable = True
        self.seq = 7
        self.connection = SimpleNamespace(sock=SimpleNamespace(getpeername=None))

    def exchange(self, *_: Any) -> Any:
        self.is_usable = False
        raise UnsentError("gone")

    def post(self, *_: Any) -> Any:
        self.exchange()

    def close(self) -> None:
        pass

    retire = release = close


@pytest.mark.parametrize("make", [Link.call, lambda link, name: link.invoke(name, (), {})])
def test_a_call_that_could_not_be_sent_is_made_on_a_new_connection(
    make: Callable[[Link, str], Any],
) -> None:
    with scripted_server(answering(value(1), value(2))) as location:
        link = link_to(location)
        link.channel = LeavingChannel()  # type: ignore[assignment]  # has what a link needs
        assert make(link, "call") == 1
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


# -- hooks


class Hooks:
    """Adds an annotation to each message, and writes down those of the answers."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.shown: list[tuple[dict[str, bytes], int]] = []
        self._error = error

    def give(self) -> Mapping[str, Any]:
        self.asked += 1
        return {"HOOK": b"hook", "BOTH": b"hook"}

    def see(self, annotations: Mapping[str, Any], kind: int) -> None:
        self.shown.append(({name: bytes(data) for name, data in annotations.items()}, kind))
        if self._error is not None:
            raise self._error


def test_hooks_annotate_every_message_and_win(own_context: ContextState) -> None:
    requests: list[RawMessage] = []
    hooks = Hooks()
    own_context.outgoing = {"BOTH": b"thread", "MINE": b"thread"}
    script = answering(
        value(1, annotations={"BACK": b"note"}), value(2), None, value([]), requests=requests
    )
    with scripted_server(script) as location:
        link = link_to(location)
        link.set_annotation_hooks(hooks.give, hooks.see)
        assert serve_call(link) == 1
        assert own_context.response_received == {"BACK": b"note"}
        assert serve_call(link) == 2
        assert link.invoke("call", (), {}, wire.ONEWAY) is None
        assert link.invoke("<batch>", [], None, wire.BATCH) == []
        link.release()
    everything = {"MINE": b"thread", "HOOK": b"hook", "BOTH": b"hook"}
    assert [request.annotations for request in requests] == [everything] * 5
    assert hooks.asked == 5
    assert hooks.shown == [({"BACK": b"note"}, wire.RESULT)]
    assert own_context.outgoing == {"BOTH": b"thread", "MINE": b"thread"}


def test_each_hook_works_without_the_other() -> None:
    requests: list[RawMessage] = []
    hooks = Hooks()
    noted = value(1, annotations={"BACK": b"note"})
    with scripted_server(answering(*[noted] * 3, requests=requests)) as location:
        link = link_to(location)
        link.connect()
        link.set_annotation_hooks(hooks.give, None)
        serve_call(link)
        link.set_annotation_hooks(None, hooks.see)
        serve_call(link)
        link.set_annotation_hooks(None, None)
        serve_call(link)
        link.release()
    assert [bool(request.annotations) for request in requests] == [False, True, False, False]
    assert (hooks.asked, len(hooks.shown)) == (1, 1)


def test_hooks_do_not_spoil_a_blob() -> None:
    requests: list[RawMessage] = []
    with scripted_server(answering(value(1), requests=requests)) as location:
        link = link_to(location)
        link.set_annotation_hooks(lambda: {"BLBI": b"not this", "HOOK": b"hook"}, None)
        assert serve_call(link, "call", SerializedBlob("info", [1])) == 1
        link.release()
    annotations = requests[1].annotations
    assert annotations["HOOK"] == b"hook"
    assert marshal.loads(annotations["BLBI"]) == ("info", "calc", "call")


def test_annotations_of_an_exception_are_shown_before_it_is_raised() -> None:
    hooks = Hooks()

    def refuse(request: RawMessage) -> bytes:
        state = {"__class__": "builtins.ValueError", "__exception__": True, "args": ("bad",)}
        return value(
            {**state, "attributes": {}}, flags=wire.EXCEPTION, annotations={"BACK": b"why"}
        )(request)

    with scripted_server(answering(refuse)) as location:
        link = link_to(location)
        link.set_annotation_hooks(None, hooks.see)
        with pytest.raises(ValueError, match="bad"):
            serve_call(link)
        link.release()
    assert hooks.shown == [({"BACK": b"why"}, wire.RESULT)]


def test_a_hook_that_fails_fails_the_call_and_the_connection_stays() -> None:
    hooks = Hooks(PermissionError("unsigned"))
    noted = value(1, annotations={"BACK": b"note"})
    with scripted_server(answering(noted, value(2))) as location:
        link = link_to(location)
        link.set_annotation_hooks(None, hooks.see)
        with pytest.raises(PermissionError, match="unsigned"):
            serve_call(link)
        link.set_annotation_hooks(lambda: {}["no key"], None)
        with pytest.raises(KeyError):
            serve_call(link)
        link.set_annotation_hooks(None, None)
        assert serve_call(link) == 2
        link.release()


# -- raw replies


def test_a_raw_reply_is_the_message_uncompressed() -> None:
    def compressed(request: RawMessage) -> bytes:
        payload = zlib.compress(serpent("result"))
        return wire.message(wire.RESULT, payload, seq=request.seq, flags=wire.COMPRESSED)

    replies = [compressed, value("plain"), failure("builtins.ValueError", "bad")]
    with scripted_server(answering(*replies)) as location:
        link = link_to(location)
        assert not link.wants_raw_replies
        link.wants_raw_replies = True
        assert link.wants_raw_replies
        first, second, third = (serve_call(link) for _ in replies)
        assert (bytes(first.payload), first.flags) == (serpent("result"), 0)
        assert bytes(second.payload) == serpent("plain")
        assert third.flags == wire.EXCEPTION
        link.release()


# -- metadata


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


def test_where_metadata_is_off_a_borrowed_socket_is_not_asked_for_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer, changed_settings(METADATA=False):
        link = Link(URI("PYRO:calc@<<connected-socket>>:0"))
        link.set_timeout(PATIENCE)
        link.adopt(ours)
        assert not link.has_metadata
        call = Call(lambda: serve_call(link))
        peer.answer(peer.read_message(), "result")
        assert call.answer() == "result"
        link.release()


def test_metadata_that_is_known_is_not_asked_for() -> None:
    link = Link(URI("PYRO:calc@127.0.0.1:1"))
    link.set_metadata(METADATA)
    link.ensure_metadata()


def test_the_name_of_the_serializer_is_that_of_the_next_call() -> None:
    link = Link(URI("PYRO:calc@127.0.0.1:1"))
    assert link.codec_name == "serpent"
    with changed_settings(SERIALIZER="marshal"):
        assert link.codec_name == "marshal"
    assert link.codec_name == "serpent"
    link.serializer_name = "json"
    assert link.codec_name == "json"


# -- time


TIMEOUT, LONG = 0.25, 0.17
"""One long answer is in time, two are not."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "times",
    [(LONG, 0.0, 0.0, LONG), (0.0, LONG, 0.0, LONG), (0.0, 0.0, LONG, LONG)],
    ids=repr,
)
def test_finding_connecting_and_calling_share_one_timeout(
    times: tuple[float, float, float, float],
) -> None:
    """None of them is too slow for itself: the name server twice, the daemon, and the method."""
    shaking, asking, connecting, calling = times
    with (
        closing(Slow()) as slow,
        scripted_server(slow.daemon(connecting, calling)) as location,
        scripted_server(
            slow.name_server(lambda: f"PYRO:calc@{location}", shaking, asking)
        ) as name_server,
    ):
        link = Link(URI(f"PYRONAME:some.name@{name_server}"))
        link.set_timeout(TIMEOUT)
        with closing(slow), pytest.raises((errors.TimeoutError, NamingError)) as caught:
            serve_call(link)
        assert isinstance(caught.value.__cause__ or caught.value, errors.TimeoutError)
        link.release()


def test_a_call_may_have_a_deadline_of_its_own() -> None:
    with scripted_server(answering(value(1), None)) as location:
        link = link_to(location)
        soon = monotonic() + PATIENCE
        assert link.invoke("call", (), {}, deadline=soon) == 1  # connects
        with pytest.raises(errors.TimeoutError, match="receiving"):
            link.invoke("call", (), {}, deadline=monotonic() + 0.05)
        link.release()


def test_a_call_whose_time_is_over_before_it_begins_is_not_made() -> None:
    with scripted_server(answering(value(1), value(2))) as location:
        link = link_to(location)
        assert serve_call(link) == 1
        with pytest.raises(errors.TimeoutError, match="the call was not made"):
            link.invoke("call", (), {}, deadline=monotonic() - 1.0)
        assert serve_call(link) == 2
        link.release()


def test_a_hook_that_takes_all_the_time_leaves_none_for_the_call() -> None:
    requests: list[RawMessage] = []
    with scripted_server(answering(value(1), requests=requests)) as location:
        link = link_to(location)
        link.timeout = 0.05
        link.on_connected = lambda response: threading.Event().wait(0.06) and None
        with pytest.raises(errors.TimeoutError, match="the call was not made"):
            serve_call(link)
        link.timeout = PATIENCE
        assert serve_call(link) == 1  # the connection is as good as any
        link.release()
    assert len(requests) == 2


def test_a_call_that_waits_for_others_to_be_sent_keeps_its_time() -> None:
    with scripted_server(answering(value(1))) as location:
        link = link_to(location)
        channel = link.connect()
        link.timeout = 0.05
        with channel._send_lock, pytest.raises(errors.TimeoutError, match="other calls"):
            serve_call(link)
        link.timeout = PATIENCE
        assert serve_call(link) == 1
        link.release()


def test_a_call_that_nobody_takes_ends_with_its_time() -> None:
    """More than the system's buffers hold, to a peer that reads nothing."""
    with scripted_server((hall := Hall()).script) as location, closing(hall):
        link = link_to(location)
        link.connect()
        with pytest.raises(errors.TimeoutError, match="sending"):
            link.invoke("call", ("x" * 20_000_000,), {}, deadline=monotonic() + 0.1)
        link.release()


@pytest.mark.parametrize("timeout", [None, 0.1])
def test_a_call_that_is_made_on_a_new_connection_keeps_its_time(timeout: float | None) -> None:
    """It has lost some when its first channel left it; there is no second helping."""
    requests: list[RawMessage] = []

    class Late(LeavingChannel):
        def exchange(self, *args: Any) -> Any:
            self.is_usable = False
            fault = UnsentError("gone")
            fault.deadline = monotonic() - 1.0 if timeout else None
            raise fault

    with scripted_server(answering(*[value(1)] * (timeout is None), requests=requests)) as location:
        link = link_to(location)
        link.set_timeout(timeout)
        link.channel = Late()  # type: ignore[assignment]  # has what a link needs
        if timeout is None:
            assert serve_call(link) == 1
        else:
            with pytest.raises(errors.TimeoutError):
                serve_call(link)
            link.set_timeout(PATIENCE)
            link.connect()
        link.release()


# -- connecting


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
    first, second = (request.seq for request in requests)
    assert second == (first + 1) & 0xFFFF


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


def test_a_stream_that_was_closed_without_a_connection_is_told_with_the_next() -> None:
    requests: list[RawMessage] = []
    scripts = [
        answering(stream_of(None), requests=requests),
        answering(None, value(1), requests=requests),
    ]
    with scripted_server(*scripts) as location:
        link = link_to(location)
        items = serve_call(link)
        link.release()
        items.close()
        assert list(link.forgotten_streams) == [STREAM_ID]
        link.release()
        assert serve_call(link) == 1
        assert not link.forgotten_streams
        link.release()
    assert contents(requests[3]) == (DAEMON_NAME, "close_stream", [STREAM_ID], {})


class Contested(list[str]):
    """Another thread always takes the last item first."""

    def pop(self, index: SupportsIndex = -1) -> str:
        self.clear()
        return super().pop(index)


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
