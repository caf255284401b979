"""The server: lends boats, and gets them back from clients that crash."""

from pyrolike.api import Daemon, behavior, current_context, expose


class Boat:
    """A resource that belongs to one client. All a tracked one needs is the method `close`."""

    def __init__(self, number: int) -> None:
        self.number = number

    def close(self) -> None:
        """Called by the daemon when the client's connection has ended, however that came."""
        print(f"boat {self.number} is free")


@expose
@behavior(instance_mode="session")
class Harbour:
    """One instance for each connection; it holds the boat, the daemon only tracks it."""

    _boats = iter(range(1, 100))

    def rent(self) -> int:
        """Lend a boat until the client gives it back, or is gone."""
        self._boat = Boat(next(self._boats))
        current_context.track_resource(self._boat)
        return self._boat.number


def main() -> None:
    """Serve the harbour."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Harbour, "example.harbour"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
