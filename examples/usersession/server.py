"""The server: desks at which users work, one of them shared, the others for one session each."""

from pyrolike.api import Daemon, behavior, current_context, expose


@expose
class Desk:
    """Writes letters for whoever sits at it. To know who that is takes a look at the call."""

    def __init__(self) -> None:
        self.user = "nobody"
        self.letters: list[str] = []

    def sit_down(self) -> None:
        """Remember who is calling: the client has put that beside its calls, as an annotation."""
        self.user = bytes(current_context.annotations["USER"]).decode()

    def write(self, text: str) -> str:
        """Write a letter, sign it, and return it."""
        letter = f"{text} -- {self.user}"
        self.letters.append(letter)
        return letter

    def drawer(self) -> list[str]:
        """Return all letters that were written here."""
        return self.letters


@behavior(instance_mode="single")
class SharedDesk(Desk):
    """The same desk for all: whoever sits down last is believed to have written everything."""


def furnish(clazz: type[Desk]) -> Desk:
    """Prepare a desk for the user whose first call this is: the place to open resources."""
    desk = clazz()
    desk.sit_down()
    return desk


@behavior(instance_mode="session", instance_creator=furnish)
class OwnDesk(Desk):
    """A desk for each connection, ready before its first call."""


def main() -> None:
    """Offer both kinds."""
    with Daemon() as daemon:
        daemon.register(SharedDesk, "example.shared")
        print("ready:", daemon.register(OwnDesk, "example.own"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
