"""A publisher: tells the bus what has happened."""

import sys

from pyrolike.api import Proxy


def main(messages: list[str]) -> None:
    """Publish each ``topic=text``."""
    with Proxy("PYRONAME:example.bus") as bus:
        for message in messages:
            topic, _, text = message.partition("=")
            print(f"{text!r} was heard by {bus.publish(topic, text)}")


if __name__ == "__main__":
    main(sys.argv[1:])
