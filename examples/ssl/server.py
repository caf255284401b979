"""The server: shows who it is, and lets in whom it knows by certificate."""

import sys
from pathlib import Path
from typing import Any

from pyrolike.api import Daemon, config, expose

OBSERVERS = {"Caroline"}


@expose
class Telescope:
    """The remote object."""

    def look(self, at: str) -> str:
        """Look at something."""
        return f"{at} is bright tonight"


def get_name(certificate: dict[str, Any]) -> str:
    """Return the name in a certificate, as Python has it: a list of lists of pairs."""
    return dict(pair for pairs in certificate["subject"] for pair in pairs)["commonName"]


class Observatory(Daemon):
    """A daemon that looks at certificates."""

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        """Say who may come in. That the certificate is genuine has been proven by now."""
        name = get_name(conn.getpeercert())
        if name not in OBSERVERS:
            raise PermissionError(f"{name} is no observer here")
        return f"welcome, {name}"


def main(folder: Path) -> None:
    """Serve until Ctrl-C."""
    config.SSL = True
    config.SSL_SERVERCERT = str(folder / "server.pem")  # with the key in the same file
    # The two ways: clients have to show a certificate as well, one of this authority.
    config.SSL_REQUIRECLIENTCERT = True
    config.SSL_CACERTS = str(folder / "authority.pem")
    with Observatory() as daemon:
        print("ready:", daemon.register(Telescope, "telescope"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
