"""The server: both banks, and their names. In real life they would be two programs."""

from banks import CarefulBank, GenerousBank

from pyrolike.api import Daemon, locate_ns


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon, locate_ns() as name_server:
        name_server.register("example.bank.careful", daemon.register(CarefulBank))
        name_server.register("example.bank.generous", daemon.register(GenerousBank))
        print("two banks are ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
