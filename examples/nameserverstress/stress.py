"""Many threads that register, look up, list and remove names, and check all that they are told."""

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from pyrolike.api import locate_ns
from pyrolike.errors import NamingError

PREFIX = "example.stress."


class Progress:
    """Counts what has been done, and shows it to who looks."""

    def __init__(self, goal: int) -> None:
        self._lock = threading.Lock()  # guards the counter
        self._goal, self._began = goal, time.perf_counter()
        self.done = 0

    def add(self, count: int) -> None:
        """Take note of *count* requests."""
        with self._lock:
            self.done += count
            if sys.stdout.isatty():
                bar = "#" * (self.done * 40 // self._goal)
                rate = self.done / (time.perf_counter() - self._began)
                print(f"\r[{bar:40}] {rate:7,.0f} requests/s", end="", flush=True)


def hurry(thread: int, rounds: int, progress: Progress) -> int:
    """Do some rounds with names of one's own; return how many answers were wrong."""
    wrong = 0
    with locate_ns() as name_server:
        for number in range(rounds):
            mine = f"{PREFIX}{thread}."
            name, uri = f"{mine}{number}", f"PYRO:thing{number}@thread{thread}:4444"
            name_server.register(name, uri, metadata={f"parity{number % 2}"})
            wrong += str(name_server.lookup(name)) != uri
            wrong += set(name_server.list(prefix=mine)) != {name}
            wrong += name not in name_server.yplookup(meta_any={f"parity{number % 2}"})
            wrong += name_server.remove(name) != 1
            try:
                name_server.lookup(name)
                wrong += 1
            except NamingError:
                pass
            progress.add(6)
    return wrong


def main() -> None:
    """Stress the name server, for a while that is known beforehand."""
    parser = argparse.ArgumentParser(description="Stress a name server.")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=50, help="for each thread")
    options = parser.parse_args()
    progress = Progress(options.threads * options.rounds * 6)
    with ThreadPoolExecutor(options.threads) as threads:
        wrong = sum(
            threads.map(
                lambda thread: hurry(thread, options.rounds, progress), range(options.threads)
            )
        )
    if sys.stdout.isatty():
        print()
    with locate_ns() as name_server:
        left = len(name_server.list(prefix=PREFIX))
    print(f"{progress.done} requests by {options.threads} threads")
    print(f"{wrong} wrong answers, {left} names left")


if __name__ == "__main__":
    main()
