"""The server: three kinds of counter, of which it makes the instances as they are needed."""

from pyrolike.api import Daemon, behavior, expose


@expose
class Counter:
    """Counts its calls. The mode of a registered class is "session" unless it says otherwise."""

    def __init__(self) -> None:
        self.count = 0

    def step(self) -> int:
        """Count one more, and return how many there were."""
        self.count += 1
        return self.count


@behavior(instance_mode="single")
class Shared(Counter):
    """One for everybody: as if an instance had been registered."""


@behavior(instance_mode="percall")
class Fresh(Counter):
    """A new one for each call: it cannot remember anything."""


def begin_at_100(clazz: type[Counter]) -> Counter:
    """Make an instance where the class alone does not know how. Runs inside the first call."""
    counter = clazz()
    counter.count = 100
    return counter


@behavior(instance_mode="session", instance_creator=begin_at_100)
class Prepared(Counter):
    """One for each connection, as a function makes it."""


def main() -> None:
    """Register the classes themselves, not instances of them."""
    with Daemon() as daemon:
        for clazz in Shared, Fresh, Prepared:
            daemon.register(clazz, f"example.{clazz.__name__.lower()}")
        print("ready:", daemon.register(Counter, "example.counter"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
