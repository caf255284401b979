"""The server: a table at which guests wait for each other, for one of the two server types."""

import sys
import threading

from pyrolike.api import Daemon, behavior, config, expose

SEATS = 4


@expose
@behavior(instance_mode="single")
class Table:
    """The remote object; all guests have the same one."""

    def __init__(self) -> None:
        self._all_here = threading.Barrier(SEATS)

    def sit_down(self) -> tuple[bool, int]:
        """Wait until all seats are taken; say whether that happened, and which thread waited."""
        try:
            self._all_here.wait(timeout=1)
        except threading.BrokenBarrierError:
            return False, threading.get_ident()
        return True, threading.get_ident()


def main(servertype: str) -> None:
    """Serve until Ctrl-C."""
    config.SERVERTYPE = servertype  # read when a daemon is made
    with Daemon() as daemon:
        print("ready:", daemon.register(Table, servertype), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main(sys.argv[1])
