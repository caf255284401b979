"""The client: sends objects of a class of its own, first without having said how."""

import sys

from money import Money, teach

from pyrolike.api import Proxy
from pyrolike.errors import SerializeError


def main(uri: str) -> None:
    """Have some amounts added up, with each of the serializers that everybody has."""
    amounts = [Money(250, "EUR"), Money(199, "EUR")]
    with Proxy(uri) as till:
        try:
            till.total(amounts)
        except SerializeError as error:
            print("before:", str(error).partition(";")[0])

        teach()
        for serializer in "serpent", "json", "marshal":
            till._pyroSerializer = serializer
            try:
                print(f"{serializer}:", till.total(amounts))
            except SerializeError as error:
                print(f"{serializer}:", error)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the till? "))
