"""The server: a hall that counts who is in it at the same time."""

import threading

from pyrolike.api import Daemon, behavior, expose


@expose
@behavior(instance_mode="single")
class Hall:
    """Calls of different connections run at the same time, those of one connection in turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._most = 0
        self._stamps = 0

    def stamp(self, number: int) -> int:
        """Return *number*, so that the caller can see that the answer is its own."""
        with self._changed:
            self._stamps += 1
        return number

    def stamps(self) -> int:
        """Return how often `stamp` was called."""
        return self._stamps

    def gather(self, crowd: int, patience: float) -> int:
        """Wait until *crowd* callers are inside, for a while, and return the most that were."""
        with self._changed:
            self._inside += 1
            self._most = max(self._most, self._inside)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._most >= crowd, patience)
            self._inside -= 1
            return self._most


def main() -> None:
    """Serve one hall."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Hall, "example.hall"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
