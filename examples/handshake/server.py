"""The server: a club that looks at everybody before anything can be called."""

import hmac
from typing import Any

from pyrolike.api import Daemon, expose

PASSWORDS = {"Ada": "engine", "Grace": "moth"}


@expose
class Library:
    """What is behind the door; it need not know that there is one."""

    def borrow(self, title: str) -> str:
        """Lend a book."""
        return f"{title}, due in two weeks"


class Club(Daemon):
    """A daemon with a doorkeeper: these two methods are all it takes."""

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        """Say who may come in. What it returns reaches the client; what it raises refuses it."""
        name, password = data
        # compare_digest takes as long for a nearly right password as for a wrong one.
        if name not in PASSWORDS or not hmac.compare_digest(PASSWORDS[name], password):
            print(f"refused: {name}", flush=True)
            raise PermissionError(f"no {name} with that password is a member")
        print(f"welcome: {name}", flush=True)
        conn.member = name  # a connection is a good place for what belongs to its client
        return ["the library", "the tea room"]

    def clientDisconnect(self, conn: Any) -> None:
        """Take note of a member who leaves, in whatever way; who was refused never was one."""
        print(f"gone: {conn.member}", flush=True)


def main() -> None:
    """Serve until Ctrl-C."""
    with Club() as daemon:
        print("ready:", daemon.register(Library, "library"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
