"""The daemon: its arguments, its table of objects as programs see it, and its end."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import logging
import os
import socket
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike.client import Proxy
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import DaemonError, PyroError, SerializeError
from pyrolike.objects import DaemonObject, expose
from pyrolike.serializers import get_serializer
from pyrolike.server import Daemon, daemon as daemon_module, default_methodcall_error_handler
from pyrolike.server.building import make_session_for_threads
from pyrolike.server.session import Session
from pyrolike.uri import URI
from tests.support.daemon import PATIENCE, changed_settings
from tests.support.serving import run_bounded, settle

unix_only = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets"
)


class Thing:
    @expose
    def hello(self) -> str:
        return "hello"


class Plain:
    """Exposes nothing."""


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon() as daemon:
        yield daemon


@contextlib.contextmanager
def socket_path() -> Iterator[str]:
    """Give the path of a file that does not exist yet, short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield os.path.join(folder, "s")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# -- where it listens


def test_by_default_it_listens_on_a_free_port_of_this_machine_only(daemon: Daemon) -> None:
    host, _, port = daemon.locationStr.partition(":")
    assert host == "localhost"
    assert daemon.sock.getsockname() == ("127.0.0.1", int(port))
    assert daemon.natLocationStr is None


def test_the_host_is_shown_as_it_was_given() -> None:
    with Daemon("127.0.0.1") as one, Daemon(ipaddress.ip_address("127.0.0.1")) as two:
        assert one.locationStr.startswith("127.0.0.1:")
        assert two.locationStr.startswith("127.0.0.1:")


def test_an_empty_host_is_every_interface() -> None:
    with changed_settings(PREFER_IP_VERSION=4), Daemon("") as daemon:
        assert daemon.locationStr.startswith("0.0.0.0:")


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6_addresses_are_shown_in_brackets() -> None:
    with Daemon("::1") as daemon:
        assert daemon.locationStr.startswith("[::1]:")
        assert "IPv6" in repr(daemon)
    with changed_settings(PREFER_IP_VERSION=6), Daemon("") as daemon:
        assert daemon.locationStr.startswith("[::]:")


def test_the_setting_for_the_host_holds_where_none_is_given() -> None:
    with changed_settings(HOST="127.0.0.1"), Daemon() as daemon:
        assert daemon.locationStr.startswith("127.0.0.1:")


@unix_only
def test_a_unix_socket_is_made_and_removed() -> None:
    with socket_path() as path:
        with Daemon(unixsocket=path) as daemon:
            assert daemon.locationStr == f"./u:{path}"
            assert str(daemon.register(Thing(), "thing")) == f"PYRO:thing@./u:{path}"
            assert "Unix" in repr(daemon)
            assert os.path.exists(path)
        assert not os.path.exists(path)


@unix_only
def test_a_unix_socket_that_somebody_has_removed_is_fine() -> None:
    with socket_path() as path, Daemon(unixsocket=path):
        os.unlink(path)


@unix_only
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="only Linux has abstract names")
def test_an_abstract_unix_socket_has_no_file() -> None:
    with Daemon(unixsocket=f"\0pyrolike-{os.getpid()}") as daemon:
        assert daemon.locationStr.startswith("./u:\0")


def test_a_port_that_is_in_use_is_an_error_and_nothing_is_left(daemon: Daemon) -> None:
    port = daemon.sock.getsockname()[1]
    before = set(threading.enumerate())
    with changed_settings(SOCK_REUSE=False), pytest.raises(OSError, match="in use"):
        Daemon("127.0.0.1", port)
    assert settle(before) == []


# -- what is published


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"nathost": "outside", "natport": 1234}, "outside:1234"),
        ({"nathost": "::5", "natport": 1234}, "[::5]:1234"),
        ({"nathost": ipaddress.ip_address("10.0.0.1"), "natport": 1}, "10.0.0.1:1"),
    ],
)
def test_behind_an_address_translation_the_outer_address_is_published(
    options: Any, expected: str
) -> None:
    with Daemon(**options) as daemon:
        assert daemon.natLocationStr == expected
        assert daemon.register(Thing(), "thing") == URI(f"PYRO:thing@{expected}")
        assert daemon.uriFor("thing", nat=False) == URI(f"PYRO:thing@{daemon.locationStr}")
        assert daemon.proxyFor("thing")._pyroUri == URI(f"PYRO:thing@{expected}")


