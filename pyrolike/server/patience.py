"""Sessions for a thread that has others to serve: nothing they do waits for their client.

`PatientSession` keeps what its client does not take in at once; `Overflow` watches all those that
have something left to send.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
from typing import TYPE_CHECKING, Any

from pyrolike._forking import tell_of_forks

from .outbox import Outbox
from .session import Session

if TYPE_CHECKING:
    from pyrolike.transport import SocketConnection

    from .service import Service

log = logging.getLogger("pyrolike.server")


FLUSH_SECONDS = 0.05
"""How often replies are sent on where the system cannot tell when that is possible (Windows)."""


class PatientSession(Session):
    """A session whose replies go to an outbox.

    Args:
        service: As for `Session`, like all others but the last three.
        connection: See there.
        address: See there.
        deadline: See there.
        needs_handshake: See there.
        idle_seconds: How long the client may be idle; None for ever.
        send_seconds: How long it may refuse to take any byte of a reply; None for ever.
        outbox: Made for the connection; None for one that never waits.

    Attributes:
        outbox: What the client has not taken in yet.
        idle_seconds: See above.
        send_seconds: See above.
    """

    __slots__ = ("idle_seconds", "outbox", "send_seconds")

    def __init__(
        self,
        service: Service,
        connection: SocketConnection,
        address: Any = None,
        deadline: float | None = None,
        *,
        needs_handshake: bool = True,
        idle_seconds: float | None = None,
        send_seconds: float | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.outbox = outbox = outbox or Outbox(connection.sock)
        self.idle_seconds = idle_seconds
        self.send_seconds = send_seconds
        super().__init__(
            service,
            connection,
            address,
            deadline,
            needs_handshake=needs_handshake,
            outbox=outbox,
        )

    def expire(self) -> None:
        """Finish the session because its deadline has passed."""
        if self.outbox.is_empty:
            super().expire()
        else:
            self.is_finished = True
            log.info("%s ended: it does not read its reply", self)

    def _send_at_once(self, data: bytes) -> None:
        if self.outbox.is_empty:
            super()._send_at_once(data)
        else:
            self.is_finished = True  # it would land in the middle of a reply


class Overflow:
    """The sessions with something in their outbox, watched for room to send on.

    Where the system allows it (`fileno`), another selector can watch this one: it is readable when
    somebody can send on.

    Attributes:
        sessions: They.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.sessions: set[PatientSession] = set()
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Close the child's copy of the selector: what is changed in there is changed for both."""
        self._selector.close()

    @property
    def is_watchable(self) -> bool:
        """Whether there is a `fileno`."""
        return hasattr(self._selector, "fileno")

    def fileno(self) -> int:
        """Return the descriptor that another selector can watch for reading."""
        return self._selector.fileno()

    def add(self, session: PatientSession) -> None:
        """Watch *session* until it is discarded.

        Raises:
            OSError, ValueError: Its connection is closed.
        """
        sock = session.connection.sock
        try:
            self._selector.register(sock, selectors.EVENT_WRITE, session)
        except KeyError:
            # The number belonged to a connection that the program has closed; who looks after the
            # sessions finds that out.
            self._selector.unregister(sock.fileno())
            self._selector.register(sock, selectors.EVENT_WRITE, session)
        self.sessions.add(session)

    def discard(self, session: PatientSession) -> None:
        """Let go of *session*; nothing happens if it is not here."""
        if session in self.sessions:
            self.sessions.remove(session)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(session.connection.sock)

    def flush(self, seconds: float = 0.0) -> list[PatientSession]:
        """Send on where that is possible; wait up to *seconds* for the first to take something.

        Returns:
            The sessions that were sent something, or whose connection turned out to be lost: these
            are finished.
        """
        if not self.sessions:
            return []
        moved: list[PatientSession] = [key.data for key, _ in self._selector.select(seconds)]
        for session in moved:
            try:
                session.outbox.flush()
            except OSError:
                session.is_finished = True
        return moved

    def close(self) -> None:
        """Give the selector back. The sessions stay open."""
        self._selector.close()
        self.sessions.clear()
