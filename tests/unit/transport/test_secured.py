import socket
import ssl
import subprocess
import sys

import pytest

from pyrolike.transport import BorrowedTlsSocket
from pyrolike.transport.secured import is_ssl_error, is_ssl_socket, is_tls_socket


@pytest.fixture
def secure():
    context = ssl.create_default_context()
    with socket.socket() as sock, context.wrap_socket(sock, server_hostname="localhost") as secure:
        yield secure


def test_sockets_with_tls_are_told_from_others(secure):
    with socket.socket() as plain:
        assert not is_ssl_socket(plain)
        assert not is_tls_socket(plain)
    assert is_ssl_socket(secure)
    assert not is_tls_socket(secure)
    assert is_tls_socket(BorrowedTlsSocket(secure))


def test_errors_of_tls_are_told_from_others():
    assert is_ssl_error(ssl.SSLEOFError())
    assert not is_ssl_error(OSError())


def test_to_ask_does_not_load_what_only_tls_needs():
    code = """
import socket, sys
from pyrolike.transport.secured import is_ssl_error, is_ssl_socket, is_tls_socket
with socket.socket() as sock:
    assert not is_ssl_socket(sock) and not is_tls_socket(sock) and not is_ssl_error(OSError())
assert "ssl" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
