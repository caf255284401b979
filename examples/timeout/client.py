"""The client: waits for as long as it says, and not longer."""

import socket
import sys

from pyrolike.api import Proxy
from pyrolike.errors import TimeoutError


def main(uri: str) -> None:
    """Run out of patience with a slow server, and with one that is frozen."""
    with Proxy(uri) as kettle:
        kettle._pyroTimeout = 0.4  # for the whole call: connecting, sending, waiting
        print(kettle.boil(0.01))
        try:
            kettle.boil(0.8)
        except TimeoutError:
            print("TimeoutError: no patience for 0.8 s")

        # The server has not noticed, and boils on. The late answer is nobody's: never does a later
        # call get it.
        kettle._pyroTimeout = None  # waits for ever
        print(kettle.boil(0.7))
        print("boiled in all:", kettle.boiled())

    # A frozen server: the system still takes connections, but nobody ever answers.
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        proxy = Proxy(f"PYRO:kettle@127.0.0.1:{frozen.getsockname()[1]}")
        proxy._pyroTimeout = 0.4
        try:
            proxy.boil(0.01)
        except TimeoutError:
            print("TimeoutError: the server is frozen")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the kettle? "))
