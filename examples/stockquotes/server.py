"""The server: a market with a few shares, whose quotes never end."""

import random
import sys
from collections.abc import Iterator
from itertools import count

from pyrolike.api import Daemon, expose, locate_ns

Quote = tuple[int, str, float]
"""When, in ticks; which share; at which price."""


@expose
class Market:
    """Quotes the shares it has. Prices are made up, but the same each time."""

    def __init__(self, shares: list[str]) -> None:
        self._shares = shares

    @property
    def shares(self) -> list[str]:
        """What is traded here."""
        return self._shares

    def quotes(self) -> Iterator[Quote]:
        """Yield quotes for ever. Each is made when a client fetches it, and none before."""
        chance = random.Random(self._shares[0])
        prices = dict.fromkeys(self._shares, 100.0)
        for tick in count(1):
            share = chance.choice(self._shares)
            prices[share] = round(prices[share] * chance.uniform(0.95, 1.05), 2)
            yield tick, share, prices[share]


def main(name: str, shares: list[str]) -> None:
    """Open a market under a name by which viewers can find it."""
    with Daemon() as daemon, locate_ns() as name_server:
        name_server.register(f"example.market.{name}", daemon.register(Market(shares)))
        print(f"the {name} market is ready")
        daemon.requestLoop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
