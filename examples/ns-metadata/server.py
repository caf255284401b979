"""The server: three printers, and in the name server what each of them can do."""

from pyrolike.api import Daemon, expose, locate_ns

PRINTERS = {
    "example.printer.attic": {"printer", "colour", "A4"},
    "example.printer.cellar": {"printer", "A4", "A3"},
    "example.printer.hall": {"printer", "colour", "A4", "A3"},
}


class Printer:
    """The remote object."""

    def __init__(self, place: str) -> None:
        self._place = place

    @expose
    def print(self, text: str) -> str:
        """Print *text*, and say where it can be fetched."""
        return f"{text!r} lies in the {self._place}"


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon, locate_ns() as name_server:
        for name, tags in PRINTERS.items():
            printer = Printer(name.rpartition(".")[2])
            name_server.register(name, daemon.register(printer), metadata=tags)
        print("three printers are ready", flush=True)
        daemon.requestLoop()
        for name in PRINTERS:
            name_server.remove(name)


if __name__ == "__main__":
    main()
