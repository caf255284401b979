"""The server: a calculator, and nothing in it that knows of batches."""

from pyrolike.api import Daemon, expose


@expose
class Calculator:
    """Small calls, whose cost is nearly all journey."""

    def __init__(self) -> None:
        self.additions = 0

    def add(self, a: int, b: int) -> int:
        """Return the sum."""
        self.additions += 1
        return a + b

    def divide(self, a: int, b: int) -> int:
        """Return the quotient without its rest."""
        return a // b

    def count(self) -> int:
        """Return how often something was added."""
        return self.additions


def main() -> None:
    """Serve one calculator."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Calculator(), "example.calculator"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
