"""The server: lends a vault to those who have a key, and lets only some of them take gold."""

import os

from pyrolike.api import Daemon, expose
from pyrolike.authentication import SharedKeyCheck
from pyrolike.transport import SocketConnection

OWNERS = {"ada"}


@expose
class Vault:
    """The remote object."""

    def __init__(self) -> None:
        self._gold = 3

    @property
    def gold(self) -> int:
        """How much there is."""
        return self._gold

    def take(self) -> int:
        """Take a piece; return what is left."""
        self._gold -= 1
        return self._gold


class VaultDaemon(Daemon):
    """Asks for each call whether it is permitted."""

    def permit_call(self, conn: SocketConnection, objectId: str, member: str, access: str) -> bool:
        """Let everybody look, and owners do all the rest. The daemon's own object tells nobody."""
        return objectId == "vault" and (access == "read" or conn.user in OWNERS)


def main() -> None:
    """Serve the vault until somebody presses Ctrl-C.

    VAULT_KEYS has users and their keys: ``ada=...,bob=...``
    """
    keys = dict(entry.split("=", 1) for entry in os.environ["VAULT_KEYS"].split(","))
    with VaultDaemon(authenticator=SharedKeyCheck(keys)) as daemon:
        uri = daemon.register(Vault(), "vault")
        print(f"ready: {uri}", flush=True)
        daemon.requestLoop()
    print("stopped")


if __name__ == "__main__":
    main()
