"""Clients and daemons that talk over TLS, and what they say when they cannot."""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import pickle
import select
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Daemon, Proxy, current_context, expose, locate_ns
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    NamingError,
    PyroError,
    TimeoutError,
)
from pyrolike.nameserver import start_ns
from pyrolike.socketutil import get_ssl_context
from pyrolike.transport import TlsSocket, wrap_server_side
from tests.support import wire
from tests.support.certificates import PASSWORD, Certificates, make_certificates
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.rawpeer import RawPeer, call_message, serpent
from tests.support.servertypes import HANDSHAKE
from tests.support.serving import settle
from tests.support.waiting import wait_logged, wait_until

both_types = pytest.mark.parametrize("kind", ["thread", "multiplex"])

SOON = 1.0
"""Seconds in which a call is answered that nobody holds up."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert settle(before) == []


@expose
class Calc:
    def __init__(self) -> None:
        self.is_held = threading.Semaphore(0)
        self.may_go_on = threading.Event()

    def hold(self) -> str:
        self.is_held.release()
        assert self.may_go_on.wait(PATIENCE)
        return "held"

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def echo(self, value: Any) -> Any:
        return value

    def repeat(self, text: str, count: int) -> str:
        return text * count

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    def fail(self) -> None:
        raise ValueError("failed")

    def caller(self) -> Any:
        """Return whose certificate the caller has shown, or None."""
        return names_in(current_context.client.getpeercert())


def names_in(certificate: Any) -> list[str] | None:
    return [name for _, name in certificate["subjectAltName"]] if certificate else None


@contextmanager
def serving(
    kind: str, *, daemon_class: type[Daemon] = Daemon, options: Any = None, **settings: Any
) -> Iterator[RunningDaemon]:
    """Run a daemon with *settings*, which hold for its clients too."""
    with (
        changed_settings(SERVERTYPE=kind, **settings),
        running_daemon({"calc": Calc()}, daemon_class=daemon_class, **(options or {})) as running,
    ):
        yield running


@contextmanager
def tls_client(running: RunningDaemon, files: Certificates) -> Iterator[RawPeer]:
    """Connect with Python's own TLS."""
    context = ssl.create_default_context(cafile=files.authority)
    sock = socket.create_connection(running.daemon.sock.getsockname(), PATIENCE)
    with context.wrap_socket(sock, server_hostname="localhost") as wrapped:
        yield RawPeer(wrapped)


@contextmanager
def tls_pair(files: Certificates) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """Give the server's and the client's end of a connection whose handshake is done."""
    served, calling = socket.socketpair()
    ends: list[ssl.SSLSocket] = []
    context = get_ssl_context(servercert=files.server)
    trusting = get_ssl_context(cacerts=files.authority)
    with ExitStack() as stack:
        with Threads() as threads:
            threads.start(lambda: ends.append(context.wrap_socket(served, server_side=True)))
            client = trusting.wrap_socket(calling, server_hostname="localhost")
            stack.enter_context(client)
        stack.enter_context(ends[0])
        yield ends[0], client


# -- what works


@both_types
def test_everything_works_over_tls(kind: str, files: Certificates) -> None:
    with serving(kind, **files.settings) as running, running.proxy() as proxy:
        assert proxy.add(3, 4) == 7
        assert list(proxy.count(5)) == [0, 1, 2, 3, 4]
        batch = BatchProxy(proxy)
        for number in range(20):
            batch.add(number, 1)
        assert list(batch()) == list(range(1, 21))
        with pytest.raises(ValueError, match="failed"):
            proxy.fail()
        text = "x" * 1_000_000
        assert proxy.echo(text) == text
        assert proxy._pyroConnection.sock.version() in ("TLSv1.2", "TLSv1.3")
        assert proxy._pyroConnection.family() == "IPv4"


@both_types
def test_unix_sockets_have_tls_without_a_host_name(
    kind: str, files: Certificates, tmp_path: Path
) -> None:
    options = {"unixsocket": str(tmp_path / "socket")}
    with serving(kind, options=options, **files.settings) as running, running.proxy() as proxy:
        assert proxy.add(3, 4) == 7
        assert names_in(proxy._pyroConnection.getpeercert()) == ["localhost", "127.0.0.1"]
        text = "x" * 1_000_000
        assert proxy.echo(text) == text
        with pytest.raises(CommunicationError, match="check_hostname is False"):
            Proxy(running.uri(), ssl=ssl.create_default_context()).add(1, 2)


