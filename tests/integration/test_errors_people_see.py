"""The wrong things a person does, and the sentence each of them gets for it.

A sentence helps if it says what was wrong, names the thing that was wrong, and, where there is
something to do, says what. The patterns here ask for these facts and leave the wording free.
"""

from __future__ import annotations

import errno
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import URI, BatchProxy, Daemon, Proxy, expose, locate_ns, resolve, start_ns
from pyrolike.errors import (
    CommunicationError,
    DaemonError,
    MessageTooLargeError,
    NamingError,
    ProtocolError,
    PyroError,
    SerializeError,
    TimeoutError,
    get_pyro_traceback,
)
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.peers.starting import server_peer
from tests.support.rawpeer import RawPeer, scripted_server

SERIALIZERS = ("serpent", "json", "marshal", "msgpack")


@expose
class Calculator:
    """What these tests use wrongly."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def same(self, value: Any) -> Any:
        return value

    def repeat(self, text: str, times: int) -> str:
        return text * times

    def lock(self) -> Any:
        return {"result": [1, threading.Lock()]}

    def divide(self, a: int, b: int) -> float:
        return a / b


class Guarded:
    """Has a method that is not exposed."""

    @expose
    def shown(self) -> str:
        return "shown"

    def hidden(self) -> str:
        return "hidden"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDaemon]:
    with running_daemon({"calc": Calculator(), "guarded": Guarded()}) as running:
        yield running


@pytest.fixture
def calc(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy() as proxy:
        yield proxy


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens: one that was free a moment ago."""
    with socket.create_server(("localhost", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def name_server() -> Iterator[str]:
    uri, daemon, responder = start_ns(host="localhost", port=0, enableBroadcast=False)
    assert responder is None
    with daemon, Threads() as threads:
        threads.start(daemon.requestLoop)
        yield f"{uri.host}:{uri.port}"
        daemon.shutdown()


# -- names


def test_an_unknown_name_is_named(name_server: str) -> None:
    with pytest.raises(NamingError, match=r"unknown name: no\.such\.name"):
        Proxy(f"PYRONAME:no.such.name@{name_server}")._pyroBind()
    with pytest.raises(NamingError, match=r"no\.such\.name"):
        resolve(f"PYRONAME:no.such.name@{name_server}")


def test_tags_that_nobody_has_are_named(name_server: str) -> None:
    with pytest.raises(NamingError, match=r"no-such-tag"):
        Proxy(f"PYROMETA:no-such-tag@{name_server}")._pyroBind()


def test_a_missing_name_server_is_told_with_its_place(unused_port: int) -> None:
    with pytest.raises(NamingError, match=rf"name server.*localhost:{unused_port}"):
        locate_ns("localhost", unused_port)
    with pytest.raises(NamingError, match=rf"localhost:{unused_port}"):
        Proxy(f"PYRONAME:something@localhost:{unused_port}")._pyroBind()


# -- places


def test_nobody_listening_is_told_with_the_place_and_a_question(unused_port: int) -> None:
    with pytest.raises(
        CommunicationError, match=rf"localhost:{unused_port}.*nobody is listening.*server running"
    ):
        Proxy(f"PYRO:calc@localhost:{unused_port}").add(1, 2)


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(CommunicationError, match=r"no-such-host\.invalid.*name is not known"):
        Proxy("PYRO:calc@no-such-host.invalid:5555").add(1, 2)


def test_a_missing_unix_socket_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing.sock"
    with pytest.raises(
        CommunicationError, match=rf"{re.escape(str(path))}.*no such socket file.*server running"
    ):
        Proxy(f"PYRO:calc@./u:{path}").add(1, 2)


def test_a_path_too_long_for_a_unix_socket_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / ("long" * 50))
    with pytest.raises(CommunicationError, match=r"too long"):
        Proxy(f"PYRO:calc@./u:{path}").add(1, 2)
    with pytest.raises(OSError, match=r"too long"):
        Daemon(unixsocket=path)


def test_a_port_in_use_is_named(running: RunningDaemon) -> None:
    port = int(running.location.rpartition(":")[2])
    with pytest.raises(OSError, match=rf"{port}.*in use") as caught:
        Daemon(host="localhost", port=port)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1.*no such address"):
        Daemon(host="192.0.2.1")


def test_something_that_is_not_pyro_is_told() -> None:
    def web_server(peer: RawPeer) -> None:
        peer.receive(10)
        peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with (
        scripted_server(web_server) as location,
        pytest.raises(ProtocolError, match=r"does not begin like a Pyro message"),
    ):
        Proxy(f"PYRO:calc@{location}").add(1, 2)


def test_a_daemon_of_another_time_is_told_by_its_version() -> None:
    def early_daemon(peer: RawPeer) -> None:
        peer.receive(10)
        peer.send(b"PYRO\x00\x2f" + bytes(18))

    with (
        scripted_server(early_daemon) as location,
        pytest.raises(ProtocolError, match=r"version 47.*48, 502"),
    ):
        Proxy(f"PYRO:calc@{location}").add(1, 2)


# -- URIs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "calc",
        "PYRO:calc",
        "PYRO:calc@localhost",
        "PYRO:calc@localhost:port",
        "PYRO:calc@::1:4444",
        "PYRO:two words@localhost:4444",
        "PYRO:calc@./u:",
        "HTTP:calc@localhost:4444",
    ],
)
def test_a_bad_uri_is_shown_with_what_was_expected(text: str) -> None:
    with pytest.raises(PyroError) as caught:
        Proxy(text)
    sentence = str(caught.value)
    assert text in sentence
    assert len(sentence) > len(text) + 20


