"""Batches, blobs and callbacks, where Pyro5 left something to be desired."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.api import BatchProxy, Proxy, SerializedBlob, callback, expose
from pyrolike.errors import CommunicationError
from pyrolike.serializers import SerializerBase
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon
from tests.support.names import shown

pytestmark = pytest.mark.usefixtures("server_type")


class Source:
    """Fails, and passes blobs on."""

    def __init__(self) -> None:
        self.next_proxy: Proxy | None = None

    @expose
    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    @expose
    def add(self, a: int, b: int) -> int:
        return a + b

    @expose
    def get_metadata(self, object_id: str) -> str:
        return f"my own answer for {object_id}"

    @expose
    def fail(self) -> None:
        error = ValueError("failed")
        error.extra = {"k": 1}  # type: ignore[attr-defined]  # the attribute is the point
        raise error

    @expose
    def fail_with(self, name: str) -> None:
        raise getattr(errors, name)("raised by the method")

    @expose
    @callback
    def fail_in_callback(self) -> None:
        raise ValueError("failed in a callback")

    @expose
    def dispatch(self, blob: SerializedBlob) -> Any:
        """Pass a blob on, unopened, with a proxy that speaks another serializer."""
        assert self.next_proxy is not None
        with self.next_proxy as proxy:
            return proxy.open(blob)

    @expose
    def open(self, blob: SerializedBlob) -> list[Any]:
        return [blob.info, list(blob.deserialized())]

    @expose
    def unwrap(self, blob: SerializedBlob) -> Any:
        return blob.deserialized()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def running(source: Source) -> Iterator[RunningDaemon]:
    with running_daemon({"source": source}) as running:
        yield running


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("source") as proxy:
        yield proxy


# -- batches


def test_an_exception_in_a_batch_keeps_its_attributes(proxy: Proxy) -> None:
    batch = BatchProxy(proxy)
    batch.add(1, 2)
    batch.fail()
    results = batch()
    assert next(results) == 3
    with pytest.raises(ValueError, match="failed") as caught:
        next(results)
    assert caught.value.extra == {"k": 1}  # type: ignore[attr-defined]  # sent as an attribute
    assert "in fail" in "".join(caught.value._pyroTraceback)  # type: ignore[attr-defined]  # see above


def test_a_batch_that_could_not_be_sent_is_forgotten(running: RunningDaemon) -> None:
    with running.proxy("source") as proxy:
        batch = BatchProxy(proxy)
        batch.add(1, threading.Lock())
        with pytest.raises(errors.SerializeError):
            batch()
        batch.add(3, 4)
        assert list(batch()) == [7]


def test_a_batch_whose_connection_failed_is_forgotten(source: Source) -> None:
    with running_daemon({"source": source}) as running:
        proxy = running.proxy("source")
        proxy._pyroBind()
        port = proxy._pyroUri.port
    batch = BatchProxy(proxy)
    batch.add(1, 2)
    with pytest.raises(CommunicationError):
        batch()
    with running_daemon({"source": source}, port=port):
        batch.add(3, 4)
        assert list(batch()) == [7]
        proxy._pyroRelease()


def test_an_empty_batch_is_no_mistake(proxy: Proxy) -> None:
    assert list(BatchProxy(proxy)()) == []
    assert BatchProxy(proxy)(oneway=True) is None


# -- the proxy's own calls


def test_the_proxys_own_calls_are_never_oneway(proxy: Proxy) -> None:
    proxy._pyroBind()
    proxy._pyroOneway.update({"get_metadata", "get_next_stream_item"})
    assert list(proxy.count(2)) == [0, 1]
    assert proxy.get_metadata("x") is None
    proxy._pyroOneway.clear()
    assert proxy.get_metadata("x") == "my own answer for x"


def test_an_object_without_a_length_can_still_be_made_a_list() -> None:
    class Row:
        @expose
        def __getitem__(self, index: int) -> int:
            if index >= 3:
                raise IndexError(index)
            return index * 10

    with running_daemon({"row": Row()}) as running, running.proxy("row") as proxy:
        assert list(proxy) == [0, 10, 20]
        assert 20 in proxy


# -- errors of methods that look like the connection's


@pytest.mark.parametrize(
    "name",
    [
        "PyroError",
        "NamingError",
        "DaemonError",
        "SecurityError",
        "CommunicationError",
        "ConnectionClosedError",
        "TimeoutError",
        "ProtocolError",
        "MessageTooLargeError",
        "SerializeError",
    ],
)
def test_a_pyro_error_of_a_method_is_told_and_the_next_call_works(proxy: Proxy, name: str) -> None:
    with pytest.raises(getattr(errors, name), match="raised by the method") as caught:
        proxy.fail_with(name)
    assert "in fail_with" in "".join(caught.value._pyroTraceback)
    assert proxy.add(3, 4) == 7


def test_an_error_of_a_method_is_not_a_reason_to_repeat_the_call(
    running: RunningDaemon, proxy: Proxy
) -> None:
    handled: list[Any] = []
    running.daemon.methodcall_error_handler = lambda *arguments: handled.append(arguments)
    proxy._pyroMaxRetries = 3
    with pytest.raises(errors.TimeoutError):
        proxy.fail_with("TimeoutError")
    assert len(handled) == 1


def test_the_error_handler_is_told_what_pyro_tells_it(
    running: RunningDaemon, proxy: Proxy, source: Source
) -> None:
    handled: list[Any] = []
    running.daemon.methodcall_error_handler = lambda *arguments: handled.append(arguments)
    with pytest.raises(ValueError, match="failed"):
        proxy.fail()
    [(daemon, address, method, vargs, kwargs, error)] = handled
    assert daemon is running.daemon
    assert address == proxy._pyroLocalSocket
    assert method == source.fail
    assert (tuple(vargs), kwargs) == ((), {})
    assert isinstance(error, ValueError)


def test_an_error_in_a_callback_is_told_and_the_connection_lives(proxy: Proxy) -> None:
    assert proxy.add(1, 2) == 3
    connection = proxy._pyroConnection
    with pytest.raises(ValueError, match="failed in a callback"):
        proxy.fail_in_callback()
    assert proxy.add(3, 4) == 7
    assert proxy._pyroConnection is connection


# -- handshakes of the client's own


def test_a_proxy_that_refuses_the_daemon_is_not_left_connected(running: RunningDaemon) -> None:
    class Refusing(Proxy):
        def _pyroValidateHandshake(self, response: Any) -> None:
            raise ValueError(f"I do not like {response!r}")

    proxy = Refusing(running.uri("source"))
    with pytest.raises(ValueError, match="I do not like 'hello'"):
        proxy._pyroBind()
    assert proxy._pyroConnection is None


# -- blobs


@pytest.mark.parametrize("inner", ["serpent", "json", "marshal", "msgpack"])
@pytest.mark.parametrize("outer", ["serpent", "json", "marshal", "msgpack"])
def test_a_blob_is_passed_on_in_the_serializer_it_came_in(
    running: RunningDaemon, source: Source, inner: str, outer: str
) -> None:
    with running_daemon({"last": Source()}) as end, running.proxy("source", inner) as proxy:
        source.next_proxy = end.proxy("last", outer)
        assert proxy.dispatch(SerializedBlob("label", [1, "x"])) == ["label", [1, "x"]]


class Parcel:
    """What a serializer has to be told about; it cannot be looked through."""


@pytest.fixture
def _parcels_are_known() -> Iterator[None]:
    SerializerBase.register_class_to_dict(Parcel, lambda _: {"__class__": "Parcel"})
    SerializerBase.register_dict_to_class("Parcel", lambda _name, _parts: Parcel())
    yield
    SerializerBase.unregister_class_to_dict(Parcel)
    SerializerBase.unregister_dict_to_class("Parcel")


@pytest.mark.usefixtures("_parcels_are_known")
@pytest.mark.parametrize("serializer", ["serpent", "json", "msgpack"])
@pytest.mark.parametrize("value", [5, None, "text", "x" * 50_000, {"a": [1]}, Parcel()], ids=shown)
def test_a_blob_carries_any_value(proxy: Proxy, serializer: str, value: Any) -> None:
    proxy._pyroSerializer = serializer
    result = proxy.unwrap(SerializedBlob("info", value))
    assert type(result) is type(value)
    assert isinstance(value, Parcel) or result == value


@pytest.mark.parametrize("outer", ["json", "serpent", "pickle"])
def test_a_pickled_blob_is_passed_on_where_pickle_is_accepted(outer: str) -> None:
    source = Source()
    with (
        changed_settings(SERIALIZERS_ACCEPTED={"pickle", "json", "serpent"}),
        running_daemon({"last": Source()}) as end,
        running_daemon({"source": source}) as running,
    ):
        source.next_proxy = end.proxy("last", outer)
        with running.proxy("source", "pickle") as proxy:
            assert proxy.dispatch(SerializedBlob("label", [1, {2j}])) == ["label", [1, {2j}]]
            with pytest.raises(TypeError, match="not iterable"):
                proxy.dispatch(SerializedBlob("no list", 5))


def test_a_blob_must_be_the_only_argument(proxy: Proxy) -> None:
    with pytest.raises(errors.SerializeError, match="only argument"):
        proxy.add(SerializedBlob("label", [1]), 2)


# -- objects on their way


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
def test_an_object_is_not_changed_by_being_sent(running: RunningDaemon, serializer: str) -> None:
    class Factory:
        @expose
        def me(self) -> Any:
            return self

    factory = Factory()
    running.daemon.register(factory, "factory")
    with running.proxy("factory", serializer) as proxy:
        if serializer == "marshal":  # it knows no classes, and so makes no proxies of objects
            with pytest.raises(errors.SerializeError, match="Factory"):
                proxy.me()
        else:
            assert proxy.me() == proxy
    assert factory._pyroDaemon is not None  # type: ignore[attr-defined]  # the daemon put it there
