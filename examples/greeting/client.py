"""The client: finds the greeter by its name and calls it as if it were here."""

import sys

from pyrolike.api import Proxy


def main(names: list[str]) -> None:
    """Have everybody in *names* greeted."""
    with Proxy("PYRONAME:example.greeting") as greeter:
        for name in names:
            print(greeter.greet(name))


if __name__ == "__main__":
    main(sys.argv[1:] or ["world"])
