"""Has this to do with TLS? Asked without loading what only TLS needs.

Python's ssl takes as long to load as a client's first call. But whoever has a socket or an error of
it has loaded it: where it is not loaded, nothing is one of its.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyrolike._lazy import loaded_class

if TYPE_CHECKING:
    import ssl
    from typing import TypeGuard

    from .tls_socket import TlsSocket


def is_tls_socket(sock: object) -> TypeGuard[TlsSocket]:
    """Whether *sock* is one of ours with TLS."""
    return isinstance(sock, loaded_class("pyrolike.transport.tls_socket", "TlsSocket"))


def is_ssl_socket(sock: object) -> TypeGuard[ssl.SSLSocket]:
    """Whether *sock* is one of Python's with TLS."""
    return isinstance(sock, loaded_class("ssl", "SSLSocket"))


def is_ssl_error(fault: object) -> TypeGuard[ssl.SSLError]:
    """Whether *fault* is one of TLS's."""
    return isinstance(fault, loaded_class("ssl", "SSLError"))
