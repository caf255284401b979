"""A proxy that a peer has sent leads where the peer likes: looking at it connects nothing."""

from __future__ import annotations

import collections.abc
import copy
import json
import logging
import pickle
import pprint
import reprlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrolike.api import Proxy, expose
from pyrolike.errors import CommunicationError, SecurityError
from pyrolike.serializers import get_serializer
from tests.support.daemon import changed_settings, running_daemon

SERIALIZERS = ["serpent", "json", "marshal", "msgpack"]

LOOKS: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "str": str,
    "format": lambda proxy: f"{proxy} {proxy!r:>100}",
    "hash": hash,
    "equal": lambda proxy: (proxy == proxy._pyroUri, proxy == 3, proxy != copy.copy(proxy)),
    "in": lambda proxy: proxy in [1, 2],
    "set": lambda proxy: {proxy, 1},
    "bool": bool,
    "isinstance": lambda proxy: [
        isinstance(proxy, getattr(collections.abc, name))
        for name in collections.abc.__all__
        if name != "ByteString"  # on its way out: Python warns who looks at it
    ],
    "callable": callable,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "json": lambda proxy: json.dumps([proxy], default=repr),
    "dir": dir,
    "vars": vars,
    "pprint": pprint.pformat,
    "reprlib": reprlib.repr,
    "log": lambda proxy: logging.getLogger("tests").warning("%s %r", proxy, [proxy]),
    "log alone": lambda proxy: logging.getLogger("tests").warning("%s", proxy),
    "private": lambda proxy: hasattr(proxy, "_private"),
    "numpy": lambda proxy: [
        hasattr(proxy, name) for name in ("__array__", "__array_interface__", "__buffer__")
    ],
    "unwrap": lambda proxy: hasattr(proxy, "__wrapped__"),
    "notebook": lambda proxy: getattr(proxy, "_repr_html_", None),
    "with": lambda proxy: proxy.__enter__().__exit__(None, None, None),
    "attributes": lambda proxy: (proxy._pyroUri, proxy._pyroTimeout, proxy._pyroConnection),
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """What must not be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def was_dialled(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def received(listener: socket.socket, serializer: str = "serpent", name: str = "PYRO:x") -> Any:
    codec = get_serializer(serializer)
    uri = f"{name}@127.0.0.1:{listener.getsockname()[1]}"
    (value,) = codec.loads(codec.dumps([Proxy(uri)]))
    assert type(value) is Proxy
    return value


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("name", ["PYRO:x", "PYRONAME:x"])
def test_looking_connects_nothing(listener: socket.socket, name: str, look: Any) -> None:
    look(received(listener, name=name))
    assert not was_dialled(listener)


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_server_may_be_sent_any_proxy(listener: socket.socket, serializer: str) -> None:
    @expose
    class Curious:
        def look(self, thing: Any) -> str:
            for look in LOOKS.values():
                look(thing)
            return type(thing).__name__

        def look_deep(self, things: Any) -> str:
            return self.look(things["deep"][0])

    with running_daemon({"curious": Curious()}) as running:
        bait = Proxy(f"PYRO:x@127.0.0.1:{listener.getsockname()[1]}")
        with running.proxy("curious", serializer) as proxy:
            assert proxy.look(bait) == "Proxy"
            if serializer != "marshal":  # which takes no objects inside of others
                assert proxy.look_deep({"deep": [bait]}) == "Proxy"
    assert not was_dialled(listener)


def test_using_it_connects(listener: socket.socket) -> None:
    for use in (
        lambda proxy: proxy.method,
        len,
        iter,
        lambda proxy: proxy[0],
        lambda proxy: proxy._pyroBind(),
    ):
        proxy = received(listener)
        proxy._pyroTimeout = 0.05
        with pytest.raises(CommunicationError):
            use(proxy)
        assert was_dialled(listener)


@expose
class Echo:
    def __getitem__(self, index: int) -> int:
        return index

    def __len__(self) -> int:
        return 7

    def call_back(self, proxy: Any) -> Any:
        with proxy:
            return proxy.call_me()

    def call_back_bound(self, proxy: Any) -> Any:
        with proxy:
            proxy._pyroBind()
            return proxy.call_me()

    def call_back_copied(self, proxy: Any) -> Any:
        return copy.copy(proxy).call_me()

    def call_me(self) -> str:
        return threading.current_thread().name and "called"


def test_a_received_proxy_works_when_it_is_used() -> None:
    with running_daemon({"echo": Echo()}) as running, running.proxy("echo") as proxy:
        codec = get_serializer("serpent")
        with codec.loads(codec.dumps(running.proxy("echo"))) as other:
            assert (other[3], len(other)) == (3, 7)
            assert hasattr(other, "__getitem__")  # now it is known
        assert proxy.call_back(running.proxy("echo")) == "called"


def test_inert_proxies_connect_only_when_they_are_bound() -> None:
    with (
        changed_settings(INERT_PROXIES=True),
        running_daemon({"echo": Echo()}) as running,
        running.proxy("echo") as proxy,
    ):
        assert proxy.call_me() == "called"  # our own is not concerned
        for method in proxy.call_back, proxy.call_back_copied:
            with pytest.raises(SecurityError, match="came from a peer"):
                method(running.proxy("echo"))
        with running.proxy("echo") as known:
            known._pyroBind()  # its names travel with it
            with pytest.raises(SecurityError, match="came from a peer"):
                proxy.call_back(known)
        assert proxy.call_back_bound(running.proxy("echo")) == "called"
