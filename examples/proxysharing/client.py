"""The client: one proxy in many threads, and a proxy for each of them."""

import copy
import sys
from concurrent.futures import ThreadPoolExecutor

from pyrolike.api import Proxy

THREADS, CALLS = 4, 1000


def main(uri: str) -> None:
    """Share a proxy, see that no answers are mixed up, and see what sharing cannot do."""
    with Proxy(uri) as hall, ThreadPoolExecutor(THREADS) as threads:
        # Nobody has to claim the proxy, and no lock is needed around it.
        answers = list(threads.map(hall.stamp, range(CALLS)))
        print("own answers:", answers == list(range(CALLS)), " calls made:", hall.stamps())

        # All of them are sent at once, but a server makes the calls of one connection in turn.
        shared = [hall] * THREADS
        print("inside at once, one proxy:   ", gather(threads, shared, patience=0.05))

        # A copy has the same settings, and a connection of its own.
        own = [copy.copy(hall) for _ in range(THREADS)]
        print("inside at once, own proxies: ", gather(threads, own, patience=20))
        for proxy in own:
            proxy._pyroRelease()


def gather(threads: ThreadPoolExecutor, halls: list[Proxy], patience: float) -> int:
    """Have all proxies make a call that waits for the others, and return how many were inside."""
    return max(threads.map(lambda hall: hall.gather(len(halls), patience), halls))


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the hall? "))
