"""To which object a proxy is bound: resolving, connecting, and how long that may take."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.client.binding import Binding
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    NamingError,
    ProtocolError,
    PyroError,
    SerializeError,
)
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
from tests.support import wire
from tests.support.answers import Hall, Slow, answering, named, value
from tests.support.channels import Call, exchange
from tests.support.daemon import changed_settings
from tests.support.rawpeer import METADATA, PATIENCE, RawPeer, scripted_server, serpent
from tests.support.wire import RawMessage

NOWHERE = "PYRO:calc@127.0.0.1:1"


@pytest.fixture(autouse=True)
def own_context() -> Iterator[ContextState]:
    """Give the test a context nobody has touched."""
    before, state = get_state(), ContextState()
    set_state(state)
    yield state
    set_state(before)


def binding_to(location: str, timeout: float | None = PATIENCE) -> Binding:
    binding = Binding(URI(f"PYRO:calc@{location}"))
    binding.set_timeout(timeout)
    return binding


def binding_by_name(name_server: str, timeout: float | None = PATIENCE) -> Binding:
    binding = Binding(URI(f"PYRONAME:some.name@{name_server}"))
    binding.set_timeout(timeout)
    return binding


def ask(binding: Binding) -> bytes:
    """Exchange a call, and return the payload of the reply."""
    return bytes(exchange(binding.connect(), b"word", PATIENCE).payload)


# -- settings


def test_a_new_binding_has_the_settings_of_its_time() -> None:
    with changed_settings(COMMTIMEOUT=2.5):
        assert Binding(URI(NOWHERE)).timeout == 2.5
    binding = Binding(URI(NOWHERE))
    assert binding.timeout is None
    assert binding.handshake == "hello"
    assert binding.channel is binding.connection is None
    assert binding.methods == binding.attrs == binding.oneway == set()


def test_without_its_serializer_there_is_no_binding() -> None:
    with changed_settings(SERIALIZER="no-such"), pytest.raises(SerializeError, match="no-such"):
        Binding(URI(NOWHERE))


def test_the_handshake_is_written_in_the_serializer_that_is_wanted() -> None:
    requests: list[RawMessage] = []
    script = answering(requests=requests)
    with scripted_server(script, script, script) as location:
        binding = binding_to(location)
        with pytest.raises(SerializeError):
            binding.serializer_name = "no-such"
        assert binding.serializer_name is None
        binding.serializer_name = "json"
        binding.connect()
        binding.release()
        with changed_settings(SERIALIZER="marshal"):
            binding.connect()  # its own goes before the setting
            binding.release()
            binding.serializer_name = None
            binding.connect()
            binding.release()
    assert [request.serializer for request in requests] == [wire.JSON, wire.JSON, wire.MARSHAL]


def test_a_changed_limit_holds_for_the_next_connection() -> None:
    with scripted_server(answering(), answering(value("x" * 2000))) as location:
        binding = binding_to(location)
        binding.connect()
        binding.release()
        with changed_settings(MAX_MESSAGE_SIZE=1000), pytest.raises(ProtocolError):
            ask(binding)
        binding.release()


# -- metadata


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_metadata_may_come_in_any_collection(kind: type) -> None:
    binding = Binding(URI(NOWHERE))
    assert not binding.has_metadata
    binding.set_metadata({"methods": kind(["a", "b"]), "attrs": kind(["c"]), "oneway": kind("b")})
    assert binding.has_metadata
    assert (binding.methods, binding.attrs, binding.oneway) == ({"a", "b"}, {"c"}, {"b"})


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"methods": ["a"], "attrs": []},
        {"methods": 1, "attrs": [], "oneway": []},
        {"methods": [[]], "attrs": [], "oneway": []},
        1,
        None,
    ],
)
def test_what_is_no_metadata_is_refused(metadata: Any) -> None:
    binding = Binding(URI(NOWHERE))
    with pytest.raises(ProtocolError, match="malformed"):
        binding.set_metadata(metadata)
    assert not binding.has_metadata


def test_an_object_that_exposes_nothing_cannot_be_connected_to() -> None:
    nothing: dict[str, list[str]] = {"methods": [], "attrs": [], "oneway": []}
    with scripted_server(answering(metadata=nothing)) as location:
        binding = binding_to(location)
        with pytest.raises(PyroError, match="exposes nothing"):
            binding.connect()
        assert binding.channel is binding.connection is None


def test_where_metadata_is_off_none_is_kept() -> None:
    """As in Pyro4: whatever the daemon says of the object, and even if that is no metadata."""
    nonsense: Any = {"methods": 1}
    with (
        changed_settings(METADATA=False),
        scripted_server(answering(), answering(metadata=nonsense)) as location,
    ):
        binding = binding_to(location)
        for _ in range(2):
            binding.connect()
            assert not binding.has_metadata
            binding.release()


# -- connecting


def test_there_is_one_connection() -> None:
    with scripted_server(answering(value(1))) as location:
        binding = binding_to(location)
        channel = binding.connect()
        assert binding.connect() is channel is binding.channel
        assert binding.connection is channel.connection
        assert binding.bind() is False
        assert ask(binding) == serpent(1)
        assert binding.channel is channel
        binding.release()
        assert binding.channel is binding.connection is None
        binding.release()


def test_many_threads_connect_once() -> None:
    with scripted_server(answering()) as location:
        binding = binding_to(location)
        start = threading.Barrier(6)

        def connect() -> Any:
            start.wait(PATIENCE)
            return binding.connect()

        calls = [Call(connect) for _ in range(6)]
        assert {call.answer() for call in calls} == {binding.channel}
        binding.release()


def test_connecting_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pyrolike.client")
    with scripted_server(answering()) as location:
        binding = binding_to(location)
        binding.connect()
        assert f"connected to {binding.uri}" in caplog.text
        binding.release()


def test_numbers_go_on_from_one_connection_to_the_next() -> None:
    requests: list[RawMessage] = []
    script = answering(value(1), value(2), requests=requests)
    with scripted_server(script, script) as location:
        binding = binding_to(location)
        assert binding.last_seq == 0
        binding.last_seq = 7
        assert binding.last_seq == 7
        binding.last_seq = 0
        ask(binding)
        ask(binding)
        assert binding.last_seq == 2
        binding.release()
        assert binding.last_seq == 2
        ask(binding)
        binding.last_seq = 65534
        ask(binding)
        assert binding.last_seq == 65535
        binding.release()
    assert [request.seq for request in requests] == [0, 1, 2, 2, 3, 65535]


def test_an_unusable_channel_is_left_to_its_calls_and_replaced() -> None:
    with scripted_server((hall := Hall()).script, hall.script) as location, closing(hall):
        binding = binding_to(location)
        old = binding.connect()
        old_peer = hall.next_peer()
        call = Call(lambda: exchange(old, b"patient", PATIENCE).payload)
        request = old_peer.read_message()
        old.is_usable = False  # as if another call on it had been given up
        new = binding.connect()
        assert new is binding.channel is not old
        assert new.seq == 1
        old_peer.answer(request, "late")
        assert call.answer() == serpent("late")
        old_peer.wait_closed()
        binding.release()


def test_a_new_channel_goes_on_counting_where_the_old_one_stopped() -> None:
    with scripted_server(answering(), answering(value(1))) as location:
        binding = binding_to(location)
        old = binding.connect()
        old.seq = 77
        old.retire()
        assert binding.last_seq == 77
        new = binding.connect()
        assert binding.channel is new is not old
        assert ask(binding) == serpent(1)
        assert binding.last_seq == 78
        binding.release()


def test_a_refused_connection_is_none() -> None:
    def refuse(peer: RawPeer) -> None:
        request = peer.read_message()
        peer.send(wire.message(wire.CONNECTFAIL, serpent("go away"), seq=request.seq))
        peer.wait_closed()

    with scripted_server(refuse, answering()) as location:
        binding = binding_to(location)
        with pytest.raises(CommunicationError, match="go away"):
            binding.connect()
        assert binding.channel is binding.connection is None
        binding.connect()
        binding.release()


# -- names


def test_binding_keeps_the_uri_a_name_stands_for() -> None:
    with scripted_server(answering(value(1))) as location:
        with named(f"PYRO:calc@{location}") as name_server:
            binding = binding_by_name(name_server)
            assert binding.bind() is True
            assert binding.uri == URI(f"PYRO:calc@{location}")
        assert ask(binding) == serpent(1)
        binding.release()


def test_binding_replaces_a_channel_that_takes_no_calls() -> None:
    with scripted_server(answering(), answering()) as location:
        binding = binding_to(location)
        binding.connect().retire()
        assert binding.bind() is True
        assert binding.channel is not None
        assert binding.channel.is_usable
        binding.release()


def test_connecting_otherwise_keeps_the_name() -> None:
    requests: list[RawMessage] = []
    script = answering(requests=requests)
    with (
        scripted_server(script, script) as location,
        named(f"PYRO:calc@{location}", times=2) as name_server,
    ):
        uri = URI(f"PYRONAME:some.name@{name_server}")
        binding = binding_by_name(name_server)
        for _ in range(2):
            binding.connect()
            assert binding.uri == uri
            binding.release()
    handshake = {"handshake": "hello", "object": "calc"}
    serializer = get_serializer("serpent")
    assert [serializer.loads(request.payload) for request in requests] == [handshake] * 2


def test_binding_that_fails_keeps_the_name() -> None:
    """The object may come back elsewhere; the name will tell where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"127.0.0.1:{listener.getsockname()[1]}"
    with named(f"PYRO:calc@{nobody}") as name_server:
        binding = binding_by_name(name_server)
        with pytest.raises(CommunicationError):
            binding.bind()
        assert binding.uri == URI(f"PYRONAME:some.name@{name_server}")