def test_something_that_cannot_be_a_uri_at_all_is_told() -> None:
    with pytest.raises(TypeError, match=r"URI.*int"):
        Proxy(12345)  # type: ignore[arg-type]  # that is the mistake


# -- objects


def test_an_unknown_object_is_named(running: RunningDaemon) -> None:
    with pytest.raises(CommunicationError, match=r"rejected.*unknown object.*this id") as caught:
        running.proxy("nobody").add(1, 2)
    assert running.location in str(caught.value)


def test_an_object_that_is_not_registered_has_no_uri(running: RunningDaemon) -> None:
    with pytest.raises(DaemonError, match=r"registered"):
        running.daemon.uriFor(Calculator())


def test_an_id_that_is_taken_is_named(running: RunningDaemon) -> None:
    with pytest.raises(DaemonError, match=r"calc.*force"):
        running.daemon.register(Calculator(), "calc")


def test_an_object_that_is_registered_already_is_told(running: RunningDaemon) -> None:
    thing = Calculator()
    running.daemon.register(thing, "only.once")
    try:
        with pytest.raises(DaemonError, match=r"only\.once"):
            running.daemon.register(thing, "twice")
    finally:
        running.daemon.unregister(thing)


@pytest.mark.parametrize("object_id", ["two words", "with@at", "tab\there"])
def test_an_id_that_fits_no_uri_is_refused_before_it_is_registered(
    running: RunningDaemon, object_id: str
) -> None:
    with pytest.raises((PyroError, ValueError), match=re.escape(repr(object_id)[1:-1])):
        running.daemon.register(Calculator(), object_id)
    assert object_id not in running.daemon.objectsById


def test_something_that_cannot_be_registered_is_told_by_its_class(running: RunningDaemon) -> None:
    for thing in (12345, "text", [1]):
        with pytest.raises((TypeError, AttributeError), match=type(thing).__name__):
            running.daemon.register(thing)


# -- members


def test_a_method_that_is_not_exposed_is_named_by_the_client(running: RunningDaemon) -> None:
    with (
        running.proxy("guarded") as proxy,
        pytest.raises(AttributeError, match=r"guarded.*exposed.*'hidden'"),
    ):
        proxy.hidden()


def test_a_method_that_is_not_exposed_is_named_by_the_daemon(running: RunningDaemon) -> None:
    with (
        running.proxy("guarded") as proxy,
        pytest.raises(AttributeError, match=r"hidden.*expose"),
    ):
        proxy._pyroInvoke("hidden", (), {})


def test_a_method_that_does_not_exist_is_named(calc: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"multiply"):
        calc.multiply(3, 4)
    with pytest.raises(AttributeError, match=r"multiply"):
        calc._pyroInvoke("multiply", (3, 4), {})


def test_a_name_that_is_misspelt_is_told_with_the_right_ones(calc: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"'ad'; .* It exposes add, divide, lock, repeat, s"):
        calc.ad(3, 4)
    with pytest.raises(AttributeError, match=r"'__getitem__'$"):
        _ = calc[0]


