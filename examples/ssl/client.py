"""The client: makes sure whom it talks to, and shows its own certificate if it has one."""

import sys
from pathlib import Path
from typing import Any

from pyrolike.api import Proxy, config
from pyrolike.errors import CommunicationError


class Observer(Proxy):
    """A proxy that says whom it has met."""

    def _pyroValidateHandshake(self, response: Any) -> None:
        """Look at the server's certificate: it is genuine, and for the host in the uri."""
        certificate = self._pyroConnection.getpeercert()
        (((_, name),),) = certificate["subject"]
        print(f"{name} says: {response}")


def main(uri: str, folder: Path, name: str) -> None:
    """Look at Jupiter."""
    config.SSL = True
    config.SSL_CACERTS = str(folder / "authority.pem")
    if name != "nobody":
        config.SSL_CLIENTCERT = str(folder / f"{name}.pem")
    with Observer(uri) as telescope:
        try:
            print(telescope.look("Jupiter"))
        except CommunicationError as error:
            print(error)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
