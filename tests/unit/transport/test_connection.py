"""One end of an open connection."""

from __future__ import annotations

import gc
import logging
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike._pieces import Pieces
from pyrolike.errors import ConnectionClosedError
from pyrolike.transport import SocketConnection, connection as connection_module, waiting
from tests.support.daemon import PATIENCE, Threads

HUGE = 8 * 1024 * 1024
"""More than the buffers of two connected sockets hold."""

SOON = 0.05
"""Seconds: a timeout that is meant to pass."""


@pytest.fixture
def pair() -> Iterator[tuple[SocketConnection, socket.socket]]:
    """Give a connection and the other end of it."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(PATIENCE)
    with ours, theirs:
        yield SocketConnection(ours, "calc"), theirs


Pair = tuple[SocketConnection, socket.socket]


def receive(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (piece := sock.recv(size - len(data))):
        data += piece
    return bytes(data)


class Resource:
    """Says that it was closed, or fails to."""

    def __init__(self, closed: list[Any], error: Exception | None = None) -> None:
        self._closed = closed
        self._error = error

    def close(self) -> None:
        self._closed.append(id(self))
        if self._error is not None:
            raise self._error


# -- sending and receiving


@pytest.mark.parametrize("data", [b"", b"x", bytearray(b"abc"), memoryview(b"view"), b"y" * HUGE])
def test_all_that_is_sent_arrives(pair: Pair, data: Any) -> None:
    connection, peer = pair
    with Threads() as threads:
        threads.start(connection.send, data)
        assert receive(peer, len(data)) == bytes(data)


@pytest.mark.parametrize("timeout", [None, PATIENCE])
@pytest.mark.parametrize("size", [0, 1, 100_000, HUGE])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_two_parts_arrive_one_after_the_other(
    pair: Pair, kind: Any, size: int, timeout: float | None
) -> None:
    connection, peer = pair
    connection.settimeout(timeout)
    payload = bytes(index % 251 for index in range(1000)) * (size // 1000) + b"x" * (size % 1000)
    with Threads() as threads:
        threads.start(connection.send_parts, b"head", kind(payload))
        assert receive(peer, 4 + size) == b"head" + payload


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_payload_in_pieces_arrives_in_their_order(pair: Pair, timeout: float | None) -> None:
    connection, peer = pair
    connection.settimeout(timeout)
    parts = [b"first ", b"second" * HUGE, b"", b" third"]
    with Threads() as threads:
        threads.start(connection.send_parts, b"head ", Pieces(parts))
        assert receive(peer, 17 + 6 * HUGE) == b"head " + b"".join(parts)


class NarrowSocket(socket.socket):
    """Sends at most so many bytes at once."""

    width = 3

    def sendmsg(self, buffers: Any, *rest: Any) -> int:
        return super().sendmsg([b"".join(map(bytes, buffers))[: self.width]], *rest)


@pytest.mark.parametrize("width", [0, 1, 3, 4, 5, 9, 10])
def test_two_parts_arrive_however_the_system_takes_them(width: int) -> None:
    ours, theirs = socket.socketpair()
    narrow = NarrowSocket(fileno=ours.detach())
    narrow.width = width
    with narrow, theirs:
        SocketConnection(narrow).send_parts(b"head", b"payload")
        assert receive(theirs, 11) == b"headpayload"


class PlainSocket(socket.socket):
    """Knows nothing of sendmsg, as on Windows."""

    @property
    def sendmsg(self) -> Any:  # type: ignore[override]  # hasattr must not find it
        raise AttributeError("sendmsg")


def test_two_parts_arrive_where_they_cannot_be_sent_at_once() -> None:
    ours, theirs = socket.socketpair()
    with PlainSocket(fileno=ours.detach()) as plain, theirs:
        connection = SocketConnection(plain)
        connection.send_parts(b"head", b"payload")
        assert receive(theirs, 11) == b"headpayload"
        connection.send_parts(b"head", Pieces([b" pay", b"load"]))
        assert receive(theirs, 12) == b"head payload"


def test_exactly_as_much_is_received_as_was_asked_for(pair: Pair) -> None:
    connection, peer = pair
    peer.sendall(b"abcdef")
    assert connection.recv(4) == b"abcd"
    assert connection.recv(0) == b""
    assert connection.recv(2) == b"ef"


def test_the_end_in_the_middle_is_an_error_that_has_what_came(pair: Pair) -> None:
    connection, peer = pair
    peer.sendall(b"abc")
    peer.close()
    with pytest.raises(ConnectionClosedError) as caught:
        connection.recv(4)
    assert caught.value.partialData == b"abc"


@pytest.mark.parametrize("method", ["send", "send_parts"])
def test_a_peer_that_takes_nothing_is_a_timeout(pair: Pair, method: str) -> None:
    connection, _ = pair
    connection.settimeout(SOON)
    args = (b"x" * HUGE,) if method == "send" else (b"head", b"x" * HUGE)
    with pytest.raises(errors.TimeoutError, match="sending"):
        getattr(connection, method)(*args)


@pytest.mark.parametrize("timeout", [None, 0.0, PATIENCE])
@pytest.mark.parametrize("seconds", [SOON, -1.0])
def test_what_must_be_sent_before_a_moment_is_given_up_then(
    pair: Pair, timeout: float | None, seconds: float
) -> None:
    connection, peer = pair
    connection.settimeout(timeout)
    connection.send_before(monotonic() + seconds, b"little")
    assert receive(peer, 6) == b"little"
    with pytest.raises(errors.TimeoutError, match="sending"):
        connection.send_before(monotonic() + seconds, b"x" * HUGE)
    assert connection.gettimeout() == timeout


def test_nothing_can_be_sent_before_any_moment_where_nobody_is(pair: Pair) -> None:
    connection, peer = pair
    peer.close()
    with pytest.raises(ConnectionClosedError, match="sending"):
        connection.send_before(monotonic() + PATIENCE, b"x")


def test_who_waits_for_room_is_told_when_the_socket_is_closed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, _ = pair

    def wait_writable(sock: socket.socket, seconds: float) -> bool:
        connection.close()
        return waiting.wait_writable(sock, seconds)

    monkeypatch.setattr(connection_module, "wait_writable", wait_writable)
    with pytest.raises(ConnectionClosedError, match="closed"):
        connection.send_before(monotonic() + PATIENCE, b"x" * HUGE)


def test_a_peer_that_sends_nothing_is_a_timeout(pair: Pair) -> None:
    connection, _ = pair
    connection.settimeout(SOON)
    with pytest.raises(errors.TimeoutError, match="receiving"):
        connection.recv(1)


@pytest.mark.parametrize("method", ["send", "send_parts"])
def test_a_peer_that_has_gone_is_a_lost_connection(pair: Pair, method: str) -> None:
    connection, peer = pair
    peer.close()
    args = (b"x",) if method == "send" else (b"head", b"x")
    with pytest.raises(ConnectionClosedError, match="sending") as caught:
        getattr(connection, method)(*args)
    assert isinstance(caught.value.__cause__, OSError)


# -- closing


def test_closing_tells_the_peer_and_may_be_done_twice(pair: Pair) -> None:
    connection, peer = pair
    assert not connection.is_closed
    connection.close()
    connection.close()
    assert connection.is_closed
    assert connection.fileno() == -1
    assert peer.recv(1) == b""
    with pytest.raises(ConnectionClosedError):
        connection.send(b"x")


def test_leaving_a_with_block_closes(pair: Pair) -> None:
    connection, _ = pair
    with connection as entered:
        assert entered is connection
    assert connection.is_closed


def test_a_socket_that_fails_to_close_is_closed_all_the_same(pair: Pair) -> None:
    class Failing:
        def shutdown(self, how: int) -> None:
            raise OSError("not connected any more")

        def close(self) -> None:
            raise OSError("reset by the other side")

    connection = SocketConnection(Failing())  # type: ignore[arg-type]
    connection.close()
    assert connection.is_closed


def test_closing_wakes_a_thread_that_waits_for_data(pair: Pair) -> None:
    connection, _ = pair
    is_waiting = threading.Event()

    def wait() -> None:
        is_waiting.set()
        with pytest.raises(ConnectionClosedError):
            connection.recv(1)

    with Threads() as threads:
        threads.start(wait)
        assert is_waiting.wait(PATIENCE)
        connection.close()


def test_closing_from_many_threads_closes_each_resource_once() -> None:
    for _ in range(30):
        ours, theirs = socket.socketpair()
        closed: list[Any] = []
        connection = SocketConnection(ours)
        resources = [Resource(closed) for _ in range(20)]
        connection.tracked_resources.update(resources)
        start = threading.Barrier(4)

        def close(connection: SocketConnection = connection, start: Any = start) -> None:
            start.wait(PATIENCE)
            connection.close()

        with theirs, Threads() as threads:
            for _ in range(4):
                threads.start(close)
        assert sorted(closed) == sorted(map(id, resources))


def test_a_socket_of_somebody_else_stays_open() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = SocketConnection(ours, keep_open=True)
        connection.pyroInstances[int] = 1
        connection.close()
        assert connection.is_closed
        assert connection.pyroInstances == {}
        del connection
        SocketConnection(ours, keep_open=True)  # thrown away at once
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"


def test_garbage_gives_the_file_descriptor_back_without_the_collector(pair: Pair) -> None:
    gc.disable()
    try:
        ours, theirs = socket.socketpair()
        with theirs:
            connection = SocketConnection(ours)
            reference = weakref.ref(connection)
            del connection
            assert reference() is None
            assert ours.fileno() == -1
            assert theirs.recv(1) == b""
    finally:
        gc.enable()


def test_a_connection_knows_whether_it_is_gone(pair: Pair) -> None:
    connection, peer = pair
    assert not connection.is_gone()
    peer.sendall(b"x")
    assert not connection.is_gone()
    assert connection.recv(1) == b"x"  # nothing was read away
    peer.close()
    assert connection.is_gone()
    connection.close()
    assert connection.is_gone()


def test_a_connection_that_was_reset_is_gone(pair: Pair) -> None:
    connection, peer = pair
    connection.send(b"never read")
    peer.close()
    assert connection.is_gone()


# -- what belongs to its life


def test_instances_and_resources_end_with_the_connection(pair: Pair) -> None:
    connection, _ = pair
    closed: list[Any] = []
    kept, forgotten = Resource(closed), Resource(closed)
    connection.pyroInstances[Resource] = kept
    connection.tracked_resources.update({kept, forgotten})
    expected = [id(kept)]
    del forgotten  # weakly held: garbage needs no closing
    connection.close()
    assert closed == expected
    assert connection.pyroInstances == {}
    assert not connection.tracked_resources


class Keeper:
    def __init__(self, resource: Resource) -> None:
        self.resource = resource


def test_a_resource_that_only_a_session_instance_holds_is_closed(pair: Pair) -> None:
    connection, _ = pair
    closed: list[Any] = []
    keeper = Keeper(Resource(closed))
    connection.tracked_resources.add(keeper.resource)
    connection.pyroInstances[Keeper] = keeper
    del keeper
    connection.close()
    assert len(closed) == 1
    assert connection.pyroInstances == {}


def test_a_resource_that_fails_to_close_is_logged_and_the_others_are_closed(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    connection, _ = pair
    closed: list[Any] = []
    resources = [Resource(closed, ValueError(f"resource {number}")) for number in range(3)]
    connection.tracked_resources.update(resources)
    with caplog.at_level(logging.WARNING, "pyrolike.transport"):
        connection.close()
    assert len(closed) == 3
    assert all(f"resource {number}" in caplog.text for number in range(3))


class Fading(weakref.WeakSet[Any]):
    """Has something, as far as it knows; but it becomes garbage as one takes it."""

    def __len__(self) -> int:
        left, self.left = getattr(self, "left", 1), 0
        return left


def test_a_resource_may_become_garbage_at_the_last_moment(pair: Pair) -> None:
    connection, _ = pair
    connection.tracked_resources = Fading()
    connection.close_resources()


# -- what it says


def test_a_connection_knows_its_object_and_socket(pair: Pair) -> None:
    connection, _ = pair
    assert connection.objectId == "calc"
    assert connection.keep_open is False
    assert connection.fileno() == connection.sock.fileno()
    assert SocketConnection(connection.sock, keep_open=True).objectId is None


def test_timeouts_are_those_of_the_socket(pair: Pair) -> None:
    connection, _ = pair
    assert connection.timeout is connection.gettimeout() is None
    connection.settimeout(2.5)
    assert connection.timeout == connection.gettimeout() == connection.sock.gettimeout() == 2.5
    connection.timeout = None
    assert connection.gettimeout() is None


def test_the_system_can_limit_the_waiting(pair: Pair) -> None:
    """The socket stays a blocking one; the limits come as errors all the same."""
    connection, _ = pair
    connection.limit_waiting(SOON, SOON)
    assert connection.timeout is None
    with pytest.raises(BlockingIOError):
        connection.sock.recv(1)
    with pytest.raises(errors.TimeoutError):
        connection.send(b"x" * HUGE)


def test_its_repr_says_what_and_where(pair: Pair) -> None:
    connection, _ = pair
    assert repr(connection) == "<SocketConnection Unix unnamed>"
    connection.close()
    assert repr(connection) == "<SocketConnection closed>"


@pytest.mark.parametrize(("family", "host"), [("IPv4", "127.0.0.1"), ("IPv6", "::1")])
def test_the_family_of_a_connection(family: str, host: str) -> None:
    kind = socket.AF_INET6 if family == "IPv6" else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=kind)
    except OSError:
        pytest.skip(f"no {family} here")
    with (
        listener,
        socket.create_connection(listener.getsockname()[:2]) as sock,
        SocketConnection(sock) as connection,
    ):
        assert connection.family() == family
        assert str(listener.getsockname()[1]) in repr(connection)
    with socket.socket(kind) as sock:
        assert "not connected" in repr(SocketConnection(sock, keep_open=True))


def test_without_tls_there_is_no_certificate(pair: Pair) -> None:
    assert pair[0].getpeercert() is None


class TlsSocket(ssl.SSLSocket):
    """Only looks like one: making certificates is not the point here."""

    def __init__(self, sock: socket.socket) -> None:
        self.sent: list[bytes] = []
        self._inner = sock

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.sent.append(bytes(data))

    def getpeercert(self, binary_form: bool = False) -> Any:
        return {"subject": "somebody"}


def test_with_tls_there_is_one_and_parts_are_sent_as_tls_can(pair: Pair) -> None:
    tls = TlsSocket.__new__(TlsSocket, socket.AF_UNIX)
    TlsSocket.__init__(tls, pair[0].sock)
    connection = SocketConnection(tls, keep_open=True)
    assert connection.getpeercert() == {"subject": "somebody"}
    connection.send_parts(b"head", b"payload")
    assert b"".join(tls.sent) == b"headpayload"