def test_port_0_publishes_the_real_port() -> None:
    with Daemon(nathost="outside", natport=0) as daemon:
        assert daemon.natLocationStr == f"outside:{daemon.sock.getsockname()[1]}"


def test_the_settings_for_the_outer_address_hold_where_none_is_given() -> None:
    with changed_settings(NATHOST="outside", NATPORT=99), Daemon() as daemon:
        assert daemon.natLocationStr == "outside:99"
    with changed_settings(NATPORT=99), Daemon(nathost="other") as daemon:
        assert daemon.natLocationStr == "other:99"


def test_an_empty_outer_host_is_none() -> None:
    with Daemon(nathost="") as daemon:
        assert daemon.natLocationStr is None
        assert daemon.uriFor("thing") == URI(f"PYRO:thing@{daemon.locationStr}")
    with changed_settings(NATHOST="outside", NATPORT=99), Daemon(nathost="") as daemon:
        assert daemon.natLocationStr == "outside:99"


def test_an_outer_port_alone_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="natport needs a nathost"):
        Daemon(natport=5)


@unix_only
def test_a_unix_socket_is_not_translated() -> None:
    with socket_path() as path:
        with pytest.raises(ValueError, match="Unix socket"):
            Daemon(unixsocket=path, nathost="outside")
        with changed_settings(NATHOST="outside"), Daemon(unixsocket=path) as daemon:
            assert daemon.natLocationStr is None


# -- what is not possible


def test_tls_needs_a_certificate() -> None:
    with changed_settings(SSL=True), pytest.raises(ValueError, match=r"config\.SSL_SERVERCERT"):
        Daemon()


def test_thread_pool_sizes_that_make_no_sense_are_refused_and_nothing_is_left() -> None:
    before = set(threading.enumerate())
    with (
        changed_settings(THREADPOOL_SIZE=3, THREADPOOL_SIZE_MIN=3),
        changed_settings(THREADPOOL_SIZE_MIN=4),
        pytest.raises(ValueError, match="THREADPOOL_SIZE"),
    ):
        Daemon()
    assert settle(before) == []


def test_an_unknown_serializer_is_refused() -> None:
    with (
        changed_settings(SERIALIZERS_ACCEPTED={"serpent", "nonsense"}),
        pytest.raises(SerializeError, match="nonsense"),
    ):
        Daemon()


def test_a_daemon_may_have_a_key(daemon: Daemon) -> None:
    assert daemon._pyroHmacKey is None
    daemon._pyroHmacKey = "ключ"
    assert daemon._pyroHmacKey == "ключ".encode()
    for wrong, error in (("", ValueError), (5, TypeError)):
        with pytest.raises(error, match="key"):
            daemon._pyroHmacKey = wrong  # type: ignore[assignment]
    daemon._pyroHmacKey = None
    assert daemon._pyroHmacKey is None


def test_an_interface_that_cannot_be_made_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    made: list[Daemon] = []

    def fail(daemon: Daemon) -> object:
        made.append(daemon)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Daemon(interface=fail)
    left = settle(before, 0.5)
    made[0].close()  # for the tests that follow
    assert left == []


# -- the daemon's own object


def test_the_daemon_offers_an_object_that_speaks_for_it(daemon: Daemon) -> None:
    assert list(daemon.objectsById) == [DAEMON_NAME]
    assert isinstance(daemon.objectsById[DAEMON_NAME], DaemonObject)


def test_a_program_may_choose_its_class() -> None:
    class More(DaemonObject):
        @expose
        def more(self) -> str:
            return "more"

    with Daemon(interface=More) as daemon:
        assert isinstance(daemon.objectsById[DAEMON_NAME], More)
        assert "more" in daemon.objectsById[DAEMON_NAME].get_metadata(DAEMON_NAME)["methods"]


# -- registering


