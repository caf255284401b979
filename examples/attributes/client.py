"""The client: reads and sets what it may, and tries what it may not."""

import sys
from collections.abc import Callable
from typing import Any

from pyrolike.api import Proxy


def attempt(what: str, action: Callable[[], Any]) -> None:
    """Do something that is not allowed, and show how it ends."""
    try:
        action()
    except (AttributeError, ValueError) as error:
        print(f"{what:16} {type(error).__name__}")
    else:
        print(f"{what:16} was allowed!")


def main(uri: str) -> None:
    """Use a remote thermostat as if it were here, up to the limits of that."""
    with Proxy(uri) as thermostat:
        thermostat.wanted += 1.5  # two calls: one that reads, one that sets
        print("wanted:", thermostat.wanted)
        print("len:", len(thermostat))

        # What arrives is a copy. Changing it changes nothing over there.
        limits = thermostat.limits
        limits["high"] = 99.0
        print("limits here:", limits, "and there:", thermostat.limits)

        attempt("set out of range", lambda: setattr(thermostat, "wanted", 99.0))
        attempt("set read-only", lambda: setattr(thermostat, "limits", {}))
        attempt("not exposed", lambda: thermostat.secret)
        attempt("private", lambda: thermostat._wanted)
        attempt("unknown", lambda: thermostat.humidity)
        attempt("invent one", lambda: setattr(thermostat, "colour", "red"))


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the thermostat? "))
