"""Daemons on Unix domain sockets and on IPv6, and what their URIs look like."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pyrolike.api import Daemon, Proxy, expose
from pyrolike.errors import CommunicationError
from tests.support.daemon import changed_settings, running_daemon


@expose
class Thing:
    """Says hello."""

    def hello(self) -> str:
        return "hello"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def localhost_has_ipv6() -> bool:
    try:
        return bool(socket.getaddrinfo("localhost", 0, socket.AF_INET6)) and has_ipv6()
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
needs_unix = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix domain sockets"
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "pyro.sock")


@needs_unix
def test_a_unix_socket_is_served_at_its_path(path: str) -> None:
    with running_daemon({"thing": Thing()}, unixsocket=path) as running:
        assert running.location == f"./u:{path}"
        with running.proxy("thing") as proxy:
            assert proxy.hello() == "hello"
            assert str(proxy._pyroUri) == f"PYRO:thing@./u:{path}"
            assert "Unix" in repr(proxy)
        assert "Unix" in repr(running.daemon)


@needs_unix
def test_a_path_may_contain_spaces(tmp_path: Path) -> None:
    path = str(tmp_path / "a socket")
    with (
        running_daemon({"thing": Thing()}, unixsocket=path) as running,
        running.proxy("thing") as proxy,
    ):
        assert proxy.hello() == "hello"


@needs_unix
def test_the_file_of_a_unix_socket_is_removed_at_the_end(path: str) -> None:
    with running_daemon({"thing": Thing()}, unixsocket=path):
        assert Path(path).exists()
    assert not Path(path).exists()


@needs_unix
def test_the_same_path_can_be_used_again(path: str) -> None:
    for _ in range(2):
        with (
            running_daemon({"thing": Thing()}, unixsocket=path) as running,
            running.proxy("thing") as proxy,
        ):
            assert proxy.hello() == "hello"


@needs_unix
def test_a_path_that_is_in_use_is_refused(path: str) -> None:
    with running_daemon(unixsocket=path), pytest.raises(OSError, match=r"pyro\.sock"):
        Daemon(unixsocket=path)


@needs_unix
def test_a_unix_socket_that_is_missing_is_told(path: str) -> None:
    with pytest.raises(CommunicationError, match=r"pyro\.sock"):
        Proxy(f"PYRO:thing@./u:{path}").hello()


@needs_unix
@pytest.mark.skipif(not Path("/proc").exists(), reason="abstract sockets are Linux's")
def test_an_abstract_socket_has_no_file(tmp_path: Path) -> None:
    name = f"\0pyrolike-test-{tmp_path.name}"
    with (
        running_daemon({"thing": Thing()}, unixsocket=name) as running,
        running.proxy("thing") as proxy,
    ):
        assert proxy.hello() == "hello"


@needs_unix
def test_a_published_address_makes_no_sense_for_a_unix_socket(path: str) -> None:
    with pytest.raises(ValueError, match="nathost"):
        Daemon(unixsocket=path, nathost="example.org")
    assert not Path(path).exists()


@needs_ipv6
def test_ipv6_is_served_with_brackets() -> None:
    with running_daemon({"thing": Thing()}, host="::1") as running:
        assert running.location.startswith("[::1]:")
        with running.proxy("thing") as proxy:
            assert proxy.hello() == "hello"
            assert proxy._pyroUri.host == "::1"
            assert "IPv6" in repr(proxy)
        assert "IPv6" in repr(running.daemon)


@pytest.mark.skipif(not localhost_has_ipv6(), reason="localhost has no IPv6 address here")
def test_a_preferred_version_decides_for_names() -> None:
    with (
        changed_settings(PREFER_IP_VERSION=6),
        running_daemon({"thing": Thing()}, host="localhost") as running,
    ):
        assert running.daemon.sock.family == socket.AF_INET6
        with running.proxy("thing") as proxy:
            assert proxy.hello() == "hello"


def test_a_published_address_is_in_the_uris_clients_get() -> None:
    with running_daemon(nathost="example.org", natport=1234) as running:
        uri = running.daemon.register(Thing(), "thing")
        assert str(uri) == "PYRO:thing@example.org:1234"
        assert str(running.daemon.uriFor("thing", nat=False)) == f"PYRO:thing@{running.location}"
        assert running.daemon.natLocationStr == "example.org:1234"


def test_a_published_port_of_zero_is_the_real_one() -> None:
    with running_daemon(nathost="example.org", natport=0) as running:
        port = running.location.rpartition(":")[2]
        assert running.daemon.natLocationStr == f"example.org:{port}"


def test_an_empty_host_means_every_interface() -> None:
    with running_daemon({"thing": Thing()}, host="") as running:
        port = running.location.rpartition(":")[2]
        assert running.location == f"0.0.0.0:{port}"
        with Proxy(f"PYRO:thing@127.0.0.1:{port}") as proxy:
            assert proxy.hello() == "hello"
