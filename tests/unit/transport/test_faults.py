import errno
import socket
import sys

import pytest

from pyrolike import errors
from pyrolike.transport.faults import connect_fault, listen_fault, transfer_fault

TCP = "server.example:7777"
UNIX = "./u:/run/server.sock"


def fault(code):
    return OSError(code, "as the system says it")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ECONNREFUSED, "nobody is listening there (connection refused); is the server"),
        (errno.ECONNRESET, "connection reset"),
        (errno.ENETUNREACH, "network unreachable"),
        (errno.EHOSTUNREACH, "host unreachable"),
        (errno.EADDRNOTAVAIL, "no address or port left"),
        (errno.EAFNOSUPPORT, "kind of address"),
        (errno.EACCES, "firewall"),
        (errno.EMFILE, "release the proxies"),
    ],
)
def test_a_failed_connection_says_where_and_why(code, hint):
    result = connect_fault(fault(code), TCP)
    assert type(result) is errors.CommunicationError
    assert str(result).startswith(f"cannot connect to {TCP}: ")
    assert hint in str(result)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOENT, "no such socket file"),
        (errno.ECONNREFUSED, "the file is there, but nobody is listening"),
        (errno.EACCES, "rights of the socket file"),
        (errno.EAGAIN, "too busy"),
        (errno.EMFILE, "release the proxies"),
    ],
)
def test_unix_sockets_have_sentences_of_their_own(code, hint):
    assert hint in str(connect_fault(fault(code), UNIX))


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("localhost", "on this machine?"),
        ("127.0.1.1", "on this machine?"),
        ("0.0.0.0", "on this machine?"),
        ("[::1]", "on this machine?"),
        ("server.example", "on more than its own localhost?"),
        ("192.0.2.1", "on more than its own localhost?"),
        ("[2001:db8::1]", "on more than its own localhost?"),
    ],
)
def test_a_refused_connection_asks_what_may_be_wrong_with_that_host(host, hint):
    text = str(connect_fault(fault(errno.ECONNREFUSED), f"{host}:4444"))
    assert "nobody is listening there" in text
    assert text.endswith(hint)


def test_an_unknown_error_keeps_the_words_of_the_system():
    assert str(connect_fault(OSError(errno.EPIPE, "x"), TCP)).endswith("Broken pipe")
    assert str(connect_fault(OSError("something else"), TCP)).endswith(": something else")


def test_a_timeout_says_how_long_it_was():
    result = connect_fault(TimeoutError("timed out"), TCP, timeout=2.5)
    assert type(result) is errors.TimeoutError
    assert "no answer within 2.5 seconds (timeout)" in str(result)
    rest = connect_fault(TimeoutError("timed out"), TCP, timeout=1.99995)
    assert "no answer within 2 seconds (timeout)" in str(rest)


def test_a_timeout_of_the_system_is_one_as_well():
    result = connect_fault(TimeoutError(errno.ETIMEDOUT, "Connection timed out"), TCP)
    assert type(result) is errors.TimeoutError
    assert "no answer (timeout)" in str(result)


def test_an_unknown_host_is_called_so():
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    text = str(connect_fault(unknown, TCP))
    assert "the host name is not known" in text
    assert "(Name or service not known)" in text


def test_an_impossible_host_is_called_so():
    impossible = UnicodeError("label empty or too long")
    assert "cannot be the name of a host" in str(connect_fault(impossible, ".x:1"))


def test_another_value_error_speaks_for_itself():
    assert str(connect_fault(ValueError("no such port"), TCP)).endswith(": no such port")


def test_a_long_path_is_called_so():
    text = str(connect_fault(OSError("AF_UNIX path too long"), UNIX))
    assert "the path is too long for a Unix socket" in text


@pytest.mark.parametrize(
    ("location", "code", "hint"),
    [
        (TCP, errno.EADDRINUSE, "the port is in use"),
        (TCP, errno.EADDRNOTAVAIL, "this machine has no such address"),
        (TCP, errno.EACCES, "below 1024"),
        (TCP, errno.EPIPE, "Broken pipe"),
        (UNIX, errno.EADDRINUSE, "a server is running there"),
        (UNIX, errno.ENOENT, "the folder does not exist"),
        (UNIX, errno.EACCES, "rights of the folder"),
    ],
)
def test_a_failed_listener_keeps_type_and_number_and_says_why(location, code, hint):
    original = fault(code)
    result = listen_fault(original, location)
    assert type(result) is type(original)
    assert result.errno == code
    assert f"cannot listen on {location}: " in str(result)
    assert hint in str(result)


def test_a_listener_on_an_unknown_or_impossible_host_is_a_resolver_error():
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    for original in (unknown, UnicodeError("label too long")):
        result = listen_fault(original, TCP)
        assert type(result) is socket.gaierror
        assert result.errno == socket.EAI_NONAME


def test_a_listener_on_a_long_path_gets_the_number_that_python_leaves_out():
    result = listen_fault(OSError("AF_UNIX path too long"), UNIX)
    assert result.errno == errno.ENAMETOOLONG
    assert "too long" in str(result)


def test_a_failed_transfer_is_a_closed_connection_or_a_timeout():
    closed = transfer_fault(ConnectionResetError(errno.ECONNRESET, "reset"), "sending")
    assert type(closed) is errors.ConnectionClosedError
    assert "sending: connection lost: [Errno" in str(closed)
    for original in (TimeoutError("timed out"), BlockingIOError(errno.EAGAIN, "try again")):
        timeout = transfer_fault(original, "receiving")
        assert type(timeout) is errors.TimeoutError
        assert str(timeout) == "receiving: timeout"


@pytest.mark.skipif(sys.platform == "win32", reason="there it is what a timeout ends as")
def test_a_peer_that_has_vanished_is_a_lost_connection():
    result = transfer_fault(TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "receiving")
    assert isinstance(result, errors.ConnectionClosedError)
    assert "does not answer any more" in str(result)
