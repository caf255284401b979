"""The proxy's manners: what is its own and what is remote, what connects and what does not."""

from __future__ import annotations

import copy
import gc
import pickle
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.api import URI, Daemon, Proxy, SerializedBlob, behavior, current_context, expose
from pyrolike.client import proxy as proxy_module
from pyrolike.client.link import Link
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    NamingError,
    PyroError,
    SecurityError,
    SerializeError,
)
from pyrolike.serializers import get_serializer
from tests.support import wire
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.rawpeer import METADATA, RawPeer, scripted_server, serpent

NOWHERE = "PYRO:calc@127.0.0.1:1"
"""Nobody listens there: who connects is caught."""


class Shelf:
    """Has everything a proxy can be asked for."""

    def __init__(self) -> None:
        self._items = ["a", "b", "c"]
        self._label = "books"
        self.may_answer = threading.Event()

    @expose
    def hold(self) -> None:
        assert self.may_answer.wait(PATIENCE)

    @expose
    def add(self, item: str) -> int:
        self._items.append(item)
        return len(self._items)

    @expose
    def fail(self) -> None:
        raise ValueError("on purpose")

    @expose
    @property
    def label(self) -> str:
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        self._label = label

    @expose
    def stream(self) -> Iterator[str]:
        yield from self._items

    @expose
    def __len__(self) -> int:
        return len(self._items)

    @expose
    def __getitem__(self, index: int) -> str:
        return self._items[index]

    @expose
    def __setitem__(self, index: int, item: str) -> None:
        self._items[index] = item

    @expose
    def __delitem__(self, index: int) -> None:
        del self._items[index]

    @expose
    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    @expose
    def __contains__(self, item: str) -> bool:
        return item in self._items


class Row:
    """Can only be indexed."""

    @expose
    def __getitem__(self, index: int) -> int:
        if index == 3:
            raise IndexError(index)
        return index * index


@expose
@behavior("percall")
class Plain:
    def nothing(self) -> None:
        pass


class CountingDaemon(Daemon):
    """Counts the connections it gets, and the streams it is told to close."""

    connections = 0
    seen: Any = None

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        self.connections += 1
        self.seen = data
        return ["welcome", data]


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    shelf = Shelf()
    objects = {"calc": shelf, "row": Row(), "plain": Plain}
    with running_daemon(objects, daemon_class=CountingDaemon) as running:
        yield running
        shelf.may_answer.set()


@pytest.fixture
def proxy(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy() as proxy:
        yield proxy


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


# -- making one


def test_a_proxy_is_made_of_a_uri_or_its_text() -> None:
    uri = URI(NOWHERE)
    assert Proxy(uri)._pyroUri == Proxy(NOWHERE)._pyroUri == uri
    assert Proxy(uri)._pyroUri is not uri


@pytest.mark.parametrize("uri", [None, 1, b"PYRO:calc@h:1", ["PYRO:calc@h:1"]])
def test_anything_else_is_a_type_error(uri: Any) -> None:
    with pytest.raises(TypeError, match="expected a URI"):
        Proxy(uri)


def test_a_text_that_is_no_uri_is_an_error() -> None:
    with pytest.raises(PyroError):
        Proxy("not a uri")


def test_what_a_new_proxy_is_like() -> None:
    with changed_settings(COMMTIMEOUT=3.5, MAX_RETRIES=2):
        proxy = Proxy(NOWHERE)
    assert proxy._pyroConnection is proxy._pyroLocalSocket is proxy._pyroSerializer is None
    assert proxy._pyroMethods == proxy._pyroAttrs == proxy._pyroOneway == set()
    assert (proxy._pyroSeq, proxy._pyroHandshake) == (0, "hello")
    assert proxy._pyroRawWireResponse is False
    assert (proxy._pyroTimeout, proxy._pyroMaxRetries) == (3.5, 2)
    proxy._pyroClaimOwnership()  # for programs written for Pyro5


def test_its_own_attributes_can_be_set_before_it_connects() -> None:
    proxy = Proxy(NOWHERE)
    proxy._pyroTimeout = 2
    assert proxy._pyroTimeout == 2
    proxy._pyroTimeout = 0
    assert proxy._pyroTimeout is None
    proxy._pyroMaxRetries = 4
    proxy._pyroSerializer = "json"
    proxy._pyroHandshake = {"secret": 1}
    proxy._pyroRawWireResponse = True
    proxy._pyroSeq = 17
    proxy._pyroMethods = ["a"]
    proxy._pyroAttrs = ["b"]
    proxy._pyroOneway = ["a"]
    proxy._pyroUri = URI("PYRO:other@127.0.0.1:1")
    assert (proxy._pyroMaxRetries, proxy._pyroSerializer, proxy._pyroSeq) == (4, "json", 17)
    assert (proxy._pyroHandshake, proxy._pyroRawWireResponse) == ({"secret": 1}, True)
    assert (proxy._pyroMethods, proxy._pyroAttrs, proxy._pyroOneway) == ({"a"}, {"b"}, {"a"})
    assert proxy._pyroUri.object == "other"


def test_a_name_it_does_not_have_is_a_slip_of_the_pen_but_not_in_a_subclass() -> None:
    class Own(Proxy):
        pass

    proxy = Own(NOWHERE)
    proxy._pyroMine = "a program may keep things here"
    assert proxy._pyroMine == "a program may keep things here"
    with pytest.raises(AttributeError, match="did you mean '_pyroTimeout'"):
        Proxy(NOWHERE)._pyroTimeOut = 3
    with pytest.raises(AttributeError, match=r"a proxy has no '_pyroQwxkj'$"):
        Proxy(NOWHERE)._pyroQwxkj = 3


def test_an_unknown_serializer_is_refused_where_it_is_named() -> None:
    proxy = Proxy(NOWHERE)
    with pytest.raises(SerializeError, match="no-such"):
        proxy._pyroSerializer = "no-such"
    assert proxy._pyroSerializer is None


# -- what is remote


def test_methods_and_attributes_are_used_as_if_they_were_local(proxy: Proxy) -> None:
    assert proxy.add("d") == 4
    assert proxy.label == "books"
    proxy.label = "records"
    assert proxy.label == "records"
    assert list(proxy.stream()) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="on purpose"):
        proxy.fail()