def test_the_name_of_a_name_cannot_be_connected_to() -> None:
    with named("PYRONAME:another.name") as name_server:
        binding = binding_by_name(name_server)
        with pytest.raises(NamingError, match="name again"):
            binding.connect()


# -- hooks


def test_the_hook_sees_the_connection_and_may_use_it() -> None:
    seen = []

    def hook(response: Any) -> None:
        assert binding.connection is not None
        seen.append((response, ask(binding), binding.methods))

    with scripted_server(answering(value("in the hook"), value("after"))) as location:
        binding = binding_to(location)
        binding.on_connected = hook
        assert ask(binding) == serpent("after")
        binding.release()
    assert seen == [("hello", serpent("in the hook"), {"call"})]


def test_the_hook_may_refuse() -> None:
    class RefusedError(Exception):
        pass

    def hook(response: Any) -> None:
        raise RefusedError(response)

    with scripted_server(answering(), answering()) as location:
        binding = binding_to(location)
        binding.on_connected = hook
        for _ in range(2):
            with pytest.raises(RefusedError):
                binding.connect()
            assert binding.channel is binding.connection is None


def test_annotations_go_with_the_handshake_and_those_of_the_answer_are_shown(
    own_context: ContextState,
) -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        requests.append(peer.read_message())
        payload = serpent({"handshake": "hello", "meta": dict(METADATA)})
        peer.send(wire.message(wire.CONNECTOK, payload, annotations={"BACK": b"note"}))
        peer.wait_closed()

    shown: list[tuple[dict[str, bytes], int]] = []
    own_context.outgoing = {"ABCD": b"thread", "BOTH": b"thread"}
    with scripted_server(script) as location:
        binding = binding_to(location)
        binding.get_annotations = lambda: {"BOTH": b"hook"}
        binding.on_annotations = lambda annotations, kind: shown.append(
            ({name: bytes(data) for name, data in annotations.items()}, kind)
        )
        binding.connect()
        binding.release()
    assert requests[0].annotations == {"ABCD": b"thread", "BOTH": b"hook"}
    assert shown == [({"BACK": b"note"}, wire.CONNECTOK)]


