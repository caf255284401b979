"""The instrument: an oven that heats samples. There is one of it, whoever may want to use it.

The oven is simulated, and its seconds are short. One that exists would be asked in `_measure`.
"""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from pyrolike.api import Daemon, behavior, expose, locate_ns

SECOND = 0.004
"""Seconds that a second of the experiment takes."""

Reading = tuple[int, float, float]
"""Second, temperature in degrees Celsius, and heating power in percent."""


@expose
@behavior(instance_mode="single")  # for all clients the same one
class Oven:
    """The remote object."""

    def __init__(self) -> None:
        self._temperature = 20.0
        self._in_use = threading.Lock()  # held for as long as an experiment lasts
        self._watchers: list[queue.SimpleQueue[Any]] = []

    def watch(self) -> Iterator[Reading]:
        """Return the readings of the next experiment, as they come."""
        # Each watcher has a queue: the oven waits for none of them, and a slow one misses nothing.
        # This is no generator, whose first line would not run before somebody asks for an item.
        readings: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._watchers.append(readings)
        return iter(readings.get, None)

    def heat(self, target: float, seconds: int) -> float:
        """Do an experiment; return the temperature at its end."""
        if not 20 <= target <= 300:
            raise ValueError(f"{target} degrees are not for this oven")
        if not self._in_use.acquire(blocking=False):
            raise RuntimeError("somebody else is using the oven")
        try:
            for second in range(seconds):
                reading = self._measure(second, target)
                for readings in self._watchers:
                    readings.put(reading)
                time.sleep(SECOND)
        finally:
            finished, self._watchers = self._watchers, []
            for readings in finished:
                readings.put(None)  # the end of the stream
            self._in_use.release()
        return round(self._temperature, 1)

    def _measure(self, second: int, target: float) -> Reading:
        power = min(max(3 * (target - self._temperature) + 0.2 * (target - 20), 0), 100)
        self._temperature += 0.1 * power - 0.02 * (self._temperature - 20)
        return second, round(self._temperature, 1), round(power, 1)


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        with locate_ns() as name_server:
            uri = daemon.register(Oven)
            name_server.register("lab.oven", uri, metadata={"instrument", "oven"})
        print("the oven is ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
