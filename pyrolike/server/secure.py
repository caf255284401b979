"""Sessions with TLS: their handshake, and how they read.

The handshake goes on whenever something has arrived, as far as that goes without waiting. It is the
session's own affair: to whoever watches sessions, one that is still at it has half a message, and
its time is limited like that of any new one. (`Watch.follow` knows that it may want to write.)

A selector shows bytes that have arrived, but not those that are decrypted and not yet read. So a
session receives as much as a record can hold, always, and has nothing left over; where it must not,
because what follows is for somebody else, it asks.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from selectors import EVENT_READ
from typing import TYPE_CHECKING

from pyrolike.errors import ProtocolError
from pyrolike.transport import CHUNK, DONT_WAIT, explain_to_server

from .inbox import Inbox
from .patience import PatientSession

if TYPE_CHECKING:
    from pyrolike.protocol import Message
    from pyrolike.transport import TlsSocket

log = logging.getLogger("pyrolike.server")

CLIENT_HELLO = b"\x16"
"""The first byte of whoever speaks TLS."""

PLAIN = b"P"
"""The first byte of whoever speaks Pyro without."""

WANTS_TLS = (
    "this daemon speaks TLS only, and the client spoke without: it needs config.SSL = True, or an "
    "ssl context for its proxy"
)

RECORDS = 16
"""Most records taken at once; after them others have their turn."""


class SecureInbox(Inbox):
    """The reading half of a session whose socket is a `TlsSocket`."""

    __slots__ = ()

    @property
    def _tls(self) -> TlsSocket:
        sock: TlsSocket = self.connection.sock
        return sock

    @property
    def awaited(self) -> int:
        """What a selector is to watch for: EVENT_READ or EVENT_WRITE."""
        return self._tls.awaited

    @property
    def _has_read(self) -> bool:
        return self._tls.has_begun or self._tls.is_secure

    def receive_available(self) -> bool:
        """Take what has arrived, without waiting; for a thread that watches many.

        Returns:
            Whether there is something to do: a whole message is there, or the session is finished.
        """
        sock = self._tls
        if not sock.is_secure:
            wanted_to_write = sock.awaited != EVENT_READ
            if not self._go_on_securing(0.0) or wanted_to_write:
                return self.is_finished  # whoever watches must watch for something else now
        try:
            count = 0
            while self._message is None and (count < RECORDS or sock.pending()):
                count += 1
                size = self._reader.missing_size if self.reads_exactly else CHUNK
                data = sock.recv(size, DONT_WAIT)
                if not data:
                    self.is_finished = True
                    break
                self._message = self._reader.feed(data)
        except (BlockingIOError, TimeoutError):
            return False
        except (OSError, ProtocolError) as fault:
            self._fault = fault
            self.is_finished = True
        return self.is_finished or self._message is not None

    def take_message(self) -> Message | None:
        """Return the next message, waiting for it as long as the connection lingers; for workers.

        Returns:
            None if nothing whole has come in time, or the session is finished.
        """
        sock = self._tls
        if not sock.is_secure and not self.is_finished and not self._go_on_securing(sock.linger):
            return None
        return super().take_message()

    def hold_message(self) -> bool:
        """Set the next message aside if it has arrived already; say whether there is one."""
        if super().hold_message():
            return True
        sock = self._tls
        if not self.is_finished and sock.is_secure and sock.pending():
            self.receive_available()  # left over by exact reading, or by the program's own
        return self._message is not None

    def _receive_some(self) -> Message | None:
        """Receive a whole record; BlockingIOError if the connection has lingered for nothing."""
        data = self._recv(CHUNK)
        if not data:
            self.is_finished = True
            return None
        return self._reader.feed(data)

    def _go_on_securing(self, seconds: float) -> bool:
        """Go on with the handshake, waiting up to *seconds*; say whether it is done.

        Afterwards the session may be finished.
        """
        sock = self._tls
        try:
            if not sock.has_begun and not self._see_who_comes(seconds):
                return False
            return sock.do_handshake(seconds)
        except OSError as fault:
            self._fault = fault
            has_left = isinstance(fault, (ConnectionError, ssl.SSLEOFError))
            level = logging.INFO if has_left else logging.WARNING
            log.log(level, "%s: the TLS handshake failed: %s", self, explain_to_server(fault))
        except ValueError as fault:  # the program has closed it
            self._fault = fault
        self.is_finished = True
        return False

    def _see_who_comes(self, seconds: float) -> bool:
        """Look at the first byte: TLS, or somebody who is to be told that we want it."""
        sock = self._tls
        if seconds:
            sock.wait(EVENT_READ, seconds)
        first = sock.peek_plain()
        if first is None:
            return False
        if first == CLIENT_HELLO:
            sock.has_begun = True
            return True
        self.is_finished = True
        if first == PLAIN:
            self._fault = ProtocolError(WANTS_TLS)  # who ends the session tells it
        elif first:
            log.warning("%s: the client speaks neither TLS nor Pyro", self)
        return False


class SecurePatientSession(SecureInbox, PatientSession):
    """One client of a daemon, over TLS."""

    __slots__ = ()

    def _send_at_once(self, data: bytes) -> None:
        if self._tls.is_secure:
            super()._send_at_once(data)
        else:
            self._tls.send_plain(data)

    def _drain(self) -> None:
        if self._tls.is_secure:
            super()._drain()
        else:
            with contextlib.suppress(OSError, ValueError):
                self._tls.send_plain(b"")
