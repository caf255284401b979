"""A daemon that serves a name server, and the two functions that start one.

`start_ns` makes it and hands it over; `start_ns_loop` makes it, says on standard output where it
is, and serves until it is stopped. The lines it prints are Pyro's, letter for letter: scripts read
them.
"""

from collections.abc import Callable
from contextlib import ExitStack

from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.protocol import key_bytes
from pyrolike.server import Daemon
from pyrolike.server.daemon import always
from pyrolike.server.signals import until_terminated
from pyrolike.uri import URI

from .announce import BroadcastServer
from .autoclean import AutoCleaner
from .server import OWN_TAGS, NameServer
from .storage import Storage


class NameServerDaemon(Daemon):
    """A daemon with a name server in it, under its usual name.

    Args:
        host: As for `Daemon`: None means ``config.HOST``.
        port: None means ``config.NS_PORT``, 0 any free port.
        unixsocket: Path of a Unix socket to serve instead.
        nathost: The host to publish, also in the name server's own entry.
        natport: The port to publish; 0 means the real one.
        storage: Where registrations are kept, see `pyrolike.naming.storage.open_storage`. The
            daemon closes it in the end.

    Attributes:
        nameserver: The `NameServer` that is served.
        cleaner_thread: What removes registrations of servers that are gone, if the setting
            NS_AUTOCLEAN is not 0; else None.

    Raises:
        OSError: It cannot listen there.
        ValueError: *storage* names no storage, the addresses do not fit together, or NS_AUTOCLEAN
            is too small.
        NamingError: The storage cannot be used.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        unixsocket: str | None = None,
        nathost: str | None = None,
        natport: int | None = None,
        storage: Storage | str | None = None,
    ) -> None:
        self.nameserver = NameServer(storage)
        with ExitStack() as undo:
            undo.callback(self.nameserver.storage.close)
            self.cleaner_thread = AutoCleaner(self.nameserver) if config.NS_AUTOCLEAN else None
            port = config.NS_PORT if port is None else port
            super().__init__(host, port, unixsocket, nathost, natport)
            undo.callback(super().close)
            self._enter_itself()
            undo.pop_all()
        if self.cleaner_thread is not None:
            self.cleaner_thread.start()

    def close(self, grace: float | None = None) -> None:
        """Stop listening and cleaning, close the storage, release everything; twice is fine."""
        if self.cleaner_thread is not None:
            self.cleaner_thread.close()
        super().close(grace)
        self.nameserver.storage.close()

    def _enter_itself(self) -> None:
        """Serve the name server, and make it its own first entry.

        A storage that outlived its process still holds the old address; it is replaced.
        """
        uri = self.register(self.nameserver, NAMESERVER_NAME)
        self.nameserver.storage[NAMESERVER_NAME] = str(uri), OWN_TAGS


def start_ns(
    host: str | None = None,
    port: int | None = None,
    enableBroadcast: bool = True,
    bchost: str | None = None,
    bcport: int | None = None,
    unixsocket: str | None = None,
    nathost: str | None = None,
    natport: int | None = None,
    storage: Storage | str | None = None,
    *,
    hmac_key: bytes | str | None = None,
) -> tuple[URI, NameServerDaemon, BroadcastServer | None]:
    """Make a name server, without serving it yet: that is the caller's `requestLoop`.

    The broadcast server does not run yet either: call its ``runInThread``, or the daemon's
    ``combine`` with it if that has the multiplex server.

    Args:
        host: As for `NameServerDaemon`, like all others but these three:
        enableBroadcast: Answer those who look for a name server by broadcast.
        bchost: Address on which broadcasts arrive, as for `BroadcastServer`.
        bcport: Their UDP port, likewise.
        port: See `NameServerDaemon`.
        unixsocket: See there.
        nathost: See there.
        natport: See there.
        storage: See there.
        hmac_key: Signs its messages, and must sign those of its clients: of Pyro4's peers, and of
            ours that have the key. A str is taken as UTF-8.

    Returns:
        The published uri, the daemon, and the broadcast server; None instead of that if it is not
        wanted, or pointless: on a Unix socket, or where only this machine can reach the daemon.

    Raises:
        OSError: As `NameServerDaemon`, like ValueError and NamingError.
        TypeError, ValueError: *hmac_key* is no key.
    """
    key = key_bytes(hmac_key)
    daemon = NameServerDaemon(host, port, unixsocket, nathost, natport, storage)
    broadcaster = None
    with ExitStack() as undo:
        undo.callback(daemon.close)
        daemon._pyroHmacKey = key
        if enableBroadcast and _why_no_broadcast(daemon, ipv6_too=True) is None:
            internal = daemon.uriFor(daemon.nameserver, nat=False)
            broadcaster = BroadcastServer(internal, bchost, bcport)
        undo.pop_all()
    return daemon.uriFor(daemon.nameserver), daemon, broadcaster


def start_ns_loop(
    host: str | None = None,
    port: int | None = None,
    enableBroadcast: bool = True,
    bchost: str | None = None,
    bcport: int | None = None,
    unixsocket: str | None = None,
    nathost: str | None = None,
    natport: int | None = None,
    storage: Storage | str | None = None,
    loopCondition: Callable[[], bool] = always,
    *,
    hmac_key: bytes | str | None = None,
) -> None:
    """Make a name server, print where it is, and serve it until it is told to end.

    That is Ctrl-C, SIGTERM in the main thread, or *loopCondition*.

    Args:
        host: As for `start_ns`, like all others but *loopCondition*.
        port: See there.
        enableBroadcast: See there; not with IPv6.
        bchost: See there.
        bcport: See there.
        unixsocket: See there.
        nathost: See there.
        natport: See there.
        storage: See there.
        loopCondition: Asked every ``config.POLLTIMEOUT`` seconds; False ends the loop.
        hmac_key: See there.

    Raises:
        OSError: As `start_ns`, like TypeError, ValueError and NamingError; nothing is printed then.
    """
    where = host, port, enableBroadcast, bchost, bcport, unixsocket, nathost, natport
    _, daemon, broadcaster = start_ns(*where, storage, hmac_key=hmac_key)
    with daemon, ExitStack() as closing:
        if broadcaster is not None:
            closing.callback(broadcaster.close)
        try:
            if broadcaster is not None and _why_no_broadcast(daemon) is None:
                broadcaster.runInThread()
            with until_terminated(daemon, loopCondition) as condition:
                for line in introduction(daemon, broadcaster, enableBroadcast):
                    print(line, flush=True)
                daemon.requestLoop(condition)
        except KeyboardInterrupt:
            pass  # it came while we were still printing: the loop itself takes it for its end
    print("NS shut down.", flush=True)


def introduction(
    daemon: NameServerDaemon, broadcaster: BroadcastServer | None, wants_broadcast: bool
) -> list[str]:
    """Return the lines with which a name server presents itself.

    Args:
        daemon: A daemon that listens.
        broadcaster: What answers broadcasts, if anything does.
        wants_broadcast: Whether to say why nothing does.

    Source: nameserver.md section 3, "Output of the loop function".
    """
    lines = []
    if broadcaster is not None and broadcaster.running:
        lines.append(f"Broadcast server running on {broadcaster.locationStr}")
    elif wants_broadcast and (reason := _why_no_broadcast(daemon)):
        lines.append(f"Not starting broadcast server for {reason}.")
    storage = daemon.nameserver.storage
    if not getattr(storage, "keeps_metadata", True):
        lines.append(f"Warning: the {type(storage).__name__} doesn't support metadata.")
    count = daemon.nameserver.count()
    if count > 1:
        lines.append(f"Persistent store contains {count} existing registrations.")
    lines.append(f"NS running on {daemon.locationStr} ({_address(daemon) or 'Unix domain socket'})")
    uri = daemon.uriFor(daemon.nameserver)
    if not daemon.natLocationStr:
        return [*lines, f"URI = {uri}"]
    internal = daemon.uriFor(daemon.nameserver, nat=False)
    return [*lines, f"internal URI = {internal}", f"external URI = {uri}"]


def _address(daemon: NameServerDaemon) -> str:
    """Return the numeric address a daemon listens on; empty for a Unix socket."""
    is_unix = URI.isUnixsockLocation(daemon.locationStr)
    return "" if is_unix else str(daemon.sock.getsockname()[0])


def _why_no_broadcast(daemon: NameServerDaemon, *, ipv6_too: bool = False) -> str | None:
    """Return for what a broadcast server is of no use, in Pyro's words; None if it is of use.

    Empty means that nothing is said about it.
    """
    address = _address(daemon)
    if not address:
        return ""
    if ":" in address and not ipv6_too:
        return "IPv6"
    return "localhost" if address.startswith("127.") or address == "::1" else None


startNS = start_ns
startNSloop = start_ns_loop
