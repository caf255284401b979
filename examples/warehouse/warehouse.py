"""The warehouse, an ordinary class: `expose` is all that says it could be somewhere else."""

from pyrolike.api import behavior, expose


@expose
@behavior(instance_mode="single")
class Warehouse:
    """Things come and go."""

    def __init__(self) -> None:
        self._things = ["chair", "bike", "lamp"]

    def list(self) -> list[str]:
        """Return what is there. Who changes the list afterwards changes a copy."""
        return self._things.copy()

    def store(self, who: str, thing: str) -> None:
        """Put something in."""
        self._things.append(thing)
        print(f"{who} has brought the {thing}", flush=True)

    def take(self, who: str, thing: str) -> None:
        """Take something out."""
        if thing not in self._things:
            raise LookupError(f"there is no {thing} for {who}")
        self._things.remove(thing)
        print(f"{who} has taken the {thing}", flush=True)
