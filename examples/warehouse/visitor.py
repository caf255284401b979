"""A visitor, an ordinary class too: it works with any warehouse, and cannot tell where it is."""

from typing import Protocol


class Storage(Protocol):
    """What a visitor needs."""

    def list(self) -> list[str]:
        """Return what is there."""

    def store(self, who: str, thing: str) -> None:
        """Put something in."""

    def take(self, who: str, thing: str) -> None:
        """Take something out."""


class Visitor:
    """Somebody with things."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit(self, warehouse: Storage, brings: str, takes: str) -> None:
        """Bring one thing, and take another."""
        warehouse.store(self.name, brings)
        try:
            warehouse.take(self.name, takes)
        except LookupError as error:
            print(f"{self.name} hears: {error}")
        print(f"{self.name} sees:", ", ".join(warehouse.list()))
