"""One end of an open connection: `SocketConnection`.

It owns the socket and what belongs to the connection's life: the session instances and tracked
resources of a server's client. It knows nothing of messages. Errors of the socket leave it as
Pyro's errors, each with its cause.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import weakref
from functools import cached_property
from selectors import EVENT_READ
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from pyrolike import errors
from pyrolike._forking import tell_of_forks
from pyrolike._pieces import drop, lay_out

from .faults import transfer_fault
from .secured import is_ssl_socket, is_tls_socket
from .sockets import family_str, limit_waiting, receive_data
from .waiting import send_available, takes_parts, wait_readable, wait_ready, wait_writable

if TYPE_CHECKING:
    from types import TracebackType

    from pyrolike.authentication import PeerCredentials

    from .tls_socket import TlsSocket

log = logging.getLogger("pyrolike.transport")

CHUNK = 64 * 1024
"""Bytes asked of a socket at once: most messages come with one system call."""


class SocketConnection:
    """An open connection, as programs see it in `current_context.client` and in daemon hooks.

    Args:
        sock: A connected socket; the connection owns it unless *keep_open*.
        objectId: The object the peer asked for when it connected, if known.
        keep_open: Never close the socket: it belongs to somebody else.

    Attributes:
        sock: The socket.
        objectId: See above.
        keep_open: See above.
        pyroInstances: Class to instance, for classes registered with instance mode "session".
        dialect: How a client and its daemon speak on it; None where that is not known.
        user: Who the daemon's authenticator has found the client to be; None where it has none.
    """

    def __init__(
        self, sock: socket.socket | TlsSocket, objectId: str | None = None, keep_open: bool = False
    ) -> None:
        self.sock: Any = sock
        # Most are plain ones, which is seen at once.
        self._tls = sock if type(sock) is not socket.socket and is_tls_socket(sock) else None
        self.objectId = objectId
        self.keep_open = keep_open
        self.pyroInstances: dict[type, Any] = {}
        self.dialect: Any = None
        self.user: str | None = None
        self.is_closed = False
        tell_of_forks(self)

    @cached_property  # few connections have any
    def tracked_resources(self) -> weakref.WeakSet[Any]:
        """What is closed when the connection ends; held weakly."""
        return weakref.WeakSet()

    def after_fork(self) -> None:
        """Close the child's copy of the descriptor, in a forked child; the peer sees nothing of it.

        What is tracked on the connection, and its instances, are the parent's to close.
        """
        self.is_closed = True
        if not self.keep_open:
            with contextlib.suppress(OSError):
                self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Only a file descriptor is given back here: nothing is sent, nothing can block.
        if not self.is_closed and not self.keep_open:
            with contextlib.suppress(OSError):
                self.sock.close()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else f"{self.family()} {self._peer()}"
        return f"<SocketConnection {state}>"

    def _peer(self) -> str:
        try:
            return str(self.sock.getpeername() or "unnamed")
        except OSError:
            return "not connected"

    def send(self, data: Any) -> None:
        """Send all of *data*.

        Raises:
            TimeoutError: The timeout passed; it is unknown how much was sent.
            ConnectionClosedError: The connection is lost.
        """
        try:
            self.sock.sendall(data)
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault

    def send_parts(self, head: bytes, payload: Any) -> None:
        """Send *head* and *payload*, which may be in pieces, without joining a copy of them.

        Raises:
            TimeoutError, ConnectionClosedError: As `send`.
        """
        parts = lay_out(head, payload)
        try:
            if takes_parts(self.sock):
                parts = drop(parts, self.sock.sendmsg(parts))
            for part in parts:
                self.sock.sendall(part)
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault

    def send_before(self, deadline: float, data: Any) -> None:
        """Send all of *data* until a moment on the monotonic clock, whatever the socket's timeout.

        What can be sent without waiting is sent even if the moment has passed.

        Raises:
            TimeoutError: The moment has come; it is unknown how much was sent.
            ConnectionClosedError: The connection is lost.
        """
        rest = memoryview(data)
        try:
            if self._tls is not None:
                self._tls.sendall(rest, deadline)
                return
            while rest := rest[send_available(self.sock, rest) :]:
                remaining = deadline - monotonic()
                if remaining <= 0 or not wait_writable(self.sock, remaining):
                    raise errors.TimeoutError("sending: timeout")
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault
        except ValueError as fault:
            raise errors.ConnectionClosedError("sending: the connection is closed") from fault

    def recv(self, size: int) -> bytes:
        """Receive exactly *size* bytes.

        Raises:
            TimeoutError: The timeout passed.
            ConnectionClosedError: The connection ended before; its attribute ``partialData`` has
                what came.
        """
        return bytes(receive_data(self.sock, size))

    def hang_up(self) -> None:
        """End the connection, but keep its descriptor until `close`. From any thread.

        Who is blocked in receiving or sending is woken. While the descriptor is there its number
        cannot become that of another connection, which they would take for this one.
        """
        if not self.keep_open and not self.is_closed:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def close(self, is_used: bool = True) -> None:
        """Close the connection and what is tracked on it. May be called twice, from any thread.

        Args:
            is_used: Another thread may be receiving or sending, or something may have arrived that
                is not read; False saves to wake the thread, and to end in two steps.
        """
        if self.is_closed:
            return
        self.is_closed = True
        if not self.keep_open:
            # The shutdown wakes a thread that is blocked in recv; close alone would not.
            if is_used:
                with contextlib.suppress(OSError):
                    self.sock.shutdown(socket.SHUT_RDWR)
            try:
                self.sock.close()
            except OSError as fault:
                log.debug("closing a connection: %s", fault)
        # In this order: what a session instance holds would else be garbage, and never closed.
        if "tracked_resources" in self.__dict__:
            self.close_resources()
        self.pyroInstances.clear()

    def close_resources(self) -> None:
        """Call ``close`` of every tracked resource; errors are logged, the others still closed."""
        while self.tracked_resources:
            try:
                resource = self.tracked_resources.pop()
            except KeyError:
                return  # the last of them has just become garbage
            try:
                resource.close()
            except (
                Exception
            ):  # the resource is the program's: its error must not keep the rest open
                log.warning("a tracked resource failed to close", exc_info=True)

    def is_gone(self) -> bool:
        """Whether the connection is closed, here or by the peer. Reads nothing away."""
        if self.is_closed:
            return True
        try:
            if self._tls is not None:
                return self._tls.is_at_end()
            return wait_readable(self.sock, 0) and not self.sock.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def fileno(self) -> int:
        """Return the socket's file descriptor, -1 after it was closed."""
        number: int = self.sock.fileno()
        return number

    def family(self) -> str:
        """Return "IPv4", "IPv6" or "Unix"."""
        return family_str(self.sock)

    def settimeout(self, timeout: float | None) -> None:
        """Limit each send and receive to *timeout* seconds; None waits for ever."""
        self.sock.settimeout(timeout)

    def gettimeout(self) -> float | None:
        """Return the limit in seconds, None if there is none."""
        timeout: float | None = self.sock.gettimeout()
        return timeout

    @property
    def timeout(self) -> float | None:
        """The limit of each send and receive in seconds; None if there is none."""
        return self.gettimeout()

    @timeout.setter
    def timeout(self, timeout: float | None) -> None:
        self.sock.settimeout(timeout)

    def setTimeout(self, timeout: float | None) -> None:
        """Do what `settimeout` does; Pyro4's name."""
        self.settimeout(timeout)

    def getTimeout(self) -> float | None:
        """Do what `gettimeout` does; Pyro4's name."""
        return self.gettimeout()

    def wait_readable(self, seconds: float) -> bool:
        """Wait until there is something to receive, or the connection ends; say whether it is so.

        Raises:
            OSError, ValueError: The connection is closed here.
        """
        if self._tls is not None:
            return self._tls.wait_readable(seconds)  # what is decrypted, no system call shows
        return wait_ready(self.sock, EVENT_READ, seconds)

    def limit_waiting(self, receive_seconds: float, send_seconds: float) -> None:
        """Do what the function `limit_waiting` does, with or without TLS."""
        if self._tls is not None:
            self._tls.limit_waiting(receive_seconds, send_seconds)
            return
        limit_waiting(self.sock, receive_seconds, send_seconds)

    def getpeercert(self) -> Any:
        """Return the peer's certificate as `ssl.SSLSocket.getpeercert` does; None without TLS."""
        has_tls = self._tls is not None or is_ssl_socket(self.sock)
        return self.sock.getpeercert() if has_tls else None

    @property
    def peer_names(self) -> tuple[str, ...]:
        """The names in the peer's certificate, if TLS has verified it; else none."""
        certificate = self.getpeercert()
        if not certificate:
            return ()
        from .tls import get_certified_names  # for those who have one

        return get_certified_names(certificate)

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        """Process, user and group at the other end of a Unix socket, on Linux; else None."""
        from .unix import get_peer_credentials  # for those who ask

        return get_peer_credentials(self.sock)
