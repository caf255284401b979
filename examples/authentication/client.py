"""The client: shows its key, looks into the vault, and tries to take a piece of gold."""

import os
import sys

from pyrolike.api import Proxy
from pyrolike.authentication import SharedKey
from pyrolike.errors import CommunicationError, SecurityError


def main(user: str, uri: str) -> None:
    """Visit the vault at *uri* as *user*, with the key in VAULT_KEY."""
    with Proxy(uri) as vault:
        vault._pyroHandshake = SharedKey(os.environ["VAULT_KEY"], user)
        try:
            print(f"{user} sees {vault.gold} pieces of gold")
            print(f"{user} takes one, {vault.take()} are left")
        except SecurityError as error:
            print(f"{user} may not: {error}")
        except CommunicationError as error:
            _, _, reason = str(error).partition("rejected: ")
            print(f"{user} stays outside: {reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
