"""A TLS connection that several threads use at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike._pieces import Pieces
from pyrolike.transport import (
    SocketConnection,
    TlsSocket,
    get_ssl_context,
    wrap_client_side,
    wrap_server_side,
)
from tests.support.certificates import Certificates, make_certificates
from tests.support.daemon import PATIENCE, Threads

DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)

Pair = tuple[TlsSocket, TlsSocket]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.fixture
def pair(ends: tuple[socket.socket, socket.socket], files: Certificates) -> Iterator[Pair]:
    """A server's and a client's end, with a timeout that only a stuck test comes to."""
    server = wrap_server_side(ends[0], get_ssl_context(servercert=files.server))
    with Threads() as threads:
        threads.start(server.do_handshake, PATIENCE)
        client = wrap_client_side(
            ends[1], get_ssl_context(cacerts=files.authority), "localhost", "here", PATIENCE
        )
    for end in (server, client):
        end.settimeout(PATIENCE)
    try:
        yield server, client
    finally:
        server.close()
        client.close()


def test_bytes_go_both_ways(pair: Pair) -> None:
    server, client = pair
    client.sendall(b"hello")
    assert server.recv(100) == b"hello"
    assert server.send(b"there") == 5
    buffer = bytearray(10)
    assert client.recv_into(buffer) == 5
    assert buffer[:5] == b"there"
    assert client.send(b"") == 0
    client.sendall(b"")


def test_one_thread_reads_while_another_writes(pair: Pair) -> None:
    server, client = pair
    size = 8_000_000
    data = bytes(range(256)) * (size // 256)

    def echo() -> None:
        count = 0
        while count < size:
            piece = server.recv(100_000)
            server.sendall(piece)
            count += len(piece)

    with Threads() as threads:
        threads.start(echo)
        threads.start(client.sendall, data)
        received = b""
        pieces = []
        while sum(map(len, pieces)) < size:
            pieces.append(client.recv(100_000))
        received = b"".join(pieces)
    assert received == data


def test_a_timeout_passes(pair: Pair) -> None:
    _, client = pair
    client.settimeout(0.05)
    assert client.gettimeout() == 0.05
    with pytest.raises(TimeoutError):
        client.recv(1)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(30_000_000))


def send_some(sock: TlsSocket) -> bool:
    try:
        return sock.send(bytes(1_000_000)) > 0
    except BlockingIOError:
        return False


def test_who_does_not_wait_is_told_so(pair: Pair) -> None:
    server, client = pair
    with pytest.raises(BlockingIOError):
        client.recv(1, DONT_WAIT)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)
    while send_some(client):
        pass
    client.setblocking(True)
    client.limit_waiting(0.05, 0.05)
    assert client.linger == 0.05
    with pytest.raises(BlockingIOError):
        client.recv(1)
    with pytest.raises(BlockingIOError):
        client.sendall(bytes(30_000_000))
    assert server.recv(10) == bytes(10)


def test_what_is_decrypted_and_not_read_is_pending(pair: Pair) -> None:
    server, client = pair
    client.sendall(b"0123456789")
    assert server.recv(4) == b"0123"
    assert server.pending() == 6
    assert server.wait_readable(0)
    assert server.pending() == 6
    assert server.recv(2) == b"45"
    buffer = bytearray(3)
    assert server.recv_into(buffer) == 3
    assert buffer == b"678"
    assert server.recv(10) == b"9"
    assert server.pending() == 0
    assert not server.wait_readable(0)


def test_the_end_is_seen_without_reading_it(pair: Pair) -> None:
    server, client = pair
    connection = SocketConnection(server, keep_open=True)  # type: ignore[arg-type]
    assert not connection.is_gone()
    client.sendall(b"last words")
    assert not connection.is_gone()
    client.close()
    assert server.recv(100) == b"last words"
    assert connection.is_gone()
    assert server.wait_readable(PATIENCE)
    assert server.recv(100) == b""
    assert server.recv_into(bytearray(1)) == 0


@pytest.mark.parametrize("read", ["recv", "recv_into"])
def test_an_error_met_while_waiting_is_raised_by_the_next_read(pair: Pair, read: str) -> None:
    server, client = pair
    socket.socket.send(client._ssl, b"this is no TLS at all, and long enough to be noticed")
    assert server.wait_readable(PATIENCE)
    with pytest.raises(ssl.SSLError):
        getattr(server, read)(bytearray(5) if read == "recv_into" else 5)


def test_closing_wakes_who_reads(pair: Pair) -> None:
    _, client = pair
    connection = SocketConnection(client)  # type: ignore[arg-type]
    waiting = threading.Event()

    def read() -> None:
        waiting.set()
        with contextlib.suppress(OSError):
            assert client.recv(1) == b""

    with Threads() as threads:
        threads.start(read)
        assert waiting.wait(PATIENCE)
        connection.close()
    assert client.fileno() == -1
    with pytest.raises(OSError, match=r".*"):
        client.recv(1)
    assert client.wait_readable(0.01)  # to be told so by the next receive


def test_it_answers_like_a_socket(pair: Pair) -> None:
    server, client = pair
    assert client.getpeercert()["subjectAltName"][0] == ("DNS", "localhost")
    assert isinstance(client.getpeercert(True), bytes)
    assert not server.getpeercert()
    assert client.version() in ("TLSv1.2", "TLSv1.3")
    assert client.cipher() == server.cipher()
    assert (client.family, client.type) == (socket.AF_UNIX, socket.SOCK_STREAM)
    assert client.getsockname() == client.getpeername()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 50_000
    assert "handshake" not in repr(client)


def test_parts_and_certificates_go_through_a_connection(pair: Pair) -> None:
    ours, theirs = (SocketConnection(end, keep_open=True) for end in pair)  # type: ignore[arg-type]
    ours.send_parts(b"head", b"payload" * 10_000)
    assert theirs.recv(70_004) == b"head" + b"payload" * 10_000
    ours.send_parts(b"head", Pieces([b"first", b"payload" * 10_000, b"last"]))
    assert theirs.recv(70_013) == b"headfirst" + b"payload" * 10_000 + b"last"
    assert theirs.getpeercert()["version"] == 3
    assert not ours.getpeercert()


def test_what_must_be_sent_before_a_moment_is_given_up_then(pair: Pair) -> None:
    ours, theirs = (SocketConnection(end, keep_open=True) for end in pair)  # type: ignore[arg-type]
    ours.send_before(monotonic() + PATIENCE, b"little")
    assert theirs.recv(6) == b"little"
    with pytest.raises(errors.TimeoutError, match="sending"):
        ours.send_before(monotonic() + 0.05, b"x" * 8_000_000)


def test_a_handshake_goes_in_steps(
    ends: tuple[socket.socket, socket.socket], files: Certificates
) -> None:
    server = wrap_server_side(ends[0], get_ssl_context(servercert=files.server))
    try:
        assert server.peek_plain() is None
        assert not server.try_handshake()
        assert not server.do_handshake(0.01)
        assert "handshake not done" in repr(server)
        ends[1].sendall(b"\x16")
        assert server.peek_plain() == b"\x16"
        assert not server.try_handshake()
        ends[1].close()
        with pytest.raises(OSError, match="EOF"):
            server.do_handshake(PATIENCE)
    finally:
        server.close()


def test_after_a_fork_the_copy_can_be_closed(pair: Pair) -> None:
    client: Any = pair[1]
    held = threading.Event()
    leave = threading.Event()

    def hold(lock: Any) -> None:
        with lock:
            held.set()
            assert leave.wait(PATIENCE)

    with Threads() as threads:
        threads.start(hold, client._lock)
        assert held.wait(PATIENCE)
        client.after_fork()
        client.close()
        leave.set()
