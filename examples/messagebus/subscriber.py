"""A subscriber: has a daemon of its own, by which the bus can call it."""

import sys

from pyrolike.api import Daemon, Proxy, callback, expose


class Subscriber:
    """Called by the bus."""

    @expose
    @callback
    def hear(self, topic: str, text: str) -> None:
        """Take note of a message. If this went wrong, we would see it as well as the bus."""
        print(f"{topic}: {text}", flush=True)


def main(topics: list[str]) -> None:
    """Listen until Ctrl-C."""
    with Daemon() as daemon:
        subscriber = Subscriber()
        daemon.register(subscriber)
        with Proxy("PYRONAME:example.bus") as bus:
            for topic in topics:
                bus.subscribe(topic, subscriber)
        print("listening to", ", ".join(topics), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main(sys.argv[1:])
