"""Classes of a user's, with a module name as users have it: what serializers are tried on.

A class of a test module would do as well, but its name would depend on how the test was started.
"""

from __future__ import annotations

import array
import warnings
from dataclasses import dataclass
from enum import Enum, IntEnum


class Plain:
    """An object with attributes."""

    def __init__(self, **attributes: object) -> None:
        vars(self).update(attributes)


class Special(Plain):
    """A subclass, for which another converter may be registered."""


class Slotted:
    """An object with slots, one of them empty."""

    __slots__ = ("a", "b", "unset")

    def __init__(self) -> None:
        self.a = 1
        self.b = 2


class MoreSlotted(Slotted):
    """A class with slots of its own, and a single one written as text."""

    __slots__ = "c"

    def __init__(self) -> None:
        super().__init__()
        self.c = 3


class Opaque:
    """An object that has nothing to send."""

    __slots__ = ()


class Stateful:
    """An object that says itself what is to be sent."""

    def __init__(self, state: object) -> None:
        self.state = state

    def __getstate__(self) -> object:
        return self.state


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


class OwnError(Exception):
    """An exception nobody else has."""


class Colour(Enum):
    """An enum."""

    RED = 1


class Number(IntEnum):
    """An enum of integers."""

    ONE = 1


class Text(str):
    """A subclass of a builtin."""

    __slots__ = ()


def text_array(text: str) -> array.array[str]:
    """Return an array of characters; newer Pythons warn of them, but still have them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return array.array("u", text)
