"""What a daemon is made of; where it listens is tried with the daemon itself."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, cast

import pytest

from pyrolike.errors import PyroError
from pyrolike.server import building
from pyrolike.server.building import (
    Place,
    Wishes,
    make_patient_session,
    make_server,
    make_session_for_threads,
    take_place,
)
from pyrolike.server.existing import ExistingConnectionServer
from pyrolike.server.multiplex import MultiplexServer
from pyrolike.server.outbox import MOMENT
from pyrolike.server.session import Session
from pyrolike.server.threadpool import ThreadPoolServer
from tests.support.daemon import changed_settings
from tests.support.serving import make_service, tcp_pair

NOTHING: dict[str, Any] = {
    "host": None,
    "port": 0,
    "unixsocket": None,
    "nathost": None,
    "natport": None,
    "connected_socket": None,
}

Maker = Callable[[Any, socket.socket, Any], Session]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = tcp_pair()
    with ours, theirs:
        yield ours, theirs


both = pytest.mark.parametrize("make", [make_session_for_threads, make_patient_session])


# -- sessions


@both
@pytest.mark.parametrize("inherited", [True, False])
def test_a_connection_sends_small_answers_at_once(
    make: Maker, inherited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By options that it has from the listening socket, or that are set, as the system wants it."""
    if inherited and not building.INHERITED:
        pytest.skip("this system passes no options on")
    monkeypatch.setattr(building, "INHERITED", inherited)
    with changed_settings(KEEPALIVE_SECONDS=30.0), take_place(Wishes(**NOTHING)).sock as listener:
        with socket.create_connection(listener.getsockname()):
            session = make(make_service(), listener.accept()[0], ("host", 1))
        sock = session.connection.sock
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getblocking() == (make is make_session_for_threads)
        session.connection.close()


@both
def test_a_connection_has_a_deadline(
    make: Maker, pair: tuple[socket.socket, socket.socket]
) -> None:
    with changed_settings(HANDSHAKE_TIMEOUT=5.0):
        before = monotonic()
        session = make(make_service(), pair[0], ("host", 1))
    sock = session.connection.sock
    assert sock.gettimeout() == (None if make is make_session_for_threads else 0.0)
    assert session.deadline is not None
    assert before + 5.0 <= session.deadline <= monotonic() + 5.0
    assert session.state.client_sock_addr == ("host", 1)


@both
def test_without_a_limit_for_handshakes_there_is_no_deadline(
    make: Maker, pair: tuple[socket.socket, socket.socket]
) -> None:
    with changed_settings(HANDSHAKE_TIMEOUT=0.0):
        assert make(make_service(), pair[0], None).deadline is None


@both
def test_a_unix_connection_has_no_such_options(make: Maker) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        session = make(make_service(), ours, "")
        assert session.state.client_sock_addr is None


@pytest.mark.parametrize(("seconds", "idle", "send"), [(0.0, None, 60.0), (7.0, 7.0, 7.0)])
def test_how_long_a_client_may_be_idle_or_deaf_is_a_setting(
    pair: tuple[socket.socket, socket.socket], seconds: float, idle: float | None, send: float
) -> None:
    with changed_settings(COMMTIMEOUT=seconds):
        session = make_patient_session(make_service(), pair[0], None)
    assert (session.idle_seconds, session.send_seconds) == (idle, send)


@pytest.mark.skipif(not building.INHERITED, reason="this system passes no options on")
@pytest.mark.parametrize("changed", [False, True])
def test_how_long_a_thread_stays_is_the_setting_when_a_client_connects(
    monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    """Accepted sockets have it from the listening one; a later change is set for each."""
    with changed_settings(SERVERTYPE="thread", THREADPOOL_LINGER=0.02):
        server = make_server(make_service(), take_place(Wishes(**NOTHING)))
    accepted: list[Session] = []
    monkeypatch.setattr(cast(Any, server)._acceptor, "_welcome", accepted.append)
    with (
        changed_settings(THREADPOOL_LINGER=0.5 if changed else 0.02),
        socket.create_connection(server.sock.getsockname()),
    ):
        server.events(server.sockets)
    ours = accepted[0].connection.sock
    limits = [
        struct.unpack("@ll", ours.getsockopt(socket.SOL_SOCKET, option, 16))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
    ]
    for limit, wanted in zip(limits, (0.5 if changed else 0.02, MOMENT), strict=True):
        # The system counts in ticks of its clock.
        assert limit[0] + limit[1] / 1e6 == pytest.approx(wanted, abs=0.02)
    accepted[0].connection.close()
    server.close()


# -- server types


@pytest.mark.parametrize(
    ("kind", "expected"), [("thread", ThreadPoolServer), ("multiplex", MultiplexServer)]
)
def test_the_setting_chooses_the_server_type(kind: str, expected: type) -> None:
    with changed_settings(SERVERTYPE=kind):
        server = make_server(make_service(), take_place(Wishes(**NOTHING)))
    assert isinstance(server, expected)
    assert server.kind == kind
    server.close()
    server.close()


def test_a_connected_socket_is_served_whatever_the_setting(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    place = take_place(Wishes(**{**NOTHING, "connected_socket": pair[0]}))
    assert place.is_connected
    server = make_server(make_service(), place)
    assert isinstance(server, ExistingConnectionServer)
    server.close()
    assert pair[0].fileno() >= 0


def test_a_connected_socket_must_be_one() -> None:
    with pytest.raises(TypeError, match="connected_socket must be a socket, not int"):
        take_place(Wishes(**{**NOTHING, "connected_socket": 5}))


def fail(*_: Any, **__: Any) -> Any:
    raise MemoryError


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_server_that_cannot_be_made_leaves_only_the_program_s_socket_open(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, is_connected: bool
) -> None:
    for name in "ThreadPoolServer", "ExistingConnectionServer":
        monkeypatch.setattr(f"pyrolike.server.building.{name}", fail)
    with pytest.raises(MemoryError):
        make_server(make_service(), Place(pair[0], "here:1", is_connected=is_connected))
    assert (pair[0].fileno() >= 0) is is_connected


def test_with_ssl_a_connected_socket_must_have_it(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with changed_settings(SSL=True), pytest.raises(PyroError, match="must have TLS already"):
        take_place(Wishes(**{**NOTHING, "connected_socket": pair[0]}))


def test_a_client_s_context_is_none_for_a_daemon() -> None:
    with pytest.raises(ValueError, match="a client's"):
        take_place(Wishes(**{**NOTHING, "tls": ssl.create_default_context()}))
