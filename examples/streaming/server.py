"""The server: a weather station whose results have no end, or do not exist yet."""

import itertools
from collections.abc import Iterator

from pyrolike.api import Daemon, expose


@expose
class Station:
    """The remote object. What returns an iterator is streamed; there is nothing else to do."""

    def month(self) -> list[int]:
        """Return a list: that is data, and sent whole."""
        return [12, 14, 13, 15]

    def days(self) -> Iterator[str]:
        """Return the days one by one."""
        return iter(["Monday", "Tuesday", "Wednesday"])

    def temperatures(self) -> Iterator[int]:
        """Yield for ever. An item is made when a client asks for it, and not before."""
        try:
            for hour in itertools.count():
                yield 10 + hour % 24 // 4
        finally:
            # However the client ends it: by the last item, by close(), or by pulling the plug.
            print("the sensor is switched off", flush=True)

    def count_to(self, number: int) -> Iterator[int]:
        """Yield many small items."""
        yield from range(number)

    def forecast(self) -> Iterator[str]:
        """Yield until it goes wrong."""
        yield "sun"
        yield "rain"
        raise ValueError("nobody can see further than that")


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Station, "station"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
