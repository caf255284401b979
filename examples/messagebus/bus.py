"""The bus: whoever has something to say tells the bus, whoever wants to hear it asks the bus.

Publishers and subscribers do not know each other, and come and go as they like.
"""

import threading
from collections import defaultdict

from pyrolike.api import Daemon, Proxy, behavior, expose, locate_ns
from pyrolike.errors import CommunicationError


@expose
@behavior(instance_mode="single")
class Bus:
    """The remote object."""

    def __init__(self) -> None:
        # Calls of several clients run at once: the lock guards the subscribers and the order in
        # which they hear of things.
        self._lock = threading.Lock()
        self._subscribers: defaultdict[str, list[Proxy]] = defaultdict(list)

    def subscribe(self, topic: str, subscriber: Proxy) -> None:
        """Have all that is published under *topic* told to *subscriber*."""
        # A client that vanishes without a word must not hold up the others for ever.
        subscriber._pyroTimeout = 10
        with self._lock:
            self._subscribers[topic].append(subscriber)

    def publish(self, topic: str, text: str) -> int:
        """Tell all subscribers of a topic; return how many have heard it."""
        with self._lock:
            for subscriber in list(self._subscribers[topic]):
                try:
                    subscriber.hear(topic, text)
                except CommunicationError:
                    self._subscribers[topic].remove(subscriber)
                    print(f"a subscriber of {topic} is gone", flush=True)
            return len(self._subscribers[topic])


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        with locate_ns() as name_server:
            name_server.register("example.bus", daemon.register(Bus))
        print("the bus is ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
