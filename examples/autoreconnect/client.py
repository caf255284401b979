"""The client: keeps calling, whatever happens to the server."""

import time

from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError


def main() -> None:
    """Call until the server is lost, wait until there is one again, and call on."""
    with Proxy("PYRONAME:example.clerk") as clerk:
        before = clerk.process()
        print("the clerk answers; calling on until it does not")
        try:
            while True:
                clerk.process()
                time.sleep(0.02)
        except CommunicationError as error:
            print(f"lost: {type(error).__name__}")

        # Looks the name up and connects, again and again, with pauses that grow up to two seconds.
        # Without this the next call would do so too, but once, and fail if it is too early.
        clerk._pyroReconnect()
        print("found again, another process:", clerk.process() != before)


if __name__ == "__main__":
    main()
