"""The server: prints the uri of its object. There is no name server."""

from pyrolike.api import Daemon, expose


@expose
class Dice:
    """The remote object."""

    def __init__(self) -> None:
        self._seed = 1815

    def roll(self) -> int:
        """Return a number from 1 to 6; the dice are not very random."""
        self._seed = self._seed * 75 % 65537
        return self._seed % 6 + 1


def main() -> None:
    """Serve until Ctrl-C."""
    # Port and id are made up anew each time. Daemon(port=4000) and register(Dice, "dice") fix them,
    # and then the client's uri stays true: PYRO:dice@localhost:4000.
    with Daemon() as daemon:
        print("ready:", daemon.register(Dice), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
