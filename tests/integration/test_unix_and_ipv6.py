"""Daemons on Unix domain sockets and on IPv6, and what their URIs look like."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
import tempfile
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


def leave_a_socket_file(path: str) -> None:
    """Do what a server does that is killed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
        dead.listen()


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
def test_a_path_where_a_server_is_running_is_refused_and_left_alone(path: str) -> None:
    with running_daemon({"thing": Thing()}, unixsocket=path) as running:
        with pytest.raises(OSError, match=r"pyro\.sock: a server is running there") as caught:
            Daemon(unixsocket=path)
        assert caught.value.errno == errno.EADDRINUSE
        with running.proxy("thing") as proxy:
            assert proxy.hello() == "hello"


@needs_unix
def test_a_server_that_is_too_busy_to_accept_is_a_server(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as waiting:
        server.bind(path)
        server.listen(0)
        for _ in range(4):  # more than it has room for
            client = waiting.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect_ex(path)
        with pytest.raises(OSError, match="a server is running there"):
            Daemon(unixsocket=path)
        assert Path(path).exists()


@needs_unix
def test_the_file_of_a_dead_server_is_replaced(path: str) -> None:
    leave_a_socket_file(path)
    with (
        running_daemon({"thing": Thing()}, unixsocket=path) as running,
        running.proxy("thing") as proxy,
    ):
        assert proxy.hello() == "hello"
    assert not Path(path).exists()


@needs_unix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give")
def test_the_file_of_another_user_is_left_alone(path: str) -> None:
    leave_a_socket_file(path)
    os.chown(path, 12345, 12345)
    with pytest.raises(OSError, match="of another user"):
        Daemon(unixsocket=path)
    assert Path(path).exists()


@needs_unix
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(path: str, kind: str, tmp_path: Path) -> None:
    if kind == "file":
        Path(path).write_text("precious")
    elif kind == "folder":
        Path(path).mkdir()
    else:
        leave_a_socket_file(str(tmp_path / "other"))
        Path(path).symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="no socket; it was left alone") as caught:
        Daemon(unixsocket=path)
    assert caught.value.errno == errno.EADDRINUSE
    assert Path(path).exists()
    assert kind != "file" or Path(path).read_text() == "precious"


@needs_unix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
def test_only_its_user_may_connect_whatever_the_umask_is(path: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        with running_daemon({"thing": Thing()}, unixsocket=path) as running:
            assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
            with running.proxy("thing") as proxy:
                assert proxy.hello() == "hello"
    finally:
        after = os.umask(before)
    assert after == umask, "the umask of the process was changed"


@needs_unix
def test_only_our_own_file_is_removed_at_the_end(path: str) -> None:
    with running_daemon(unixsocket=path):
        Path(path).unlink()
        other = socket.socket(socket.AF_UNIX)
        other.bind(path)
    with other:
        assert Path(path).exists()


@needs_unix
def test_the_file_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with running_daemon(unixsocket="s"):
        monkeypatch.chdir(tmp_path / "elsewhere")
        Path("s").touch()
    assert not (tmp_path / "s").exists()
    assert Path("s").exists()


@needs_unix
def test_a_daemon_that_cannot_be_made_leaves_no_file(path: str) -> None:
    with (
        changed_settings(THREADPOOL_SIZE_MIN=9, THREADPOOL_SIZE=3),
        pytest.raises(ValueError, match="THREADPOOL_SIZE"),
    ):
        Daemon(unixsocket=path)
    assert not Path(path).exists()


@needs_unix
def test_a_path_that_is_too_long_is_told_with_the_limit() -> None:
    limit = 107 if sys.platform == "linux" else 103
    folder = tempfile.mkdtemp(dir="/tmp")  # pytest's own may be too long already
    longest = folder + "/" + "x" * (limit - len(folder) - 1)
    try:
        with (
            running_daemon({"thing": Thing()}, unixsocket=longest) as running,
            running.proxy("thing") as proxy,
        ):
            assert proxy.hello() == "hello"
        with pytest.raises(OSError, match=f"at most {limit} bytes") as caught:
            Daemon(unixsocket=longest + "x")
        assert caught.value.errno == errno.ENAMETOOLONG
        with pytest.raises(CommunicationError, match=f"at most {limit} bytes"):
            Proxy(f"PYRO:thing@./u:{longest}x").hello()
    finally:
        Path(folder).rmdir()


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


@needs_ipv6
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system keeps the two apart")
@pytest.mark.parametrize("host", ["", "::"])
def test_all_interfaces_of_ipv6_are_those_of_ipv4_too(host: str) -> None:
    with (
        changed_settings(PREFER_IP_VERSION=6),
        running_daemon({"thing": Thing()}, host=host) as running,
    ):
        port = running.location.rpartition(":")[2]
        assert running.location == f"[::]:{port}"
    with running_daemon({"thing": Thing()}, host="::") as running:
        port = running.location.rpartition(":")[2]
        for near in ("127.0.0.1", "[::1]", "localhost"):
            with Proxy(f"PYRO:thing@{near}:{port}") as proxy:
                assert proxy.hello() == "hello"


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_client_that_says_localhost_finds_either_kind(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def resolve_to_both(name: str, *rest: object) -> object:
        if name != "localhost":
            return resolve(name, *rest)  # type: ignore[arg-type]
        return [*resolve("::1", *rest), *resolve("127.0.0.1", *rest)]  # type: ignore[arg-type]

    with running_daemon({"thing": Thing()}, host=host) as running:
        port = running.location.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", resolve_to_both)
        with Proxy(f"PYRO:thing@localhost:{port}") as proxy:
            assert proxy.hello() == "hello"
