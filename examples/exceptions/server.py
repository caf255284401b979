"""The server: an office in which everything goes wrong."""

import sys
import threading
from typing import Any

from errors import OutOfForms

from pyrolike.api import Daemon, expose


@expose
class Office:
    """Fails in all the ways there are."""

    def stamp(self, form: dict[str, str]) -> str:
        """Fail deep inside."""
        return self._find_name(form).upper()

    def _find_name(self, form: dict[str, str]) -> str:
        return form["name"]

    def fetch_form(self) -> None:
        """Fail with an exception of a class of our own, and something to tell."""
        raise OutOfForms("no more forms", number=38)

    def lend_lock(self) -> Any:
        """Return something that cannot travel."""
        return {"locks": [threading.Lock()]}

    def go_home(self) -> None:
        """Try to end the program."""
        sys.exit(1)


def main() -> None:
    """Serve one office."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Office(), "example.office"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
