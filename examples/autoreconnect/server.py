"""The server: a clerk who may be replaced at any time."""

import os

from pyrolike.api import Daemon, expose, locate_ns


@expose
class Clerk:
    """Knows in which process it is."""

    def process(self) -> int:
        """Return the number of the server's process."""
        return os.getpid()


def main() -> None:
    """Serve a clerk. Its port is another one after each start, its name is always the same."""
    with Daemon() as daemon, locate_ns() as name_server:
        name_server.register("example.clerk", daemon.register(Clerk()))
        print("a clerk is ready")
        daemon.requestLoop()


if __name__ == "__main__":
    main()
