"""A server for Pyro5. Nothing in it knows of pyrolike."""

import Pyro5.api
import Pyro5.errors


@Pyro5.api.expose
@Pyro5.api.behavior(instance_mode="single")
class Garden:
    """The remote object."""

    def __init__(self):
        self._beds = {}

    def plant(self, bed, plant):
        """Put a plant into a bed that is free."""
        if bed in self._beds:
            raise Pyro5.errors.PyroError(f"bed {bed} is full of {self._beds[bed]}")
        self._beds[bed] = plant

    def plants(self):
        """Yield what grows where."""
        yield from sorted(self._beds.items())

    @property
    def library(self):
        """The library that serves this."""
        return Pyro5.api.Daemon.__module__.partition(".")[0]


def main():
    """Serve until Ctrl-C."""
    with Pyro5.api.Daemon() as daemon:
        print("ready:", daemon.register(Garden, "garden"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
