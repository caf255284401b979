"""A daemon on a socket that the program has connected, and that stays the program's."""

from __future__ import annotations

import gc
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy
from pyrolike.errors import PyroError
from tests.support import wire
from tests.support.connected import VISITED, Calculator, Numbered, visit
from tests.support.daemon import PATIENCE, Threads, changed_settings
from tests.support.rawpeer import RawPeer, call_message, serpent
from tests.support.servertypes import Calc, Watching, served
from tests.support.serving import tcp_pair

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["unix", "tcp"])
def ends(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """The daemon's end, and the client's."""
    ours, theirs = socket.socketpair() if request.param == "unix" else tcp_pair()
    with ours, theirs:
        yield ours, theirs


def start(threads: Threads, sock: socket.socket) -> Daemon:
    """Serve in a thread until the client is gone."""
    daemon = Daemon(connected_socket=sock)
    daemon.register(Calculator(), "calc")
    daemon.register(Numbered, "numbered")

    def serve() -> None:
        with daemon:
            daemon.requestLoop()

    threads.start(serve)
    return daemon


def options_of(sock: socket.socket) -> list[Any]:
    """Return what a program may have chosen for its socket."""
    names = ("SO_KEEPALIVE", "SO_LINGER", "SO_RCVTIMEO", "SO_SNDTIMEO", "SO_SNDBUF", "SO_RCVBUF")
    values: list[Any] = [
        sock.getsockopt(socket.SOL_SOCKET, getattr(socket, name), 16) for name in names
    ]
    if sock.family == socket.AF_INET:
        values.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    return [*values, sock.gettimeout(), os.get_blocking(sock.fileno()), sock.get_inheritable()]


# -- serving


def test_several_proxies_can_use_the_socket_in_turn(ends: Pair) -> None:
    with Threads() as threads:
        start(threads, ends[0])
        assert visit(ends[1]) == VISITED
        assert visit(ends[1])[:5] == VISITED[:5]
        ends[1].close()  # which ends the loop


@pytest.mark.parametrize("timeout", [None, 0.0, 0.02, 30.0])
def test_the_socket_is_open_and_as_it_was_afterwards(ends: Pair, timeout: float | None) -> None:
    ours, theirs = ends
    ours.settimeout(timeout)
    before = options_of(ours)
    with Threads() as threads:
        daemon = start(threads, ours)
        assert visit(theirs) == VISITED
        assert ours.gettimeout() == timeout
        daemon.shutdown()
    assert options_of(ours) == before
    del daemon
    gc.collect()
    theirs.sendall(b"something else")
    ours.settimeout(PATIENCE)
    assert ours.recv(100) == b"something else"


@pytest.mark.parametrize("timeout", [0.0, 0.02])
def test_a_timeout_of_the_program_does_not_end_the_wait(ends: Pair, timeout: float) -> None:
    ours, theirs = ends
    ours.settimeout(timeout)
    with Threads() as threads, RawPeer(theirs) as peer:
        start(threads, ours)
        message = call_message("add", 3, 4)
        peer.send(message[:-1])
        theirs.settimeout(0.1)  # several of the other end's
        with pytest.raises(TimeoutError):
            theirs.recv(1)
        theirs.settimeout(PATIENCE)
        peer.send(message[-1:])
        assert peer.read_message().payload == serpent(7)


def test_another_daemon_can_follow_on_the_same_socket(ends: Pair) -> None:
    with Threads() as threads:
        for _ in range(3):
            daemon = start(threads, ends[0])
            with Proxy("calc", connected_socket=ends[1]) as proxy:
                assert proxy.add(3, 4) == 7
            daemon.shutdown()


def test_what_follows_the_last_message_is_left_for_others(ends: Pair) -> None:
    ours, theirs = ends
    with Threads() as threads:
        calc = Calc()
        with Daemon(connected_socket=ours) as daemon, RawPeer(theirs) as peer:
            daemon.register(calc, "calc")
            calc.stop_now = daemon.shutdown
            loop = threads.start(daemon.requestLoop)
            rest = b"for somebody else" * 10
            peer.send(call_message("add", 3, 4) + call_message("stop") + rest)
            assert peer.read_message().payload == serpent(7)
            assert peer.read_message().payload == serpent("stopped")
            loop.join(PATIENCE)
            ours.settimeout(PATIENCE)
            assert RawPeer(ours).receive(len(rest)) == rest


def test_after_rubbish_nothing_more_is_read(ends: Pair) -> None:
    ours, theirs = ends
    with Threads() as threads, RawPeer(theirs) as peer:
        daemon = Watching(connected_socket=ours)
        with daemon:
            daemon.register(Calc(), "calc")
            loop = threads.start(daemon.requestLoop)
            peer.send(bytes(40) + call_message("add", 3, 4))
            loop.join(PATIENCE)
            assert not loop.is_alive()
            assert daemon.has_left.acquire(timeout=PATIENCE)
            daemon.requestLoop()  # ends at once
        assert ours.fileno() >= 0


def test_a_handshake_is_no_message_here(ends: Pair) -> None:
    with Threads() as threads, RawPeer(ends[1]) as peer:
        start(threads, ends[0])
        peer.send(wire.message(wire.CONNECT, serpent({"handshake": "hello", "object": "calc"})))
        threads.wait()


def test_when_the_client_has_gone_the_loop_ends_by_itself_and_the_rest_is_done() -> None:
    calc = Calc()
    with served("existing", {"calc": calc}, daemon_class=Watching, POLLTIMEOUT=1000.0) as server:
        server.proxy().track()
        server.leave()
        server.running.join()
        assert calc.resource.is_closed.is_set()
        assert len(server.daemon.left) == 1  # type: ignore[attr-defined]


def test_when_the_program_closes_its_socket_the_loop_ends() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, changed_settings(POLLTIMEOUT=0.05), Threads() as threads:
        start(threads, ours)
        with Proxy("calc", connected_socket=theirs) as proxy:
            assert proxy.add(3, 4) == 7
        ours.close()
        threads.wait()


def test_a_loop_that_its_condition_ended_loses_nothing(ends: Pair) -> None:
    ours, theirs = ends
    message = call_message("add", 3, 4)
    with (
        changed_settings(POLLTIMEOUT=0.02),
        Daemon(connected_socket=ours) as daemon,
        RawPeer(theirs) as peer,
        Threads() as threads,
    ):
        daemon.register(Calculator(), "calc")
        peer.send(message[:50])
        turns = iter([True, True, False])
        daemon.requestLoop(lambda: next(turns))
        peer.send(message[50:])
        threads.start(daemon.requestLoop)
        assert peer.read_message().payload == serpent(7)
        daemon.shutdown()


def test_across_a_fork() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if child == 0:
            try:
                theirs.close()
                with Daemon(connected_socket=ours) as daemon:
                    daemon.register(Calculator(), "calc")
                    daemon.register(Numbered, "numbered")
                    daemon.requestLoop()
                os._exit(0 if ours.fileno() >= 0 else 1)
            finally:
                os._exit(2)
        ours.close()
        assert visit(theirs) == VISITED
        theirs.close()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# -- what it is called, and what it cannot do


def test_it_is_called_what_its_socket_is_called(ends: Pair) -> None:
    ours, _ = ends
    name = ours.getsockname()
    expected = f"{name[0]}:{name[1]}" if name else "./u:<<not-bound>>"
    with Daemon(connected_socket=ours) as daemon:
        assert daemon.locationStr == expected
        assert str(daemon.uriFor("calc")) == f"PYRO:calc@{expected}"
        assert daemon.natLocationStr is None
        assert daemon.sock is ours
        assert daemon.sockets == [ours]
        assert expected in repr(daemon)


@pytest.mark.parametrize("abstract", [False, True])
def test_a_unix_socket_with_a_name_is_called_by_it(abstract: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"\0{folder}" if abstract else os.path.join(folder, "s")
        listener.bind(path)
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            accepted, _ = listener.accept()
            with accepted, Daemon(connected_socket=accepted) as daemon:
                assert daemon.locationStr == f"./u:{path}"
            assert abstract or os.path.exists(path)  # it is not the daemon's to remove


def test_other_arguments_are_ignored(ends: Pair) -> None:
    class Interface:
        def __init__(self, daemon: Daemon) -> None:
            self.daemon = daemon

    options: dict[str, Any] = {"unixsocket": "/nowhere/s", "natport": 5, "host": "nowhere"}
    with (
        changed_settings(SERVERTYPE="multiplex", NATHOST="outside"),
        Daemon(connected_socket=ends[0], interface=Interface, **options) as daemon,
    ):
        assert daemon.natLocationStr is None
        assert isinstance(daemon.objectsById["Pyro.Daemon"], Interface)
        with pytest.raises(PyroError, match="connected socket"):
            daemon.events([ends[0]])
        with pytest.raises(PyroError, match="connected socket"):
            daemon.combine(daemon)
        with pytest.raises(TypeError, match="multiplex"):
            _ = daemon.selector


def test_a_daemon_on_a_connected_socket_cannot_be_combined_into_another(ends: Pair) -> None:
    with (
        changed_settings(SERVERTYPE="multiplex"),
        Daemon() as other,
        Daemon(connected_socket=ends[0]) as daemon,
        pytest.raises(TypeError, match="existing connection"),
    ):
        other.combine(daemon)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_that_is_not_connected_is_an_error_that_helps(kind: int) -> None:
    before = set(threading.enumerate())
    with socket.socket(type=kind) as sock:
        with pytest.raises(OSError, match="connected_socket"):
            Daemon(connected_socket=sock)
        if kind == socket.SOCK_DGRAM:
            sock.connect(("127.0.0.1", 9))
            with pytest.raises(OSError, match="SOCK_STREAM"):
                Daemon(connected_socket=sock)
        assert sock.fileno() >= 0
    with pytest.raises(OSError, match="connected_socket"):
        Daemon(connected_socket=sock)
    assert set(threading.enumerate()) == before
