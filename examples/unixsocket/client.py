"""The client: presses the button of the lamp."""

import sys

from pyrolike.api import Proxy


def main(path: str) -> None:
    """Press three times."""
    # "./u:" says that no host comes now, but the path of a socket.
    with Proxy(f"PYRO:lamp@./u:{path}") as lamp:
        print("the lamp is", ", ".join(lamp.press() for _ in range(3)))


if __name__ == "__main__":
    main(sys.argv[1])
