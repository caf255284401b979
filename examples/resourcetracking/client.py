"""The client: rents a boat, and keeps it until it is stopped."""

import sys
import time

from pyrolike.api import Proxy


def main(uri: str, name: str) -> None:
    """Rent a boat. Ctrl-C ends the trip; killing the program does as well."""
    with Proxy(uri) as harbour:
        boat = harbour.rent()
        try:
            print(f"{name} holds boat {boat}")
            time.sleep(3600)
        except KeyboardInterrupt:
            print(f"{name} says goodbye")


if __name__ == "__main__":
    main(
        sys.argv[1] if sys.argv[1:] else input("Where is the harbour? "),
        sys.argv[2] if sys.argv[2:] else "Ada",
    )
