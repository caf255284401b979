"""A server in one call: what is registered where, what is printed, and that all is closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.client import Proxy, locating
from pyrolike.configure import config
from pyrolike.errors import DaemonError, NamingError
from pyrolike.naming import NameServerDaemon
from pyrolike.objects import expose
from pyrolike.server import Daemon, serve
from tests.support.daemon import PATIENCE, changed_settings


class Thing:
    @expose
    def hello(self) -> str:
        return "hello"

    def __repr__(self) -> str:
        return "<a thing>"


class Once(Daemon):
    """Remembers what it served, and does not stay in its loop."""

    def requestLoop(self, loopCondition: Any = None) -> None:
        self.served = {
            object_id: thing
            for object_id, thing in self.objectsById.items()
            if "." not in object_id
        }


@pytest.fixture
def name_server() -> Iterator[NameServerDaemon]:
    """Run a name server that the settings point to."""
    with NameServerDaemon(host="127.0.0.1", port=0) as daemon:
        loop = threading.Thread(target=daemon.requestLoop, daemon=True)
        loop.start()
        host, _, port = daemon.locationStr.partition(":")
        with changed_settings(NS_HOST=host, NS_PORT=int(port)):
            yield daemon
        daemon.shutdown()
        loop.join(PATIENCE)


def test_without_a_name_server_the_name_is_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    daemon, thing, nameless = Once(), Thing(), Thing()
    serve({thing: "thing", nameless: None}, daemon=daemon, use_ns=False)
    assert daemon.served.pop("thing") is thing
    ((object_id, other),) = daemon.served.items()
    assert object_id.startswith("obj_")
    assert other is nameless
    assert daemon.transportServer is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Object <a thing>:", f"    uri = PYRO:thing@{daemon.locationStr}"]
    assert lines[-1] == "Pyro daemon running."
    assert len(lines) == 5


def test_with_a_name_server_the_name_is_registered_there(
    name_server: NameServerDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon, thing = Once(), Thing()
    serve({thing: "my.thing", Thing(): None}, daemon=daemon)
    object_ids = list(daemon.served)
    assert all(object_id.startswith("obj_") for object_id in object_ids)
    names = name_server.nameserver.list(prefix="my.")
    assert names == {"my.thing": f"PYRO:{object_ids[0]}@{daemon.locationStr}"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "    name = my.thing"
    assert len(lines) == 6


def test_a_name_server_that_is_just_being_started_is_waited_for(
    name_server: NameServerDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = listener.getsockname()[1]
    waits: list[float] = []

    def come(seconds: float) -> None:
        waits.append(seconds)
        config.NS_HOST = name_server.locationStr

    monkeypatch.setattr(locating.time, "sleep", come)
    with changed_settings(
        NS_HOST=f"127.0.0.1:{nowhere}", BROADCAST_ADDRS=[], NS_LOOKUP_DELAY=PATIENCE
    ):
        serve({Thing(): "my.thing"}, daemon=Once(), verbose=False)
    assert len(waits) == 1
    assert list(name_server.nameserver.list(prefix="my.")) == ["my.thing"]


def test_it_can_be_silent(
    name_server: NameServerDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    serve({Thing(): "my.thing"}, daemon=Once(), verbose=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("use_ns", [True, False])
def test_the_older_name_of_an_argument_wins(use_ns: bool) -> None:
    daemon = Once()
    serve({Thing(): "thing"}, daemon=daemon, use_ns=use_ns, ns=False, verbose=False)
    assert "thing" in daemon.served


def test_the_older_form_of_the_function_is_a_method_of_the_daemon() -> None:
    daemon = Once()
    Daemon.serveSimple({Thing(): "thing"}, daemon=daemon, ns=False, verbose=False)
    assert "thing" in daemon.served


def test_two_objects_of_one_name_are_an_error_and_the_daemon_is_closed() -> None:
    daemon = Once()
    with pytest.raises(DaemonError, match="'same'"):
        serve({Thing(): "same", Thing(): "same"}, daemon=daemon, use_ns=False, verbose=False)
    assert daemon.transportServer is None


def test_without_a_name_server_to_be_found_there_is_an_error_and_the_daemon_is_closed() -> None:
    with Daemon() as nobody:
        port = nobody.sock.getsockname()[1]
    daemon = Once()
    with (
        changed_settings(NS_HOST="127.0.0.1", NS_PORT=port, BROADCAST_ADDRS=[]),
        pytest.raises(NamingError),
    ):
        serve({Thing(): "thing"}, daemon=daemon, verbose=False)
    assert daemon.transportServer is None


def test_a_daemon_is_made_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[str] = []

    def loop_once(daemon: Daemon, loopCondition: Any = None) -> None:
        thread = threading.Thread(target=original, args=(daemon,), daemon=True)
        thread.start()
        with Proxy(daemon.uriFor("thing")) as proxy:
            proxy._pyroTimeout = PATIENCE
            answers.append(proxy.hello())
        daemon.close()
        thread.join(PATIENCE)

    original = Daemon.requestLoop
    monkeypatch.setattr(Daemon, "requestLoop", loop_once)
    serve({Thing(): "thing"}, "127.0.0.1", 0, use_ns=False, verbose=False)
    assert answers == ["hello"]


@pytest.mark.parametrize("objects", [Daemon, [Daemon], None])
def test_what_is_no_dictionary_is_told_with_what_it_should_be(objects: Any) -> None:
    with pytest.raises(TypeError, match=r"dictionary of objects .*Greeter"):
        serve(objects, use_ns=False)
