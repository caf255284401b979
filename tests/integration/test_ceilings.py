"""What one client may take of a daemon, and what strangers are told."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, config, expose
from pyrolike.authentication import TokenCheck
from pyrolike.errors import CommunicationError
from pyrolike.server import base, service
from tests.support.certificates import make_certificates
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.waiting import wait_until

TOKEN = "a token that nobody can guess"


@expose
class Service:
    def add(self, a: int, b: int) -> int:
        return a + b

    def fail(self) -> None:
        raise ValueError("no")


def count(running: RunningDaemon) -> int:
    return running.daemon.stats().connections


@pytest.mark.usefixtures("server_type")
def test_an_address_may_have_so_many_connections_and_is_told() -> None:
    with (
        changed_settings(CONNECTIONS_PER_CLIENT=2),
        running_daemon({"service": Service()}) as running,
    ):
        first, second, third = (running.proxy("service") for _ in range(3))
        with first, second, third:
            assert first.add(1, 2) == second.add(1, 2) == 3
            with pytest.raises(CommunicationError, match=r"too many connections from 127\.0\.0\.1"):
                third.add(1, 2)
            assert first.add(1, 2) == 3
            second._pyroRelease()
            wait_until(lambda: count(running) == 1)
            assert third.add(1, 2) == 3
        wait_until(lambda: count(running) == 0)
        server = running.daemon.transportServer
        assert server is not None
        assert server._per_host == {}


@pytest.mark.usefixtures("server_type")
def test_far_too_many_are_closed_and_the_others_do_not_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "SURPLUS", 1)
    monkeypatch.setattr(base, "SURPLUS_SECONDS", 0.1)
    with (
        changed_settings(CONNECTIONS_PER_CLIENT=1),
        running_daemon({"service": Service()}) as running,
        running.proxy("service") as proxy,
        contextlib.ExitStack() as sockets,
    ):
        assert proxy.add(1, 2) == 3
        address = running.daemon.sock.getsockname()
        silent = [sockets.enter_context(socket.create_connection(address)) for _ in range(3)]
        for sock in silent:
            sock.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1000) == b""
        assert proxy.add(1, 2) == 3
        wait_until(lambda: count(running) == 1)


def sessions(running: RunningDaemon) -> list[Any]:
    server = running.daemon.transportServer
    assert server is not None
    return list(server._sessions)


def client_port(session: Any) -> int:
    port: int = session.state.client_sock_addr[1]
    return port


def number_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def is_settled(session: Any, sock: socket.socket, said: bytes) -> bool:
    """Whether *session* is that of *sock*, and has read what was said."""
    if client_port(session) != number_of(sock):
        return False
    return not said or (not session._is_readable and session.has_spoken)


def is_closed(sock: socket.socket) -> bool:
    """Wait until the other side has closed."""
    sock.settimeout(PATIENCE)
    with contextlib.suppress(ConnectionResetError):
        return sock.recv(1000) == b""
    return True


@pytest.mark.usefixtures("server_type")
def test_of_the_silent_the_oldest_makes_room() -> None:
    with (
        changed_settings(HANDSHAKE_LIMIT=3),
        running_daemon({"service": Service()}) as running,
        contextlib.ExitStack() as opened,
    ):
        address = running.daemon.sock.getsockname()

        def dial() -> socket.socket:
            return opened.enter_context(socket.create_connection(address))

        proxies = [opened.enter_context(running.proxy("service")) for _ in range(5)]
        for proxy in proxies:  # who has shaken hands is no newcomer any more
            assert proxy.add(1, 2) == 3
        silent = [dial() for _ in range(3)]
        wait_until(lambda: count(running) == 8)
        assert [proxy.add(1, 2) for proxy in proxies] == 5 * [3]
        for number, sock in enumerate(silent):
            dial().send(b"P")
            assert is_closed(sock), number
        wait_until(lambda: count(running) == 8)
        late = opened.enter_context(running.proxy("service"))
        assert late.add(1, 2) == 3
        assert [proxy.add(1, 2) for proxy in proxies] == 5 * [3]


@pytest.mark.usefixtures("server_type")
@pytest.mark.parametrize("has_tls", [False, True], ids=["plain", "tls"])
def test_those_that_have_said_nothing_at_all_go_first(has_tls: bool, tmp_path: Path) -> None:
    settings = make_certificates(tmp_path).settings if has_tls else {}
    first_byte = b"\x16" if has_tls else b"P"
    with (
        changed_settings(HANDSHAKE_LIMIT=2, **settings),
        running_daemon({"service": Service()}) as running,
        contextlib.ExitStack() as opened,
    ):
        address = running.daemon.sock.getsockname()

        def dial(said: bytes = b"") -> socket.socket:
            sock = opened.enter_context(socket.create_connection(address))
            sock.send(said)
            wait_until(
                lambda: any(is_settled(session, sock, said) for session in sessions(running))
            )
            return sock

        first, second = dial(first_byte), dial()
        third = dial()
        assert is_closed(second)
        fourth = dial(first_byte)
        assert is_closed(third)
        dial(first_byte)
        assert is_closed(first)
        wait_until(lambda: count(running) == 2)
        assert number_of(fourth) in {client_port(session) for session in sessions(running)}


@pytest.mark.usefixtures("server_type")
def test_silent_connections_do_not_keep_their_address_out() -> None:
    with (
        changed_settings(CONNECTIONS_PER_CLIENT=2),
        running_daemon({"service": Service()}) as running,
        contextlib.ExitStack() as opened,
    ):
        address = running.daemon.sock.getsockname()
        silent = [opened.enter_context(socket.create_connection(address)) for _ in range(2)]
        wait_until(lambda: count(running) == 2)
        first, second, third = (opened.enter_context(running.proxy("service")) for _ in range(3))
        assert first.add(1, 2) == second.add(1, 2) == 3
        assert all(map(is_closed, silent))
        for _ in range(2):  # and those that are too many do not let each other in
            with pytest.raises(CommunicationError, match="too many connections"):
                third.add(1, 2)
            opened.enter_context(socket.create_connection(address))
        assert first.add(1, 2) == second.add(1, 2) == 3


def test_no_limit_is_none_and_unix_sockets_have_no_address(tmp_path: Any) -> None:
    for limit, options in (0, {}), (1, {"unixsocket": str(tmp_path / "u")}):
        with (
            changed_settings(CONNECTIONS_PER_CLIENT=limit),
            running_daemon({"service": Service()}, **options) as running,
            contextlib.ExitStack() as proxies,
        ):
            for _ in range(3):
                proxy = proxies.enter_context(running.proxy("service"))
                assert proxy.add(1, 2) == 3


# -- tracebacks


def traceback_of(proxy: Proxy) -> list[str]:
    with pytest.raises(ValueError, match="no") as caught:
        proxy.fail()
    lines: list[str] = getattr(caught.value, "_pyroTraceback", [])
    return lines


@pytest.mark.usefixtures("server_type")
@pytest.mark.parametrize("serializer", ["serpent", "msgpack"])
def test_tracebacks_go_to_this_machine_and_to_who_has_logged_in(
    monkeypatch: pytest.MonkeyPatch, serializer: str
) -> None:
    with (
        running_daemon({"service": Service()}) as running,
        running.proxy("service", serializer) as proxy,
    ):
        assert any("in fail" in line for line in traceback_of(proxy))
        monkeypatch.setattr(service, "is_loopback", lambda host: False)
        assert traceback_of(proxy) == []
        with changed_settings(REMOTE_TRACEBACKS=True):
            assert traceback_of(proxy)
        monkeypatch.undo()
        with changed_settings(REMOTE_TRACEBACKS=False):
            assert traceback_of(proxy) == []
    monkeypatch.setattr(service, "is_loopback", lambda host: False)
    check = TokenCheck({"ada": TOKEN})
    with (
        running_daemon({"service": Service()}, authenticator=check) as running,
        running.proxy("service", serializer) as proxy,
    ):
        proxy._pyroHandshake = TOKEN
        assert traceback_of(proxy)


def test_the_default_is_known() -> None:
    assert config.REMOTE_TRACEBACKS == "known"
    with pytest.raises(ValueError, match="'known', true or false"):
        config.REMOTE_TRACEBACKS = "some"
    with Daemon() as daemon:
        assert not service.is_known_client()  # nobody is served here
        assert daemon._pyroService.settings.policy.send_tracebacks == "known"
