"""The client: two users at a time, at a shared desk and at desks of their own."""

import sys

from pyrolike.api import URI, Proxy


class User(Proxy):
    """A proxy that says with each call who is calling."""

    def __init__(self, uri: str, name: str) -> None:
        super().__init__(uri)
        self._pyroUser = name  # names that begin with _pyro stay here; others would be remote

    def _pyroAnnotations(self) -> dict[str, bytes]:
        return {"USER": self._pyroUser.encode()}


def main(uri: str) -> None:
    """Let Ada and Grace write in turn, at both kinds of desk."""
    location = URI(uri).location
    for kind in "shared", "own":
        print(f"{kind}:")
        desk = f"PYRO:example.{kind}@{location}"
        with User(desk, "Ada") as ada, User(desk, "Grace") as grace:
            ada.sit_down()
            grace.sit_down()
            print("  Ada writes:  ", ada.write("Dear Charles"))
            print("  Grace writes:", grace.write("Found a moth"))
            print("  Ada's drawer:", ada.drawer())


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where are the desks? "))
