"""A robot: is asked in each round where it wants to go."""

import sys
from collections.abc import Callable

from pyrolike.api import Daemon, Proxy, callback, expose

Place = tuple[int, int]


def towards(here: Place, there: Place) -> str:
    """Return the step that leads there."""
    (x, y), (to_x, to_y) = here, there
    if x != to_x:
        return "right" if to_x > x else "left"
    return "stay" if y == to_y else "down" if to_y > y else "up"


def be_greedy(here: Place, gems: list[Place], width: int, height: int) -> str:
    """Go to the nearest gem."""
    return towards(here, min(gems, key=lambda gem: abs(gem[0] - here[0]) + abs(gem[1] - here[1])))


def be_tidy(here: Place, gems: list[Place], width: int, height: int) -> str:
    """Take the gems from left to right."""
    return towards(here, gems[0])


def be_broken(here: Place, gems: list[Place], width: int, height: int) -> str:
    """Want what cannot be done, as soon as it stands at an edge; go left until then."""
    return "left" if here[0] > 0 else "through the wall"


MINDS = {"greedy": be_greedy, "tidy": be_tidy, "broken": be_broken}


class Robot:
    """Called by the arena."""

    def __init__(self, mind: Callable[..., str]) -> None:
        self._mind = mind

    @expose
    @callback
    def move(self, here: Place, gems: list[Place], width: int, height: int) -> str:
        """Say where to go: left, right, up, down or stay."""
        return self._mind(here, gems, width, height)


def main(uri: str, name: str, mind: str) -> None:
    """Play until Ctrl-C."""
    with Daemon() as daemon:
        robot = Robot(MINDS[mind])
        daemon.register(robot)
        with Proxy(uri) as arena:
            arena.enter(name, robot)
        print(f"{name} is in the arena, and {mind}", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main(*sys.argv[1:])
