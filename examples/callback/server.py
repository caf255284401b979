"""The server: a workshop that calls its customers while it works."""

from pyrolike.api import Daemon, Proxy, expose, oneway


@expose
class Workshop:
    """Builds things, step by step."""

    @oneway
    def build(self, thing: str, steps: int, customer: Proxy) -> None:
        """Build *thing*, and tell *customer* how it goes.

        The customer has passed an object of its own, and here arrives a proxy for that. It can be
        kept and used by any thread, as long as the other program runs.
        """
        with customer:
            for step in range(1, steps + 1):
                customer.progress(thing, step, steps)
            try:
                customer.finished(thing)
            except Exception as error:  # noqa: BLE001 (what customers raise is up to them)
                print(f"a customer failed with {type(error).__name__}: {error}")


def main() -> None:
    """Serve one workshop."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Workshop(), "example.workshop"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