@both_types
def test_many_threads_use_one_connection_both_ways_at_once(kind: str, files: Certificates) -> None:
    def work(number: int, proxy: Proxy) -> None:
        for turn in range(20):
            assert proxy.echo([number, turn]) == [number, turn]
            text = f"{number}{turn}" * 40_000
            assert proxy.echo(text) == text

    with (
        serving(kind, **files.settings) as running,
        running.proxy(serializer="marshal") as proxy,
        Threads() as threads,
    ):
        proxy._pyroBind()
        for number in range(6):
            threads.start(work, number, proxy)


@both_types
def test_a_client_that_does_not_read_gets_its_large_reply_in_the_end(
    kind: str, files: Certificates
) -> None:
    with serving(kind, **files.settings) as running, tls_client(running, files) as peer:
        assert peer.connect().type == wire.CONNECTOK
        peer.send_call("repeat", "x" * 1000, 20_000)
        with running.proxy() as proxy:
            assert proxy.add(3, 4) == 7  # and holds nobody up
        assert len(peer.read_message().payload) > 20_000_000


@both_types
def test_calls_that_come_in_one_record_are_all_answered(kind: str, files: Certificates) -> None:
    with serving(kind, **files.settings) as running, tls_client(running, files) as peer:
        assert peer.connect().type == wire.CONNECTOK
        send_together_and_check(peer)


def send_together_and_check(peer: RawPeer) -> None:
    """Send calls of all sizes, so that records have the end of one and the start of the next."""
    for sizes in ([1, 1, 1], [100_000, 1, 1], [1, 70_000, 200_000, 1], [16_000, 16_384, 1, 300]):
        calls = [
            call_message("repeat", "x" * size, 1, seq=seq) for seq, size in enumerate(sizes, 1)
        ]
        peer.send(b"".join(calls))
        for seq, size in enumerate(sizes, 1):
            reply = peer.read_message()
            assert reply.seq == seq
            assert len(reply.payload) > size


def test_calls_that_come_in_one_record_are_all_answered_by_a_foreign_loop(
    files: Certificates,
) -> None:
    with changed_settings(SERVERTYPE="multiplex", **files.settings), Daemon() as daemon:
        daemon.register(Calc(), "calc")
        stop = threading.Event()

        def loop() -> None:
            while not stop.is_set():
                ready, _, _ = select.select(daemon.sockets, [], [], 0.05)
                if ready:
                    daemon.events(ready)

        with Threads() as threads:
            thread = threads.start(loop)
            try:
                with tls_client(RunningDaemon(daemon, thread), files) as peer:
                    assert peer.connect().type == wire.CONNECTOK
                    send_together_and_check(peer)
            finally:
                stop.set()


@both_types
def test_a_lost_connection_is_made_again(kind: str, files: Certificates) -> None:
    with serving(kind, **files.settings) as running, running.proxy() as proxy:
        assert proxy.add(3, 4) == 7
        proxy._pyroConnection.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ConnectionClosedError):
            proxy.add(3, 4)
        assert proxy.add(3, 4) == 7
        proxy._pyroReconnect(tries=1)
        assert proxy.add(3, 4) == 7


def test_a_deadline_holds_while_a_reply_comes_or_does_not(files: Certificates) -> None:
    go_on = threading.Event()

    @expose
    class Slow:
        def wait(self) -> bool:
            return go_on.wait(PATIENCE)

    with (
        changed_settings(**files.settings),
        running_daemon({"calc": Slow()}) as running,
        running.proxy() as proxy,
    ):
        proxy._pyroBind()
        proxy._pyroTimeout = 0.1
        with pytest.raises(TimeoutError):
            proxy.wait()
        go_on.set()
        proxy._pyroTimeout = PATIENCE
        assert proxy.wait() is True


def test_a_name_server_works_with_the_setting(files: Certificates) -> None:
    with changed_settings(**files.settings):
        uri, daemon, broadcaster = start_ns("localhost", 0)
        assert broadcaster is None
        with daemon, Threads() as threads:
            threads.start(daemon.requestLoop)
            try:
                with locate_ns(uri.host, uri.port) as ns:
                    ns.register("me", "PYRO:me@localhost:1")
                with changed_settings(NS_HOST=uri.host, NS_PORT=uri.port, BROADCAST_ADDRS=[]):
                    with Proxy("PYRONAME:Pyro.NameServer") as named:
                        assert named.count() == 2
                    with changed_settings(SSL=False), pytest.raises(NamingError, match="TLS"):
                        locate_ns()
            finally:
                daemon.shutdown()


# -- contexts instead of settings