def test_a_name_the_object_does_not_expose_is_an_attribute_error(proxy: Proxy) -> None:
    with pytest.raises(AttributeError, match="no_such"):
        _ = proxy.no_such
    with pytest.raises(AttributeError, match="no_such"):
        proxy.no_such = 1
    with pytest.raises(AttributeError, match="method"):
        proxy.add = 1
    with pytest.raises(AttributeError):
        del proxy.label


def test_hasattr_and_getattr_work(proxy: Proxy) -> None:
    assert hasattr(proxy, "add")
    assert hasattr(proxy, "label")
    assert not hasattr(proxy, "no_such")
    assert not hasattr(proxy, "_private")
    assert getattr(proxy, "no_such", "default") == "default"


PRIVATE = [
    "_private",
    "__private",
    "__deepcopy__",
    "__getnewargs__",
    "__getnewargs_ex__",
    "__getinitargs__",
    "_ipython_display_",
    "_repr_html_",
    "_pyroNoSuch",
]


@pytest.mark.parametrize("name", PRIVATE)
def test_private_names_never_connect(name: str) -> None:
    proxy = Proxy(NOWHERE)
    with pytest.raises(AttributeError, match=name):
        getattr(proxy, name)
    assert not hasattr(proxy, name)


@pytest.mark.parametrize("name", [name for name in PRIVATE if not name.startswith("_pyro")])
def test_private_names_cannot_be_set_and_do_not_connect(name: str) -> None:
    proxy = Proxy(NOWHERE)
    with pytest.raises(AttributeError, match=name):
        setattr(proxy, name, 1)


@pytest.fixture
def no_metadata() -> Iterator[None]:
    with changed_settings(METADATA=False):
        yield


@pytest.mark.usefixtures("no_metadata")
def test_without_metadata_every_name_is_a_method_and_no_look_at_it_connects(
    running: RunningDaemon, proxy: Proxy
) -> None:
    add, missing = proxy.add, proxy.missing
    assert hasattr(proxy, "label")
    assert "add" not in dir(proxy)
    assert proxy._pyroConnection is None
    assert add("d") == 4
    assert proxy._pyroMethods == set()
    with pytest.raises(AttributeError, match="missing"):
        missing()
    with pytest.raises(AttributeError, match="private"):
        _ = proxy._secret


@pytest.mark.usefixtures("no_metadata")
def test_without_metadata_a_written_attribute_stays_here(
    running: RunningDaemon, proxy: Proxy
) -> None:
    proxy.label = "mine"
    assert proxy.label == "mine"
    assert proxy._pyroConnection is None
    with pytest.raises(AttributeError):
        proxy._secret = 1
    shelf = running.daemon.objectsById["calc"]
    assert shelf._label == "books"


def test_metadata_that_is_known_holds_where_none_is_asked_for(
    running: RunningDaemon, proxy: Proxy
) -> None:
    proxy._pyroBind()
    with changed_settings(METADATA=False):
        assert proxy.label == "books"
        proxy.label = "new"
        assert proxy.label == "new"
        with pytest.raises(AttributeError, match="no exposed attribute"):
            _ = proxy.missing
        with pytest.raises(AttributeError, match="cannot set"):
            proxy.missing = 1


@pytest.mark.usefixtures("no_metadata")
def test_without_metadata_operators_try_what_they_can(running: RunningDaemon) -> None:
    with running.proxy() as shelf:
        assert len(shelf) == 3
        assert list(shelf) == ["a", "b", "c"]
        assert "b" in shelf
        assert "z" not in shelf
    with running.proxy("row") as row:
        assert list(row) == [0, 1, 4]
        assert 4 in row
        assert 5 not in row
        with pytest.raises(TypeError, match="does not expose __len__"):
            len(row)
    with running.proxy("plain") as plain:
        for use in (lambda: list(plain), lambda: 1 in plain, lambda: plain[0]):
            with pytest.raises(AttributeError):
                use()


class Broken:
    """Has operators that fail in the way a missing one does."""

    @expose
    def __len__(self) -> int:
        raise AttributeError("own")

    @expose
    def __iter__(self) -> Iterator[int]:
        raise AttributeError("own")

    @expose
    def __contains__(self, item: object) -> bool:
        raise AttributeError("own")


@pytest.mark.parametrize("use", [len, iter, lambda proxy: 1 in proxy])
def test_an_operator_that_is_there_may_raise_what_it_likes(use: Callable[[Any], Any]) -> None:
    with (
        running_daemon({"calc": Broken()}) as running,
        running.proxy() as proxy,
        pytest.raises(AttributeError, match="own"),
    ):
        use(proxy)


class Listed:
    """Can be iterated, and not be asked what is in it."""

    @expose
    def __iter__(self) -> Iterator[float]:
        return iter([1.0, float("nan"), 2.0])


