"""A spectator: shows the game on a terminal as it goes on, and elsewhere what happened."""

import sys
import time

from pyrolike.api import Proxy

COLOURS = {"*": 33, "G": 32, "T": 36, "B": 31, ".": 90}
HOME, CLEAR = "\x1b[H", "\x1b[2J"


def colour(line: str) -> str:
    """Return a line of the field in colours."""
    return "".join(f"\x1b[{COLOURS.get(mark, 37)}m{mark}\x1b[0m" for mark in line)


def main(uri: str) -> None:
    """Watch until the end."""
    on_screen = sys.stdout.isatty()
    news: list[str] = []
    if on_screen:
        print(CLEAR, end="")
    with Proxy(uri) as arena:
        for number, frame in enumerate(arena.play()):
            for event in frame["events"]:
                news.append(f"round {number:2}: {event}")
                if not on_screen:
                    print(news[-1])
            if on_screen:
                print(HOME + "\n".join(map(colour, frame["lines"])))
                print("\n".join(f"\x1b[K{line}" for line in news[-6:]), flush=True)
                time.sleep(0.1)
            elif number == 0:
                print("\n".join(frame["lines"]))
        print("gems:", ", ".join(f"{name} {count}" for name, count in frame["scores"].items()))


if __name__ == "__main__":
    main(sys.argv[1])
