"""The server: a lamp at a Unix socket, for programs of this user on this machine."""

import os
import stat
import sys

from pyrolike.api import Daemon, behavior, expose


@expose
@behavior(instance_mode="single")
class Lamp:
    """The remote object."""

    def __init__(self) -> None:
        self._is_on = False

    def press(self) -> str:
        """Press the button."""
        self._is_on = not self._is_on
        return "on" if self._is_on else "off"


def main(path: str) -> None:
    """Serve until Ctrl-C."""
    # A file takes the place of host and port. It goes when the daemon is closed; one that a server
    # that crashed has left behind is replaced, one of a server that runs never is.
    with Daemon(unixsocket=path) as daemon:
        daemon.register(Lamp, "lamp")
        print("ready, for", stat.filemode(os.stat(path).st_mode), flush=True)
        daemon.requestLoop()
    print("the socket is", "still there" if os.path.exists(path) else "gone")


if __name__ == "__main__":
    main(sys.argv[1])