def test_in_asks_the_object_or_looks_through_its_items(
    running: RunningDaemon, proxy: Proxy
) -> None:
    before = proxy._pyroSeq
    assert "b" in proxy
    assert "z" not in proxy
    assert proxy._pyroSeq == before + 2  # a call each
    with running_daemon({"calc": Listed()}) as other, other.proxy() as listed:
        assert 2.0 in listed
        assert 3.0 not in listed


def test_the_first_look_at_a_name_connects() -> None:
    proxy = Proxy(NOWHERE)
    for use in (
        lambda: proxy.name,
        lambda: setattr(proxy, "name", 1),
        lambda: len(proxy),
        lambda: proxy[0],
        lambda: next(iter(proxy)),
    ):
        with pytest.raises(CommunicationError, match="cannot connect"):
            use()


def test_what_does_not_need_the_object_does_not_connect() -> None:
    proxy = Proxy(NOWHERE)
    assert bool(proxy)
    assert proxy == copy.copy(proxy) == pickle.loads(pickle.dumps(proxy))
    assert {proxy: 1}[Proxy(NOWHERE)] == 1
    assert "not connected" in repr(proxy)
    assert isinstance(proxy, Proxy)
    assert weakref.ref(proxy)() is proxy
    proxy._pyroRelease()
    with proxy as entered:
        assert entered is proxy


def test_known_metadata_is_enough_to_say_what_there_is_not() -> None:
    proxy = Proxy(NOWHERE)
    proxy._pyroGetMetadata(known_metadata={"methods": ["add"], "attrs": ["x"], "oneway": []})
    assert callable(proxy.add)
    with pytest.raises(AttributeError):
        _ = proxy.no_such
    with pytest.raises(AttributeError):
        proxy.no_such = 1
    with pytest.raises(CommunicationError):
        _ = proxy.x


def test_a_method_whose_name_is_dotted_is_refused_by_the_daemon(proxy: Proxy) -> None:
    with pytest.raises(AttributeError):
        proxy.add.something("x")


def test_a_method_is_made_once(proxy: Proxy) -> None:
    assert proxy.add is proxy.add
    assert proxy.add("d") == 4
    assert proxy.add("e") == 5
    assert set(vars(proxy)) == {"_pyroLink", "add"}


def test_a_method_cannot_be_deleted(proxy: Proxy) -> None:
    for _ in range(2):
        with pytest.raises(AttributeError, match="add"):
            del proxy.add
        assert callable(proxy.add)  # made, if it was not
    with pytest.raises(AttributeError):
        del proxy._pyroUnknown


def test_a_method_that_is_one_no_more_is_forgotten(running: RunningDaemon, proxy: Proxy) -> None:
    assert callable(proxy.add)
    assert callable(proxy.fail)
    daemon = running.daemon
    daemon.unregister("calc")

    class Other:
        @expose
        @property
        def add(self) -> str:
            return "a property now"

        @expose
        def stream(self) -> int:
            return 3

    stream = proxy.stream
    daemon.register(Other(), "calc")
    proxy._pyroReconnect(1)
    assert proxy.add == "a property now"
    assert stream() == proxy.stream() == 3
    with pytest.raises(AttributeError, match="has no exposed attribute 'fail'"):
        proxy.fail()


def test_the_names_of_methods_can_be_assigned(proxy: Proxy) -> None:
    assert callable(proxy.add)
    proxy._pyroMethods = {"fail"}
    assert not hasattr(proxy, "add")
    proxy._pyroMethods = {"fail", "add"}
    assert proxy.add("d") == 4


def test_a_method_follows_the_proxy_into_asynchrony_and_back(proxy: Proxy) -> None:
    assert proxy.add("d") == 4
    proxy._pyroAsync()
    assert proxy.add("e").value == 5
    proxy._pyroAsync(False)
    assert proxy.add("f") == 6


def test_a_method_follows_what_is_assigned_to_the_proxy(proxy: Proxy) -> None:
    assert proxy.add("d") == 4
    proxy._pyroSerializer = "json"
    assert proxy.add("e") == 5
    proxy._pyroRawWireResponse = True
    assert proxy.add("f").serializer_id == 3
    proxy._pyroRawWireResponse = False
    proxy._pyroOneway.add("add")
    assert proxy.add("g") is None
    proxy._pyroOneway.clear()
    proxy._pyroMaxRetries = 1
    proxy._pyroConnection.sock.shutdown(socket.SHUT_RDWR)
    assert proxy.add("h") in (7, 8)  # the one-way call may still be under way


def test_metadata_can_be_fetched_for_another_object(proxy: Proxy) -> None:
    proxy._pyroGetMetadata("row")
    assert proxy._pyroMethods == {"__getitem__"}
    proxy._pyroGetMetadata()
    assert "add" in proxy._pyroMethods
    assert proxy._pyroAttrs == {"label"}


# -- operators


def test_the_operators_of_a_sequence_are_remote(proxy: Proxy) -> None:
    assert len(proxy) == 3
    assert proxy[1] == "b"
    proxy[1] = "B"
    del proxy[0]
    assert list(proxy) == ["B", "c"]
    assert "c" in proxy
    assert proxy.__contains__("x") is False


def test_an_object_that_can_only_be_indexed_can_be_iterated(running: RunningDaemon) -> None:
    with running.proxy("row") as proxy:
        assert list(proxy) == [0, 1, 4]
        with pytest.raises(TypeError, match="__len__"):
            len(proxy)


