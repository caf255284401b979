"""The server: one loop of its own, for a name server, a daemon, and a plain UDP socket.

No threads anywhere, so nothing needs a lock. The daemons are of the type "multiplex": all their
work is done when the loop says so, in `Daemon.events`.
"""

import select
import socket

from pyrolike.api import Daemon, config, expose, start_ns


class Station:
    """Measurements come in by UDP, from devices that know nothing of remote objects."""

    def __init__(self) -> None:
        self.closed = False
        self.latest = "nothing yet"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def receive(self) -> None:
        """Take one measurement in."""
        self.latest = self.socket.recv(100).decode()
        print("measured:", self.latest)

    @expose
    @property
    def port(self) -> int:
        """Where measurements go."""
        return int(self.socket.getsockname()[1])

    @expose
    def read(self) -> str:
        """Return the latest measurement."""
        return self.latest

    @expose
    def close(self) -> None:
        """End the program, once the caller has its answer."""
        self.closed = True


def main() -> None:
    """Run until a client closes the station."""
    config.SERVERTYPE = "multiplex"
    station = Station()
    where, names, _ = start_ns("127.0.0.1", 0, enableBroadcast=False)
    with station.socket, names, Daemon("127.0.0.1") as daemon:
        # In the same process the name server is a plain object: no call, no network.
        names.nameserver.register("example.station", daemon.register(station))
        # From now on the name server's daemon looks after the other one too.
        names.combine(daemon)
        print("ready:", where)
        while not station.closed:
            # Connections come and go, so the sockets are asked for anew in each round.
            ready, _, _ = select.select([station.socket, *names.sockets], [], [])
            if station.socket in ready:
                ready.remove(station.socket)
                station.receive()
            names.events(ready)
    print("the station is closed")


if __name__ == "__main__":
    main()
