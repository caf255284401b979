"""The server: an ordinary remote object, whose name begins with ``http.``."""

from collections.abc import Iterator

from pyrolike.api import Daemon, expose, locate_ns


@expose
class Dictionary:
    """Knows a few words."""

    WORDS = {"bread": "Brot", "beer": "Bier", "wine": "Wein"}  # noqa: RUF012 (nobody changes it)

    def translate(self, word: str) -> str:
        """Return the German word."""
        return self.WORDS[word]

    def words(self) -> Iterator[str]:
        """Yield all words that are known."""
        yield from self.WORDS

    @property
    def size(self) -> int:
        """How many that are."""
        return len(self.WORDS)


def main() -> None:
    """Serve one dictionary. That its name begins with ``http.`` makes it reachable."""
    with Daemon() as daemon, locate_ns() as name_server:
        name_server.register("http.dictionary", daemon.register(Dictionary()))
        print("http.dictionary is ready")
        daemon.requestLoop()


if __name__ == "__main__":
    main()
