"""The call context: what a method knows of its call, and annotations in both directions."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, current_context, expose, oneway
from pyrolike.errors import CommunicationError, PyroError
from tests.support import wire
from tests.support.daemon import PATIENCE, RunningDaemon, running_daemon
from tests.support.rawpeer import RawPeer, raw_client, scripted_server, serpent

pytestmark = pytest.mark.usefixtures("server_type")

NUMBER = uuid.UUID("11112222-3333-4444-5555-666677778888")


class Witness:
    """Keeps the context of its last call, where the test can look at it."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.heard = threading.Event()
        self.next_proxy: Proxy | None = None

    @expose
    def look(self) -> None:
        self.seen = current_context.to_global()
        self.seen["annotations"] = {
            name: bytes(value) for name, value in current_context.annotations.items()
        }

    @expose
    @oneway
    def look_oneway(self) -> None:
        self.look()
        self.heard.set()

    @expose
    def annotate(self, name: str, value: str) -> None:
        current_context.response_annotations[name] = value.encode()

    @expose
    def annotate_and_fail(self) -> None:
        current_context.response_annotations = {"LEAK": b"secret"}
        raise ValueError("after annotating")

    @expose
    def relay(self) -> None:
        """Call the next one, in the same thread and context."""
        assert self.next_proxy is not None
        with self.next_proxy as proxy:
            proxy.look()

    @expose
    def relay_with(self, name: str) -> None:
        current_context.annotations = {name: b"from the middle"}
        self.relay()

    @expose
    def relay_adding(self, name: str) -> None:
        """Add an annotation to the caller's before the next call, and to its reply's behind it."""
        current_context.annotations[name] = b"from the middle"
        assert self.next_proxy is not None
        with self.next_proxy as proxy:
            proxy.look()
            current_context.response_annotations[name] = b"from behind"

    @expose
    def track(self, resource: Any = None) -> None:
        self.resource = Resource()
        current_context.track_resource(self.resource)

    @expose
    def untrack(self) -> None:
        current_context.untrack_resource(self.resource)


class Resource:
    """Something to be closed when the client leaves."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class AnnotatingDaemon(Daemon):
    """Annotates every reply, and remembers the context of handshakes."""

    seen: dict[str, Any]

    def annotations(self) -> dict[str, bytes]:
        return {"DAEM": b"every reply"}

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        if data == "refuse":
            raise ValueError("refused on request")
        self.seen = current_context.to_global()
        self.seen["annotations"] = {
            name: bytes(value) for name, value in current_context.annotations.items()
        }
        return "hello"


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def running(witness: Witness) -> Iterator[RunningDaemon]:
    with running_daemon({"witness": witness}, daemon_class=AnnotatingDaemon) as running:
        yield running


@pytest.fixture
def behind(witness: Witness) -> Iterator[Witness]:
    """Give a witness in another daemon, that the first one calls."""
    last = Witness()
    with (
        running_daemon({"last": last}, daemon_class=AnnotatingDaemon) as running,
        running.proxy("last") as witness.next_proxy,
    ):
        yield last


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("witness") as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def clean_context() -> Iterator[None]:
    """Leave the test thread's context as a fresh thread has it."""
    yield
    current_context.annotations = {}
    current_context.response_annotations = {}
    current_context.correlation_id = None


def response_annotations() -> dict[str, bytes]:
    return {name: bytes(value) for name, value in current_context.response_annotations.items()}


# -- what a method knows


def test_a_method_knows_its_call(proxy: Proxy, witness: Witness) -> None:
    proxy.look()
    seen = witness.seen
    assert seen["seq"] == proxy._pyroSeq == 1
    assert seen["msg_flags"] & ~wire.CORR_ID == 0
    assert seen["serializer_id"] == wire.SERPENT
    assert seen["client_sock_addr"] == proxy._pyroLocalSocket
    assert seen["client"].sock.getpeername() == proxy._pyroLocalSocket
    assert seen["annotations"] == {}


