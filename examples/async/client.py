"""The client: makes calls, does something else, and takes the results when it needs them."""

import copy
import sys

from pyrolike import BatchProxy, Proxy, asyncproxy

PLACES = "Vent", "Bari", "Oslo"


def fahrenheit(celsius: float, digits: int) -> float:
    """Convert degrees; a link of a chain."""
    return round(celsius * 9 / 5 + 32, digits)


def main(uri: str) -> None:
    """Ask for temperatures in five ways."""
    with Proxy(uri) as office:
        asyncproxy(office)  # from now on its methods return results that are not there yet
        result = office.forecast("Vent")
        print("at once:  ready?", result.ready, "a moment later?", result.wait(0.005))
        print("later:   ", result.value)

        # Any number of calls may be on their way, over the one connection of the proxy.
        results = [office.temperature(place) for place in PLACES]
        print("many:    ", [result.value for result in results])

        # A chain goes on in the background when the value has come.
        result = office.temperature("Bari").then(fahrenheit, digits=1).then("{} F".format)
        print("chain:   ", result.value)

        # An error waits where the value would be. A handler hears of it at once.
        result = office.temperature("Ys").iferror(lambda error: print("handler: ", repr(error)))
        try:
            result.value  # noqa: B018 (the look at it raises)
        except KeyError as error:
            print("error:   ", repr(error))

        # A connection's calls are made in turn. Copies have connections of their own.
        offices = [copy.copy(office) for _ in PLACES]
        results = [each.temperature(place) for each, place in zip(offices, PLACES, strict=True)]
        print("parallel:", [result.value for result in results])
        for each in offices:
            each._pyroRelease()

        office._pyroAsync(False)
        batch = BatchProxy(office)
        for place in PLACES:
            batch.temperature(place)
        print("batch:   ", list(batch(asynchronous=True).value))


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the weather office? "))
