"""The server: a till that takes and returns money."""

from money import Money, teach

from pyrolike.api import Daemon, expose


@expose
class Till:
    """Calculates with real `Money`: nothing here knows that it comes from a network."""

    def total(self, amounts: list[Money]) -> Money:
        """Add the amounts up."""
        total = Money(0, amounts[0].currency)
        for amount in amounts:
            total += amount
        return total


def main() -> None:
    """Serve one till."""
    teach()
    with Daemon() as daemon:
        print("ready:", daemon.register(Till(), "example.till"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
