"""The room: passes on what is said in it."""

import threading

from pyrolike.api import Daemon, Proxy, behavior, expose, locate_ns
from pyrolike.errors import CommunicationError


@expose
@behavior(instance_mode="single")
class Room:
    """The remote object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards who is here, and keeps what is said in one order
        self._guests: dict[str, Proxy] = {}

    def enter(self, name: str, guest: Proxy) -> list[str]:
        """Come in; return who is here already. What is said from now on is told to *guest*."""
        with self._lock:
            if name in self._guests:
                raise ValueError(f"there is a {name} here")
            here = sorted(self._guests)
            self._guests[name] = guest
            self._tell_others(name, "comes in")
            return here

    def say(self, name: str, text: str) -> None:
        """Say something to everybody else."""
        with self._lock:
            self._tell_others(name, f"says: {text}")

    def leave(self, name: str) -> None:
        """Go."""
        with self._lock:
            if self._guests.pop(name, None):
                self._tell_others(name, "leaves")

    def _tell_others(self, name: str, what: str) -> None:
        for other, guest in list(self._guests.items()):
            if other != name:
                try:
                    # A one-way call, as `Guest` says: slow readers do not hold up the talk.
                    guest.hear(name, what)
                except CommunicationError:
                    self._guests.pop(other, None)


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        with locate_ns() as name_server:
            name_server.register("example.room", daemon.register(Room))
        print("the room is ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
