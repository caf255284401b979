"""Two customers at the same time: their carts are different objects."""

from pyrolike.api import Proxy
from pyrolike.errors import DaemonError


def main() -> None:
    """Buy, and pay."""
    with Proxy("PYRONAME:example.shop") as shop:
        with shop.enter("Emil") as emils, shop.enter("Lotte") as lottes:
            emils.put("tea", "milk")
            lottes.put("bread")
            emils.put("honey")
            try:
                lottes.put("caviar")
            except ValueError as error:
                print("Lotte hears:", error)
            print("carts in use:", shop.carts_in_use())
            print(emils.pay())
            print(lottes.pay())
            try:
                emils.put("milk")
            except DaemonError:
                print("a cart that has been paid is gone")
        print("carts in use:", shop.carts_in_use())


if __name__ == "__main__":
    main()
