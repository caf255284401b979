"""The server: takes small messages only."""

from collections.abc import Iterator

from pyrolike.api import Daemon, config, expose


@expose
class Archive:
    """The remote object."""

    def __init__(self) -> None:
        self._pages: list[str] = []

    def add(self, text: str) -> int:
        """Keep some text; return how much there is."""
        self._pages.append(text)
        return sum(map(len, self._pages))

    def read(self) -> str:
        """Return everything at once."""
        return "".join(self._pages)

    def read_pages(self) -> Iterator[str]:
        """Return everything, page by page."""
        yield from self._pages


def main() -> None:
    """Serve until Ctrl-C."""
    # The size is in a message's header. What is too large is refused before it is read, and long
    # before anything is done with it: nobody can fill our memory by sending us something.
    config.MAX_MESSAGE_SIZE = 5_000
    with Daemon() as daemon:
        print("ready:", daemon.register(Archive, "archive"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
