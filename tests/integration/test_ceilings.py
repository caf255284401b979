"""What one client may take of a daemon, and what strangers are told."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, config, expose
from pyrolike.authentication import TokenCheck
from pyrolike.errors import CommunicationError
from pyrolike.server import base, service
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
        assert (server._hosts, server._per_host) == ({}, {})


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