@both_types
def test_a_context_overrides_the_setting(kind: str, files: Certificates) -> None:
    options = {"ssl": get_ssl_context(servercert=files.server)}
    trusting = get_ssl_context(cacerts=files.authority)
    with serving(kind, options=options) as running:
        with Proxy(running.uri(), ssl=trusting) as proxy:
            assert proxy.add(3, 4) == 7
            with copy.copy(proxy) as twin:
                assert twin.add(3, 4) == 7
            with (
                pickle.loads(pickle.dumps(proxy)) as restored,
                pytest.raises(CommunicationError, match="TLS only"),
            ):
                restored._pyroBind()
        trusting_nobody = changed_settings(SSL=True)
        with trusting_nobody, Proxy(running.uri(), ssl=trusting) as proxy:
            assert proxy.add(3, 4) == 7


def test_contexts_are_given_by_keyword(files: Certificates) -> None:
    with pytest.raises(TypeError):
        Proxy("PYRO:calc@localhost:1", None, ssl.create_default_context())  # type: ignore[misc]


# -- certificates for the program to see


class Strict(Daemon):
    """Lets nobody in but Ada."""

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        names = names_in(conn.getpeercert())
        if names != ["ada@example.org"]:
            raise ValueError(f"{names} may not come in")
        return "welcome"


class Careful(Proxy):
    """Looks whom it talks to."""

    def _pyroValidateHandshake(self, response: Any) -> None:
        connection: Any = self._pyroConnection
        object.__setattr__(self, "_pyroSeen", (response, names_in(connection.getpeercert())))


@both_types
def test_both_sides_see_each_other_s_certificate(kind: str, files: Certificates) -> None:
    with serving(kind, daemon_class=Strict, **files.mutual) as running:
        with Careful(running.uri()) as proxy:
            assert proxy.caller() == ["ada@example.org"]
            assert proxy._pyroSeen == ("welcome", ["localhost", "127.0.0.1"])
        with (
            changed_settings(SSL_CLIENTCERT=files.server),
            running.proxy() as proxy,
            pytest.raises(CommunicationError, match="may not come in"),
        ):
            proxy._pyroBind()


@both_types
def test_without_a_demand_the_client_shows_nothing(kind: str, files: Certificates) -> None:
    with serving(kind, **files.settings) as running, running.proxy() as proxy:
        assert proxy.caller() is None


# -- connected sockets


def test_a_connected_socket_with_tls_is_used_and_left_as_it_was(files: Certificates) -> None:
    with tls_pair(files) as (served, calling):
        served.settimeout(17.0)
        calling.settimeout(18.0)
        with (
            changed_settings(SSL=True),
            running_daemon({"calc": Calc()}, connected_socket=served) as running,
        ):
            proxy = Proxy("calc", connected_socket=calling)
            proxy._pyroTimeout = PATIENCE
            assert proxy.add(3, 4) == 7
            text = "x" * 300_000
            assert proxy.echo(text) == text
            proxy._pyroRelease()
            send_together_and_check(RawPeer(calling))
            calling.settimeout(18.0)
            assert running.daemon.sock is served
        calling.sendall(b"afterwards")
        assert served.recv(100) == b"afterwards"
        assert (served.gettimeout(), calling.gettimeout()) == (17.0, 18.0)


def test_what_was_decrypted_before_the_daemon_came_is_answered(files: Certificates) -> None:
    with tls_pair(files) as (served, calling):
        calling.settimeout(PATIENCE)
        calling.sendall(b"!" + call_message("add", 3, 4))
        assert served.recv(1) == b"!"
        with running_daemon({"calc": Calc()}, connected_socket=served):
            assert RawPeer(calling).read_message().type == wire.RESULT


def test_with_the_setting_a_plain_connected_socket_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, changed_settings(SSL=True):
        with pytest.raises(PyroError, match=r"ssl\.SSLSocket"):
            Daemon(connected_socket=ours)
        with pytest.raises(PyroError, match=r"ssl\.SSLSocket"):
            Proxy("calc", connected_socket=theirs)


# -- peers that say nothing, or little


@both_types
def test_silent_and_slow_peers_stop_nobody(kind: str, files: Certificates) -> None:
    with serving(kind, **files.settings) as running, ExitStack() as stack:
        for number in range(300):
            peer = socket.create_connection(running.daemon.sock.getsockname(), PATIENCE)
            stack.enter_context(peer)
            if number % 3:
                peer.sendall(client_hello()[: 1 if number % 3 == 1 else 100])
        check_quick(running)


