"""The server for a socket that somebody else has connected: one client, no handshake.

The socket stays what it was. It is never closed here, none of its options or timeouts is changed
for good, and nothing is read from it that follows the message in progress: whoever uses it
afterwards finds everything that is not for this server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike.errors import PyroError

from .onethread import LoopSettings, OneThreadServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from .patience import PatientSession


class ExistingConnectionServer(OneThreadServer):
    """Serves the client at the other end of a connected socket.

    Args:
        sock: The socket; somebody else owns it.
        make_session: Makes the session for it.
        housekeeping: Called every few seconds, in the loop.
        settings: Sizes and times.
    """

    kind = "existing connection"

    def __init__(
        self,
        sock: socket.socket,
        make_session: Callable[[socket.socket], PatientSession],
        housekeeping: Callable[[], None],
        settings: LoopSettings,
    ) -> None:
        super().__init__(sock, housekeeping, settings)
        self._session = make_session(sock)
        self._session.reads_exactly = True
        self.enter(self._session)
        self._loop.admit(self._session)

    @property
    def is_done(self) -> bool:
        """Whether the loop has nothing more to do: the client may be gone."""
        return self.is_closed or self._session.is_finished

    @property
    def sockets(self) -> list[Any]:
        """The one socket."""
        return [self.sock]

    @property
    def selector(self) -> Any:
        """Not to be had: Pyro offers it for the multiplex server only."""
        raise TypeError("a daemon on a connected socket has no selector to share; use multiplex")

    def events(self, eventsockets: Iterable[Any]) -> None:
        """Not possible here.

        Raises:
            PyroError: Always.
        """
        raise PyroError("a daemon on a connected socket is served by its requestLoop only")

    def combine_loop(self, server: Any) -> None:
        """Not possible here.

        Raises:
            PyroError: Always.
        """
        raise PyroError("a daemon on a connected socket cannot be combined with another")

    def _close_own(self) -> None:
        """Nothing is ours but the session."""
