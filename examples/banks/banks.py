"""Two banks with different rules, and the errors that keeping them needs.

There is nothing remote in this file but the word `expose`.
"""

from pyrolike.api import behavior, expose


@expose
@behavior(instance_mode="single")
class CarefulBank:
    """Lends nothing."""

    lends = 0

    def __init__(self) -> None:
        self._accounts: dict[str, int] = {}

    def open(self, owner: str) -> None:
        """Open an account; everybody has one at most."""
        if owner in self._accounts:
            raise ValueError(f"{owner} has an account here")
        self._accounts[owner] = 0

    def deposit(self, owner: str, amount: int) -> int:
        """Put money in, return what is there then."""
        self._accounts[owner] += amount
        return self._accounts[owner]

    def withdraw(self, owner: str, amount: int) -> int:
        """Take money out, return what is left."""
        left = self._accounts[owner] - amount
        if left < -self.lends:
            raise ValueError(f"{owner} may not owe us {-left}")
        self._accounts[owner] = left
        return left


class GenerousBank(CarefulBank):
    """Lends a little. What it inherits is exposed there, and how many there are is said here."""

    lends = 50


behavior(instance_mode="single")(GenerousBank)
