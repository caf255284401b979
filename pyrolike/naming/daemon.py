"""A daemon that serves a name server, and the two functions that start one.

`start_ns` makes it and hands it over; `start_ns_loop` makes it, says on standard output where it
is, and serves until it is stopped. The lines it prints are Pyro's, letter for letter: scripts read
them.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack

from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.server import Daemon
from pyrolike.uri import URI

from .server import OWN_TAGS, NameServer
from .storage import Storage

log = logging.getLogger("pyrolike.naming")


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

    Raises:
        OSError: It cannot listen there.
        ValueError: *storage* names no storage, or the addresses do not fit together.
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
            port = config.NS_PORT if port is None else port
            super().__init__(host, port, unixsocket, nathost, natport)
            undo.callback(super().close)
            self._enter_itself()
            undo.pop_all()
        if config.NS_AUTOCLEAN > 0:
            log.warning(
                "NS_AUTOCLEAN is set to %s, but this version has no auto-clean:"
                " registrations of dead objects stay until they are removed",
                config.NS_AUTOCLEAN,
            )

    def close(self) -> None:
        """Stop listening, close the storage and release everything; twice is allowed."""
        super().close()
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
) -> tuple[URI, NameServerDaemon, None]:
    """Make a name server, without serving it yet: that is the caller's `requestLoop`.

    Args:
        host: As for `NameServerDaemon`, like all others but these three:
        enableBroadcast: Accepted for Pyro's order of arguments, without effect: this version does
            not answer broadcasts.
        bchost: The same.
        bcport: The same.
        port: See `NameServerDaemon`.
        unixsocket: See there.
        nathost: See there.
        natport: See there.
        storage: See there.

    Returns:
        The published uri, the daemon, and None where Pyro hands over its broadcast server.

    Raises:
        OSError: As `NameServerDaemon`, like ValueError and NamingError.
    """
    daemon = NameServerDaemon(host, port, unixsocket, nathost, natport, storage)
    return daemon.uriFor(daemon.nameserver), daemon, None


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
    loopCondition: Callable[[], bool] = lambda: True,
) -> None:
    """Make a name server, print where it is, and serve until Ctrl-C or *loopCondition* ends it.

    Args:
        host: As for `start_ns`, like all others but the last.
        port: See there.
        enableBroadcast: Without effect but for one line: this version does not answer broadcasts,
            and says so if they are wanted.
        bchost: See there.
        bcport: See there.
        unixsocket: See there.
        nathost: See there.
        natport: See there.
        storage: See there.
        loopCondition: Asked every ``config.POLLTIMEOUT`` seconds; False ends the loop.

    Raises:
        OSError: As `start_ns`, like ValueError and NamingError; nothing is printed then.
    """
    _, daemon, _ = start_ns(
        host, port, enableBroadcast, bchost, bcport, unixsocket, nathost, natport, storage
    )
    with daemon:
        try:
            for line in introduction(daemon, enableBroadcast):
                print(line, flush=True)
            daemon.requestLoop(loopCondition)
        except KeyboardInterrupt:
            pass  # it came while we were still printing: the loop itself takes it for its end
    print("NS shut down.", flush=True)


def introduction(daemon: NameServerDaemon, wants_broadcast: bool) -> list[str]:
    """Return the lines with which a name server presents itself.

    Args:
        daemon: A daemon that listens.
        wants_broadcast: Whether to say why broadcasts are not answered.

    Source: nameserver.md section 3, "Output of the loop function".
    """
    is_unix = URI.isUnixsockLocation(daemon.locationStr)
    address = "" if is_unix else str(daemon.sock.getsockname()[0])
    lines = [_no_broadcast(address)] if wants_broadcast and address else []
    count = daemon.nameserver.count()
    if count > 1:
        lines.append(f"Persistent store contains {count} existing registrations.")
    lines.append(f"NS running on {daemon.locationStr} ({address or 'Unix domain socket'})")
    uri = daemon.uriFor(daemon.nameserver)
    if not daemon.natLocationStr:
        return [*lines, f"URI = {uri}"]
    internal = daemon.uriFor(daemon.nameserver, nat=False)
    return [*lines, f"internal URI = {internal}", f"external URI = {uri}"]


def _no_broadcast(address: str) -> str:
    """Say why no broadcast server is started: Pyro's words where Pyro would not start one."""
    if ":" in address:
        return "Not starting broadcast server for IPv6."
    if address.startswith("127."):
        return "Not starting broadcast server for localhost."
    return "Not starting broadcast server: this version does not answer broadcasts."


startNS = start_ns
startNSloop = start_ns_loop
