"""Using the library wrongly: each mistake is told, where it was made, and nothing else suffers.

`test_errors_people_see` has the mistakes that everybody makes; here are the rarer ones. Every test
ends with a call that works.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Daemon, Proxy, SerializedBlob, current_context, expose, oneway
from pyrolike.errors import (
    CommunicationError,
    DaemonError,
    ProtocolError,
    PyroError,
    SerializeError,
)
from tests.support.daemon import RunningDaemon, running_daemon

pytestmark = pytest.mark.usefixtures("server_type")

SERIALIZERS = ("serpent", "json", "marshal", "msgpack")

BAD_ANNOTATIONS: dict[str, tuple[Any, str]] = {
    "too short": ({"ABC": b""}, r"'ABC' must be a text of exactly 4 ASCII"),
    "too long": ({"ABCDE": b""}, r"'ABCDE' must be a text of exactly 4 ASCII"),
    "empty": ({"": b""}, r"'' must be a text of exactly 4 ASCII"),
    "not ASCII": ({"ÄÖÜß": b""}, r"'ÄÖÜß' must be a text of exactly 4 ASCII"),
    "bytes for a key": ({b"ABCD": b""}, r"b'ABCD' must be a text of exactly 4 ASCII"),
    "a number for a key": ({1234: b""}, r"1234 must be a text of exactly 4 ASCII"),
    "text for a value": ({"ABCD": "text"}, r"'ABCD' must be bytes, .*not str"),
    "None for a value": ({"ABCD": None}, r"'ABCD' must be bytes, .*not NoneType"),
    "a list for a value": ({"ABCD": [1, 2]}, r"'ABCD' must be bytes, .*not list"),
    "one of several": ({"GOOD": b"good", "ABCD": 1.5}, r"'ABCD' must be bytes, .*not float"),
}


@pytest.fixture(params=BAD_ANNOTATIONS, ids=str)
def bad(request: pytest.FixtureRequest) -> str:
    """What is wrong with some annotations."""
    found: str = request.param
    return found


@expose
class Victim:
    """What these tests use wrongly."""

    def __init__(self) -> None:
        self.hinted = threading.Event()

    def same(self, value: Any) -> Any:
        return value

    def annotate(self, kind: str) -> str:
        current_context.response_annotations = BAD_ANNOTATIONS[kind][0]
        return "annotated"

    def annotate_with_a_list(self) -> None:
        current_context.response_annotations = [1, 2]  # type: ignore[assignment]  # the mistake

    @oneway
    def annotate_oneway(self, kind: str) -> None:
        current_context.response_annotations = BAD_ANNOTATIONS[kind][0]
        self.hinted.set()

    def open(self, blob: SerializedBlob) -> Any:
        return blob.deserialized()

    def give_back(self, blob: SerializedBlob) -> Any:
        return {"inside": [blob]}

    @property
    def size(self) -> int:
        return 7


class HookingDaemon(Daemon):
    """Annotates every reply as it is told to."""

    kind: str | None = None

    def annotations(self) -> dict[str, bytes]:
        found: dict[str, bytes] = BAD_ANNOTATIONS[self.kind][0] if self.kind else {}
        return found


@pytest.fixture(scope="module")
def running(server_type: str) -> Iterator[RunningDaemon]:
    with running_daemon(
        {"victim": Victim(), "silent": Silent()}, daemon_class=HookingDaemon
    ) as running:
        yield running


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    """Gives a connected proxy; in the end it must still be of use."""
    with running.proxy("victim") as proxy:
        assert proxy.same(1) == 1
        yield proxy
        assert proxy.same([2]) == [2]


class Silent:
    """Has nothing exposed."""

    def speak(self) -> str:
        return "never"


# -- annotations


@pytest.fixture
def own_annotations() -> Iterator[None]:
    """Leave the thread's annotations as they were."""
    yield
    current_context.annotations = {}


@pytest.mark.usefixtures("own_annotations")
def test_malformed_annotations_of_a_client_are_not_sent(
    running: RunningDaemon, proxy: Proxy, bad: str
) -> None:
    annotations, sentence = BAD_ANNOTATIONS[bad]
    connection = proxy._pyroConnection
    current_context.annotations = annotations
    with pytest.raises(ProtocolError, match=sentence):
        proxy.same(1)
    with pytest.raises(ProtocolError, match=sentence):
        running.proxy("victim")._pyroBind()
    current_context.annotations = {}
    assert proxy.same(3) == 3
    assert proxy._pyroConnection is connection


def test_malformed_annotations_of_a_method_are_told_to_its_caller(proxy: Proxy, bad: str) -> None:
    with pytest.raises(ProtocolError, match=BAD_ANNOTATIONS[bad][1]):
        proxy.annotate(bad)
    assert proxy.same(3) == 3


