"""The server: a kettle that takes its time."""

import time

from pyrolike.api import Daemon, expose


@expose
class Kettle:
    """Boils water, which nobody can speed up."""

    def __init__(self) -> None:
        self._boiled = 0

    def boil(self, seconds: float) -> str:
        """Boil water, for as long as it takes."""
        time.sleep(seconds)
        self._boiled += 1
        return f"boiled for {seconds} s"

    def boiled(self) -> int:
        """Return how often water has boiled, whether somebody was still waiting or not."""
        return self._boiled


def main() -> None:
    """Serve one kettle."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Kettle(), "example.kettle"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