def test_a_long_list_of_names_is_not_told(calc: Proxy) -> None:
    calc._pyroMethods = {f"method{number}" for number in range(100)}
    with pytest.raises(AttributeError, match=r"'ad'$"):
        calc.ad(3, 4)


def test_a_timeout_is_told_with_the_object_and_what_to_set() -> None:
    def silent(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()
        peer.wait_closed()

    with (
        scripted_server(silent) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        proxy._pyroTimeout = 0.1
        with pytest.raises(TimeoutError, match=r"object 'calc' .*_pyroTimeout.*COMMTIMEOUT"):
            proxy.call(1)


def test_a_private_name_is_told_to_be_private(calc: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"_secret.*private"):
        _ = calc._secret
    with pytest.raises(AttributeError, match=r"_secret"):
        calc._pyroInvoke("_secret", (), {})


def test_an_attribute_that_cannot_be_set_is_told(calc: Proxy) -> None:
    with pytest.raises(AttributeError, match=r"'add'.*is a method"):
        calc.add = 5
    with pytest.raises(AttributeError, match=r"'total'.*attribute"):
        calc.total = 5


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_wrong_arguments_are_told_as_python_tells_them(calc: Proxy, serializer: str) -> None:
    calc._pyroSerializer = serializer
    with pytest.raises(TypeError, match=r"add\(\) missing 1 required positional argument: 'b'"):
        calc.add(1)
    with pytest.raises(TypeError, match=r"add\(\).*unexpected keyword argument 'c'"):
        calc.add(1, 2, c=3)


def test_an_object_that_is_not_a_container_is_told(calc: Proxy) -> None:
    with pytest.raises(TypeError, match=r"__len__"):
        len(calc)
    with pytest.raises(AttributeError, match=r"__getitem__"):
        calc[0]


# -- values


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_an_argument_that_cannot_be_sent_is_told_by_class_and_place(
    calc: Proxy, serializer: str
) -> None:
    calc._pyroSerializer = serializer
    with pytest.raises(SerializeError, match=r"_thread\.lock at args\[0\]\['deep'\]\[1\]"):
        calc.same({"deep": [1, threading.Lock()]})
    with pytest.raises(SerializeError, match=r"_thread\.lock at kwargs\['value'\]"):
        calc.same(value=threading.Lock())
    assert calc.add(3, 4) == 7


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_result_that_cannot_be_sent_is_told_by_class_and_place(
    calc: Proxy, serializer: str
) -> None:
    calc._pyroSerializer = serializer
    with pytest.raises(SerializeError, match=r"_thread\.lock at .*\['result'\]\[1\]"):
        calc.lock()
    assert calc.add(3, 4) == 7


def test_a_class_that_nobody_knows_is_named_with_what_to_do(calc: Proxy) -> None:
    with pytest.raises(SerializeError, match=r"Guarded.*register_dict_to_class"):
        calc.same(Guarded())


def test_arguments_of_a_batch_that_cannot_be_sent_are_told(calc: Proxy) -> None:
    batch = BatchProxy(calc)
    batch.add(1, 2)
    batch.same(threading.Lock())
    with pytest.raises(SerializeError, match=r"_thread\.lock at"):
        batch()
    batch.add(3, 4)
    assert list(batch()) == [7]


# -- serializers


def test_an_unknown_serializer_is_told_with_the_known_ones(calc: Proxy) -> None:
    with pytest.raises(SerializeError, match=r"nonsense.*serpent"):
        call_in_serializer(calc, "nonsense")


def call_in_serializer(calc: Proxy, serializer: str) -> None:
    calc._pyroSerializer = serializer
    calc.add(1, 2)


def test_an_unknown_serializer_in_the_settings_is_told_when_a_proxy_is_made() -> None:
    with pytest.raises((SerializeError, ValueError), match=r"nonsense.*serpent"):
        make_proxy_with_serializer("nonsense")


def make_proxy_with_serializer(name: str) -> None:
    with changed_settings(SERIALIZER=name):
        Proxy("PYRO:calc@localhost:5555")


@pytest.mark.parametrize(("accepted", "used"), [({"serpent"}, "json"), ({"json"}, "marshal")])
def test_a_serializer_the_daemon_does_not_accept_is_told(accepted: set[str], used: str) -> None:
    with changed_settings(SERIALIZERS_ACCEPTED=accepted):
        running = running_daemon({"calc": Calculator()})
        with (
            running as daemon,
            daemon.proxy(serializer=used) as proxy,
            pytest.raises(CommunicationError, match=rf"{used}.*SERIALIZERS_ACCEPTED"),
        ):
            proxy.add(1, 2)


def test_pickle_is_not_accepted_unless_it_was_named(calc: Proxy) -> None:
    calc._pyroSerializer = "pickle"
    with pytest.raises(CommunicationError, match=r"pickle.*SERIALIZERS_ACCEPTED"):
        calc.add(1, 2)
    accepted = {"serpent", "pickle"}
    with (
        changed_settings(SERIALIZERS_ACCEPTED=accepted),
        running_daemon({"calc": Calculator()}) as running,
        running.proxy(serializer="pickle") as proxy,
    ):
        assert proxy.same({1: (2, {3})}) == {1: (2, {3})}


# -- sizes


def test_a_request_too_large_is_refused_before_it_is_sent(calc: Proxy) -> None:
    assert calc.add(1, 2) == 3
    connection = calc._pyroConnection
    with (
        changed_settings(MAX_MESSAGE_SIZE=2000),
        pytest.raises(MessageTooLargeError, match=r"2,000.*MAX_MESSAGE_SIZE"),
    ):
        calc.same("x" * 3000)
    assert calc.add(3, 4) == 7
    assert calc._pyroConnection is connection


def test_a_result_too_large_for_the_daemon_is_told_to_the_caller(calc: Proxy) -> None:
    assert calc.add(1, 2) == 3
    with changed_settings(MAX_MESSAGE_SIZE=2000):
        with pytest.raises(MessageTooLargeError, match=r"2,000.*MAX_MESSAGE_SIZE"):
            calc.repeat("x", 3000)
        assert calc.add(3, 4) == 7


@pytest.mark.slow
def test_a_request_too_large_for_a_daemon_with_other_settings_is_told() -> None:
    with (
        server_peer("pyrolike", MAX_MESSAGE_SIZE=2000) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        proxy._pyroTimeout = PATIENCE
        with pytest.raises(CommunicationError, match=r"2,000.*MAX_MESSAGE_SIZE"):
            proxy.same("x" * 3000)
        assert proxy.add(3, 4) == 7
        with pytest.raises(MessageTooLargeError, match=r"2,000.*MAX_MESSAGE_SIZE"):
            proxy.twice("x" * 1500)


@pytest.mark.slow
def test_a_reply_too_large_for_a_client_with_other_settings_is_told() -> None:
    with (
        server_peer("pyrolike") as location,
        changed_settings(MAX_MESSAGE_SIZE=2000),
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        proxy._pyroTimeout = PATIENCE
        with pytest.raises(MessageTooLargeError, match=r"2,000.*MAX_MESSAGE_SIZE"):
            proxy.twice("x" * 1500)
        assert proxy.add(3, 4) == 7


# -- where it happened


def test_a_remote_traceback_is_shown_with_the_local_one(calc: Proxy) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        calc.divide(1, 0)
    error = caught.value
    text = "".join(get_pyro_traceback(type(error), error, error.__traceback__))
    assert "Remote traceback" in text
    assert "return a / b" in text
    assert "return a / b" in "".join(getattr(error, "__notes__", []))


def test_remote_tracebacks_can_be_kept_to_oneself() -> None:
    with (
        changed_settings(REMOTE_TRACEBACKS=False),
        running_daemon({"calc": Calculator()}) as running,
        running.proxy() as proxy,
        pytest.raises(ZeroDivisionError) as caught,
    ):
        proxy.divide(1, 0)
    assert "return a / b" not in "".join(getattr(caught.value, "_pyroTraceback", None) or [])


def test_a_uri_that_is_no_pyro_uri_cannot_be_connected_to(name_server: str) -> None:
    """A name that leads to another name is not followed for ever."""
    host, _, port = name_server.rpartition(":")
    with locate_ns(host, int(port)) as names:
        names.register("loop", URI(f"PYRONAME:loop@{name_server}"))
        with pytest.raises(PyroError, match=r"loop"):
            Proxy(f"PYRONAME:loop@{name_server}")._pyroBind()
        names.remove("loop")