@both_types
def test_three_hundred_silent_peers_and_a_full_pool_stop_nobody(
    kind: str, files: Certificates
) -> None:
    sizes = {"THREADPOOL_SIZE": 2, "THREADPOOL_SIZE_MIN": 1, "THREADPOOL_QUEUE_WAIT": 0.1}
    silent_since = ["the beginning", "the first byte", "the middle of the hello", "TLS is there"]
    with serving(kind, **sizes, **files.settings) as running, ExitStack() as stack:
        for number in range(300):
            point = silent_since[number % 4] if number < 240 else "TLS is there"
            if point == "TLS is there":
                peer = stack.enter_context(tls_client(running, files))
                peer.send(HANDSHAKE[: number % 40])
                continue
            plain = socket.create_connection(running.daemon.sock.getsockname(), PATIENCE)
            stack.enter_context(plain)
            plain.sendall(client_hello()[: silent_since.index(point) * 50])
        check_quick(running)
        if kind == "thread":
            with Threads() as threads:
                for _ in range(2):
                    threads.start(hold, running)
                    assert running.daemon.objectsById["calc"].is_held.acquire(timeout=PATIENCE)
                start = monotonic()
                with (
                    running.proxy() as proxy,
                    pytest.raises(CommunicationError, match="no free workers"),
                ):
                    proxy.add(3, 4)
                assert monotonic() - start < SOON
                running.daemon.objectsById["calc"].may_go_on.set()
        check_quick(running)


def check_quick(running: RunningDaemon) -> None:
    """See that new clients are served without delay."""
    for _ in range(3):
        with running.proxy() as proxy:
            proxy._pyroTimeout = SOON
            assert proxy.add(3, 4) == 7


def hold(running: RunningDaemon) -> None:
    with running.proxy() as proxy:
        assert proxy.hold() == "held"


