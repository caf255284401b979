"""The client: borrows books, and reads them where they are."""

import sys

from pyrolike.api import Proxy
from pyrolike.errors import PyroError


def main(uri: str) -> None:
    """Borrow three books, read in them, give one back."""
    with Proxy(uri) as library:
        book = library.borrow("Erewhon")
        print("borrowed:", type(book).__name__)
        print(book.turn())
        print(book.turn())

        shelf = library.shelf()
        for each in shelf["new"]:
            with each:
                print(each.turn())

        book.give_back()
        try:
            book.turn()
        except PyroError as error:
            print(type(error).__name__ + ": the book is unknown now")
        book._pyroRelease()


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the library? "))
