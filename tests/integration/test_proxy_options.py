"""What a proxy's class and settings change about its calls: hooks, METADATA, operators, batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Daemon, Proxy, current_context, expose, oneway
from pyrolike.errors import ConnectionClosedError, ProtocolError, PyroError
from pyrolike.protocol import MSG_CONNECTOK, MSG_RESULT
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon

pytestmark = pytest.mark.usefixtures("server_type")


class Cupboard:
    """Has a bit of everything, and remembers the annotations of its calls."""

    def __init__(self) -> None:
        self.things = {"cup": 1, "plate": 2}
        self.annotations: list[dict[str, bytes]] = []
        self.asked: list[Any] = []

    @expose
    def look(self) -> None:
        """Take the annotations of the call down."""
        seen = current_context.annotations
        self.annotations.append({name: bytes(value) for name, value in seen.items()})

    @expose
    @oneway
    def glance(self) -> None:
        self.look()

    @expose
    def answer(self, name: str) -> None:
        current_context.response_annotations = {name: b"from the method"}

    @expose
    def count(self, number: int) -> Iterator[int]:
        for item in range(number):
            self.look()
            yield item

    @expose
    @property
    def size(self) -> int:
        return len(self.things)

    @expose
    def __contains__(self, thing: str) -> bool:
        self.asked.append(thing)
        return thing in self.things

    @expose
    def __getitem__(self, index: int) -> str:
        return list(self.things)[index]


class Annotating(Proxy):
    """Sends an annotation of its own with everything, and collects those of the answers."""

    def __init__(self, uri: Any) -> None:
        super().__init__(uri)
        self._pyroSeen: list[tuple[int, dict[str, bytes]]] = []

    def _pyroAnnotations(self) -> dict[str, bytes]:
        return {"MINE": b"from the proxy"}

    def _pyroResponseAnnotations(self, annotations: Mapping[str, Any], msgtype: int) -> None:
        seen = {name: bytes(value) for name, value in annotations.items()}
        self._pyroSeen.append((msgtype, seen))


class Greeting(Daemon):
    """Takes down with which annotations clients introduce themselves."""

    handshakes: list[dict[str, bytes]]

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        seen = current_context.annotations
        self.handshakes.append({name: bytes(value) for name, value in seen.items()})
        current_context.response_annotations = {"HSHK": b"welcome"}
        return super().validateHandshake(conn, data)


@pytest.fixture
def cupboard() -> Cupboard:
    return Cupboard()


@pytest.fixture
def running(cupboard: Cupboard) -> Iterator[RunningDaemon]:
    Greeting.handshakes = []
    with running_daemon({"cupboard": cupboard}, daemon_class=Greeting) as running:
        yield running


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("cupboard") as proxy:
        yield proxy


@pytest.fixture
def annotating(running: RunningDaemon) -> Iterator[Annotating]:
    with Annotating(running.uri("cupboard")) as proxy:
        proxy._pyroTimeout = PATIENCE
        yield proxy


# -- annotation hooks


def test_a_proxys_own_annotations_go_with_everything(
    annotating: Annotating, cupboard: Cupboard
) -> None:
    mine = {"MINE": b"from the proxy"}
    annotating.look()
    assert list(annotating.count(1)) == [0]
    batch = BatchProxy(annotating)
    batch.look()
    list(batch())
    annotating.glance()
    assert annotating.size == 2  # and the one-way call has been read
    assert Greeting.handshakes == [mine]
    assert cupboard.annotations[:3] == [mine] * 3


def test_they_join_those_of_the_context_and_win(annotating: Annotating, cupboard: Cupboard) -> None:
    current_context.annotations = {"MINE": b"from the context", "ALSO": b"that"}
    try:
        annotating.look()
    finally:
        current_context.annotations = {}
    assert cupboard.annotations == [{"MINE": b"from the proxy", "ALSO": b"that"}]
    annotating.look()
    assert cupboard.annotations[1] == {"MINE": b"from the proxy"}  # the context was not changed


def test_a_proxy_sees_the_annotations_of_each_answer_that_has_any(annotating: Annotating) -> None:
    annotating.answer("RESP")
    annotating.look()
    assert annotating._pyroSeen == [
        (MSG_CONNECTOK, {"HSHK": b"welcome"}),
        (MSG_RESULT, {"RESP": b"from the method"}),
    ]


def test_other_proxies_send_nothing(proxy: Proxy, cupboard: Cupboard) -> None:
    proxy.look()
    assert cupboard.annotations == [{}]
    assert proxy._pyroAnnotations() == {}


def test_an_iterator_keeps_the_hooks_of_its_proxy(
    annotating: Annotating, running: RunningDaemon, cupboard: Cupboard
) -> None:
    proxy = Annotating(running.uri("cupboard"))
    items = proxy.count(3)
    del proxy
    assert list(items) == [0, 1, 2]
    assert cupboard.annotations == [{"MINE": b"from the proxy"}] * 3


def test_a_malformed_annotation_of_a_proxy_is_not_sent(running: RunningDaemon) -> None:
    class Careless(Proxy):
        def _pyroAnnotations(self) -> dict[str, bytes]:
            return {"TOO LONG": b""}

    proxy = Careless(running.uri("cupboard"))
    with pytest.raises(ProtocolError, match="TOO LONG"):
        proxy.look()
    assert proxy._pyroConnection is None


# -- without metadata


def test_without_metadata_every_name_is_a_remote_method(proxy: Proxy) -> None:
    with changed_settings(METADATA=False):
        assert list(proxy.count(2)) == [0, 1]
        assert proxy._pyroMethods == proxy._pyroAttrs == set()
        assert callable(proxy.size)
        with pytest.raises(AttributeError, match="no_such_method"):
            proxy.no_such_method()
        assert "count" not in dir(proxy)
    assert proxy.size == 2  # from now on it is asked for


def test_without_metadata_a_value_is_set_here_as_in_pyro4(proxy: Proxy) -> None:
    with changed_settings(METADATA=False):
        proxy.label = "mine"
        assert proxy.label == "mine"


def test_without_metadata_operators_try_their_luck(proxy: Proxy, cupboard: Cupboard) -> None:
    with changed_settings(METADATA=False):
        assert "cup" in proxy
        assert list(proxy) == ["cup", "plate"]
        assert proxy[1] == "plate"
        with pytest.raises(TypeError, match="__len__"):
            len(proxy)
    assert cupboard.asked == ["cup"]


def test_metadata_that_are_known_are_used(running: RunningDaemon, cupboard: Cupboard) -> None:
    with changed_settings(METADATA=False), running.daemon.proxyFor(cupboard) as proxy:
        assert proxy.size == 2
        with pytest.raises(AttributeError, match="no exposed attribute"):
            _ = proxy.nothing


# -- operators


def test_in_asks_the_object_if_it_exposes_that(proxy: Proxy, cupboard: Cupboard) -> None:
    assert "cup" in proxy
    assert "bowl" not in proxy
    assert cupboard.asked == ["cup", "bowl"]


# -- batches


def test_a_batch_that_was_called_must_get_new_calls_first(proxy: Proxy) -> None:
    batch = BatchProxy(proxy)
    assert list(batch()) == []  # empty is fine
    with pytest.raises(PyroError, match="called already"):
        batch()
    batch.look()
    assert list(batch()) == [None]
    with pytest.raises(PyroError, match="record new ones first"):
        batch(oneway=True)
    assert list(copy.copy(batch)()) == []


def test_all_three_ways_make_a_batch(proxy: Proxy) -> None:
    from pyrolike import batch as make_batch

    for batch in (BatchProxy(proxy), make_batch(proxy), proxy._pyroBatch()):
        batch.look()
        assert list(batch()) == [None]


# -- connected sockets


def test_a_copy_of_a_proxy_on_a_connected_socket_says_that_it_has_none() -> None:
    proxy = Proxy("PYRO:thing@<<connected-socket>>:0")
    for _ in range(2):
        with pytest.raises(ConnectionClosedError, match="connected_socket="):
            proxy.anything()