def test_a_registered_object_has_a_uri_and_knows_its_daemon(daemon: Daemon) -> None:
    thing: Any = Thing()
    uri = daemon.register(thing, "thing")
    assert uri == URI(f"PYRO:thing@{daemon.locationStr}")
    assert thing._pyroId == "thing"
    assert thing._pyroDaemon == daemon
    assert isinstance(thing._pyroDaemon, weakref.ProxyType)
    assert daemon.objectsById["thing"] is thing
    assert daemon.uriFor(thing) == daemon.uriFor("thing") == uri


def test_without_an_id_one_is_made_up(daemon: Daemon) -> None:
    uri = daemon.register(Thing())
    assert str(uri.object).startswith("obj_")
    assert uri.object in daemon.objectsById


def test_classes_and_weak_references_are_shown_as_they_are(daemon: Daemon) -> None:
    class Local:
        @expose
        def call(self) -> None: ...

    thing = Thing()
    daemon.register(Local, "class")
    daemon.register(thing, "weak", weak=True)
    assert daemon.objectsById["class"] is Local
    assert daemon.objectsById["weak"]() is thing
    del thing
    gc.collect()
    assert "weak" not in daemon.objectsById


@pytest.mark.parametrize("object_id", ["a b", "a@b"])
def test_an_id_that_fits_in_no_uri_is_refused(daemon: Daemon, object_id: str) -> None:
    with pytest.raises(PyroError, match="uri"):
        daemon.register(Thing(), object_id)
    assert list(daemon.objectsById) == [DAEMON_NAME]


def test_doubles_need_force(daemon: Daemon) -> None:
    thing = Thing()
    daemon.register(thing, "thing")
    with pytest.raises(DaemonError):
        daemon.register(Thing(), "thing")
    with pytest.raises(DaemonError):
        daemon.register(thing, "other")
    daemon.register(thing, "other", force=True)
    assert {"thing", "other"} <= set(daemon.objectsById)


def test_what_is_unregistered_is_gone(daemon: Daemon) -> None:
    thing, other = Thing(), Thing()
    daemon.register(thing, "thing")
    daemon.register(other, "other")
    daemon.unregister(thing)
    daemon.unregister("other")
    assert list(daemon.objectsById) == [DAEMON_NAME]
    assert not hasattr(thing, "_pyroId")
    assert not hasattr(other, "_pyroDaemon")


def test_unregistering_ignores_unknown_ids_and_the_daemons_own_object(daemon: Daemon) -> None:
    daemon.unregister("nobody")
    daemon.unregister(DAEMON_NAME)
    daemon.unregister(daemon.objectsById[DAEMON_NAME])
    assert list(daemon.objectsById) == [DAEMON_NAME]


def test_unregistering_needs_something_that_is_registered(daemon: Daemon) -> None:
    with pytest.raises(ValueError, match="None"):
        daemon.unregister(None)
    with pytest.raises(DaemonError, match="not registered"):
        daemon.unregister(Thing())


def test_a_uri_needs_a_registered_object_but_any_id_will_do(daemon: Daemon) -> None:
    assert daemon.uriFor("nobody") == URI(f"PYRO:nobody@{daemon.locationStr}")
    with pytest.raises(DaemonError, match="not registered"):
        daemon.uriFor(Thing())


# -- proxies


def test_a_proxy_for_an_object_knows_what_it_exposes(daemon: Daemon) -> None:
    thing = Thing()
    daemon.register(thing, "thing")
    with daemon.proxyFor(thing) as proxy:
        assert isinstance(proxy, Proxy)
        assert proxy._pyroMethods == {"hello"}


def test_a_proxy_needs_something_that_is_registered_and_exposes_something(daemon: Daemon) -> None:
    with pytest.raises(DaemonError, match="unknown object"):
        daemon.proxyFor("nobody")
    with pytest.raises(DaemonError, match="not registered"):
        daemon.proxyFor(Thing())
    daemon.register(Plain(), "plain")
    with pytest.raises(PyroError, match="expose"):
        daemon.proxyFor("plain")


def test_a_proxy_is_made_by_the_settings_as_they_are_now(daemon: Daemon) -> None:
    class Unmarked:
        def call(self) -> None: ...

    daemon.register(Unmarked(), "unmarked")
    with changed_settings(REQUIRE_EXPOSE=False):
        assert daemon.proxyFor("unmarked")._pyroMethods == {"call"}


