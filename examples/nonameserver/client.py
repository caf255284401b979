"""The client: is told the uri, and needs nothing else."""

import sys

from pyrolike.api import Proxy


def main(uri: str) -> None:
    """Roll the dice a few times."""
    with Proxy(uri) as dice:
        print("rolled", *(dice.roll() for _ in range(5)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else input("Where are the dice? "))
