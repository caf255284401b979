"""Remote objects over a socket that is already there: no port, no name, nobody else can connect.

Twice the same conversation, first with a thread, then with a process of its own. There is nothing
to run in a second terminal: the two ends have to be made by one program.
"""

import os
import socket
import sys
import threading

from pyrolike.api import Daemon, Proxy, expose

WORDS = "remote", "objects", "without", "a", "port"


class Counter:
    """The remote object."""

    def __init__(self) -> None:
        self._letters = 0

    @expose
    def add(self, word: str) -> int:
        """Count the letters of another word."""
        self._letters += len(word)
        return self._letters


def serve(sock: socket.socket) -> None:
    """Serve whoever is at the other end of *sock*, until that end is closed."""
    # The socket stays ours: neither daemon nor proxy ever closes one that they were given.
    with sock, Daemon(connected_socket=sock) as daemon:
        daemon.register(Counter(), "counter")
        daemon.requestLoop()


def count(title: str, sock: socket.socket) -> None:
    """Call the counter at the other end."""
    # Not a whole uri but the object's id only: where it is, is the socket's business.
    with sock, Proxy("counter", connected_socket=sock) as counter:
        print(f"{title}:", [counter.add(word) for word in WORDS])


def with_a_thread() -> None:
    """The other end is served by a thread of this process."""
    ours, theirs = socket.socketpair()
    server = threading.Thread(target=serve, args=(theirs,))
    server.start()
    count("a thread", ours)
    server.join()


def with_a_process() -> None:
    """The other end is served by a child: what it does cannot hurt us."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()  # or the child would hold both ends, and never see that we have closed ours
        serve(theirs)
        os._exit(0)
    theirs.close()
    count("a process", ours)
    _, status = os.waitpid(child, 0)
    print("it ended with status", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    with_a_thread()
    sys.stdout.flush()  # what is in the buffer at the fork would be printed twice
    if hasattr(os, "fork"):
        with_a_process()
