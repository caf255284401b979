"""The client: uses the library's classes from afar."""

import sys

from pyrolike.api import URI, Proxy
from pyrolike.errors import SerializeError


def main(uri: str) -> None:
    """Print a month, and the hosts of a network."""
    location = URI(uri).location
    with Proxy(f"PYRO:example.calendar@{location}") as calendar:
        print(calendar.formatmonth(2001, 2), end="")
        try:
            calendar.monthdayscalendar(2001, 2)
        except AttributeError:
            print("inherited, and not exposed: monthdayscalendar")

    with Proxy(uri) as network:
        try:
            network.first_as_it_is()
        except SerializeError:
            print("cannot travel: an address object")
        print("hosts:", *network.hosts())


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the network? "))
