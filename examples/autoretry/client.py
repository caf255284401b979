"""The client: calls over a bad line, without and with retries."""

import sys

from pyrolike.api import Proxy
from pyrolike.errors import ConnectionClosedError


def main(uri: str) -> None:
    """Show what a retry gives, and what it may cost."""
    with Proxy(uri) as post:
        try:
            post.send("no retries")
        except ConnectionClosedError:
            print("without retries: ConnectionClosedError")
        post.send("no retries")  # by hand; now the line holds

        post._pyroMaxRetries = 2
        post.move("Ada", "Ockham")
        print("with retries:    no error")
        post.send("retried")

        letters, addresses = post.stock()
        print("addresses:", addresses)
        print("letters:  ", letters)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the post office? "))
