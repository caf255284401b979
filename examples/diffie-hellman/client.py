"""The client: agrees on a key with the server, and signs what it wants."""

import sys

from agreement import Agreement, make_prime, sign

from pyrolike.api import Proxy


def main(uri: str) -> None:
    """Give an honest order, and one that was changed on the way."""
    with Proxy(uri) as vault:
        mine = Agreement()
        key = mine.make_key(vault.agree(mine.public))
        print("agreed on a key of", len(key) * 8, "bits")
        print(vault.order("pay Emil 10", sign(key, "pay Emil 10")))
        try:
            print(vault.order("pay Eve 1000", sign(key, "pay Emil 10")))
        except PermissionError as error:
            print("refused:", error)
        try:
            vault.agree(make_prime() - 1)
        except ValueError as error:
            print("refused:", error)


if __name__ == "__main__":
    main(sys.argv[1])
