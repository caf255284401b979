"""The shop: every customer who comes in gets a cart, which is a remote object of its own."""

from pyrolike.api import Daemon, behavior, expose, locate_ns

PRICES = {"tea": 450, "milk": 120, "bread": 280, "honey": 690}  # in cents


@expose
class Cart:
    """Belongs to one customer, until that one has paid."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._goods: list[str] = []

    def put(self, *goods: str) -> None:
        """Take something from the shelves."""
        for name in goods:
            if name not in PRICES:
                raise ValueError(f"we have no {name}")
        self._goods += goods

    def pay(self) -> str:
        """Return the receipt; the cart exists no longer then."""
        # Whoever registers an object as somebody's own has to think of its end as well. Customers
        # who never pay would leave their carts behind: the example "resourcetracking" knows help.
        self._pyroDaemon.unregister(self)
        lines = [f"  {name:6}{PRICES[name] / 100:7.2f}" for name in self._goods]
        total = sum(PRICES[name] for name in self._goods) / 100
        return "\n".join([f"{self._owner} has bought", *lines, f"  total {total:7.2f}"])


@expose
@behavior(instance_mode="single")
class Shop:
    """What has a name in the name server."""

    def enter(self, customer: str) -> Cart:
        """Return a cart: an object here, but a proxy where it arrives."""
        cart = Cart(customer)
        self._pyroDaemon.register(cart)
        return cart

    def carts_in_use(self) -> int:
        """Count the carts."""
        return sum(isinstance(each, Cart) for each in self._pyroDaemon.objectsById.values())


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        with locate_ns() as name_server:
            name_server.register("example.shop", daemon.register(Shop))
        print("the shop is ready", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
