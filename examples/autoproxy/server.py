"""The server: a library that lends books, each of them an object of its own."""

from typing import Any

from pyrolike.api import Daemon, expose


@expose
class Book:
    """A book that somebody has borrowed. It stays at the server, with its bookmark."""

    _pyroDaemon: Daemon  # is there while the object is registered

    def __init__(self, title: str) -> None:
        self.title = title
        self.page = 0

    def turn(self) -> str:
        """Turn the page."""
        self.page += 1
        print(f"somebody turns a page of {self.title}")
        return f"{self.title}, page {self.page}"

    def give_back(self) -> None:
        """Unregister: the daemon keeps what it has until it is told not to."""
        self._pyroDaemon.unregister(self)


@expose
class Library:
    """Makes the books."""

    _pyroDaemon: Daemon

    def borrow(self, title: str) -> Book:
        """Return a book. The client gets a proxy, because the book is registered."""
        book = Book(title)
        self._pyroDaemon.register(book)
        return book

    def shelf(self) -> dict[str, Any]:
        """Return books inside something else: there too they become proxies."""
        return {"new": [self.borrow("Flatland"), self.borrow("Sylvie")], "count": 2}


def main() -> None:
    """Serve one library."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Library(), "example.library"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
