"""The client: has a lot to do, and has it done."""

import math
import sys

from pyrolike.api import BatchProxy, Proxy

FIRST, COUNT = 10**8, 40


def main() -> None:
    """Have a range of numbers factorised."""
    numbers = range(FIRST, FIRST + COUNT)
    with Proxy("PYRONAME:example.dispatcher") as dispatcher:
        work = BatchProxy(dispatcher)
        for number in numbers:
            work.put_work(number)
        list(work())  # all of it in one message
        factors = {}
        while len(factors) < COUNT:
            number, found = dispatcher.get_result()  # in any order
            assert math.prod(found) == number
            factors[number] = found
            if sys.stdout.isatty():
                bar = "#" * (len(factors) * 40 // COUNT)
                print(f"\r[{bar:40}] {len(factors)}", end="", flush=True)
    if sys.stdout.isatty():
        print()
    for number in numbers[:8]:
        print(f"{number} = {' * '.join(map(str, factors[number]))}")
    primes = [number for number in numbers if factors[number] == [number]]
    print(f"of {COUNT} numbers these are prime: {', '.join(map(str, primes))}")


if __name__ == "__main__":
    main()
