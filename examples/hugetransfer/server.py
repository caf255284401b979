"""The server: takes and gives large values."""

from collections.abc import Iterator

import serpent

from pyrolike.api import Daemon, expose


@expose
class Store:
    """Measures what arrives, and throws it away."""

    def put(self, value: str | bytes | dict[str, str]) -> int:
        """Take a value, and return its length. With serpent, bytes arrive as a dictionary."""
        return len(serpent.tobytes(value)) if isinstance(value, dict) else len(value)

    def chunks(self, number: int, size: int) -> Iterator[bytes]:
        """Yield *number* chunks of bytes: what is in memory at a time is one of them."""
        for _ in range(number):
            yield bytes(size)


def main() -> None:
    """Serve one store."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Store(), "example.store"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
