"""The client: catches what the server raises, as if it had been raised here."""

import sys
from collections.abc import Callable
from typing import Any

from errors import teach

from pyrolike.api import Proxy


def attempt(call: Callable[..., Any], *args: Any) -> None:
    """Make a call that fails, and show how."""
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 (all of them are to be seen)
        print(f"{type(error).__name__}: {error}")
        print(f"  number: {error.number}\n" if hasattr(error, "number") else "", end="")


def main(uri: str) -> None:
    """Let everything go wrong, and look at one error closely."""
    with Proxy(uri) as office:
        attempt(office.stamp, 12)
        attempt(office.fetch_form)  # a class that is unknown here: nothing is imported to find it
        teach()
        attempt(office.fetch_form)
        attempt(office.lend_lock)
        attempt(office.go_home)

        # A traceback that is printed has the remote one in it. Here is that part alone.
        try:
            office.stamp({"first name": "Ada"})
        except KeyError as error:
            print("remote traceback:\n" + "".join(error._pyroTraceback), end="")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the office? "))
