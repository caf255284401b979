"""The client: iterates over remote iterators as over any other."""

import itertools
import sys

from pyrolike.api import Proxy


def main(uri: str) -> None:
    """Look at each kind of result."""
    with Proxy(uri) as station:
        print("a list:", station.month())
        print("an iterator:", ", ".join(station.days()))

        # Endless is no problem, as long as somebody says when it is enough.
        with station.temperatures() as hours:
            print("the first ones of many:", list(itertools.islice(hours, 8)))

        try:
            for weather in station.forecast():
                print("forecast:", weather)
        except ValueError as error:
            print("forecast ended:", error)

        # Each item is a round trip, unless several are fetched at once.
        station._pyroStreamWindow = 100
        print("summed up:", sum(station.count_to(10_000)))


if __name__ == "__main__":
    main(sys.argv[1])
