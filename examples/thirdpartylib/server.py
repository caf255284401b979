"""The server: classes that somebody else has written, here those of Python's own library."""

import calendar
import ipaddress
from collections.abc import Iterator

from pyrolike.api import Daemon, expose

# `expose` is also an ordinary function: it marks a class in place, whoever has written it.
# It marks what the class itself defines. What it inherits would need `expose(calendar.Calendar)`.
expose(calendar.TextCalendar)


@expose
class Network:
    """An adapter: the library's results cannot travel, so they are made plain values here.

    It also is the better way where a class has more methods than strangers should call.
    """

    def __init__(self, text: str) -> None:
        self._network = ipaddress.ip_network(text)

    def first_as_it_is(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """Return what the library returns."""
        return next(self._network.hosts())

    def hosts(self) -> Iterator[str]:
        """Yield the addresses of all hosts, as text."""
        return map(str, self._network.hosts())


def main() -> None:
    """Serve an object of each."""
    with Daemon() as daemon:
        daemon.register(calendar.TextCalendar(), "example.calendar")
        print("ready:", daemon.register(Network("192.0.2.0/29"), "example.network"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
