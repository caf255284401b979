"""Putting TLS on a socket: of a server, which waits for nobody, and of a client, which does."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

from pyrolike import errors

from .tls_faults import explain_to_client
from .tls_socket import TlsSocket

if TYPE_CHECKING:
    import socket

ADDRESS_KINDS = frozenset({"DNS", "IP Address"})
"""What a certificate can be for, as Python's ssl names it."""


def wrap_server_side(sock: socket.socket, context: ssl.SSLContext) -> TlsSocket:
    """Put TLS on an accepted socket; the handshake is still to come.

    Raises:
        OSError: The peer is gone already; *sock* is closed.
    """
    sock.setblocking(False)
    return TlsSocket(context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False))


def wrap_client_side(
    sock: socket.socket,
    context: ssl.SSLContext,
    host: str | None,
    location: str,
    seconds: float | None,
) -> TlsSocket:
    """Put TLS on a connected socket and shake hands.

    Args:
        sock: Connected; it is closed if this fails.
        context: Whom to trust.
        host: Whom the server's certificate must be for, if *context* checks that; None for Unix
            sockets, where nobody has a name.
        location: Where that is, for errors.
        seconds: How long it may take; None for ever.

    Raises:
        TimeoutError: Pyro's: the time is over.
        CommunicationError: It has failed; the text says why, and the cause is the reason.
    """
    if host is None and context.check_hostname:
        sock.close()
        raise errors.CommunicationError(
            f"cannot connect to {location}: a Unix socket has no host name that a certificate "
            "could be compared with; give a TLS context whose check_hostname is False"
        )
    timeout = sock.gettimeout()
    secure = None
    try:
        if host is not None:
            host.encode("idna")  # Python does so too late, and would leave a socket open
        sock.setblocking(False)
        wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        secure = TlsSocket(wrapped)
        is_done = secure.do_handshake(seconds)
    except (OSError, ValueError) as fault:
        names = _find_names(secure._ssl) if secure is not None else ""
        _close(secure or sock)
        reason = explain_to_client(fault, host, names) if isinstance(fault, OSError) else fault
        raise errors.CommunicationError(
            f"cannot connect to {location}: the TLS handshake failed: {reason}"
        ) from fault
    except BaseException:
        _close(secure or sock)
        raise
    if not is_done:
        _close(secure)
        raise errors.TimeoutError(
            f"cannot connect to {location}: the TLS handshake was not answered in time (timeout); "
            "does the server speak TLS?"
        )
    secure.settimeout(timeout)
    return secure


def _close(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.close()


def _find_names(sock: ssl.SSLSocket) -> str:
    """Return whom a certificate is for that was not accepted; empty if that cannot be found out.

    Python shows it in none of its public ways (up to 3.12 at least).
    """
    with contextlib.suppress(Exception):
        chain: Any = sock._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        names = chain[0].get_info().get("subjectAltName", ())
        return ", ".join(repr(name) for kind, name in names if kind in ADDRESS_KINDS)
    return ""
