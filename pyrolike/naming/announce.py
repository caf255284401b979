"""Answers broadcasts: who asks the whole network for a name server is told where it is.

The question is one UDP datagram of fixed text, the answer another with the name server's uri. It
can be served by a thread of its own, by a daemon's loop (`Daemon.combine`), or by a loop of the
program's: whenever the server's socket is readable, `BroadcastServer.processRequest` is due.

Anybody in the network may ask, and anybody else may answer as well: an answer is a hint where to
look, not a proof. Source: the name server page of the reference, section 6.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from pyrolike._forking import tell_of_forks
from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_QUESTION
from pyrolike.errors import PyroError
from pyrolike.transport import create_bc_socket, get_interface, location_str
from pyrolike.uri import URI

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger("pyrolike.naming")

MOST_BYTES = 100
"""What is read of a datagram: more than the question, so that a longer one is seen not to be it."""

ENDING_SECONDS = 5.0
"""How long `close` waits for the server's own thread."""


class BroadcastServer:
    """Tells the uri of a name server to those who ask for it by broadcast.

    Args:
        nsUri: The name server's uri, as clients inside the network reach it.
        bchost: Address to listen on; None for the setting NS_BCHOST, and that empty or None for
            all interfaces.
        bcport: UDP port; None for the setting NS_BCPORT, 0 for a free one.
        ipv6: Listen on IPv6, which knows no broadcasts, for those who ask this host directly.

    Attributes:
        nsUri: See above.
        locationStr: Where it listens, "host:port".
        sock: Its socket.
        running: Whether a thread of its own serves it.

    Raises:
        OSError: The address cannot be listened on.
    """

    def __init__(
        self,
        nsUri: URI | str,
        bchost: str | None = None,
        bcport: int | None = None,
        ipv6: bool = False,
    ) -> None:
        self.nsUri = URI(nsUri)
        host = (config.NS_BCHOST if bchost is None else bchost) or ("::" if ipv6 else "0.0.0.0")
        port = config.NS_BCPORT if bcport is None else bcport
        self.sock = create_bc_socket((host, port), reuseaddr=config.SOCK_REUSE, ipv6=ipv6)
        self.sock.setblocking(False)
        self.locationStr = location_str(host, self.getPort())
        self.running = False
        self._thread: threading.Thread | None = None
        self._wake_receiver, self._wake_sender = socket.socketpair()
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Answer nothing, in a forked child: that is the parent's to do."""
        self.running = False
        self._thread = None
        for sock in (self.sock, self._wake_receiver, self._wake_sender):
            sock.close()

    def __repr__(self) -> str:
        return f"<BroadcastServer on {self.locationStr} for {self.nsUri}>"

    def __enter__(self) -> Self:
        if self.sock.fileno() == -1:
            raise PyroError("this broadcast server is closed")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Answer no longer; ends the thread of `runInThread`. Twice is fine."""
        self.running = False
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"!")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(ENDING_SECONDS)
        for sock in (self.sock, self._wake_receiver, self._wake_sender):
            sock.close()

    def getPort(self) -> int:
        """Return the UDP port it listens on."""
        port: int = self.sock.getsockname()[1]
        return port

    def fileno(self) -> int:
        """Return the file descriptor of its socket, -1 after it was closed."""
        return self.sock.fileno()

    # -- serving ----------------------------------------------------------------------------------

    @property
    def transportServer(self) -> BroadcastServer:
        """Itself: what `Daemon.combine` asks for its sockets and to handle their events."""
        return self

    @property
    def sockets(self) -> list[Any]:
        """What an event loop has to watch: itself."""
        return [self]

    def events(self, eventsockets: Iterable[Any]) -> None:
        """Answer what has arrived, if this server or its socket is among *eventsockets*."""
        if any(sock is self or sock is self.sock for sock in eventsockets):
            self.processRequest()

    def runInThread(self) -> threading.Thread:
        """Serve in a thread of its own, until `close`; return the thread."""
        self.running = True
        self._thread = threading.Thread(target=self._run, name="Pyro-Broadcasts", daemon=True)
        self._thread.start()
        return self._thread

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in (self.sock, self._wake_receiver):
                selector.register(sock, selectors.EVENT_READ)
            while self.running:
                selector.select()
                self.processRequest()

    def processRequest(self) -> None:
        """Answer one datagram if one has arrived, without waiting. No question, no answer."""
        try:
            data, address = self.sock.recvfrom(MOST_BYTES)
            if data == NAMESERVER_QUESTION:
                answer = str(self._uri_for(address[0])).encode("iso-8859-1")
                self.sock.sendto(answer, 0, address)
                log.debug("told %s where the name server is: %s", address, self.nsUri)
        except BlockingIOError:
            pass
        except (OSError, UnicodeError) as fault:
            # Who asked is gone or not to be reached: that is no trouble of the others.
            log.debug("a broadcast could not be answered: %s", fault)

    def _uri_for(self, asker: str) -> URI:
        """Return the uri to tell; of all interfaces it shows the one that *asker* reaches."""
        uri = URI(self.nsUri)
        if uri.host in {"0.0.0.0", "::"}:
            with contextlib.suppress(OSError, ValueError):
                uri.host = str(get_interface(asker).ip)
        return uri