def test_malformed_annotations_of_a_oneway_call_hurt_nobody(
    running: RunningDaemon, proxy: Proxy
) -> None:
    victim = running.daemon.objectsById["victim"]
    victim.hinted.clear()
    proxy.annotate_oneway("too short")
    assert victim.hinted.wait(20.0)
    assert proxy.same(3) == 3


def test_malformed_annotations_of_the_daemon_are_told_to_its_clients(
    running: RunningDaemon, proxy: Proxy, bad: str
) -> None:
    daemon, sentence = running.daemon, BAD_ANNOTATIONS[bad][1]
    assert isinstance(daemon, HookingDaemon)
    daemon.kind = bad
    try:
        with pytest.raises(ProtocolError, match=sentence):
            proxy.same(1)
        with pytest.raises(CommunicationError, match=f"rejected.*{sentence}"):
            running.proxy("victim")._pyroBind()
    finally:
        daemon.kind = None


def test_annotations_that_are_no_dictionary_are_told_to_the_caller(proxy: Proxy) -> None:
    with pytest.raises(TypeError, match="list"):
        proxy.annotate_with_a_list()


# -- registering


class Slotted:
    """Has no place for what a daemon writes on its objects."""

    __slots__ = ("own",)

    @expose
    def answer(self) -> int:
        return 42


