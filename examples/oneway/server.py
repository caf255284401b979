"""The server: a kitchen that takes orders without letting the guest wait at the counter."""

import threading
import time

from pyrolike.api import Daemon, expose, oneway


@expose
class Kitchen:
    """Cooks one dish after the other."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.news = threading.Condition()

    @oneway
    def cook(self, dish: str) -> None:
        """Cook *dish*. Nobody waits for this, so nobody gets a result, or an error either."""
        time.sleep(0.2)
        if dish == "stone soup":
            raise ValueError("there are no stones")
        with self.news:
            self.done.append(dish)
            self.news.notify_all()

    def served(self, number: int) -> list[str]:
        """Wait until *number* dishes are done, 20 seconds at most, and return them."""
        with self.news:
            self.news.wait_for(lambda: len(self.done) >= number, timeout=20)
            return self.done


def main() -> None:
    """Serve one kitchen to all guests."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Kitchen(), "example.kitchen"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
