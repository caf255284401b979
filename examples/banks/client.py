"""The client: does the same at every bank there is, and gets ordinary exceptions."""

from pyrolike.api import Proxy, locate_ns


def do_business(bank: Proxy) -> None:
    """Spend more than there is."""
    bank.open("Emil")
    print("  put in 100, has", bank.deposit("Emil", 100))
    print("  takes 80, has", bank.withdraw("Emil", 80))
    # What a method raises over there is raised here. There is nothing to learn about it.
    try:
        print("  takes 60, has", bank.withdraw("Emil", 60))
    except ValueError as error:
        print("  takes 60:", error)
    try:
        bank.withdraw("Lotte", 10)
    except KeyError as error:
        print("  no account:", error)
        # The traceback of the server comes along, and is printed wherever the exception is.
        print("  the line over there:", error._pyroTraceback[-2].splitlines()[1].strip())


def main() -> None:
    """Go to all banks."""
    with locate_ns() as name_server:
        for name, uri in sorted(name_server.list(prefix="example.bank.").items()):
            print(name)
            with Proxy(uri) as bank:
                do_business(bank)


if __name__ == "__main__":
    main()
