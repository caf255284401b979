"""The client: calls each kind of counter three times, through two connections."""

import sys

from pyrolike.api import URI, Proxy


def main(uri: str) -> None:
    """Show a table: two calls of Ada, one of Grace, one more of Ada after she has reconnected."""
    location = URI(uri).location
    print("mode               Ada  Ada  Grace  Ada again")
    for kind, mode in KINDS.items():
        with Proxy(f"PYRO:example.{kind}@{location}") as ada, Proxy(ada._pyroUri) as grace:
            calls = [ada.step(), ada.step(), grace.step()]
            ada._pyroRelease()  # the connection ends, and with it the session
            calls.append(ada.step())
        print("{:17} {:>4} {:>4} {:>6} {:>10}".format(mode, *calls))


KINDS = {
    "shared": "single",
    "counter": "session",
    "fresh": "percall",
    "prepared": "session, creator",
}

if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where are the counters? "))