@functools.cache
def client_hello() -> bytes:
    """Return how a client begins."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(coming, going, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return going.read()


@both_types
@pytest.mark.parametrize("size", [0, 1, 100, None])
def test_who_does_not_shake_hands_in_time_is_let_go(
    kind: str, size: int | None, files: Certificates
) -> None:
    with (
        serving(kind, HANDSHAKE_TIMEOUT=0.3, **files.settings) as running,
        socket.create_connection(running.daemon.sock.getsockname(), PATIENCE) as peer,
    ):
        peer.sendall(client_hello()[:size])
        while peer.recv(10_000):
            pass


@both_types
def test_the_time_for_the_handshake_is_one_with_that_for_the_connect_message(
    kind: str, files: Certificates
) -> None:
    with (
        serving(kind, HANDSHAKE_TIMEOUT=0.5, **files.settings) as running,
        tls_client(running, files) as peer,
    ):
        peer.wait_closed()


@both_types
def test_a_client_hello_may_come_byte_by_byte(kind: str, files: Certificates) -> None:
    hello = client_hello()
    with (
        serving(kind, **files.settings) as running,
        socket.create_connection(running.daemon.sock.getsockname(), PATIENCE) as peer,
    ):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(hello)):
            peer.sendall(hello[position : position + 1])
        assert peer.recv(1) == b"\x16"


@both_types
def test_a_handshake_that_cannot_send_goes_on_when_it_can(
    kind: str, files: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A Unix socket that is full stays so: nothing is under way.
    path = str(tmp_path / "socket")
    filled: list[int] = []
    sockets: list[TlsSocket] = []

    def fill_and_wrap(sock: socket.socket, context: ssl.SSLContext) -> TlsSocket:
        sock.setblocking(False)
        size = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                size += sock.send(bytes(4096))
        sockets.append(wrap_server_side(sock, context))
        filled.append(size)
        return sockets[-1]

    monkeypatch.setattr("pyrolike.server.building.wrap_server_side", fill_and_wrap)
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = get_ssl_context(cacerts=files.authority).wrap_bio(
        coming, going, server_hostname="localhost"
    )
    with (
        serving(kind, options={"unixsocket": path}, **files.settings),
        socket.socket(socket.AF_UNIX) as plain,
    ):
        plain.connect(path)
        peer = RawPeer(plain)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        peer.send(going.read())
        wait_until(lambda: bool(sockets) and sockets[0].awaited == selectors.EVENT_WRITE)
        assert peer.receive(filled[0]) == bytes(filled[0])
        while not sockets[0].is_secure:
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
                peer.send(going.read())
                break
            coming.write(plain.recv(4096))
        payload = serpent({"handshake": "hello", "object": "calc"})
        client.write(wire.message(wire.CONNECT, payload))
        peer.send(going.read())
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                assert client.read(4) == b"PYRO"
                break
            coming.write(plain.recv(65536))


def test_a_silent_server_is_given_up_in_the_call_s_time(files: Certificates) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        changed_settings(**files.settings),
        Proxy(f"PYRO:calc@127.0.0.1:{listener.getsockname()[1]}") as proxy,
    ):
        proxy._pyroTimeout = 0.2
        with pytest.raises(TimeoutError, match="TLS handshake was not answered in time"):
            proxy.add(3, 4)


# -- what people read


@both_types
def test_a_plain_client_is_told_that_tls_is_wanted(
    kind: str, files: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(kind, **files.settings) as running:
        with (
            changed_settings(SSL=False),
            running.proxy() as proxy,
            pytest.raises(CommunicationError, match="this daemon speaks TLS only"),
        ):
            proxy.add(3, 4)
        with running.proxy() as proxy:
            assert proxy.add(3, 4) == 7
        wait_logged(caplog, "speaks TLS only")


@both_types
def test_a_tls_client_is_told_that_there_is_none(
    kind: str, files: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(kind) as running:
        with (
            changed_settings(**files.settings),
            running.proxy() as proxy,
            pytest.raises(CommunicationError, match="does not speak TLS there") as caught,
        ):
            proxy.add(3, 4)
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        wait_logged(caplog, "the other side speaks TLS")


@both_types
def test_who_speaks_neither_is_let_go(
    kind: str, files: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving(kind, **files.settings) as running,
        socket.create_connection(running.daemon.sock.getsockname(), PATIENCE) as peer,
    ):
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        RawPeer(peer).wait_closed()
        wait_logged(caplog, "neither TLS nor Pyro")


@both_types
@pytest.mark.parametrize(
    ("shown", "sentence", "logged"),
    [
        ("stranger", "not trusted: .*SSL_CACERTS", "SSL_CACERTS"),
        ("expired", "has expired", "expired"),
        ("elsewhere", "not for the host name 'localhost': .*example.org", "another host name"),
    ],
)
def test_a_server_whose_certificate_is_not_good_is_refused(
    kind: str,
    shown: str,
    sentence: str,
    logged: str,
    files: Certificates,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {**files.settings, "SSL_SERVERCERT": getattr(files, shown)}
    with serving(kind, **settings) as running, running.proxy() as proxy:
        with pytest.raises(CommunicationError, match=sentence) as caught:
            proxy.add(3, 4)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        wait_logged(caplog, logged)


@both_types
@pytest.mark.parametrize(
    ("shown", "sentence", "logged"),
    [
        ("", "the server demands a client certificate", "has shown no certificate"),
        ("stranger", "does not trust this client's certificate", "is not accepted"),
        ("expired", "has expired", "is not accepted: certificate has expired"),
    ],
)
def test_a_client_whose_certificate_is_not_good_is_refused(
    kind: str,
    shown: str,
    sentence: str,
    logged: str,
    files: Certificates,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {**files.mutual, "SSL_CLIENTCERT": shown and getattr(files, shown)}
    with (
        serving(kind, **settings) as running,
        running.proxy() as proxy,
    ):
        with pytest.raises(ConnectionClosedError, match=sentence):
            proxy.add(3, 4)
        wait_logged(caplog, logged)


@both_types
def test_a_client_that_leaves_in_the_middle_is_not_worth_a_warning(
    kind: str, files: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(kind, **files.settings) as running:
        for size in 0, 1, None:
            with socket.create_connection(running.daemon.sock.getsockname()) as peer:
                peer.sendall(client_hello()[:size])
        with running.proxy() as proxy:
            assert proxy.add(3, 4) == 7
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SSL_SERVERCERT": ""}, r"config\.SSL_SERVERCERT"),
        ({"SSL_SERVERCERT": "/nowhere"}, "server cert file not found"),
        ({"SSL_SERVERKEY": "/nowhere"}, "server key file not found"),
        ({"SSL_CACERTS": "/nowhere"}, "CA certs not found"),
    ],
)
def test_a_daemon_says_which_file_is_missing(
    settings: dict[str, Any], sentence: str, files: Certificates
) -> None:
    with (
        changed_settings(**{**files.settings, **settings}),
        pytest.raises((ValueError, OSError), match=sentence),
    ):
        Daemon()


def test_a_key_needs_its_password(files: Certificates) -> None:
    locked = {"SSL_SERVERCERT": files.locked_cert, "SSL_SERVERKEY": files.locked_key}
    settings = {**files.settings, **locked}
    with (
        serving("thread", SSL_SERVERKEYPASSWD=PASSWORD, **settings) as running,
        running.proxy() as proxy,
    ):
        assert proxy.add(3, 4) == 7
    for password in "", "sled":
        with (
            changed_settings(SSL_SERVERKEYPASSWD=password, **settings),
            pytest.raises(OSError, match="password"),
        ):
            Daemon()
