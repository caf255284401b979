"""The client: the same calls one by one, in a batch, and in a batch that nobody waits for."""

import sys
import time
from collections.abc import Callable

from pyrolike.api import BatchProxy, Proxy

CALLS = 2000


def main(uri: str) -> None:
    """Compare the speeds, and show what an error does to a batch."""
    with Proxy(uri) as calculator:
        calculator._pyroBind()
        one_by_one = measure("one by one", lambda: add_one_by_one(calculator))
        batch = measure("in a batch", lambda: add_in_a_batch(calculator))
        measure("one-way batch", lambda: add_in_a_batch(calculator, oneway=True))
        print("additions:", calculator.count())
        print("a batch is", "faster" if batch < one_by_one else "slower")
        divide_until_it_fails(calculator)


def add_one_by_one(calculator: Proxy) -> None:
    """Call, wait, call, wait."""
    for number in range(CALLS):
        calculator.add(number, 1)


def add_in_a_batch(calculator: Proxy, *, oneway: bool = False) -> None:
    """Note all calls first: a batch has the methods of the proxy, but they only write them down."""
    batch = BatchProxy(calculator)
    for number in range(CALLS):
        batch.add(number, 1)
    # Now they travel, in a single message.
    if oneway:
        batch(oneway=True)
    else:
        assert list(batch()) == list(range(1, CALLS + 1))


def divide_until_it_fails(calculator: Proxy) -> None:
    """Results come up to the error, and what is behind it in the batch is not called."""
    batch = BatchProxy(calculator)
    for divisor in 1, 2, 0, 3:
        batch.divide(100, divisor)
    try:
        for quotient in batch():
            print("quotient:", quotient)
    except ZeroDivisionError as error:
        print("error:", type(error).__name__)


def measure(name: str, action: Callable[[], None]) -> float:
    """Do it, show how many calls that were in a second, and return how long it took."""
    start = time.perf_counter()
    action()
    seconds = time.perf_counter() - start
    print(f"{name:15} {CALLS / seconds:9,.0f} calls/s")
    return seconds


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the calculator? "))