class Roomy:
    """Has slots, and in them a place for it."""

    __slots__ = ("__weakref__", "_pyroDaemon", "_pyroId")

    @expose
    def answer(self) -> int:
        return 42


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (Slotted(), r"\.Slotted .*__slots__"),
        (12345, r"int .*built-in"),
        ("text", r"str .*built-in"),
        ([1], r"list .*built-in"),
        (object(), r"object .*built-in"),
        (len, r"builtin_function"),
        (None, "NoneType"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_registered_is_told_with_what_to_do(
    running: RunningDaemon, proxy: Proxy, thing: object, name: str
) -> None:
    before = set(running.daemon.objectsById)
    with pytest.raises(TypeError, match=f"{name}.*wraps it"):
        running.daemon.register(thing)
    assert set(running.daemon.objectsById) == before
    assert proxy.same(1) == 1


def test_a_class_with_slots_can_be_registered_itself(running: RunningDaemon) -> None:
    with Proxy(running.daemon.register(Slotted)) as proxy:
        assert proxy.answer() == 42
    running.daemon.unregister(Slotted)


def test_an_object_with_room_in_its_slots_can_be_registered(running: RunningDaemon) -> None:
    roomy = Roomy()
    with Proxy(running.daemon.register(roomy)) as proxy:
        assert proxy.answer() == 42
    running.daemon.unregister(roomy)


def test_registering_twice_leaves_the_first_as_it_is(running: RunningDaemon) -> None:
    daemon, one, other = running.daemon, Victim(), Victim()
    uri = daemon.register(one, "registered.once")
    try:
        for mistake in (
            lambda: daemon.register(one),
            lambda: daemon.register(one, "registered.twice"),
            lambda: daemon.register(other, "registered.once"),
        ):
            with pytest.raises(DaemonError, match=r"registered\.once.*force"):
                mistake()
        assert "registered.twice" not in daemon.objectsById
        with Proxy(uri) as proxy:
            assert proxy.same(1) == 1
    finally:
        daemon.unregister(one)


@pytest.mark.parametrize("object_id", ["two words", " ", "tab\there", "new\nline"])
def test_an_id_with_blanks_is_refused_with_the_reason(
    running: RunningDaemon, proxy: Proxy, object_id: str
) -> None:
    victim = Victim()
    with pytest.raises(PyroError, match="cannot be an object id"):
        running.daemon.register(victim, object_id)
    assert object_id not in running.daemon.objectsById
    assert not hasattr(victim, "_pyroId")
    with pytest.raises(PyroError, match="blank"):
        running.proxy(object_id)


@pytest.mark.parametrize("object_id", [5, b"bytes", ("a",)])
def test_an_id_that_is_no_text_is_refused_with_its_type(
    running: RunningDaemon, proxy: Proxy, object_id: Any
) -> None:
    with pytest.raises(TypeError, match=f"text.*{type(object_id).__name__}"):
        running.daemon.register(Victim(), object_id)


def test_a_stranger_has_no_uri_and_cannot_be_unregistered(
    running: RunningDaemon, proxy: Proxy
) -> None:
    for use in (running.daemon.uriFor, running.daemon.proxyFor, running.daemon.unregister):
        with pytest.raises(DaemonError, match=r"Victim.*not registered"):
            use(Victim())
    with pytest.raises(ValueError, match="id is needed"):
        running.daemon.unregister(None)
    with pytest.raises(TypeError, match=r"class.*weakly"):
        running.daemon.register(Victim, weak=True)


# -- calling


def test_an_object_that_was_unregistered_is_unknown_at_once(running: RunningDaemon) -> None:
    victim = Victim()
    uri = running.daemon.register(victim, "soon.gone")
    with Proxy(uri) as proxy, running.proxy("victim") as other:
        assert proxy.same(1) == 1
        running.daemon.unregister(victim)
        with pytest.raises(DaemonError, match="unknown object"):
            proxy.same(1)
        proxy._pyroRelease()
        with pytest.raises(CommunicationError, match=r"'soon\.gone' rejected: unknown object"):
            proxy.same(1)
        with pytest.raises(DaemonError, match="unknown object"):
            other._pyroInvoke("same", (1,), {}, objectId="soon.gone")
        assert other.same(1) == 1


def test_an_object_without_exposed_members_asks_for_expose(
    running: RunningDaemon, proxy: Proxy
) -> None:
    silent = running.proxy("silent")
    for use in (
        silent._pyroBind,
        lambda: silent.speak(),
        lambda: len(silent),
        lambda: setattr(silent, "anything", 1),
        lambda: running.daemon.proxyFor("silent"),
    ):
        with pytest.raises(PyroError, match=r"silent.*exposes nothing.*@expose"):
            use()
    assert silent._pyroConnection is None
    with pytest.raises(AttributeError, match=r"speak.*not marked with @expose"):
        proxy._pyroInvoke("speak", (), {}, objectId="silent")


@pytest.mark.parametrize("name", ["unknown", "_private", "__dunder__", "same"])
def test_what_cannot_be_set_is_named(proxy: Proxy, name: str) -> None:
    with pytest.raises(AttributeError, match=f"cannot set '{name}'"):
        setattr(proxy, name, 1)
    assert vars(proxy).get(name) != 1


def test_an_attribute_that_can_only_be_read_is_told_by_the_daemon(proxy: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"'size'.*can only be read"):
        proxy.size = 8
    assert proxy.size == 7


@pytest.mark.parametrize("name", ["_private", "__init__", "__class__", "_Victim__hidden", "__a"])
def test_a_private_name_is_refused_on_both_sides(proxy: Proxy, name: str) -> None:
    if name != "__init__" and name != "__class__":  # which the proxy has itself
        with pytest.raises(AttributeError, match=f"'{name}'.*private"):
            getattr(proxy, name)
    for invoke in (
        functools.partial(proxy._pyroInvoke, name, (), {}),
        functools.partial(proxy._pyroInvoke, "__getattr__", (name,), None),
        functools.partial(proxy._pyroInvoke, "__setattr__", (name, 1), None),
    ):
        with pytest.raises(AttributeError, match=f"'{name}'.*private"):
            invoke()


def test_a_method_and_an_attribute_are_not_taken_for_each_other(proxy: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"'size'.*to be read and not called"):
        proxy._pyroInvoke("size", (), {})
    with pytest.raises(AttributeError, match=r"'same'.*a method, to be called"):
        proxy._pyroInvoke("__getattr__", ("same",), None)
    with pytest.raises(AttributeError, match=r"'same\.deeper'.*dots"):
        proxy.same.deeper()


# -- blobs


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_blob_where_it_cannot_be_is_told(proxy: Proxy, serializer: str) -> None:
    proxy._pyroSerializer = serializer
    blob = SerializedBlob("info", [1])
    batch = BatchProxy(proxy)
    batch.open(blob)
    mistakes: list[Callable[[], object]] = [
        lambda: proxy.open(blob=blob),
        lambda: proxy.same(blob, 1),
        lambda: proxy.same([blob]),
        lambda: batch(),
        lambda: proxy.same(blob),  # which gives it back
        lambda: proxy.give_back(blob),
    ]
    for mistake in mistakes:
        with pytest.raises(SerializeError, match=r"SerializedBlob at .*(only argument|plain val)"):
            mistake()
    assert list(proxy.open(blob)) == [1]


def test_a_blob_with_an_info_that_is_not_plain_is_told(proxy: Proxy) -> None:
    with pytest.raises(SerializeError, match=r"info of a SerializedBlob must be plain.*lock"):
        proxy.open(SerializedBlob({"a": threading.Lock()}, [1]))


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_blob_with_data_that_cannot_be_sent_is_told(proxy: Proxy, serializer: str) -> None:
    proxy._pyroSerializer = serializer
    with pytest.raises(SerializeError, match=r"_thread\.lock at args\[1\]"):
        proxy.open(SerializedBlob("info", [1, threading.Lock()]))


def test_a_plain_value_where_a_blob_was_expected_is_told(proxy: Proxy) -> None:
    with pytest.raises(AttributeError, match="'int' object has no attribute 'deserialized'"):
        proxy.open(5)


def test_a_blob_whose_content_is_unknown_here_is_told_when_it_is_opened(proxy: Proxy) -> None:
    with pytest.raises(SerializeError, match=r"unknown class .*\.Silent.*register_dict_to_class"):
        proxy.open(SerializedBlob("info", [Silent()]))
