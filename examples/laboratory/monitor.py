"""The monitor: does an experiment, and shows how it goes."""

import sys
from concurrent.futures import ThreadPoolExecutor

from pyrolike.api import Proxy

EVERY = 10
"""Seconds between two lines where nobody is looking."""


def show(second: int, temperature: float, power: float, target: float) -> None:
    """Show one reading: as a bar that moves for a person, as a line now and then elsewhere."""
    bar = "#" * round(40 * temperature / 300)
    if sys.stdout.isatty():
        hot = 31 if temperature > target + 1 else 32 if temperature > target - 1 else 33
        print(f"\r\x1b[K{temperature:6.1f} \x1b[{hot}m{bar}\x1b[0m", end="", flush=True)
    elif second % EVERY == 0:
        print(f"{second:3} s {temperature:6.1f} degrees, {power:5.1f} %  {bar}")


def heat(target: float, seconds: int) -> float:
    """Have the oven heat."""
    # What one connection asks for is done in that order. This call lasts as long as the experiment,
    # and by the connection that reads along all readings would come behind it.
    with Proxy("PYRONAME:lab.oven") as oven:
        return float(oven.heat(target, seconds))


def main(target: float, seconds: int) -> None:
    """Heat the oven."""
    with Proxy("PYRONAME:lab.oven") as oven, ThreadPoolExecutor(1) as thread:
        try:
            oven.heat(1000, seconds)
        except ValueError as error:
            print("the oven says:", error)
        readings = oven.watch()
        heating = thread.submit(heat, target, seconds)
        for second, temperature, power in readings:
            show(second, temperature, power, target)
        if sys.stdout.isatty():
            print()
        print("in the end:", heating.result(), "degrees")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