def test_metadata_is_found_out_anew_when_a_class_has_changed(daemon: Daemon) -> None:
    class Growing:
        @expose
        def first(self) -> None: ...

    thing = Growing()
    daemon.register(thing, "growing")
    assert daemon.proxyFor(thing)._pyroMethods == {"first"}

    @expose
    def second(self: Any) -> None: ...

    Growing.second = second  # type: ignore[attr-defined]  # the class grows
    assert daemon.proxyFor(thing)._pyroMethods == {"first"}
    daemon.resetMetadataCache(thing)
    assert daemon.proxyFor(thing)._pyroMethods == {"first", "second"}
    daemon.resetMetadataCache("growing")
    with pytest.raises(DaemonError, match="unknown object"):
        daemon.resetMetadataCache("nobody")


# -- objects that are sent


SERPENT = get_serializer("serpent")


def sent(value: object) -> Any:
    return SERPENT.loads(SERPENT.dumps(value))


class Sent:
    """Exposes something, and can be sent as it is: as a dictionary of its attributes."""

    def __init__(self) -> None:
        self.number = 5

    @expose
    def call(self) -> None: ...


def test_a_registered_object_is_sent_as_a_proxy(daemon: Daemon) -> None:
    thing = Sent()
    daemon.register(thing, "sent")
    with sent(thing) as proxy:
        assert proxy._pyroUri == daemon.uriFor("sent")


def test_an_object_is_sent_as_it_is_where_the_setting_says_so(daemon: Daemon) -> None:
    thing = Sent()
    with changed_settings(AUTOPROXY=False):
        daemon.register(thing, "sent")
        assert daemon_module.replace_by_proxy(thing) is thing
    proxy = daemon_module.replace_by_proxy(thing)
    assert proxy is not thing


def test_an_object_that_is_not_registered_is_sent_as_it_is(daemon: Daemon) -> None:
    registered, other = Sent(), Sent()
    daemon.register(registered, "sent")
    assert daemon_module.replace_by_proxy(other) is other
    other._pyroDaemon = registered._pyroDaemon  # type: ignore[attr-defined]  # as if it were
    assert daemon_module.replace_by_proxy(other) is other


def test_an_object_whose_daemon_is_gone_is_sent_as_it_is() -> None:
    class Shell:
        """Stands for the daemon an object was registered in."""

    thing, shell = Sent(), Shell()
    thing._pyroDaemon = weakref.proxy(shell)  # type: ignore[attr-defined]  # as registering does
    del shell
    gc.collect()
    assert daemon_module.replace_by_proxy(thing) is thing


def test_a_daemon_that_is_sent_arrives_as_something_to_print(daemon: Daemon) -> None:
    assert "unusable" in repr(sent(daemon))


# -- what programs can look at


def test_a_daemon_tells_how_it_is(daemon: Daemon) -> None:
    daemon.register(Thing())
    text = repr(daemon)
    for part in "pyrolike.server.daemon.Daemon", daemon.locationStr, "IPv4", "2 objects":
        assert part in text


def test_the_listening_socket_is_what_a_foreign_loop_watches(daemon: Daemon) -> None:
    assert daemon.sockets == [daemon.sock]
    daemon.events([])
    daemon.events([daemon.sock])


def test_what_only_the_multiplex_server_can_is_a_type_error(daemon: Daemon) -> None:
    with pytest.raises(TypeError, match="multiplex"):
        _ = daemon.selector
    with Daemon() as other, pytest.raises(TypeError, match="multiplex"):
        daemon.combine(other)


def test_open_streams_are_shown_as_pyro_shows_them(daemon: Daemon) -> None:
    class Stream:
        @expose
        def items(self) -> Iterator[int]:
            return iter([1, 2])

    uri = daemon.register(Stream())
    with looping(daemon), Proxy(uri) as proxy:
        proxy._pyroTimeout = PATIENCE
        items = proxy.items()
        assert next(items) == 1
        ((owner, created, linger_start, iterator),) = daemon.streaming_responses.values()
        assert owner.fileno() >= 0
        assert created <= monotonic()
        assert linger_start == 0
        assert next(iterator) == 2


