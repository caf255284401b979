"""The dispatcher: two queues with a network address, one of work and one of results."""

import queue
from typing import Any

from pyrolike.api import Daemon, behavior, expose, locate_ns


@expose
@behavior(instance_mode="single")
class Dispatcher:
    """Knows neither who gives work nor who does it."""

    def __init__(self) -> None:
        self._work: queue.Queue[Any] = queue.Queue()
        self._results: queue.Queue[Any] = queue.Queue()

    def put_work(self, work: Any) -> None:
        """Add something to do."""
        self._work.put(work)

    def get_work(self, wait: float) -> Any:
        """Return something to do; None if there is nothing for *wait* seconds."""
        # Waiting here is better than asking again and again. It takes a thread of the server for as
        # long; with thousands of workers one would think of something else.
        try:
            return self._work.get(timeout=wait)
        except queue.Empty:
            return None

    def put_result(self, result: Any) -> None:
        """Hand in what has been done."""
        self._results.put(result)

    def get_result(self) -> Any:
        """Return a result, as soon as there is one."""
        return self._results.get(timeout=30)


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        with locate_ns() as name_server:
            name_server.register("example.dispatcher", daemon.register(Dispatcher))
        print("the dispatcher is ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
