"""The broadcast server: one question, one answer, and nothing else disturbs it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from pyrolike.constants import NAMESERVER_QUESTION as QUESTION
from pyrolike.errors import PyroError
from pyrolike.naming import BroadcastServer
from pyrolike.uri import URI

PATIENCE = 20.0
NS_URI = "PYRO:Pyro.NameServer@192.0.2.7:9090"


@pytest.fixture
def server() -> Iterator[BroadcastServer]:
    with BroadcastServer(NS_URI, "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def asker() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE)
        asker.bind(("127.0.0.1", 0))
        yield asker


def ask(asker: socket.socket, server: BroadcastServer, question: bytes = QUESTION) -> None:
    asker.sendto(question, ("127.0.0.1", server.getPort()))


def test_the_question_is_answered_with_the_uri(
    server: BroadcastServer, asker: socket.socket
) -> None:
    ask(asker, server)
    server.processRequest()
    assert asker.recv(1000) == NS_URI.encode()


def test_it_can_be_served_by_any_event_loop(server: BroadcastServer, asker: socket.socket) -> None:
    assert server.sockets == [server]
    assert server.transportServer.sockets == [server]
    assert server.fileno() == server.sock.fileno()
    for ready in ([server], [server.sock]):
        ask(asker, server)
        server.events([asker])  # that was somebody else
        server.events(ready)
        assert asker.recv(1000) == NS_URI.encode()


def test_a_thread_of_its_own_serves_it_until_it_is_closed(
    server: BroadcastServer, asker: socket.socket
) -> None:
    assert not server.running
    thread = server.runInThread()
    assert server.running
    for _ in range(3):
        ask(asker, server)
        assert asker.recv(1000) == NS_URI.encode()
    server.close()
    assert not thread.is_alive()
    assert not server.running
    server.close()


@pytest.mark.parametrize(
    "question", [b"", b"GET_NSUR", b"GET_NSURI\n", b"get_nsuri", QUESTION * 20, b"\xff" * 60_000]
)
def test_what_is_no_question_is_ignored(
    server: BroadcastServer, asker: socket.socket, question: bytes
) -> None:
    ask(asker, server, question)
    ask(asker, server)
    server.processRequest()
    server.processRequest()
    assert asker.recv(1000) == NS_URI.encode()
    asker.setblocking(False)
    with pytest.raises(BlockingIOError):
        asker.recv(1000)


def test_without_a_question_it_does_not_wait(server: BroadcastServer) -> None:
    server.processRequest()


def test_who_is_gone_does_no_harm(server: BroadcastServer, asker: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        ask(gone, server)
    for _ in range(2):
        server.processRequest()
    ask(asker, server)
    server.processRequest()
    server.processRequest()
    assert asker.recv(1000) == NS_URI.encode()


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "[::]"])
def test_a_name_server_on_all_interfaces_is_named_by_the_one_that_the_asker_reaches(
    asker: socket.socket, everywhere: str
) -> None:
    with BroadcastServer(f"PYRO:Pyro.NameServer@{everywhere}:9090", "127.0.0.1", 0) as server:
        ask(asker, server)
        server.processRequest()
        assert asker.recv(1000) == b"PYRO:Pyro.NameServer@127.0.0.1:9090"
        assert str(server.nsUri) == f"PYRO:Pyro.NameServer@{everywhere}:9090"
        assert server._uri_for("no address") == server.nsUri


def test_an_answer_that_cannot_be_written_is_none(asker: socket.socket) -> None:
    with BroadcastServer("PYRO:Pyro.NameServer@имя:9090", "127.0.0.1", 0) as server:
        ask(asker, server)
        server.processRequest()


def test_it_says_where_it_listens(server: BroadcastServer) -> None:
    assert server.locationStr == f"127.0.0.1:{server.getPort()}"
    assert server.nsUri == URI(NS_URI)
    assert repr(server) == f"<BroadcastServer on {server.locationStr} for {NS_URI}>"


def test_by_default_it_hears_every_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    with BroadcastServer(NS_URI, bcport=0) as server:
        assert server.locationStr == f"0.0.0.0:{server.getPort()}"


def test_on_ipv6_it_answers_those_who_ask_it_directly() -> None:
    try:
        server = BroadcastServer(NS_URI, "::1", 0, ipv6=True)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asker:
        assert server.locationStr == f"[::1]:{server.getPort()}"
        asker.settimeout(PATIENCE)
        asker.sendto(QUESTION, ("::1", server.getPort()))
        server.processRequest()
        assert asker.recv(1000) == NS_URI.encode()


def test_a_closed_one_cannot_be_used_again(server: BroadcastServer) -> None:
    server.close()
    with pytest.raises(PyroError, match="closed"), server:
        pass
    assert server.fileno() == -1


def test_an_address_that_is_not_ours_is_refused_and_leaves_no_socket() -> None:
    with pytest.raises(OSError, match="assign"), closing(BroadcastServer(NS_URI, "192.0.2.1", 0)):
        pass
