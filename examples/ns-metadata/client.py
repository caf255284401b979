"""The client: looks for what it needs, not for a name."""

from collections.abc import Iterable

from pyrolike.api import Proxy, locate_ns
from pyrolike.errors import NamingError


def show(question: str, names: Iterable[str]) -> None:
    """Print the places that were found."""
    places = sorted(name.rpartition(".")[2] for name in names)
    print(f"{question:24}", ", ".join(places) or "none")


def main() -> None:
    """Ask in all the ways there are."""
    with locate_ns() as name_server:
        show("all printers", name_server.list(prefix="example.printer."))
        show("colour and A3", name_server.yplookup(meta_all={"colour", "A3"}))
        show("colour or A3", name_server.yplookup(meta_any={"colour", "A3"}))

        # A proxy can be found by tags too: of those that have all of them one is chosen at random.
        with Proxy("PYROMETA:printer,colour,A3") as printer:
            print(printer.print("the map"))

        # Tags are facts of today. This one has run out of ink.
        name = "example.printer.hall"
        _uri, tags = name_server.lookup(name, return_metadata=True)
        name_server.set_metadata(name, tags - {"colour"})
        show("colour and A3, later", name_server.yplookup(meta_all={"colour", "A3"}))
        try:
            Proxy("PYROMETA:printer,colour,A3").print("the map")
        except NamingError as error:
            print("as expected:", error)


if __name__ == "__main__":
    main()
