"""The server: a post office at the end of a bad line."""

from pyrolike.api import Daemon, current_context, expose


@expose
class PostOffice:
    """Every second call breaks the line after the work is done, and before the answer is out."""

    def __init__(self) -> None:
        self._calls = 0
        self._letters: list[str] = []
        self._addresses: dict[str, str] = {}

    def send(self, letter: str) -> int:
        """Take a letter. Made twice, it takes two."""
        self._letters.append(letter)
        self._maybe_break()
        return len(self._letters)

    def move(self, person: str, address: str) -> None:
        """Note where somebody lives. Made twice, it does the same as once."""
        self._addresses[person] = address
        self._maybe_break()

    def stock(self) -> tuple[list[str], dict[str, str]]:
        """Return everything that is here, over a line that holds."""
        return self._letters, self._addresses

    def _maybe_break(self) -> None:
        self._calls += 1
        if self._calls % 2:
            current_context.client.close()


def main() -> None:
    """Serve one post office."""
    with Daemon() as daemon:
        print("ready:", daemon.register(PostOffice(), "example.post"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
