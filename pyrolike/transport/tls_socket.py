"""A connected socket with TLS on it, which several threads may use at once.

Python's `ssl.SSLSocket` must not be read by one thread while another one writes, and waits in the
middle of both. `TlsSocket` has a non-blocking one behind a lock and does its waiting outside of it.
To the rest of the library it looks like a plain socket.

Decrypted bytes that nobody has read yet are shown by no selector: `TlsSocket.pending` tells of
them. There are none after a receive of as much as a record can hold, 16 KiB.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import threading
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike._forking import OpenLock, tell_of_forks

from .waiting import DONT_WAIT, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 64 * 1024
"""Bytes offered to the cipher at once: other threads get their turn in between."""

SENT_AT_ONCE = 16 * PIECE
"""Most bytes that one `TlsSocket.send` sends, however quickly the peer takes them."""

READ_AHEAD = 16 * 1024
"""Bytes a record can hold."""


class TlsSocket:
    """A TLS connection, used like a plain socket by any number of threads.

    Of its timeouts the one set by `settimeout` comes first; without it the limits hold.

    Args:
        sock: Connected; this one owns it from now on.
        is_secure: Whether its handshake is done, or is the business of whoever made it.

    Attributes:
        family: As of any socket.
        type: As of any socket.
        is_secure: The handshake is done.
        has_begun: Somebody has seen that the peer speaks TLS; for a server to note.
        awaited: What the handshake waits for: EVENT_READ or EVENT_WRITE.
    """

    def __init__(self, sock: ssl.SSLSocket, *, is_secure: bool = False) -> None:
        self.family = sock.family
        self.type = sock.type
        self.is_secure = is_secure
        self.has_begun = is_secure
        self.awaited = EVENT_READ
        self._ssl = sock
        self._timeout = sock.gettimeout()
        self._receive_limit: float | None = None
        self._send_limit: float | None = None
        self._ahead = b""  # decrypted and not read yet
        self._fault: OSError | None = None  # what reading ahead has met; TLS tells it once
        # Re-entrant, because a signal handler may close what its own thread is just using.
        self._lock: Any = threading.RLock()
        self._set_up()
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Lock nobody out, in a forked child, which can only close its copy."""
        self._lock = OpenLock()

    def _set_up(self) -> None:
        self._ssl.setblocking(False)

    def __repr__(self) -> str:
        return f"<TlsSocket {self.fileno()}{'' if self.is_secure else ', handshake not done'}>"

    # -- the handshake ----------------------------------------------------------------------------

    def try_handshake(self) -> bool:
        """Go on with the handshake without waiting; say whether it is done. If not: `awaited`.

        Raises:
            OSError: It has failed; an `ssl.SSLError` says why.
        """
        event, _ = self._try(self._ssl.do_handshake, ())
        self.awaited = event or EVENT_READ
        self.is_secure = event is None
        return self.is_secure

    def do_handshake(self, seconds: float | None) -> bool:
        """Shake hands for up to *seconds*, None for ever; say whether it is done.

        Raises:
            OSError: It has failed.
        """
        end = None if seconds is None else monotonic() + seconds
        while not self.try_handshake():
            if not self.wait(self.awaited, None if end is None else end - monotonic()):
                return False
        return True

    def peek_plain(self) -> bytes | None:
        """Return the next byte as it came, empty at the end of the connection, None for none yet.

        Nothing is read away. For a server, which wants to know if it is TLS at all.

        Raises:
            OSError: The connection is lost.
        """
        try:
            return socket.socket.recv(self._ssl, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return None

    def send_plain(self, data: bytes) -> None:
        """Send *data* without TLS, as far as that is possible at once, and end the connection.

        All that the peer has sent is thrown away: closing over it would take our words back.
        """
        with contextlib.suppress(OSError):
            if data:
                socket.socket.send(self._ssl, data)
            self.shutdown(socket.SHUT_WR)
            for _ in range(16):
                if not socket.socket.recv(self._ssl, PIECE):
                    break

    # -- transfer ---------------------------------------------------------------------------------

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive up to *size* bytes; of the flags only MSG_DONTWAIT means anything."""
        if self._ahead:
            with self._lock:
                data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        self._raise_fault()
        limit = self._receive_limit
        received: bytes = self._do(self._read, (self._ssl.recv, size), flags, limit)
        return received

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """Receive into *buffer*, up to *size* bytes; 0 for all of it."""
        if self._ahead:
            with memoryview(buffer).cast("B") as view:
                data = self.recv(size or len(view))
                view[: len(data)] = data
            return len(data)
        self._raise_fault()
        arguments = self._ssl.recv_into, buffer, size or None
        count: int = self._do(self._read, arguments, flags, self._receive_limit)
        return count or 0  # of an end that came as no bytes

    def _raise_fault(self) -> None:
        if self._fault is not None:
            try:
                raise self._fault
            finally:
                self._fault = None

    @staticmethod
    def _read(receive: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return receive(*arguments)
        except ssl.SSLZeroReturnError:
            return b""  # the peer has ended TLS, which is an end like any other

    def send(self, data: Any, flags: int = 0) -> int:
        """Send what can be sent without waiting, but something; return how much."""
        rest = memoryview(data).cast("B")
        if not rest:
            return 0
        count: int = self._do(self._ssl.send, (rest[:PIECE],), flags, self._send_limit)
        while count < min(len(rest), SENT_AT_ONCE):
            event, more = self._try(self._ssl.send, (rest[count : count + PIECE],))
            if event is not None:
                break
            count += more
        return count

    def sendall(self, data: Any, deadline: float | None = None) -> None:
        """Send all of *data*; the timeout is for the whole.

        Args:
            data: What to send.
            deadline: Moment on the monotonic clock that counts instead of the timeout; None for
                the timeout.
        """
        rest = memoryview(data).cast("B")
        timeout = self._timeout
        end = monotonic() + timeout if timeout and deadline is None else deadline
        while rest:
            if end is not None:
                timeout = max(end - monotonic(), 0.001)
            arguments = (rest[:PIECE],)
            rest = rest[self._do(self._ssl.send, arguments, 0, self._send_limit, timeout) :]

    def pending(self) -> int:
        """Return how many bytes have been decrypted and not been read: no selector shows them."""
        with self._lock:
            return len(self._ahead) + self._ssl.pending()

    def is_at_end(self) -> bool:
        """Whether the peer has gone, as far as that can be seen without reading.

        Raises:
            OSError: The connection is lost.
        """
        return not self.pending() and self.peek_plain() == b""

    def wait_readable(self, seconds: float) -> bool:
        """Wait until there is something to receive, or the end; say whether that is so.

        What has arrived may belong to TLS itself, or be half a record: so it is read ahead.
        An error is for the next receive to raise.
        """
        end = None
        while not self._ahead and self._fault is None:
            try:
                event, data = self._try(self._read, (self._ssl.recv, READ_AHEAD))
            except OSError as fault:
                self._fault = fault.with_traceback(None)
                return True
            if event is None:
                with self._lock:
                    self._ahead += data
                return True
            if end is None:
                end = monotonic() + seconds
            if not self.wait(event, end - monotonic()):
                return False
        return True

    def wait(self, event: int, seconds: float | None) -> bool:
        """Wait below TLS for EVENT_READ or EVENT_WRITE; None waits for ever.

        Raises:
            ValueError: The socket is closed.
        """
        return wait_ready(self._ssl, event, seconds)

    def _do(
        self,
        operation: Callable[..., Any],
        arguments: tuple[Any, ...],
        flags: int,
        limit: float | None,
        timeout: float | None = None,
    ) -> Any:
        """Repeat *operation* until it has done something, waiting in between.

        Raises:
            BlockingIOError: It would have to wait, and may not, or not so long.
            TimeoutError: The timeout has passed.
            OSError: The connection is lost.
        """
        event, result = self._try(operation, arguments)
        if event is None:
            return result
        if flags & DONT_WAIT:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        timeout = self._timeout if timeout is None else timeout
        seconds = limit if timeout is None else timeout
        end = None if seconds is None else monotonic() + seconds
        while event is not None:
            try:
                is_ready = seconds != 0 and self.wait(
                    event, None if end is None else end - monotonic()
                )
            except ValueError:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
            if not is_ready:
                if timeout:
                    raise TimeoutError("timed out")
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            event, result = self._try(operation, arguments)
        return result

    def _try(
        self, operation: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> tuple[int | None, Any]:
        """Do *operation* without waiting: the event it needs first, or None and its result."""
        with self._lock:
            try:
                return None, operation(*arguments)
            except ssl.SSLWantReadError:
                return EVENT_READ, None
            except ssl.SSLWantWriteError:
                return EVENT_WRITE, None

    # -- what else a socket has -------------------------------------------------------------------

    def limit_waiting(self, receive_seconds: float, send_seconds: float) -> None:
        """Let a receive that finds nothing, and a send that is stuck, give up: BlockingIOError."""
        self._receive_limit, self._send_limit = receive_seconds, send_seconds

    @property
    def linger(self) -> float:
        """Seconds a receive may find nothing."""
        return self._receive_limit or 0.0

    def settimeout(self, timeout: float | None) -> None:
        """As of any socket."""
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        """As of any socket."""
        return self._timeout

    def setblocking(self, blocking: bool) -> None:
        """As of any socket."""
        self._timeout = None if blocking else 0.0

    def fileno(self) -> int:
        """As of any socket."""
        return self._ssl.fileno()

    def getpeername(self) -> Any:
        """As of any socket."""
        return self._ssl.getpeername()

    def getsockname(self) -> Any:
        """As of any socket."""
        return self._ssl.getsockname()

    def getsockopt(self, *option: Any) -> Any:
        """As of any socket."""
        return self._ssl.getsockopt(*option)

    def setsockopt(self, *option: Any) -> None:
        """As of any socket."""
        self._ssl.setsockopt(*option)

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Return the peer's certificate as `ssl.SSLSocket.getpeercert` does."""
        return self._ssl.getpeercert(binary_form)

    def cipher(self) -> Any:
        """Return name, protocol and bits of the cipher that is used."""
        return self._ssl.cipher()

    def version(self) -> str | None:
        """Return the protocol that was agreed on, such as "TLSv1.3"."""
        return self._ssl.version()

    def shutdown(self, how: int) -> None:
        """End the connection below TLS, waking who waits for it; nothing is sent."""
        socket.socket.shutdown(self._ssl, how)

    def close(self) -> None:
        """Give the file descriptor back."""
        with self._lock:
            self._ssl.close()


class BorrowedTlsSocket(TlsSocket):
    """A TLS socket of the program's own: it is left as it was, its timeout too.

    Args:
        sock: The program's; nobody else may use it at the same time.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock, is_secure=True)

    def _set_up(self) -> None:
        """Change nothing."""

    def _try(
        self, operation: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> tuple[int | None, Any]:
        with self._lock:
            usual = self._ssl.gettimeout()
            self._ssl.settimeout(0)
            try:
                return super()._try(operation, arguments)
            finally:
                with contextlib.suppress(OSError):
                    self._ssl.settimeout(usual)
