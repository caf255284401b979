"""The client: writes into somebody else's window."""

import sys
import time

from pyrolike.api import Proxy

LINES = "Hello", "This is a remote call, and a somewhat longer line", "Goodbye"


def main(uri: str, pause: float) -> None:
    """Show a few lines, with a *pause* for whoever looks at them."""
    with Proxy(uri) as board:
        before, narrow = board.show(LINES[0]), board.size()
        print("there was:", before)
        time.sleep(pause)
        board.show(LINES[1])
        print("a longer line needs more room:", board.size()[0] > narrow[0])
        time.sleep(pause)
        board.show(LINES[2])
        time.sleep(pause)
        board.close()


if __name__ == "__main__":
    main(
        sys.argv[1] if sys.argv[1:] else input("Where is the window? "),
        float(sys.argv[2]) if sys.argv[2:] else 1.5,
    )