def test_an_object_without_operators_says_which_is_missing(running: RunningDaemon) -> None:
    with running.proxy("plain") as proxy:
        with pytest.raises(AttributeError, match="__getitem__"):
            proxy[0]
        with pytest.raises(AttributeError, match="__setitem__"):
            proxy[0] = 1
        with pytest.raises(AttributeError, match="__delitem__"):
            del proxy[0]
        with pytest.raises((AttributeError, TypeError)):
            list(proxy)
        with pytest.raises(TypeError):
            proxy()  # type: ignore[operator]  # not forwarded


def test_an_iteration_that_is_left_early_sends_nothing_from_a_destructor(proxy: Proxy) -> None:
    """A destructor may run anywhere, also where this thread holds the lock that sending needs."""
    items = iter(proxy)
    assert next(items) == "a"
    before = proxy._pyroSeq
    del items
    assert proxy._pyroSeq == before
    assert proxy.add("d") == 4
    assert proxy._pyroSeq == before + 2


# -- identity


def test_proxies_are_equal_if_their_uris_are() -> None:
    one, same, other = Proxy(NOWHERE), Proxy(NOWHERE), Proxy("PYRO:other@127.0.0.1:1")
    assert one == one
    assert one == same
    assert one != other
    assert one != NOWHERE
    assert one != URI(NOWHERE)
    assert hash(one) == hash(same)
    assert len({one, same, other}) == 2


def test_a_proxy_of_tags_can_be_hashed() -> None:
    assert len({Proxy("PYROMETA:a,b"), Proxy("PYROMETA:b,a")}) == 1


def test_the_repr_says_where_and_whether_connected(proxy: Proxy) -> None:
    assert "; not connected; for PYRO:calc@" in repr(proxy)
    proxy._pyroBind()
    assert "; connected IPv4; for PYRO:calc@" in repr(proxy)
    assert f"at {id(proxy):#x}" in repr(proxy)
    proxy._pyroRelease()
    assert "; not connected; " in repr(proxy)


def test_the_repr_of_a_subclass_has_its_name() -> None:
    class Special(Proxy):
        pass

    assert "Special at " in repr(Special(NOWHERE))


def test_dir_lists_what_the_object_exposes(proxy: Proxy) -> None:
    names = dir(proxy)
    assert {"add", "label", "_pyroBind", "__len__"} <= set(names)
    assert names == sorted(names)


def test_dir_works_without_a_connection() -> None:
    assert "_pyroBind" in dir(Proxy(NOWHERE))
    assert "_pyroBind" in dir(Proxy("PYRONAME:calc@127.0.0.1:1"))


# -- copies


def configured(uri: Any) -> Proxy:
    proxy = Proxy(uri)
    proxy._pyroTimeout = 7.5
    proxy._pyroMaxRetries = 3
    proxy._pyroRawWireResponse = True
    proxy._pyroSerializer = "json"
    proxy._pyroHandshake = "secret"
    proxy._pyroStreamWindow = 7
    proxy._pyroMethods, proxy._pyroAttrs, proxy._pyroOneway = {"a", "b"}, {"c"}, {"b"}
    return proxy


def assert_same_state(other: Proxy, proxy: Proxy) -> None:
    assert other is not proxy
    assert other == proxy
    for name in ("Serializer", "Handshake", "Methods", "Attrs", "Oneway"):
        assert getattr(other, "_pyro" + name) == getattr(proxy, "_pyro" + name)
    assert other._pyroConnection is None
    assert other._pyroSeq == 0


def test_a_copy_has_all_but_the_connection() -> None:
    proxy = configured(NOWHERE)
    other = copy.copy(proxy)
    assert_same_state(other, proxy)
    assert other._pyroTimeout == 7.5
    assert other._pyroMaxRetries == 3
    assert other._pyroRawWireResponse is True
    assert other._pyroStreamWindow == 7
    other._pyroOneway.add("x")
    assert "x" not in proxy._pyroOneway


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_proxy_can_be_pickled(protocol: int) -> None:
    proxy = configured(NOWHERE)
    assert_same_state(pickle.loads(pickle.dumps(proxy, protocol)), proxy)


def test_a_deep_copy_is_a_copy() -> None:
    proxy = configured(NOWHERE)
    assert_same_state(copy.deepcopy(proxy), proxy)


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
def test_a_proxy_can_be_sent(serializer: str) -> None:
    proxy = configured(NOWHERE)
    codec = get_serializer(serializer)
    assert_same_state(codec.loads(codec.dumps(proxy)), proxy)


def test_the_state_is_pyros() -> None:
    uri, oneway, methods, attrs, handshake, serializer = configured(NOWHERE).__getstate__()
    assert (uri, handshake, serializer) == (NOWHERE, "secret", "json")
    assert (set(oneway), set(methods), set(attrs)) == ({"b"}, {"a", "b"}, {"c"})


PYRO4_STATE = (NOWHERE, ["b"], ["a", "b"], ["c"], 5.0, None, "secret", 3, "json")
"""What a Pyro4 peer sends of a proxy: with a timeout, a key and retries in between."""


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack", "pickle"])
def test_a_proxy_can_be_sent_to_pyro4_and_comes_back(serializer: str) -> None:
    proxy = configured(NOWHERE)
    proxy._pyroHmacKey = "never to be sent"
    codec = get_serializer(serializer, tags="Pyro4")
    data = codec.dumps(proxy)
    assert b"never" not in data
    assert b"Pyro4.core" in data
    other = codec.loads(data)
    assert_same_state(other, proxy)
    assert other._pyroHmacKey is None


