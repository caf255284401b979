"""Phase 2: the warehouse moves into a program of its own. Phase 3: it gets a name."""

from warehouse import Warehouse

from pyrolike.api import Daemon, locate_ns


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        uri = daemon.register(Warehouse)
        with locate_ns() as name_server:
            name_server.register("example.warehouse", uri)
        print("the warehouse is ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
