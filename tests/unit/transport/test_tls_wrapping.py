"""Putting TLS on a socket; the handshakes that succeed are in test_tls_socket.py."""

from __future__ import annotations

import socket
import ssl

import pytest

from pyrolike import errors
from pyrolike.transport import wrap_client_side
from tests.support.daemon import PATIENCE


@pytest.mark.parametrize(
    ("host", "seconds", "error", "sentence"),
    [
        ("localhost", 0.01, errors.TimeoutError, "not answered in time"),
        (None, PATIENCE, errors.CommunicationError, "check_hostname is False"),
        ("." * 300, PATIENCE, errors.CommunicationError, "TLS handshake failed"),
    ],
)
def test_a_handshake_that_fails_leaves_nothing_open(
    host: str | None,
    seconds: float,
    error: type[Exception],
    sentence: str,
) -> None:
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(error, match=sentence):
            wrap_client_side(other, ssl.create_default_context(), host, "here", seconds)
        assert one.recv(10_000) is not None
        assert other.fileno() == -1
