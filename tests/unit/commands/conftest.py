"""An object with a bit of everything, for the commands to talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyrolike.api import expose, oneway
from tests.support.daemon import RunningDaemon, running_daemon


class Unsendable:
    """A value that arrives as nothing that is known."""


@expose
class Shop:
    def __init__(self) -> None:
        self._owner = "Grace"

    @property
    def owner(self) -> str:
        return self._owner

    @owner.setter
    def owner(self, owner: str) -> None:
        self._owner = owner

    def order(self, what: object, count: object = 1, *, express: object = False) -> list[object]:
        return [what, count, express]

    def fail(self) -> None:
        raise KeyError("no such\x1b thing")

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    def break_off(self) -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    def sizes(self) -> object:
        return {"sizes": {3, 1}, "inside": (1, b"x")}

    def unsendable(self) -> object:
        return Unsendable()

    @oneway
    def note(self, what: str) -> None:
        pass


@pytest.fixture(scope="module")
def shop() -> Iterator[RunningDaemon]:
    """A daemon with an object called "shop"."""
    with running_daemon({"shop": Shop()}) as running:
        yield running
