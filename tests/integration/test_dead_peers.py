"""A peer that vanishes, without a word: the system is told to look after it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from pyrolike.api import Daemon, expose
from tests.support.daemon import changed_settings, running_daemon
from tests.support.namespaces import needs_namespaces, run_alone


@expose
class Thing:
    """Says hello."""

    def hello(self) -> str:
        return "hello"


@pytest.mark.slow
@needs_namespaces
def test_when_the_cable_is_cut_both_sides_notice_it(tmp_path: Path) -> None:
    assert run_alone(tmp_path, "tests.support.peers.vanishing") == (0, "well done\n")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other names for it")
@pytest.mark.parametrize("kind", ["thread", "multiplex"])
@pytest.mark.parametrize("seconds", [0.0, 60.0, 7.0])
def test_a_daemon_has_silent_clients_asked(kind: str, seconds: float) -> None:
    found: list[int] = []

    class Watchful(Daemon):
        def validateHandshake(self, conn: object, data: object) -> str:
            found.append(get_idle(conn.sock))  # type: ignore[attr-defined]
            return "hello"

    def get_idle(sock: socket.socket) -> int:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)

    with socket.socket() as untouched:
        usual = untouched.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    expected = round(seconds) or usual
    with (
        changed_settings(SERVERTYPE=kind, KEEPALIVE_SECONDS=seconds),
        running_daemon({"thing": Thing()}, daemon_class=Watchful) as running,
        running.proxy("thing") as proxy,
    ):
        assert proxy.hello() == "hello"
        # Here the daemon is on the same machine, whose system sees its end. Else a client does so,
        # too: see the test above.
        sock = proxy._pyroConnection.sock
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert found == [expected]
