"""The server: a weather office whose answers take a while."""

import time

from pyrolike.api import Daemon, expose


@expose
class Office:
    """An ordinary object: asynchronous calls are the client's affair alone."""

    def temperature(self, place: str) -> float:
        """Return a temperature, in degrees Celsius."""
        time.sleep(0.05)
        return {"Vent": 11.0, "Bari": 26.5, "Oslo": 17.0}[place]

    def forecast(self, place: str) -> str:
        """Think about it for longer."""
        time.sleep(0.5)
        return f"{place} will have weather"


def main() -> None:
    """Serve one office."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Office(), "example.office"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
