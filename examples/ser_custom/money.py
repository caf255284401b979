"""A class of our own, and how it travels. Both sides import this, and call `teach`."""

from dataclasses import asdict, dataclass
from typing import Any

from pyrolike.api import register_class_to_dict, register_dict_to_class


@dataclass(frozen=True)
class Money:
    """An amount of one currency."""

    cents: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError("different currencies")
        return Money(self.cents + other.cents, self.currency)


def teach() -> None:
    """Tell pyrolike how to send money, and what to make of it when it arrives."""
    register_class_to_dict(Money, to_dict)
    register_dict_to_class("shop.Money", from_dict)


def to_dict(money: Money) -> dict[str, Any]:
    """Return what travels. ``__class__`` is the name under which the receiver looks it up."""
    return {"__class__": "shop.Money", **asdict(money)}


def from_dict(class_name: str, data: dict[str, Any]) -> Money:
    """Make money of what has arrived. It comes from a stranger: look at it before you use it."""
    if not isinstance(data["cents"], int):
        raise TypeError("cents must be a whole number")
    return Money(data["cents"], str(data["currency"]))
