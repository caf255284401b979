"""The client: introduces itself, and reads what the server says to that."""

import sys
from typing import Any

from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError


class Member(Proxy):
    """A proxy that hears the answer to its handshake."""

    def _pyroValidateHandshake(self, response: Any) -> None:
        """Called with each new connection; raising here would end it."""
        print("open to me:", ", ".join(response))


def main(uri: str, name: str, password: str) -> None:
    """Borrow a book, if they let us in."""
    with Member(uri) as library:
        # Sent with every connection this proxy makes, and anything that can be serialized. Without
        # TLS it can be read on the way: see the example "ssl".
        library._pyroHandshake = name, password
        try:
            print(library.borrow("Sketch of the Analytical Engine"))
        except CommunicationError as error:
            print(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
