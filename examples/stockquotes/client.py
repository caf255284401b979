"""The client: finds all markets, and follows the shares it was asked for."""

import sys
from itertools import islice

from pyrolike.api import Proxy, locate_ns

QUOTES = 4


def main(wanted: list[str]) -> None:
    """Show the first quotes of each market that has one of the *wanted* shares."""
    with locate_ns() as name_server:
        # The prefix stands for a whole group: a market that opens tomorrow will be found too.
        markets = name_server.list(prefix="example.market.")
    for name, uri in sorted(markets.items()):
        with Proxy(uri) as market:
            if not set(market.shares) & set(wanted):
                continue
            print(f"{name.rpartition('.')[2]} market: {', '.join(market.shares)}")
            market._pyroStreamWindow = 10  # ten items in one journey; 1 is as Pyro does it
            with market.quotes() as quotes:  # a generator over there; closed with the block
                chosen = (quote for quote in quotes if quote[1] in wanted)
                for tick, share, price in islice(chosen, QUOTES):
                    print(f"  tick {tick:2}  {share}  {price:7.2f}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["ACME", "EXAM", "ZORK"])
