"""Two who have never met agree on a secret while everybody listens: Diffie and Hellman, 1976.

Each has a secret number and tells the other only a power of two by it. From the other's power and
the own secret both get the same number; from the two powers alone nobody does in any useful time.
"""

import hashlib
import hmac
import secrets
from functools import cache


@cache
def make_prime() -> int:
    """Return the prime of 2048 bits that RFC 3526 has for this.

    It is made of digits of pi, so that everybody can see that it was not chosen for a trick.
    """
    bits = 1918 + 64  # the last 64 are for what rounding spoils

    def arctan_of_one_by(x: int) -> int:
        term, total, odd = (1 << bits) // x, 0, 1
        while term:
            total += term // odd if odd % 4 == 1 else -(term // odd)
            term, odd = term // (x * x), odd + 2
        return total

    pi = 4 * (4 * arctan_of_one_by(5) - arctan_of_one_by(239)) >> 64
    return 2**2048 - 2**1984 - 1 + 2**64 * (pi + 124476)


class Agreement:
    """One side of it."""

    def __init__(self) -> None:
        self._secret = secrets.randbits(512)
        self.public = pow(2, self._secret, make_prime())

    def make_key(self, others_public: int) -> bytes:
        """Return the key that both sides have then."""
        # These would make the result known to everybody.
        if not 1 < others_public < make_prime() - 1:
            raise ValueError("that is not somebody's public number")
        shared = pow(others_public, self._secret, make_prime())
        return hashlib.sha256(shared.to_bytes(256)).digest()


def sign(key: bytes, text: str) -> str:
    """Return what only somebody with the key can have written under *text*."""
    return hmac.new(key, text.encode(), "sha256").hexdigest()
