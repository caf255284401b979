"""The client: orders without waiting, and asks for the dishes later."""

import sys
import time

from pyrolike.api import Proxy


def main(uri: str) -> None:
    """Order four dishes, of which one cannot be cooked, and eat the other three."""
    with Proxy(uri) as kitchen:
        kitchen._pyroBind()  # connecting takes time too; that is not what is measured here
        start = time.perf_counter()
        for dish in "rice", "stone soup", "beans", "tea":
            print(f"ordered {dish}: {kitchen.cook(dish)}")
        orders = time.perf_counter() - start

        # The kitchen is still busy, and answers nevertheless: one-way calls run beside the others.
        print("served:", ", ".join(kitchen.served(3)))
        meal = time.perf_counter() - start
        print("the orders took a moment" if orders < meal / 2 else "the orders took long")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the kitchen? "))
