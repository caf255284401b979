"""The arena: a field with gems, and robots that live in other processes.

Whoever watches drives the game: each frame that is asked for is one round.
"""

import random
from collections.abc import Iterator

from pyrolike.api import Daemon, Proxy, behavior, expose
from pyrolike.errors import PyroError

WIDTH, HEIGHT, GEMS = 32, 9, 14
STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1), "stay": (0, 0)}

Place = tuple[int, int]


@expose
@behavior(instance_mode="single")
class Arena:
    """The remote object."""

    def __init__(self) -> None:
        dice = random.Random(1921)  # the same field each time
        self._free = [(x, y) for y in range(HEIGHT) for x in range(WIDTH)]
        dice.shuffle(self._free)
        self._gems = {self._free.pop() for _ in range(GEMS)}
        self._robots: dict[str, Proxy] = {}
        self._places: dict[str, Place] = {}
        self._scores: dict[str, int] = {}

    def enter(self, name: str, robot: Proxy) -> None:
        """Let a robot in. It is an object of another process; here we have its proxy."""
        if name in self._robots:
            raise ValueError(f"there is a {name} here")
        robot._pyroTimeout = 5  # a robot that thinks for too long loses its turn
        self._robots[name], self._scores[name] = robot, 0
        self._places[name] = self._free.pop()

    def play(self) -> Iterator[dict[str, object]]:
        """Yield the arena after each round, until all gems are taken."""
        yield self._frame([])
        while self._gems and self._robots:
            yield self._frame([event for name in list(self._robots) for event in self._move(name)])

    def _move(self, name: str) -> Iterator[str]:
        """Let one robot move, and yield what is worth telling."""
        if not self._gems:
            return
        try:
            step = self._robots[name].move(self._places[name], sorted(self._gems), WIDTH, HEIGHT)
            dx, dy = STEPS[step]
        except (PyroError, LookupError, TypeError) as error:
            # Whatever goes wrong over there is no harm to the others.
            del self._robots[name], self._places[name]
            yield f"{name} is out: {type(error).__name__}"
            return
        x, y = self._places[name]
        place = min(max(x + dx, 0), WIDTH - 1), min(max(y + dy, 0), HEIGHT - 1)
        if place in self._places.values():
            return  # somebody stands there, perhaps this one itself
        self._places[name] = place
        if place in self._gems:
            self._gems.remove(place)
            self._scores[name] += 1
            yield f"{name} takes a gem"

    def _frame(self, events: list[str]) -> dict[str, object]:
        marks = dict.fromkeys(self._gems, "*")
        marks |= {place: name[0] for name, place in self._places.items()}
        lines = ["".join(marks.get((x, y), ".") for x in range(WIDTH)) for y in range(HEIGHT)]
        return {"lines": lines, "scores": self._scores, "events": events}


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Arena, "arena"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
