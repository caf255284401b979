import contextlib
import errno
import os
import socket
import stat
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from pyrolike import errors
from pyrolike.transport import sockets
from pyrolike.transport.sockets import (
    connect_socket,
    family_str,
    listen_socket,
    receive_data,
    send_data,
    set_keepalive,
    set_nodelay,
    set_noinherit,
    set_reuseaddr,
    tune_keepalive,
)
from pyrolike.transport.unix import get_peer_credentials, listen_unix_socket
from pyrolike.uri import URI

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


def nodelay(sock):
    return option(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY)


def keepalive(sock):
    return option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def uri_of(listener, host=None):
    address = listener.getsockname()
    if isinstance(address, str):
        return URI(f"PYRO:thing@./u:{address}")
    host = host or (f"[{address[0]}]" if ":" in address[0] else address[0])
    return URI(f"PYRO:thing@{host}:{address[1]}")


@pytest.fixture
def listener():
    with listen_socket("127.0.0.1", 0) as sock:
        yield sock


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        theirs.settimeout(10)
        yield ours, theirs


@pytest.fixture
def folder():
    """A folder with a path short enough for Unix sockets, which `tmp_path` has not everywhere."""
    with tempfile.TemporaryDirectory(prefix="s") as path:
        yield Path(path)


@pytest.fixture
def free_port():
    """A port on which nobody listens, kept free for the duration of the test."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def connect_error(uri, kind=errors.CommunicationError, **arguments):
    with pytest.raises(errors.CommunicationError) as caught:
        connect_socket(URI(uri), **arguments)
    assert type(caught.value) is kind
    return caught.value


# --- connecting ---------------------------------------------------------------------------------


def test_a_connection_carries_data(listener):
    with connect_socket(uri_of(listener)) as ours:
        theirs, _ = listener.accept()
        with theirs:
            ours.sendall(b"hello")
            assert receive_data(theirs, 5) == b"hello"


def test_a_connection_blocks_and_has_all_options_by_default(listener):
    with connect_socket(uri_of(listener)) as ours:
        assert ours.gettimeout() is None
        assert nodelay(ours)
        assert not keepalive(ours)  # towards this very machine; see the next test
        assert not ours.get_inheritable()


@pytest.mark.parametrize(
    ("address", "is_near"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("192.0.2.7", False),
     ("2001:db8::1", False), ("::", False)],
)  # fmt: skip
def test_a_peer_is_asked_if_it_lives_unless_it_is_on_this_machine(address, is_near):
    options = sockets._tcp_options(address, True, True, 7.0)
    alive = () if is_near else (sockets.KEEPALIVE, *sockets._keepalive_times(7.0))
    assert options == (sockets.NODELAY, *alive)
    assert sockets._tcp_options(address, True, False, 7.0) == (sockets.NODELAY,)


def test_the_options_of_a_connection_can_be_chosen(listener):
    with connect_socket(uri_of(listener), timeout=7.5, nodelay=False, keepalive=False) as ours:
        assert ours.gettimeout() == 7.5
        assert not nodelay(ours)
        assert not keepalive(ours)


def test_a_timeout_of_zero_is_none(listener):
    with connect_socket(uri_of(listener), timeout=0) as ours:
        assert ours.gettimeout() is None


@ipv6_only
def test_a_connection_over_ipv6():
    with listen_socket("::1", 0) as listener, connect_socket(uri_of(listener)) as ours:
        assert family_str(ours) == "IPv6"


@unix_only
def test_a_connection_over_a_unix_socket(folder):
    with (
        listen_unix_socket(str(folder / "s")) as listener,
        connect_socket(uri_of(listener), timeout=3) as ours,
    ):
        assert family_str(ours) == "Unix"
        assert ours.gettimeout() == 3
        theirs, _ = listener.accept()
        theirs.close()


def addresses(monkeypatch, *found):
    """Let every host have these addresses."""
    monkeypatch.setattr(sockets, "resolve_tcp", lambda host, port, version: list(found))


def test_all_addresses_of_a_host_are_tried(monkeypatch, listener, free_port):
    dead = (socket.AF_INET, ("127.0.0.1", free_port))
    alive = (socket.AF_INET, listener.getsockname())
    addresses(monkeypatch, dead, alive)
    with connect_socket(URI("PYRO:a@several.example:1"), timeout=5) as ours:
        assert ours.getpeername() == listener.getsockname()
        assert ours.gettimeout() == 5


def test_of_several_failures_the_one_that_tells_most_is_reported(monkeypatch, free_port):
    dead = (socket.AF_INET, ("127.0.0.1", free_port))
    impossible = (socket.AF_INET, ("255.255.255.255", 1))
    for found in ([dead, impossible], [impossible, dead]):
        addresses(monkeypatch, *found)
        assert "nobody is listening" in str(connect_error("PYRO:a@several.example:1"))


def test_the_time_is_divided_among_the_addresses(monkeypatch):
    given = []

    def refuse(family, address, timeout, *options):
        given.append(timeout)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    addresses(monkeypatch, *[(socket.AF_INET, ("127.0.0.1", 1))] * 3)
    monkeypatch.setattr(sockets, "_open", refuse)
    monkeypatch.setattr(sockets.time, "monotonic", lambda: 1000.0)
    connect_error("PYRO:a@several.example:1", timeout=6)
    assert given == [2, 3, 6]


def test_when_the_time_is_over_the_last_address_still_gets_a_moment(monkeypatch):
    given = []
    now = iter([0.0, 99.0, 99.0])

    def refuse(family, address, timeout, *options):
        given.append(timeout)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    addresses(monkeypatch, *[(socket.AF_INET, ("127.0.0.1", 1))] * 2)
    monkeypatch.setattr(sockets, "_open", refuse)
    monkeypatch.setattr(sockets.time, "monotonic", lambda: next(now))
    connect_error("PYRO:a@several.example:1", timeout=6)
    assert given == [0.001, 0.001]


def test_a_system_that_refuses_an_option_does_without(monkeypatch, listener):
    monkeypatch.setattr(sockets, "NODELAY", (socket.SOL_SOCKET, 9999, 1))
    sockets._tcp_options.cache_clear()
    try:
        uri = URI(f"PYRO:a@127.0.0.1:{listener.getsockname()[1]}")
        with connect_socket(uri) as ours:
            assert ours.getpeername() == listener.getsockname()
    finally:
        sockets._tcp_options.cache_clear()


def test_a_single_address_has_all_the_time(monkeypatch, listener):
    given = []
    open_socket = sockets._open

    def look(family, address, timeout, options):
        given.append(timeout)
        return open_socket(family, address, timeout, options)

    monkeypatch.setattr(sockets, "_open", look)
    with connect_socket(URI(f"PYRO:a@127.0.0.1:{listener.getsockname()[1]}"), timeout=6) as ours:
        assert (given, ours.gettimeout()) == ([6], 6)


def test_nobody_listening(free_port):
    error = connect_error(f"PYRO:a@127.0.0.1:{free_port}")
    assert str(error) == (
        f"cannot connect to 127.0.0.1:{free_port}: nobody is listening there "
        "(connection refused); is the server running, and on this machine?"
    )
    assert isinstance(error.__cause__, ConnectionRefusedError)


def test_a_host_that_does_not_answer(monkeypatch):
    def no_answer(self, address):
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", no_answer)
    error = connect_error("PYRO:a@127.0.0.1:1", errors.TimeoutError, timeout=0.5)
    assert "no answer within 0.5 seconds" in str(error)
    assert isinstance(error.__cause__, TimeoutError)


def test_an_unknown_host(monkeypatch):
    def unknown(host, port, *rest):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = connect_error("PYRO:a@unknown.example:1")
    assert "cannot connect to unknown.example:1: the host name is not known" in str(error)


def test_a_host_that_cannot_be_one():
    assert "cannot be the name of a host" in str(connect_error("PYRO:a@.example:1"))


def test_a_port_that_cannot_be_one():
    assert "between 0 and 65535, not 99999" in str(connect_error("PYRO:a@127.0.0.1:99999"))


@pytest.mark.parametrize("uri", ["PYRONAME:thing", "PYRO:thing@:5"])
def test_a_uri_that_does_not_say_where(uri):
    assert "it does not say where the object is" in str(connect_error(uri))


@unix_only
def test_a_socket_file_that_is_missing(folder):
    error = connect_error(f"PYRO:a@./u:{folder}/missing")
    assert "there is no such socket file; is the server running?" in str(error)


@unix_only
def test_a_socket_file_that_a_dead_server_left_behind(folder):
    with listen_unix_socket(str(folder / "s")) as listener:
        uri = str(uri_of(listener))
    assert "the file is there, but nobody is listening" in str(connect_error(uri))


@unix_only
def test_a_socket_path_that_is_too_long(folder):
    assert "the path is too long" in str(connect_error(f"PYRO:a@./u:{folder}/{'x' * 200}"))


@unix_only
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may connect to everything"
)
def test_a_socket_file_without_the_right_to_use_it(folder):
    with listen_unix_socket(str(folder / "s")) as listener:
        (folder / "s").chmod(0)
        assert "rights of the socket file" in str(connect_error(str(uri_of(listener))))


def test_unix_sockets_on_a_system_without_them(monkeypatch):
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    assert "no Unix sockets" in str(connect_error("PYRO:a@./u:/run/x"))


def test_a_socket_that_is_connected_to_itself_is_refused(monkeypatch):
    # The system joins a socket with itself if it gives it the very port that it connects to. To
    # bind it to that port first makes happen on purpose what otherwise takes thousands of attempts.
    connect = socket.socket.connect
    opened = []

    def bind_and_connect(self, address):
        opened.append(self)
        self.bind(address)
        connect(self, address)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setattr(socket.socket, "connect", bind_and_connect)
    assert "nobody is listening there" in str(connect_error(f"PYRO:a@127.0.0.1:{port}"))
    assert [sock.fileno() for sock in opened] == [-1]


# --- listening ----------------------------------------------------------------------------------


def test_a_listener_gets_a_free_port_and_its_options(listener):
    assert listener.getsockname()[1] > 0
    assert listener.gettimeout() is None
    assert keepalive(listener)
    assert not nodelay(listener)
    assert not listener.get_inheritable()


@pytest.mark.skipif(os.name == "nt", reason="there it means something else and is never set")
@pytest.mark.parametrize("reuse", [True, False])
def test_a_listener_may_take_over_a_port(reuse):
    with listen_socket("127.0.0.1", 0, reuse=reuse) as listener:
        assert option(listener, socket.SOL_SOCKET, socket.SO_REUSEADDR) is reuse


def test_a_listener_may_be_told_not_to_delay():
    with listen_socket("127.0.0.1", 0, nodelay=True) as listener:
        assert nodelay(listener)


def test_a_listener_takes_the_first_address_of_a_name(monkeypatch):
    first = (socket.AF_INET, ("127.0.0.1", 0))
    addresses(monkeypatch, first, (socket.AF_INET, ("255.255.255.255", 0)))
    with listen_socket("several.example", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_an_empty_host_is_all_interfaces():
    with listen_socket("", 0) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


@ipv6_only
def test_an_empty_host_with_ipv6_is_all_interfaces_of_ipv6():
    with listen_socket("", 0, ip_version=6) as listener:
        assert listener.getsockname()[0] == "::"


def test_a_port_that_is_in_use(listener):
    port = listener.getsockname()[1]
    with pytest.raises(OSError, match=f"on 127.0.0.1:{port}: the port is in use") as caught:
        listen_socket("127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE


@ipv6_only
def test_an_ipv6_address_is_shown_in_brackets():
    with listen_socket("::1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match=rf"on \[::1\]:{port}: the port is in use"):
            listen_socket("::1", port)


def test_an_address_of_another_machine():
    with pytest.raises(OSError, match="this machine has no such address") as caught:
        listen_socket("192.0.2.250", 0)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_listener_on_an_unknown_or_impossible_host():
    with pytest.raises(socket.gaierror, match="cannot be the name of a host"):
        listen_socket(".example", 0)


def test_a_listener_on_an_impossible_port():
    with pytest.raises(ValueError, match="between 0 and 65535, not 70000"):
        listen_socket("127.0.0.1", 70000)


@unix_only
def test_a_unix_listener_makes_its_file(folder):
    path = folder / "with space"
    with listen_unix_socket(str(path)) as listener:
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert listener.getsockname() == str(path)
        assert not listener.get_inheritable()


@unix_only
def test_a_unix_listener_does_not_take_over_a_file(folder):
    path = folder / "s"
    path.touch()
    with pytest.raises(OSError, match="that is no socket; it was left alone") as caught:
        listen_unix_socket(str(path))
    assert caught.value.errno == errno.EADDRINUSE
    assert path.exists()


@unix_only
def test_a_unix_listener_in_a_missing_folder(folder):
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        listen_unix_socket(str(folder / "missing" / "s"))


@unix_only
def test_a_unix_listener_with_a_long_path(folder):
    with pytest.raises(OSError, match="the path is too long") as caught:
        listen_unix_socket(str(folder / ("x" * 200)))
    assert caught.value.errno == errno.ENAMETOOLONG


def test_a_unix_listener_on_a_system_without_them(monkeypatch):
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    with pytest.raises(OSError, match="no Unix sockets") as caught:
        listen_unix_socket("/run/x")
    assert caught.value.errno == errno.EAFNOSUPPORT


# --- options ------------------------------------------------------------------------------------


def test_options_can_be_set_one_by_one():
    with socket.socket() as sock:
        set_reuseaddr(sock)
        set_nodelay(sock)
        set_keepalive(sock)
        sock.set_inheritable(True)
        set_noinherit(sock)
        assert option(sock, socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert nodelay(sock)
        assert keepalive(sock)
        assert not sock.get_inheritable()


def test_nodelay_leaves_other_sockets_alone(pair):
    set_nodelay(pair[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        set_nodelay(datagrams)


def test_families_have_names(listener):
    assert family_str(listener) == "IPv4"


@unix_only
def test_the_family_of_unix_sockets_has_a_name(pair):
    assert family_str(pair[0]) == "Unix"


def test_an_unknown_family_is_called_so(monkeypatch, pair):
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)

    class Strange:
        family = 12345

    assert family_str(Strange()) == "???"


# --- moving bytes -------------------------------------------------------------------------------


@contextlib.contextmanager
def running(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_receiving_takes_exactly_what_was_asked_for(pair):
    ours, theirs = pair
    theirs.sendall(b"abcdef")
    assert receive_data(ours, 0) == b""
    assert receive_data(ours, 2) == b"ab"
    assert receive_data(ours, 4) == b"cdef"


@pytest.mark.parametrize("timeout", [None, 10, 0], ids=["blocking", "timeout", "not blocking"])
@pytest.mark.parametrize("wait_all", [True, False])
def test_much_data_goes_through_sockets_of_any_mode(pair, timeout, wait_all, monkeypatch):
    monkeypatch.setattr(sockets, "USE_MSG_WAITALL", wait_all and sockets.USE_MSG_WAITALL)
    ours, theirs = pair
    data = os.urandom(3_000_000)
    for sock in pair:
        sock.settimeout(timeout)
    with running(send_data, theirs, data):
        assert receive_data(ours, len(data)) == data


def test_receiving_waits_for_late_data_on_a_socket_that_does_not_block(pair):
    ours, theirs = pair
    ours.settimeout(0)
    theirs.sendall(b"ab")
    received = []
    with running(lambda: received.append(receive_data(ours, 4))):
        theirs.sendall(b"cd")
    assert received == [b"abcd"]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_bytes_can_be_sent(pair, kind):
    ours, theirs = pair
    send_data(ours, kind(b"hello"))
    assert receive_data(theirs, 5) == b"hello"


def test_a_connection_that_ends_early_gives_what_had_come(pair):
    ours, theirs = pair
    theirs.sendall(b"abc")
    theirs.close()
    with pytest.raises(errors.ConnectionClosedError, match="after 3 of 5 bytes") as caught:
        receive_data(ours, 5)
    assert caught.value.partialData == b"abc"


def test_a_connection_that_ends_before_anything_gives_nothing(pair):
    ours, theirs = pair
    theirs.close()
    with pytest.raises(errors.ConnectionClosedError, match="after 0 of 5 bytes") as caught:
        receive_data(ours, 5)
    assert caught.value.partialData == b""


def test_receiving_has_a_timeout(pair):
    ours, theirs = pair
    ours.settimeout(0.01)
    theirs.sendall(b"abc")
    with pytest.raises(errors.TimeoutError, match="receiving: timeout") as caught:
        receive_data(ours, 5)
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_sending_has_a_timeout(pair):
    ours, _ = pair
    ours.settimeout(0.01)
    with pytest.raises(errors.TimeoutError, match="sending: timeout"):
        send_data(ours, bytes(50_000_000))


def test_a_closed_socket_is_a_closed_connection(pair):
    ours, _ = pair
    ours.close()
    for function, argument in ((receive_data, 5), (send_data, b"hello")):
        with pytest.raises(errors.ConnectionClosedError, match="connection lost") as caught:
            function(ours, argument)
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("timeout", [10, 0])
def test_sending_to_a_peer_that_is_gone_is_a_closed_connection(pair, timeout):
    ours, theirs = pair
    theirs.close()
    ours.settimeout(timeout)
    with pytest.raises(errors.ConnectionClosedError, match="sending: connection lost"):
        send_data(ours, b"hello")


def test_an_announced_size_is_not_believed(pair):
    ours, theirs = pair
    asked = []

    class Careful:
        def recv(self, size, flags):
            asked.append(size)
            return ours.recv(size, flags)

    theirs.sendall(b"abc")
    theirs.close()
    with pytest.raises(errors.ConnectionClosedError):
        receive_data(Careful(), 1 << 40)
    assert max(asked) <= 1 << 20


LINUX = sys.platform == "linux"


def tcp_option(sock, name):
    return sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))


@pytest.mark.skipif(not LINUX, reason="other systems have other names for some of them")
@pytest.mark.parametrize(
    ("seconds", "idle", "interval", "count"),
    [(60.0, 60, 15, 4), (1, 1, 1, 1), (0.2, 1, 1, 1), (10, 10, 2, 5), (1e9, 32767, 8192, 4)],
)
def test_a_silent_peer_is_asked_and_has_as_much_time_again(seconds, idle, interval, count):
    with socket.socket() as sock:
        tune_keepalive(sock, seconds)
        assert keepalive(sock)
        assert tcp_option(sock, "TCP_KEEPIDLE") == idle
        assert tcp_option(sock, "TCP_KEEPINTVL") == interval
        assert tcp_option(sock, "TCP_KEEPCNT") == count
        assert tcp_option(sock, "TCP_USER_TIMEOUT") == 0


@pytest.mark.skipif(not LINUX, reason="other systems do not have it")
@pytest.mark.parametrize(("send_seconds", "expected"), [(None, 0), (119, 120_000), (121, 0)])
def test_sending_is_not_limited_more_than_it_is_anyway(send_seconds, expected):
    with socket.socket() as sock:
        tune_keepalive(sock, 60, send_seconds)
        assert tcp_option(sock, "TCP_USER_TIMEOUT") == expected


@pytest.mark.skipif(not LINUX, reason="other systems have other names for some of them")
def test_the_system_may_keep_its_own_times():
    with socket.socket() as sock:
        before = tcp_option(sock, "TCP_KEEPIDLE")
        tune_keepalive(sock, 0.0)
        assert keepalive(sock)
        assert tcp_option(sock, "TCP_KEEPIDLE") == before


def test_a_system_that_cannot_be_told_the_times_does_without(monkeypatch):
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_KEEPALIVE"):
        monkeypatch.delattr(socket, name, raising=False)
    with socket.socket() as sock:
        tune_keepalive(sock, 60)
        assert keepalive(sock)


@unix_only
def test_a_unix_socket_has_no_times(pair):
    tune_keepalive(pair[0], 60)
    assert keepalive(pair[0])


@ipv6_only
@pytest.mark.parametrize("host", ["", "::", "0:0::0"])
def test_all_interfaces_of_ipv6_are_those_of_ipv4_too(host):
    if not socket.has_dualstack_ipv6():
        pytest.skip("this system keeps the two apart")
    with listen_socket(host, 0, ip_version=6) as listener:
        port = listener.getsockname()[1]
        for near in ("127.0.0.1", "::1"):
            with socket.create_connection((near, port)):
                listener.accept()[0].close()


@ipv6_only
def test_one_address_of_ipv6_is_only_that():
    with (
        listen_socket("::1", 0) as listener,
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])),
    ):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who is there")
def test_a_unix_socket_knows_who_is_at_its_other_end(pair, listener, monkeypatch):
    credentials = get_peer_credentials(pair[0])
    assert credentials is not None
    assert (credentials.pid, credentials.uid) == (os.getpid(), os.getuid())
    assert credentials.gid == os.getgid()
    assert get_peer_credentials(listener) is None  # over TCP nobody knows
    pair[0].close()
    assert get_peer_credentials(pair[0]) is None
    monkeypatch.delattr(socket, "SO_PEERCRED")
    assert get_peer_credentials(pair[1]) is None


def test_on_windows_limits_of_waiting_are_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(sockets._time_value(1.5), bytes)
    monkeypatch.setattr(sockets.os, "name", "nt")
    assert sockets._time_value(1.5) == 1500
    assert sockets._time_value(0.0) == 1  # 0 would be for ever


def test_an_accepted_socket_is_as_python_makes_it() -> None:
    with (
        listen_socket("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        accepted, address = listener.accept()
        with accepted:
            assert type(accepted) is socket.socket
            assert (accepted.family, accepted.type) == (listener.family, listener.type)
            assert (listener.family, listener.type) == (socket.AF_INET, socket.SOCK_STREAM)
            assert accepted.getsockname() == listener.getsockname()
            assert accepted.getpeername() == address == client.getsockname()
