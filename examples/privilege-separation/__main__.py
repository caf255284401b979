"""A process that has given up its rights asks one that has kept them, for what it is allowed.

There is nothing to run in a second terminal: who gives up rights has to have had them.
"""

import os
import socket
import sys
import tempfile
from pathlib import Path

from pyrolike.api import Daemon, Proxy, expose


class Keeper:
    """The remote object, in the process that may open files. Small, so that it can be checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @expose
    def read(self, name: str) -> str:
        """Return a letter: the only thing that the other process can get out of us."""
        # Whoever calls may have been taken over by now: nothing it says is taken on trust.
        if not name.isalpha():
            raise PermissionError(f"{name!r} is not the name of a letter")
        return (self._folder / f"{name}.letter").read_text("utf-8")


def give_up_rights() -> None:
    """Never open anything again: no file, no socket, no program."""
    import resource

    # A process may have file numbers up to a limit; this is the first that is not in use. A program
    # that is run by root would become another user here too: os.setgroups, os.setgid, os.setuid.
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, first_free))


def work(sock: socket.socket, folder: Path) -> None:
    """Do what is dangerous, such as reading what strangers have sent, without any rights."""
    with Proxy("keeper", connected_socket=sock) as keeper:
        print("before:", keeper.read("Emil"))  # what has to be opened or imported, is by now
        give_up_rights()
        try:
            (folder / "Emil.letter").read_text("utf-8")
        except OSError:
            print("the worker cannot open a file any more")
        print("the keeper can:", keeper.read("Lotte"))
        try:
            keeper.read("../../etc/passwd")
        except PermissionError as error:
            print("but refuses:", error)
    sys.stdout.flush()


def main() -> None:
    """Fork a worker, and be its keeper until it ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Emil.letter").write_text("Dear Lotte", "utf-8")
        (folder / "Lotte.letter").write_text("Dear Emil", "utf-8")
        ours, theirs = socket.socketpair()
        worker = os.fork()
        if worker == 0:
            ours.close()
            work(theirs, folder)
            os._exit(0)
        theirs.close()
        with ours, Daemon(connected_socket=ours) as daemon:
            daemon.register(Keeper(folder), "keeper")
            daemon.requestLoop()  # ends when the worker does
        _, status = os.waitpid(worker, 0)
        print("the worker ended with status", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    if hasattr(os, "fork"):
        main()
    else:
        print("skipped: this system has no fork, and no limits to give up rights by")
