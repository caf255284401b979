"""A guest: says what is typed, and shows what others say.

With lines on the command line it says these and leaves, with a person at the keyboard it goes on
until an empty line, and otherwise it listens until Ctrl-C.
"""

import sys
import threading
from collections.abc import Iterator

from pyrolike.api import Daemon, Proxy, expose, oneway

COLOURS = 36, 33, 35, 32, 34, 31


class Guest:
    """Called by the room."""

    @expose
    @oneway
    def hear(self, name: str, what: str) -> None:
        """Show what somebody else does."""
        if sys.stdout.isatty():  # everybody in a colour of their own, for who looks at it
            name = f"\x1b[{COLOURS[sum(map(ord, name)) % len(COLOURS)]}m{name}\x1b[0m"
        print(name, what, flush=True)


def typed() -> Iterator[str]:
    """Yield what somebody types, up to an empty line."""
    while text := sys.stdin.readline().strip():
        yield text


def main(name: str, lines: list[str]) -> None:
    """Talk."""
    with Daemon() as daemon, Proxy("PYRONAME:example.room") as room:
        # The daemon needs a thread of its own here: this one reads the keyboard.
        listening = threading.Thread(target=daemon.requestLoop, daemon=True)
        listening.start()
        guest = Guest()
        daemon.register(guest)
        print("here are:", ", ".join(room.enter(name, guest)) or "nobody", flush=True)
        try:
            if lines or (sys.stdin.isatty() and sys.stdout.isatty()):
                for text in lines or typed():
                    room.say(name, text)
            else:
                listening.join()
        except KeyboardInterrupt:
            pass
        room.leave(name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