def from_pyro4(state: Any) -> Any:
    text = serpent({"__class__": "Pyro4.core.Proxy", "state": state})
    return get_serializer("serpent").loads(text)


def test_a_pyro4_proxy_is_taken_over() -> None:
    assert_same_state(from_pyro4(PYRO4_STATE), configured(NOWHERE))
    early = from_pyro4(PYRO4_STATE[:8])
    assert early._pyroSerializer is None
    assert early._pyroHandshake == "secret"


def test_timeout_and_retries_are_not_the_senders_to_choose() -> None:
    proxy = from_pyro4(PYRO4_STATE)
    assert (proxy._pyroTimeout, proxy._pyroMaxRetries) == (None, 0)


@pytest.mark.parametrize("key", ["b64:a2V5", "a2V5"])
def test_the_key_of_a_pyro4_proxy_comes_along(key: str) -> None:
    proxy = from_pyro4((*PYRO4_STATE[:5], key, *PYRO4_STATE[6:]))
    assert proxy._pyroHmacKey == b"key"
    assert proxy._pyroProtocolVersion == 48


@pytest.mark.parametrize(
    "state",
    [
        (*PYRO4_STATE, 1),
        PYRO4_STATE[:7],
        (*PYRO4_STATE[:5], "b64:!", *PYRO4_STATE[6:]),
        (*PYRO4_STATE[:5], "", *PYRO4_STATE[6:]),
        (*PYRO4_STATE[:5], 5, *PYRO4_STATE[6:]),
        (*PYRO4_STATE[:5], ["k"], *PYRO4_STATE[6:]),
        (5, *PYRO4_STATE[1:]),
        5,
        {},
    ],
)
def test_what_is_no_state_of_a_pyro4_proxy_is_refused(state: Any) -> None:
    with pytest.raises(SerializeError):
        from_pyro4(state)


def test_a_copy_speaks_what_the_proxy_speaks() -> None:
    proxy = Proxy(NOWHERE)
    proxy._pyroProtocolVersion = 48
    assert copy.copy(proxy)._pyroProtocolVersion == 48
    proxy._pyroHmacKey = "key"
    assert copy.copy(proxy)._pyroHmacKey == b"key"


class Special(Proxy):
    """At module level, so that it can be pickled."""


def test_copies_of_a_subclass_are_of_that_class() -> None:
    proxy = Special(NOWHERE)
    assert type(copy.copy(proxy)) is Special
    assert type(copy.deepcopy(proxy)) is Special
    assert type(pickle.loads(pickle.dumps(proxy))) is Special


def test_a_copy_has_a_connection_of_its_own(running: RunningDaemon, proxy: Proxy) -> None:
    proxy._pyroBind()
    with copy.copy(proxy) as other:
        assert other.add("d") == 4
        assert other._pyroLocalSocket != proxy._pyroLocalSocket
    assert proxy.add("e") == 5


@pytest.mark.parametrize("family", ["Pyro5.client", "Pyro4.core"])
@pytest.mark.parametrize("unsafe", ["pickle", "dill", "cloudpickle"])
def test_a_proxy_that_was_received_cannot_make_us_use_a_serializer_that_runs_code(
    unsafe: str, family: str
) -> None:
    """Else any peer that hands us a proxy of its own daemon can have us run what it likes."""
    state: Any = (NOWHERE, (), (), (), "hello", unsafe)
    if family == "Pyro4.core":
        state = (*PYRO4_STATE[:8], unsafe)
    text = serpent({"__class__": f"{family}.Proxy", "state": state})
    try:
        proxy = get_serializer("serpent").loads(text)
    except (SecurityError, SerializeError):
        return
    assert proxy._pyroSerializer is None


def test_a_proxy_that_was_pickled_here_keeps_its_serializer() -> None:
    proxy = Proxy(NOWHERE)
    proxy._pyroSerializer = "pickle"
    assert copy.copy(proxy)._pyroSerializer == "pickle"
    assert pickle.loads(pickle.dumps(proxy))._pyroSerializer == "pickle"


# -- an object that is not whole


def test_a_proxy_that_was_never_made_has_no_attributes() -> None:
    proxy = Proxy.__new__(Proxy)
    with pytest.raises(AttributeError):
        _ = proxy.name


def test_a_subclass_that_sets_an_attribute_too_early_is_told_so() -> None:
    class Early(Proxy):
        def __init__(self) -> None:
            self.name = "too early"
            super().__init__(NOWHERE)

    with pytest.raises(AttributeError):
        Early()


# -- connecting


def test_binding_connects_once(running: RunningDaemon, proxy: Proxy) -> None:
    assert proxy._pyroBind() is True
    assert proxy._pyroBind() is False
    assert proxy._pyroConnection is not None
    assert proxy._pyroLocalSocket == proxy._pyroConnection.sock.getsockname()
    assert running.daemon.connections == 1  # type: ignore[attr-defined]  # it counts


def test_a_released_proxy_connects_again(running: RunningDaemon, proxy: Proxy) -> None:
    assert proxy.add("d") == 4
    proxy._pyroRelease()
    proxy._pyroRelease()
    assert proxy._pyroConnection is proxy._pyroLocalSocket is None
    assert proxy.add("e") == 5
    assert running.daemon.connections == 2  # type: ignore[attr-defined]  # it counts


def test_the_handshake_reaches_the_daemon(running: RunningDaemon, proxy: Proxy) -> None:
    proxy._pyroHandshake = {"user": "me"}
    proxy._pyroBind()
    assert running.daemon.seen == {"user": "me"}  # type: ignore[attr-defined]  # it looks


