import errno
import os
import socket
import ssl
import tempfile

import pytest

from pyrolike.configure import config
from pyrolike.transport.classic import (
    ERRNO_EADDRINUSE,
    ERRNO_RETRIES,
    bind_unused_port,
    create_bc_socket,
    create_socket,
    find_probably_unused_port,
    interrupt_socket,
)
from pyrolike.transport.sockets import receive_data

unix_only = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets"
)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6_only = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def option(sock, level, name):
    return bool(sock.getsockopt(level, name))


@pytest.fixture
def listener():
    with create_socket(bind=("127.0.0.1", 0)) as sock:
        yield sock


def test_without_an_address_the_socket_is_new():
    with create_socket() as sock:
        assert sock.family == socket.AF_INET
        assert sock.gettimeout() is None
        assert option(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_the_options_can_be_chosen():
    with create_socket(
        reuseaddr=True, keepalive=False, timeout=2.5, noinherit=True, nodelay=False
    ) as sock:
        assert sock.gettimeout() == 2.5
        assert option(sock, socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert not option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not option(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.get_inheritable()


@pytest.mark.parametrize("timeout", [None, 0, -1])
def test_no_timeout_can_be_said_in_three_ways(timeout):
    with create_socket(timeout=timeout) as sock:
        assert sock.gettimeout() is None


def test_minus_one_is_the_timeout_of_new_sockets():
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(4.5)
    try:
        with create_socket() as default, create_socket(timeout=None) as blocking:
            assert default.gettimeout() == 4.5
            assert blocking.gettimeout() is None
    finally:
        socket.setdefaulttimeout(before)


def test_two_sockets_meet(listener):
    with create_socket(connect=listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        with theirs:
            ours.sendall(b"hello")
            assert receive_data(theirs, 5) == b"hello"


def test_an_empty_host_listens_everywhere():
    with create_socket(bind=("", 0)) as sock:
        assert sock.getsockname()[0] == "0.0.0.0"


def test_a_host_name_is_resolved():
    with create_socket(bind=("localhost", 0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@ipv6_only
@pytest.mark.parametrize("ipv6", [True, False, None])
def test_an_ipv6_address_decides_for_itself(ipv6):
    with create_socket(bind=("::1", 0), ipv6=ipv6) as sock:
        assert sock.family == socket.AF_INET6


@ipv6_only
def test_ipv6_can_be_asked_for():
    with create_socket(ipv6=True) as new, create_socket(bind=("", 0), ipv6=True) as listener:
        assert new.family == listener.family == socket.AF_INET6


@pytest.mark.parametrize(
    ("preferred", "family"),
    [(0, socket.AF_INET), (4, socket.AF_INET), pytest.param(6, socket.AF_INET6, marks=ipv6_only)],
)
def test_the_setting_can_decide_about_ipv6(monkeypatch, preferred, family):
    monkeypatch.setattr(config, "PREFER_IP_VERSION", preferred)
    with create_socket(ipv6=None) as sock:
        assert sock.family == family


@unix_only
def test_a_text_is_the_path_of_a_unix_socket():
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        path = os.path.join(folder, "s")
        with create_socket(bind=path) as listener, create_socket(connect=path) as ours:
            assert listener.family == ours.family == socket.AF_UNIX


def test_bind_and_connect_exclude_each_other():
    with pytest.raises(ValueError, match="cannot both"):
        create_socket(bind=("localhost", 0), connect=("localhost", 1))


def test_a_failure_is_an_ordinary_os_error(listener):
    with pytest.raises(OSError, match="in use") as caught:
        create_socket(bind=listener.getsockname())
    assert caught.value.errno in ERRNO_EADDRINUSE
    port = find_probably_unused_port()
    with pytest.raises(ConnectionRefusedError):
        create_socket(connect=("127.0.0.1", port))


class Context:
    """A TLS context that notes what it is asked to wrap."""

    def __init__(self):
        self.asked = []

    def wrap_socket(self, sock, **arguments):
        self.asked.append(arguments)
        return sock


def test_tls_is_wrapped_as_a_server_around_a_listener():
    context = Context()
    create_socket(bind=("127.0.0.1", 0), sslContext=context).close()
    assert context.asked == [{"server_side": True, "server_hostname": None}]


def test_tls_is_wrapped_as_a_client_around_a_connection(listener):
    context = Context()
    create_socket(connect=listener.getsockname(), sslContext=context).close()
    assert context.asked == [{"server_side": False, "server_hostname": "127.0.0.1"}]


def test_a_failing_tls_handshake_leaves_no_socket_open(listener):
    # The listener never answers; the leak of a socket would be a warning, and that an error.
    context = ssl.create_default_context()
    with pytest.raises(TimeoutError):
        create_socket(connect=listener.getsockname(), timeout=0.01, sslContext=context)


def test_a_broadcast_socket_may_broadcast():
    with create_bc_socket(bind=("127.0.0.1", 0), reuseaddr=True, timeout=1.5) as sock:
        assert sock.type == socket.SOCK_DGRAM
        assert option(sock, socket.SOL_SOCKET, socket.SO_BROADCAST)
        assert option(sock, socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert sock.gettimeout() == 1.5
        with create_bc_socket() as sender:
            sender.sendto(b"hello", sock.getsockname())
            assert sock.recv(10) == b"hello"


@ipv6_only
def test_a_broadcast_socket_of_ipv6_is_a_plain_one():
    with create_bc_socket(ipv6=True) as sock:
        assert sock.family == socket.AF_INET6


def test_a_broadcast_socket_that_cannot_be_bound_is_closed():
    with create_bc_socket(bind=("127.0.0.1", 0)) as sock, pytest.raises(OSError, match="in use"):
        create_bc_socket(bind=sock.getsockname())


@pytest.mark.parametrize("family", [socket.AF_INET, pytest.param(socket.AF_INET6, marks=ipv6_only)])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_unused_ports_are_found_and_bound(family, kind):
    assert 0 < find_probably_unused_port(family, kind) < 65536
    with socket.socket(family, kind) as sock:
        port = bind_unused_port(sock)
        assert sock.getsockname()[1] == port


def test_a_waiting_server_can_be_interrupted(listener):
    interrupt_socket(listener.getsockname())
    theirs, _ = listener.accept()
    with theirs:
        assert receive_data(theirs, 16) == b"!" * 16


def test_interrupting_nobody_does_nothing():
    interrupt_socket(("127.0.0.1", find_probably_unused_port()))


def test_the_error_numbers_are_those_of_the_system():
    assert errno.EAGAIN in ERRNO_RETRIES
    assert errno.EINTR in ERRNO_RETRIES