def test_a_oneway_method_knows_its_call_too(proxy: Proxy, witness: Witness) -> None:
    current_context.annotations = {"ABCD": b"hello"}
    current_context.correlation_id = NUMBER
    proxy.look_oneway()
    assert witness.heard.wait(PATIENCE)
    seen = witness.seen
    assert seen["msg_flags"] & wire.ONEWAY
    assert seen["client_sock_addr"] == proxy._pyroLocalSocket
    assert seen["annotations"] == {"ABCD": b"hello"}
    assert seen["correlation_id"] == NUMBER


@pytest.mark.parametrize(
    ("serializer", "number"), [("serpent", 1), ("marshal", 2), ("json", 3), ("msgpack", 4)]
)
def test_a_method_knows_the_serializer(
    proxy: Proxy, witness: Witness, serializer: str, number: int
) -> None:
    proxy._pyroSerializer = serializer
    proxy.look()
    assert witness.seen["serializer_id"] == number


def test_a_handshake_has_a_context_of_its_own(running: RunningDaemon, proxy: Proxy) -> None:
    """Not what an earlier client left behind in the same thread."""
    current_context.annotations = {"OLD_": b"first client"}
    current_context.correlation_id = NUMBER
    proxy.look()
    current_context.annotations = {"NEW_": b"second client"}
    current_context.correlation_id = None
    with running.proxy("witness") as second:
        second._pyroBind()
        seen = running.daemon.seen
        assert seen["client_sock_addr"] == second._pyroLocalSocket
        assert seen["annotations"] == {"NEW_": b"second client"}
        assert seen["correlation_id"] != NUMBER


def test_outside_of_calls_there_is_no_client() -> None:
    assert current_context.client is None
    assert current_context.client_sock_addr is None
    with pytest.raises(PyroError):
        current_context.track_resource(Resource())


# -- annotations


def test_annotations_reach_the_method(proxy: Proxy, witness: Witness) -> None:
    current_context.annotations = {"ABCD": b"hello", "EFGH": bytes(range(256))}
    proxy.look()
    assert witness.seen["annotations"] == {"ABCD": b"hello", "EFGH": bytes(range(256))}


def test_annotations_are_sent_until_they_are_changed(proxy: Proxy, witness: Witness) -> None:
    current_context.annotations = {"ABCD": b"hello"}
    proxy.look()
    proxy.look()
    assert witness.seen["annotations"] == {"ABCD": b"hello"}
    current_context.annotations = {}
    proxy.look()
    assert witness.seen["annotations"] == {}


def test_annotations_belong_to_their_thread(proxy: Proxy, witness: Witness) -> None:
    current_context.annotations = {"ABCD": b"hello"}
    thread = threading.Thread(target=proxy.look)
    thread.start()
    thread.join(PATIENCE)
    assert witness.seen["annotations"] == {}


def test_a_method_annotates_its_reply(proxy: Proxy) -> None:
    proxy.annotate("RESP", "answer")
    assert response_annotations() == {"RESP": b"answer", "DAEM": b"every reply"}
    proxy.look()
    assert response_annotations() == {"DAEM": b"every reply"}


def test_the_daemons_annotations_win(proxy: Proxy) -> None:
    proxy.annotate("DAEM", "from the method")
    assert response_annotations() == {"DAEM": b"every reply"}


def test_the_handshake_is_annotated_too(proxy: Proxy) -> None:
    proxy._pyroBind()
    assert response_annotations() == {"DAEM": b"every reply"}


def test_what_a_failing_method_annotated_goes_to_nobody(
    running: RunningDaemon, proxy: Proxy
) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="after annotating"):
            proxy.annotate_and_fail()
        assert "LEAK" not in response_annotations()
        proxy.look()
        assert "LEAK" not in response_annotations()
        with running.proxy("witness") as other:
            other._pyroBind()
            assert "LEAK" not in response_annotations()


def test_a_nested_call_does_not_pass_on_the_callers_annotations(
    proxy: Proxy, behind: Witness
) -> None:
    current_context.annotations = {"USER": b"private"}
    proxy.relay()
    assert behind.seen["annotations"] == {}
    proxy.relay_with("OWN_")
    assert behind.seen["annotations"] == {"OWN_": b"from the middle"}


def test_annotations_may_be_added_one_by_one_around_a_nested_call(
    proxy: Proxy, behind: Witness
) -> None:
    current_context.annotations = {"USER": b"private"}
    proxy.relay_adding("OWN_")
    assert behind.seen["annotations"] == {"OWN_": b"from the middle"}
    assert response_annotations() == {"OWN_": b"from behind", "DAEM": b"every reply"}