# -- time


@pytest.mark.parametrize("timeout", [None, 7.5])
def test_the_socket_has_no_timeout_whatever_that_of_calls_is(timeout: float | None) -> None:
    """It would be one for all threads, and setting it would disturb those that receive or send."""
    with scripted_server(answering()) as location:
        binding = binding_to(location, timeout)
        connection = binding.connect(monotonic() + 3.0).connection
        binding.set_timeout(3.0)
        assert binding.timeout == 3.0
        assert connection.gettimeout() is None
        binding.set_timeout(0)
        assert binding.timeout is None
        binding.release()


def silent(peer: RawPeer) -> None:
    peer.read_message()
    peer.wait_closed()


def test_without_a_timeout_connecting_has_one_of_its_own() -> None:
    with changed_settings(CONNECT_TIMEOUT=0.05), scripted_server(silent) as location:
        binding = binding_to(location, None)
        with pytest.raises(errors.TimeoutError):
            binding.connect()


def connect_by_timeout(binding: Binding, seconds: float) -> None:
    binding.timeout = seconds
    binding.connect()


def connect_by_deadline(binding: Binding, seconds: float) -> None:
    binding.timeout = PATIENCE
    binding.connect(monotonic() + seconds)


def bind_by_timeout(binding: Binding, seconds: float) -> None:
    binding.timeout = seconds
    binding.bind()