@contextlib.contextmanager
def looping(daemon: Daemon) -> Iterator[None]:
    """Run the request loop while the block runs, and close the daemon afterwards."""
    loop = threading.Thread(target=daemon.requestLoop, daemon=True)
    loop.start()
    try:
        yield
    finally:
        daemon.close()
        loop.join(PATIENCE)


# -- hooks


def test_the_hooks_do_nothing_by_default(daemon: Daemon) -> None:
    connection: Any = object()
    assert daemon.validateHandshake(connection, "data") == "hello"
    assert daemon.annotations() == {}
    daemon.clientDisconnect(connection)
    daemon.housekeeping()


def test_an_error_of_a_method_is_logged_by_default(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    assert daemon.methodcall_error_handler is default_methodcall_error_handler
    with caplog.at_level(logging.DEBUG, "pyrolike.server"):
        daemon.methodcall_error_handler(daemon, "address", "name", (), {}, ValueError("text"))
    assert "ValueError: text" in caplog.text
    assert "address" in caplog.text


# -- closing


def make_session(daemon: Daemon) -> Session:
    with socket.create_connection(("127.0.0.1", daemon.sock.getsockname()[1])):
        accepted, address = daemon.sock.accept()
        return make_session_for_threads(daemon._pyroService, accepted, address)


def test_a_closed_daemon_can_do_nothing_more() -> None:
    daemon = Daemon()
    daemon.close()
    assert daemon.transportServer is None
    assert "closed" in repr(daemon)
    attempts: list[Callable[[], object]] = [
        daemon.requestLoop,
        daemon.__enter__,
        lambda: daemon.sock,
        lambda: daemon.sockets,
        lambda: daemon.selector,
        lambda: daemon.events([]),
        lambda: daemon.combine(daemon),
    ]
    for attempt in attempts:
        with pytest.raises(PyroError, match="closed"):
            attempt()


def test_closing_forgets_objects_and_streams(daemon: Daemon) -> None:
    thing = Thing()
    daemon.register(thing)
    daemon._pyroService.streams.open(iter([1]), make_session(daemon).connection)
    daemon.close()
    assert daemon.objectsById == {}
    assert daemon.streaming_responses == {}
    assert not hasattr(thing, "_pyroDaemon")


def test_leaving_the_block_closes_whatever_happened() -> None:
    with pytest.raises(ZeroDivisionError), Daemon() as daemon:
        raise ZeroDivisionError
    assert daemon.transportServer is None


class Slotted:
    """Has room for the two attributes and for nothing else."""

    __slots__ = ("_pyroDaemon", "_pyroId")

    @expose
    def call(self) -> None: ...


@unix_only
def test_an_object_without_a_dictionary_does_not_keep_a_daemon_from_closing() -> None:
    with socket_path() as path:
        daemon = Daemon(unixsocket=path)
        daemon.register(Slotted(), "slotted")
        daemon.close()
        assert not os.path.exists(path)


def closes_in_time(daemon: Daemon) -> bool:
    """Close the daemon in a thread; if that is stuck, help it out and say so."""

    def close() -> None:
        with contextlib.suppress(RuntimeError):  # of the lock that was taken away below
            daemon.close()

    came_back = run_bounded(close, 2.0)
    if not came_back:
        daemon._pyroClosing.release()
    return came_back


def test_an_iterator_may_close_the_daemon_that_closes_it(daemon: Daemon) -> None:
    def generate() -> Iterator[int]:
        try:
            yield 1
        finally:
            daemon.close()

    items = generate()
    next(items)
    connection = make_session(daemon).connection
    daemon._pyroService.streams.open(items, connection)
    assert closes_in_time(daemon)
    connection.close()


def test_a_signal_handler_may_close_a_daemon_that_is_being_closed(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python runs signal handlers between any two steps of the main thread, also of closing.
    clear = daemon._pyroService.table.clear

    def interrupted() -> None:
        daemon.shutdown()  # the signal handler
        clear()

    monkeypatch.setattr(daemon._pyroService.table, "clear", interrupted)
    assert closes_in_time(daemon)
