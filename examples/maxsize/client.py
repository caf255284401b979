"""The client: sends too much, and then in pieces."""

import sys

from pyrolike.api import Proxy, config
from pyrolike.errors import CommunicationError, MessageTooLargeError

TEXT = "All work and no play makes a dull example. " * 200


def main(uri: str) -> None:
    """Send and fetch a text that is larger than a message may be."""
    with Proxy(uri) as archive:
        print(f"a text of {len(TEXT):,} letters")
        try:
            archive.add(TEXT)
        except CommunicationError as error:
            print("the server refuses it:", error)

        config.MAX_MESSAGE_SIZE = 5_000  # the same limit here, and it does not even leave
        try:
            archive.add(TEXT)
        except MessageTooLargeError as error:
            print("we refuse it:", error)

        for start in range(0, len(TEXT), 4_000):
            total = archive.add(TEXT[start : start + 4_000])
        print(f"in pieces: {total:,} letters are there")

        try:
            archive.read()
        except MessageTooLargeError as error:
            print("all at once:", error)
        print(f"page by page: {len(''.join(archive.read_pages())):,} letters are back")


if __name__ == "__main__":
    main(sys.argv[1])