WAYS: list[Callable[[Binding, float], None]] = [
    connect_by_timeout,
    connect_by_deadline,
    bind_by_timeout,
]
"""How a binding comes to connect within so many seconds."""


@pytest.mark.parametrize("way", WAYS)
def test_connecting_ends_with_its_time(way: Callable[[Binding, float], None]) -> None:
    with scripted_server(silent) as location:
        binding = binding_to(location)
        with pytest.raises(errors.TimeoutError):
            way(binding, 0.05)
        assert binding.channel is binding.connection is None


TIMEOUT, LONG = 0.3, 0.28
"""One long answer is in time, two are not: not even for who has no turn meanwhile."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "times", [(LONG, LONG, 0.0), (0.0, LONG, LONG), (LONG, 0.0, LONG)], ids=repr
)
@pytest.mark.parametrize("way", WAYS)
def test_finding_and_connecting_share_one_timeout(
    way: Callable[[Binding, float], None], times: tuple[float, float, float]
) -> None:
    """None of the three is too slow for itself: the name server twice, and the daemon."""
    shaking, asking, connecting = times
    with (
        closing(Slow()) as slow,
        scripted_server(slow.daemon(connecting)) as location,
        scripted_server(
            slow.name_server(lambda: f"PYRO:calc@{location}", shaking, asking)
        ) as name_server,
    ):
        binding = binding_by_name(name_server)
        with closing(slow), pytest.raises((errors.TimeoutError, NamingError)) as caught:
            way(binding, TIMEOUT)
        fault = caught.value
        assert errors.TimeoutError in (type(fault), type(fault.__cause__))
        assert binding.channel is binding.connection is None


def test_patient_finding_and_connecting_come_to_an_end() -> None:
    with (
        closing(Slow()) as slow,
        scripted_server(slow.daemon(0.01)) as location,
        scripted_server(
            slow.name_server(lambda: f"PYRO:calc@{location}", 0.01, 0.01)
        ) as name_server,
    ):
        binding = binding_by_name(name_server)
        assert ask(binding) == serpent("result")
        binding.release()


class Gate:
    """A daemon that shakes hands when the test says so."""

    def __init__(self) -> None:
        self.is_there = threading.Event()
        self.may_go_on = threading.Event()

    def script(self, peer: RawPeer) -> None:
        self.is_there.set()
        assert self.may_go_on.wait(PATIENCE)
        peer.accept_handshake()
        peer.wait_closed()


@pytest.mark.parametrize("way", WAYS)
def test_waiting_for_another_thread_that_connects_takes_no_longer_either(
    way: Callable[[Binding, float], None],
) -> None:
    gate = Gate()
    with scripted_server(gate.script) as location, Releasing(binding_to(location)) as binding:
        first = Call(binding.connect)
        assert gate.is_there.wait(PATIENCE)
        with pytest.raises(errors.TimeoutError, match="another thread was connecting"):
            way(binding, 0.05)
        binding.timeout = PATIENCE
        second = Call(binding.connect)
        gate.may_go_on.set()
        assert first.answer() is second.answer() is binding.channel


class Releasing:
    """Releases a binding at the end, whatever happens."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding

    def __enter__(self) -> Binding:
        return self._binding

    def __exit__(self, *_: object) -> None:
        self._binding.release()


def test_waiting_for_another_thread_that_connects_may_take_for_ever() -> None:
    gate = Gate()
    with scripted_server(gate.script) as location, Releasing(binding_to(location)) as binding:
        first = Call(binding.connect)
        assert gate.is_there.wait(PATIENCE)
        binding.timeout = None
        second = Call(binding.connect)
        assert not second.is_over(0.02)
        gate.may_go_on.set()
        assert first.answer() is second.answer()


