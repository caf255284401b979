"""Who is calling, and what travels beside the call: the context of a thread."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.callcontext import ContextState, current_context, get_state, set_state
from pyrolike.errors import PyroError
from pyrolike.protocol import Message, MessageReader
from tests.support import wire, wire48
from tests.support.daemon import Threads

ID = uuid.UUID("0d8b9f3c-6c0c-4f0e-9d0b-1f6a7c1e2d3f")

FIELDS = {
    "client",
    "client_sock_addr",
    "seq",
    "msg_flags",
    "serializer_id",
    "annotations",
    "response_annotations",
    "correlation_id",
}


@pytest.fixture(autouse=True)
def own_context() -> Iterator[ContextState]:
    """Give the test a context nobody has touched."""
    before, state = get_state(), ContextState()
    set_state(state)
    yield state
    set_state(before)


@pytest.fixture
def serving() -> ContextState:
    """Let this thread serve a request."""
    state = ContextState(client=Client(), client_sock_addr=("127.0.0.1", 1234))
    annotations = {"ABCD": memoryview(b"the caller's")}
    state.begin_request(Message(4, 3, 0x40, 17, b"", annotations, ID.bytes))
    set_state(state)
    return state


class Client:
    """Stands for a connection."""

    def __init__(self) -> None:
        self.tracked_resources: set[Any] = set()


# -- outside of a daemon's calls


def test_outside_of_calls_there_is_nothing() -> None:
    assert current_context.client is None
    assert current_context.client_sock_addr is None
    assert current_context.seq == current_context.msg_flags == current_context.serializer_id == 0
    assert current_context.annotations == current_context.response_annotations == {}
    assert current_context.correlation_id is None


def test_annotations_to_send_stay_until_they_are_changed(own_context: ContextState) -> None:
    current_context.annotations = {"ABCD": b"x"}
    current_context.annotations["EFGH"] = b"y"
    assert current_context.annotations == own_context.outgoing == {"ABCD": b"x", "EFGH": b"y"}
    current_context.annotations = {}
    assert current_context.annotations == own_context.outgoing == {}


def test_annotations_may_be_set_one_by_one_from_the_beginning(own_context: ContextState) -> None:
    current_context.annotations["ABCD"] = b"x"
    assert own_context.outgoing == {"ABCD": b"x"}


def test_annotations_of_the_last_reply_are_seen(own_context: ContextState) -> None:
    own_context.response_received = {"ABCD": memoryview(b"x")}
    assert current_context.response_annotations == {"ABCD": b"x"}
    own_context.response_received = None
    assert current_context.response_annotations == {}


def test_a_correlation_id_is_there_if_it_was_set(own_context: ContextState) -> None:
    assert own_context.get_correlation() is None
    current_context.correlation_id = ID
    assert current_context.correlation_id == ID
    assert own_context.get_correlation() == ID.bytes
    current_context.correlation_id = None
    assert current_context.correlation_id is None


def test_every_field_can_be_set() -> None:
    client = Client()
    current_context.client = client
    current_context.client_sock_addr = ("h", 1)
    current_context.seq = 1
    current_context.msg_flags = 2
    current_context.serializer_id = 3
    assert current_context.client is client
    assert current_context.client_sock_addr == ("h", 1)
    assert (current_context.seq, current_context.msg_flags) == (1, 2)
    assert current_context.serializer_id == 3


def test_nothing_else_can_be_set() -> None:
    """A misspelt name would otherwise be a setting that nobody sees."""
    with pytest.raises(AttributeError):
        current_context.annotation = {}  # type: ignore[attr-defined]  # the mistake is the point


def test_each_thread_has_a_context_of_its_own() -> None:
    current_context.annotations = {"ABCD": b"mine"}
    current_context.seq = 5

    def look() -> None:
        assert current_context.annotations == {}
        assert current_context.seq == 0
        current_context.annotations = {"ABCD": b"theirs"}

    with Threads() as threads:
        threads.start(look)
    assert current_context.annotations == {"ABCD": b"mine"}


# -- in a daemon's call


def test_in_a_call_the_context_describes_the_request(serving: ContextState) -> None:
    assert current_context.client is serving.client
    assert current_context.client_sock_addr == ("127.0.0.1", 1234)
    assert (current_context.seq, current_context.msg_flags) == (17, 0x40)
    assert current_context.serializer_id == 3
    assert current_context.annotations == {"ABCD": b"the caller's"}
    assert current_context.response_annotations == {}
    assert current_context.correlation_id == ID


def test_the_next_request_begins_with_nothing_of_the_last(serving: ContextState) -> None:
    current_context.annotations = {"MINE": b"x"}
    current_context.response_annotations = {"BACK": b"x"}
    serving.response_received = {"NEST": b"x"}
    serving.begin_request(Message(4, 1, 0, 18, b""))
    assert current_context.annotations == current_context.response_annotations == {}
    assert (serving.outgoing, serving.response) == ({}, {})
    assert (current_context.seq, current_context.msg_flags) == (18, 0)
    assert current_context.correlation_id != ID


def test_a_request_without_annotations_has_none(serving: ContextState) -> None:
    serving.begin_request(Message(4, 1, 0, 18, b""))
    annotations = current_context.annotations
    assert annotations == {}
    assert current_context.annotations is annotations


def test_a_callers_annotations_are_not_those_to_send(serving: ContextState) -> None:
    assert serving.outgoing is None
    current_context.annotations = {"MINE": b"x"}
    assert serving.outgoing == current_context.annotations == {"MINE": b"x"}
    assert serving.received == {"ABCD": b"the caller's"}


def test_annotations_for_the_reply_are_kept_apart_from_those_of_nested_replies(
    serving: ContextState,
) -> None:
    current_context.response_annotations["BACK"] = b"x"
    assert serving.response == {"BACK": b"x"}
    serving.response_received = {"NEST": b"y"}
    assert current_context.response_annotations == {"NEST": b"y"}
    current_context.response_annotations = {"BACK": b"z"}
    assert current_context.response_annotations == serving.response == {"BACK": b"z"}


def test_what_is_added_to_a_callers_annotations_is_to_be_sent(serving: ContextState) -> None:
    current_context.annotations["MINE"] = b"x"
    current_context.annotations.update({"MORE": b"y"}, LAST=b"z")
    assert current_context.annotations.setdefault("LAST", b"other") == b"z"
    assert current_context.annotations.setdefault("ABCD", b"other") == b"the caller's"
    del current_context.annotations["MORE"], current_context.annotations["ABCD"]
    assert serving.outgoing == {"MINE": b"x", "LAST": b"z"}
    assert current_context.annotations == serving.outgoing
    current_context.annotations = {"ONLY": b"x"}
    assert current_context.annotations == serving.outgoing == {"ONLY": b"x"}


def test_what_is_added_to_a_nested_replys_annotations_is_for_the_own_reply(
    serving: ContextState,
) -> None:
    current_context.response_annotations["BACK"] = b"x"
    serving.response_received = {"NEST": b"y"}
    current_context.response_annotations["MORE"] = b"z"
    assert current_context.response_annotations == {"NEST": b"y", "MORE": b"z"}
    assert serving.response == {"BACK": b"x", "MORE": b"z"}


def test_what_was_added_can_be_taken_to_another_thread(serving: ContextState) -> None:
    current_context.annotations["MINE"] = b"x"
    values = current_context.to_global()
    set_state(ContextState())
    current_context.from_global(values)
    assert current_context.annotations == {"ABCD": b"the caller's", "MINE": b"x"}
    assert get_state().outgoing == {"MINE": b"x"}


def test_what_is_no_correlation_id_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"uuid\.UUID or None, not str"):
        current_context.correlation_id = str(ID)  # type: ignore[assignment]  # the mistake is the point


def test_in_a_call_there_is_always_a_correlation_id(serving: ContextState) -> None:
    serving.begin_request(Message(4, 1, 0, 18, b""))
    made_up = current_context.correlation_id
    assert made_up is not None
    assert made_up.version == 4
    assert current_context.correlation_id == made_up
    assert serving.get_correlation() == made_up.bytes


def test_a_copy_describes_the_same_request_and_is_independent(serving: ContextState) -> None:
    current_context.annotations = {"MINE": b"x"}
    other = serving.copy()
    assert (other.client, other.client_sock_addr) == (serving.client, serving.client_sock_addr)
    assert (other.seq, other.msg_flags, other.serializer_id) == (17, 0x40, 3)
    assert other.received == serving.received
    assert other.outgoing == {"MINE": b"x"}
    assert other.outgoing is not serving.outgoing
    assert other.correlation == ID.bytes
    assert other.response is other.response_received is None
    current_context.annotations = {}
    assert serving.copy().outgoing is None


def test_a_copy_has_the_correlation_id_that_would_have_been_made_up(serving: ContextState) -> None:
    serving.begin_request(Message(4, 1, 0, 18, b""))
    assert serving.copy().correlation == serving.correlation is not None


# -- to another thread


def test_the_eight_fields_can_be_carried_to_another_thread(serving: ContextState) -> None:
    current_context.response_annotations = {"BACK": b"x"}
    values = current_context.to_global()
    assert set(values) >= FIELDS

    def look() -> None:
        current_context.from_global(values)
        assert current_context.client is values["client"]
        assert current_context.client_sock_addr == ("127.0.0.1", 1234)
        assert (current_context.seq, current_context.msg_flags) == (17, 0x40)
        assert current_context.serializer_id == 3
        assert current_context.annotations == {"ABCD": b"the caller's"}
        assert current_context.response_annotations == {"BACK": b"x"}
        assert current_context.correlation_id == ID
        assert current_context.to_global() == values

    with Threads() as threads:
        threads.start(look)


def test_a_clients_annotations_go_out_from_the_other_thread_too(own_context: ContextState) -> None:
    current_context.annotations = {"ABCD": b"x"}
    values = current_context.to_global()

    def look() -> None:
        current_context.from_global(values)
        assert get_state().outgoing == {"ABCD": b"x"}
        assert current_context.correlation_id is None

    with Threads() as threads:
        threads.start(look)


def test_a_callers_annotations_are_not_sent_on_from_another_thread(serving: ContextState) -> None:
    values = current_context.to_global()

    def look() -> None:
        current_context.from_global(values)
        assert get_state().outgoing is None

    with Threads() as threads:
        threads.start(look)


def test_what_a_method_assigned_is_sent_from_another_thread_too(serving: ContextState) -> None:
    current_context.annotations = {"MINE": b"x"}
    values = current_context.to_global()

    def look() -> None:
        current_context.from_global(values)
        assert get_state().outgoing == {"MINE": b"x"}

    with Threads() as threads:
        threads.start(look)


# -- resources


def test_resources_are_tracked_on_the_callers_connection(serving: ContextState) -> None:
    resource = threading.Event()
    current_context.track_resource(resource)
    assert serving.client.tracked_resources == {resource}
    current_context.untrack_resource(resource)
    current_context.untrack_resource(resource)
    assert serving.client.tracked_resources == set()


def test_outside_of_calls_there_is_nothing_to_track_resources_on() -> None:
    with pytest.raises(PyroError, match="while a daemon serves a call"):
        current_context.track_resource(object())
    with pytest.raises(PyroError):
        current_context.untrack_resource(object())


# -- the protocol of the caller


def test_the_protocol_is_that_of_whoever_is_read_from() -> None:
    state = ContextState()
    assert state.protocol_version == 502
    state.reader = MessageReader(1000)
    assert state.protocol_version == 502  # nothing has come
    state.reader.feed(wire48.message(wire.PING))
    assert state.protocol_version == 48
    assert state.copy().protocol_version == 48