def test_the_window_of_streams_can_be_chosen(proxy: Proxy) -> None:
    assert proxy._pyroStreamWindow is None
    for window in (1, 10, 10**9, None):
        proxy._pyroStreamWindow = window
        assert proxy._pyroStreamWindow == window
        assert list(proxy.stream()) == ["a", "b", "c"]
    for wrong in (0, -1, 1.0, True, "10"):
        with pytest.raises(ValueError, match="whole number of items"):
            proxy._pyroStreamWindow = wrong
    assert proxy._pyroStreamWindow is None


class Patience:
    """A clock for `_pyroReconnect`: sleeping is only written down."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    patience = Patience()
    monkeypatch.setattr(proxy_module, "time", patience)
    return patience


def test_reconnecting_makes_a_new_connection(
    running: RunningDaemon, proxy: Proxy, patience: Patience
) -> None:
    proxy._pyroBind()
    before = proxy._pyroLocalSocket
    proxy._pyroReconnect()
    assert proxy._pyroLocalSocket not in (None, before)
    assert patience.pauses == []


def test_reconnecting_ends_after_its_tries(patience: Patience) -> None:
    with pytest.raises(ConnectionClosedError, match="8 attempts") as caught:
        Proxy(NOWHERE)._pyroReconnect(8)
    assert isinstance(caught.value.__cause__, CommunicationError)
    assert patience.pauses == [0.125, 0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_reconnecting_repeats_only_what_may_get_better(patience: Patience) -> None:
    with pytest.raises(NamingError):
        Proxy("PYRONAME:calc@127.0.0.1:1")._pyroReconnect(8)
    assert patience.pauses == []


def test_a_connection_of_somebody_else_is_used_and_left_open() -> None:
    def serve() -> None:
        for answer in (dict(METADATA), "result") * 2:
            peer.answer(peer.read_message(), answer)

    ours, theirs = socket.socketpair()
    with ours, RawPeer(theirs) as peer, Threads() as threads:
        threads.start(serve)
        for _ in range(2):
            with Proxy("calc", connected_socket=ours) as proxy:
                assert str(proxy._pyroUri) == "PYRO:calc@<<connected-socket>>:0"
                assert proxy._pyroMethods == {"call"}
                assert proxy.call() == "result"
                assert "connected Unix" in repr(proxy)
            assert ours.fileno() != -1
            with pytest.raises(ConnectionClosedError, match=r"Proxy\(name, connected_socket"):
                proxy.call()
        with pytest.raises(ConnectionClosedError, match="or is a copy"):
            copy.copy(proxy).call()


def test_a_connection_of_somebody_else_is_left_open_when_it_does_not_work() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, changed_settings(COMMTIMEOUT=0.05):
        with pytest.raises(errors.TimeoutError):
            Proxy("calc", connected_socket=ours)
        ours.sendall(b"!")
        assert ours.fileno() != -1


def test_a_silent_peer_on_a_connected_socket_is_given_up_without_a_timeout_too() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, changed_settings(CONNECT_TIMEOUT=0.05), pytest.raises(errors.TimeoutError):
        Proxy("calc", connected_socket=ours)


@pytest.mark.parametrize(
    ("uri", "sock", "fault", "text"),
    [
        ("PYRO:calc@localhost:1", True, ValueError, "the object's id, not the uri PYRO:calc@"),
        ("pyroname:calc", True, ValueError, "not the uri pyroname:calc"),
        (URI("PYRO:calc@localhost:1"), True, ValueError, "not the uri PYRO:calc@localhost:1"),
        (5, True, TypeError, "the id of an object is a text, not int"),
        ("calc", 5, TypeError, "connected_socket must be a socket, not int"),
    ],
)
def test_what_makes_no_sense_with_a_connected_socket_is_refused(
    uri: Any, sock: Any, fault: type[Exception], text: str
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(fault, match=text):
        Proxy(uri, connected_socket=ours if sock is True else sock)


@pytest.mark.parametrize("count", [-1, "x", 1.5, None, True])
def test_a_number_of_retries_that_makes_no_sense_is_refused(proxy: Proxy, count: Any) -> None:
    with pytest.raises(ValueError, match="_pyroMaxRetries must be a whole number, 0 or more"):
        proxy._pyroMaxRetries = count
    assert proxy._pyroMaxRetries == 0


def test_several_threads_may_use_one_proxy(running: RunningDaemon, proxy: Proxy) -> None:
    def use() -> None:
        for _ in range(20):
            assert proxy.label == "books"
            assert list(proxy.stream()) == ["a", "b", "c"]

    with Threads() as threads:
        for _ in range(6):
            threads.start(use)
    assert running.daemon.connections == 1  # type: ignore[attr-defined]  # it counts


# -- subclasses


class Guarded(Proxy):
    """Looks at the daemon before it uses it."""

    def _pyroValidateHandshake(self, response: Any) -> None:
        assert self._pyroConnection is not None
        if response[1] == "refuse":
            raise PermissionError(response)
        self._pyroWelcome = response


def test_a_subclass_may_look_at_the_handshake(running: RunningDaemon) -> None:
    with Guarded(running.uri()) as proxy:
        assert proxy.add("d") == 4
        assert proxy._pyroWelcome == ["welcome", "hello"]


def test_a_subclass_may_refuse_the_daemon(running: RunningDaemon) -> None:
    with Guarded(running.uri()) as proxy:
        proxy._pyroHandshake = "refuse"
        for _ in range(2):
            with pytest.raises(PermissionError):
                proxy.add("d")
            assert proxy._pyroConnection is None
        proxy._pyroHandshake = "please"
        assert proxy.add("d") == 4


def test_copies_of_a_subclass_look_at_the_handshake_too(running: RunningDaemon) -> None:
    with copy.copy(Guarded(running.uri())) as proxy:
        proxy._pyroBind()
        assert proxy._pyroWelcome == ["welcome", "hello"]


def test_a_stream_keeps_the_proxy_that_looks_at_whoever_answers_next(
    running: RunningDaemon,
) -> None:
    proxy = Guarded(running.uri())
    items = proxy.stream()
    assert next(items) == "a"
    connection, reference = proxy._pyroConnection, weakref.ref(proxy)
    proxy._pyroHandshake = "refuse"
    del proxy
    assert connection is not None
    connection.sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(CommunicationError):
        next(items)
    with pytest.raises(PermissionError):
        next(items)
    kept = reference()
    assert kept is not None
    kept._pyroHandshake = "please"
    kept._pyroBind()
    assert list(items) == ["b", "c"]
    assert kept._pyroWelcome == ["welcome", "please"]
    kept._pyroRelease()


def test_nothing_connects_unguarded_when_the_proxy_is_gone(running: RunningDaemon) -> None:
    link = Guarded(running.uri())._pyroLink
    for _ in range(2):
        with pytest.raises(CommunicationError, match="is gone"):
            link.connect()
        assert link.connection is None


class Annotated(Proxy):
    """Signs what it sends, and looks at what comes back."""

    def __init__(self, uri: Any) -> None:
        super().__init__(uri)
        self._pyroSeen: list[tuple[dict[str, bytes], int]] = []

    def _pyroAnnotations(self) -> Mapping[str, Any]:
        return {**super()._pyroAnnotations(), "SIGN": self._pyroHandshake.encode()}

    def _pyroResponseAnnotations(self, annotations: Mapping[str, Any], msgtype: int) -> None:
        super()._pyroResponseAnnotations(annotations, msgtype)
        self._pyroSeen.append(({name: bytes(data) for name, data in annotations.items()}, msgtype))


class AnnotatingDaemon(Daemon):
    """Sends back what it got, as an annotation of another name."""

    def annotations(self) -> dict[str, bytes]:
        return {"BACK": bytes(current_context.annotations.get("SIGN", b"unsigned"))}


def test_a_subclass_may_annotate_everything_and_see_what_comes_back() -> None:
    with running_daemon({"calc": Shelf()}, daemon_class=AnnotatingDaemon) as running:
        with Annotated(running.uri()) as proxy:
            proxy._pyroTimeout = PATIENCE
            proxy._pyroHandshake = "me"
            assert proxy.add("d") == 4
            (shaken, called) = proxy._pyroSeen
            assert (shaken[1], called[1]) == (wire.CONNECTOK, wire.RESULT)
            assert called[0]["BACK"] == b"me"
            calls = proxy._pyroBatch()
            calls.add("e")
            assert list(calls()) == [5]
            assert list(proxy.stream()) == ["a", "b", "c", "d", "e"]
            assert {annotations["BACK"] for annotations, _ in proxy._pyroSeen[1:]} == {b"me"}
            before = len(proxy._pyroSeen)
            with copy.copy(proxy) as other:
                other._pyroSeen = []
                assert other.add("f") == 6
                assert len(other._pyroSeen) == 2
            assert len(proxy._pyroSeen) == before
        with running.proxy() as plain:
            assert plain.add("g") == 7
            assert current_context.response_annotations["BACK"] == b"unsigned"
            assert plain._pyroAnnotations() == {}
            plain._pyroResponseAnnotations({}, wire.RESULT)  # not overridden, it does nothing


@pytest.mark.parametrize("name", ["_pyroInvoke", "_pyroValidateHandshake", "_pyroAnnotations"])
def test_only_what_is_overridden_is_called(running: RunningDaemon, name: str) -> None:
    special = type(
        "Special", (Proxy,), {name: lambda self, *args: getattr(Proxy, name)(self, *args)}
    )
    with special(running.uri()) as proxy:
        assert not proxy._pyroLink.is_plain
        link = proxy._pyroLink
        assert (link.on_connected is not None) == (name == "_pyroValidateHandshake")
        assert (link.get_annotations is not None) == (name == "_pyroAnnotations")
        assert link.on_annotations is None
        assert proxy.add("d") == 4


class Logging(Proxy):
    """Sees all its calls."""

    def __init__(self, uri: Any) -> None:
        super().__init__(uri)
        self._pyroLog: list[str] = []

    def _pyroInvoke(self, methodname: str, *args: Any, **kwargs: Any) -> Any:
        self._pyroLog.append(methodname)
        return super()._pyroInvoke(methodname, *args, **kwargs)


def test_a_subclass_sees_every_use_of_the_object(running: RunningDaemon) -> None:
    with Logging(running.uri()) as proxy:
        proxy.add("d")
        _ = proxy.label
        proxy.label = "x"
        len(proxy)
        _ = proxy[0]
        list(proxy)
        calls = proxy._pyroBatch()
        calls.add("e")
        list(calls())
        assert proxy._pyroLog == [
            "add",
            "__getattr__",
            "__setattr__",
            "__len__",
            "__getitem__",
            # list() asks for the length first, as a hint
            *(name for name in proxy._pyroLog[5:-1]),
            "<batch>",
        ]
        assert "__iter__" in proxy._pyroLog


# -- raw


def test_raw_replies_are_messages_as_pyro_has_them(proxy: Proxy) -> None:
    assert proxy.add("d") == 4
    proxy._pyroRawWireResponse = True
    message = proxy.add("e")
    assert (message.type, message.seq, message.serializer_id) == (wire.RESULT, 2, wire.SERPENT)
    assert not message.annotations
    assert get_serializer("serpent").loads(message.data) == 5


def test_a_blob_can_be_made_of_a_raw_reply(proxy: Proxy) -> None:
    proxy._pyroRawWireResponse = True
    assert SerializedBlob("info", proxy.add("d"), is_blob=True).info == "info"


# -- context


def test_the_annotations_of_a_reply_are_those_of_the_last_call(proxy: Proxy) -> None:
    current_context.response_annotations = {"OLD!": b"x"}
    proxy.add("d")
    assert current_context.response_annotations == {}


# -- no need of the garbage collector


def use_nothing(proxy: Proxy) -> None:
    pass


def use_everything(proxy: Proxy) -> None:
    proxy.add("d")
    _ = proxy.label
    proxy.label = "x"
    assert proxy[0]
    assert list(proxy)
    repr(proxy), dir(proxy), hash(proxy), copy.copy(proxy)


def use_methods(proxy: Proxy) -> None:
    method = proxy.add
    method("d")
    assert method.something


def fail_remotely(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        proxy.fail()


def fail_locally(proxy: Proxy) -> None:
    with pytest.raises(AttributeError):
        _ = proxy.no_such


def fail_in_sending(proxy: Proxy) -> None:
    with pytest.raises((TypeError, SerializeError)):
        proxy.add(object())


def use_streams(proxy: Proxy) -> None:
    assert len(list(proxy.stream())) == 3
    assert next(proxy.stream()) == "a"
    for _ in proxy:
        break


def use_batches(proxy: Proxy) -> None:
    calls = proxy._pyroBatch()
    calls.add("d")
    assert list(calls()) == [4]


def lose_the_connection(proxy: Proxy) -> None:
    proxy.add("d")
    assert proxy._pyroConnection is not None
    proxy._pyroConnection.sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionClosedError):
        proxy.add("e")


def run_out_of_time(proxy: Proxy) -> None:
    proxy._pyroTimeout = 0.05
    with pytest.raises(errors.TimeoutError):
        proxy.hold()


def release(proxy: Proxy) -> None:
    proxy.add("d")
    proxy._pyroRelease()


def refuse(proxy: Proxy) -> None:
    proxy._pyroHandshake = object()
    with pytest.raises((TypeError, SerializeError)):
        proxy._pyroBind()


USES: tuple[Callable[[Proxy], None], ...] = (
    use_nothing,
    use_everything,
    use_methods,
    use_streams,
    use_batches,
    fail_remotely,
    fail_locally,
    fail_in_sending,
    lose_the_connection,
    run_out_of_time,
    release,
    refuse,
)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("proxy_class", [Proxy, Guarded, Logging])
@pytest.mark.parametrize("use", USES)
def test_the_last_reference_is_the_end_of_a_proxy(
    running: RunningDaemon, use: Callable[[Proxy], None], proxy_class: type[Proxy]
) -> None:
    proxy = proxy_class(running.uri())
    proxy._pyroTimeout = PATIENCE
    use(proxy)
    reference = weakref.ref(proxy)
    connection = proxy._pyroConnection and weakref.ref(proxy._pyroConnection)
    del proxy
    assert reference() is None
    assert connection is None or connection() is None


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("answer", ["unreadable", "rubbish", "nothing"])
def test_a_bad_peer_does_not_keep_a_proxy_alive(answer: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        request = peer.read_message()
        if answer == "unreadable":
            peer.send(wire.message(wire.RESULT, b"((((", seq=request.seq))
        elif answer == "rubbish":
            peer.send(b"rubbish" * 10)

    with scripted_server(script) as location:
        proxy = Proxy(f"PYRO:calc@{location}")
        with pytest.raises(CommunicationError):
            proxy.call()
        reference = weakref.ref(proxy)
        del proxy
        assert reference() is None


@pytest.mark.usefixtures("no_collector")
def test_a_stream_keeps_the_connection_but_not_the_proxy(running: RunningDaemon) -> None:
    proxy = running.proxy()
    items = proxy.stream()
    reference, connection = weakref.ref(proxy), weakref.ref(proxy._pyroConnection)
    del proxy
    assert reference() is None
    assert list(items) == ["a", "b", "c"]
    del items
    assert connection() is None


@pytest.mark.usefixtures("no_collector")
def test_a_method_can_be_called_when_its_proxy_is_gone(running: RunningDaemon) -> None:
    assert Proxy(running.uri()).add("d") == 4
    add = running.proxy().add
    assert add("e") == 5


@pytest.mark.usefixtures("no_collector")
def test_a_proxy_that_cannot_be_made_leaves_nothing_open() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept_handshake({**METADATA, "methods": []})
        peer.wait_closed()

    with scripted_server(script) as location:
        proxy = Proxy(f"PYRO:calc@{location}")
        with pytest.raises(PyroError, match="exposes nothing"):
            proxy._pyroBind()
        assert proxy._pyroConnection is None


def test_a_link_is_all_a_proxy_holds() -> None:
    proxy = Proxy(NOWHERE)
    assert isinstance(proxy._pyroLink, Link)
    assert list(vars(proxy)) == ["_pyroLink"]
    assert sys.getrefcount(proxy) == 2