@pytest.mark.usefixtures("behind")
def test_what_a_nested_call_brought_back_is_not_the_methods_answer(proxy: Proxy) -> None:
    proxy.relay()
    assert response_annotations() == {"DAEM": b"every reply"}


@pytest.mark.parametrize("annotations", [{"TOOLONG": b""}, {"ABCD": "text"}, {"ÄÖÜß": b""}])
def test_a_malformed_annotation_is_not_sent(proxy: Proxy, annotations: dict[str, Any]) -> None:
    proxy.look()
    current_context.annotations = annotations
    with pytest.raises(PyroError, match="annotation"):
        proxy.look()
    current_context.annotations = {}
    proxy.look()


def test_annotations_stand_on_the_wire_as_pyro_puts_them() -> None:
    received: list[wire.RawMessage] = []

    def script(peer: RawPeer) -> None:
        received.append(peer.accept_handshake())
        received.append(peer.read_message())
        peer.answer(received[-1], "done")

    with scripted_server(script) as location, Proxy(f"PYRO:calc@{location}") as proxy:
        current_context.annotations = {"ABCD": b"hello"}
        current_context.correlation_id = NUMBER
        proxy.call()
    assert [message.annotations for message in received] == [{"ABCD": b"hello"}] * 2
    assert [message.correlation_id for message in received] == [NUMBER.bytes] * 2
    assert [message.flags for message in received] == [wire.CORR_ID] * 2


# -- correlation ids


def test_a_correlation_id_reaches_the_method(proxy: Proxy, witness: Witness) -> None:
    current_context.correlation_id = NUMBER
    proxy.look()
    assert witness.seen["correlation_id"] == NUMBER


def test_without_a_correlation_id_every_call_gets_a_new_one(proxy: Proxy, witness: Witness) -> None:
    numbers = set()
    for _ in range(3):
        proxy.look()
        numbers.add(witness.seen["correlation_id"])
    assert len(numbers) == 3
    assert all(isinstance(number, uuid.UUID) for number in numbers)


def test_a_nested_call_carries_the_same_correlation_id(proxy: Proxy, behind: Witness) -> None:
    current_context.correlation_id = NUMBER
    proxy.relay()
    assert behind.seen["correlation_id"] == NUMBER


def test_a_reply_carries_the_correlation_id_of_its_request(running: RunningDaemon) -> None:
    with raw_client(running.location) as peer:
        peer.connect("witness")
        for number in (NUMBER, uuid.uuid4()):
            request = wire.message(
                wire.INVOKE,
                serpent(("witness", "look", (), {})),
                flags=wire.CORR_ID,
                correlation_id=number.bytes,
            )
            peer.send(request)
            reply = peer.read_message()
            assert reply.flags & wire.CORR_ID
            assert reply.correlation_id == number.bytes
        assert peer.call("look", object_id="witness").correlation_id != number.bytes


def test_a_refusal_carries_no_correlation_id_of_somebody_else(
    running: RunningDaemon, proxy: Proxy
) -> None:
    current_context.correlation_id = NUMBER
    proxy.look()
    with raw_client(running.location) as peer:
        peer.send(bytes(40))
        assert peer.read_message().correlation_id != NUMBER.bytes
    current_context.correlation_id = None
    refused = running.proxy("witness")
    refused._pyroHandshake = "refuse"
    with pytest.raises(CommunicationError, match="refused on request"):
        refused._pyroBind()


# -- resources


def test_a_tracked_resource_is_closed_when_its_client_leaves(
    proxy: Proxy, witness: Witness
) -> None:
    proxy.track()
    assert not witness.resource.closed.is_set()
    proxy._pyroRelease()
    assert witness.resource.closed.wait(PATIENCE)


def test_an_untracked_resource_is_left_alone(
    running: RunningDaemon, proxy: Proxy, witness: Witness
) -> None:
    proxy.track()
    kept = witness.resource
    proxy.untrack()
    proxy.track()
    proxy._pyroRelease()
    assert witness.resource.closed.wait(PATIENCE)
    assert not kept.closed.is_set()