def test_who_waited_for_a_thread_that_failed_connects_itself() -> None:
    gate = Gate()

    def fail(peer: RawPeer) -> None:
        gate.is_there.set()
        assert gate.may_go_on.wait(PATIENCE)

    with (
        scripted_server(fail, answering()) as location,
        Releasing(binding_to(location)) as binding,
    ):
        first = Call(binding.connect)
        assert gate.is_there.wait(PATIENCE)
        second = Call(binding.connect)
        gate.may_go_on.set()
        assert isinstance(first.wait(), ConnectionClosedError)
        assert second.answer() is binding.channel


def test_a_deadline_in_the_past_is_over_even_for_a_name() -> None:
    for uri in (NOWHERE, "PYRONAME:calc@127.0.0.1:1"):
        with pytest.raises((errors.TimeoutError, NamingError)) as caught:
            Binding(URI(uri)).connect(monotonic() - 1.0)
        fault = caught.value.__cause__ or caught.value
        assert isinstance(fault, errors.TimeoutError)


# -- sockets of others


def test_a_borrowed_socket_is_used_and_never_closed() -> None:
    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer:
        binding = Binding(URI("PYRO:calc@<<connected-socket>>:0"))
        binding.set_timeout(7.5)
        binding.adopt(ours)
        assert ours.gettimeout() is None
        call = Call(lambda: ask(binding))
        request = peer.read_message()
        assert (request.type, request.seq) == (wire.INVOKE, binding.last_seq)
        peer.answer(request, "result")
        assert call.answer() == serpent("result")
        binding.release()
        ours.sendall(b"!")
        assert peer.receive(1) == b"!"


@pytest.mark.parametrize("way", ["connect", "bind"])
@pytest.mark.parametrize("when", ["released", "broken", "never"])
def test_what_was_made_on_a_socket_of_others_cannot_connect_by_itself(way: str, when: str) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    binding = Binding(URI("PYRO:calc@<<connected-socket>>:0"))
    with ours:
        if when != "never":
            binding.adopt(ours)
            assert binding.bind() is False
        if when == "released":
            binding.release()
        elif when == "broken":
            with pytest.raises(ConnectionClosedError):
                ask(binding)
        advice = (
            "on a new socket" if when == "broken" else r"Proxy\(name, connected_socket=\.\.\.\)"
        )
        with pytest.raises(ConnectionClosedError, match=advice):
            getattr(binding, way)()


# -- the end


@pytest.mark.parametrize("has_called", [False, True])
def test_the_last_reference_closes_the_connection(has_called: bool) -> None:
    gc.disable()
    try:
        with scripted_server(answering(*[value(1)] * has_called)) as location:
            binding = binding_to(location)
            binding.connect()
            if has_called:
                ask(binding)
            connection = weakref.ref(binding.connection)
            del binding
            assert connection() is None
    finally:
        gc.enable()


def test_releasing_ends_the_calls_in_flight() -> None:
    with scripted_server((hall := Hall()).script) as location, closing(hall):
        binding = binding_to(location)
        channel = binding.connect()
        call = Call(lambda: exchange(channel, b"word", PATIENCE))
        hall.next_peer().read_message()
        binding.release()
        assert isinstance(call.wait(), ConnectionClosedError)


def test_what_was_not_made_entirely_ends_quietly() -> None:
    binding = Binding.__new__(Binding)
    assert not hasattr(binding, "channel")
    del binding


def test_names_can_be_set_beforehand() -> None:
    """What a proxy that was copied or received knows without connecting."""
    binding = Binding(URI(NOWHERE))
    names: Collection[str] = {"method"}
    binding.methods = set(names)
    assert binding.has_metadata


def test_what_goes_wrong_while_connecting_says_where() -> None:
    def web_server(peer: RawPeer) -> None:
        peer.receive(10)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        scripted_server(web_server) as location,
        pytest.raises(ProtocolError, match=f"^cannot connect to {location}: invalid data: .*web"),
    ):
        binding_to(location).connect()


def test_what_says_it_already_does_not_say_it_twice() -> None:
    with pytest.raises(CommunicationError) as caught:
        Binding(URI(NOWHERE)).connect()
    assert str(caught.value).count("127.0.0.1:1") == 1
