"""The client: orders, and is a server itself for as long as it waits to be called."""

import logging
import sys
import threading

from pyrolike.api import Daemon, Proxy, callback, expose


class Customer:
    """The object that the workshop calls."""

    def __init__(self, orders: int) -> None:
        self.open_orders = orders
        self.served = threading.Event()

    @expose
    def progress(self, thing: str, step: int, steps: int) -> None:
        """Hear how it goes."""
        print(f"{thing}: step {step} of {steps}")

    # The caller gets an error as always; `callback` has it logged here too, where its cause is.
    @callback
    @expose
    def finished(self, thing: str) -> None:
        """Take the thing home. It may not fit into the car."""
        self.open_orders -= 1
        if thing == "wardrobe":
            raise ValueError("does not fit into the car")
        print(f"{thing}: at home")
        if self.open_orders == 0:
            self.served.set()


class Log(logging.Handler):
    """Shows what is logged in one line, and leaves the traceback out."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show *record*."""
        error = record.exc_info[1] if record.exc_info else None
        print(f"logged: {record.getMessage()}: {error!r}")


def main(uri: str) -> None:
    """Order two things, and wait for the calls."""
    logging.getLogger("pyrolike").addHandler(Log())
    customer = Customer(orders=2)
    with Daemon() as daemon, Proxy(uri) as workshop:
        daemon.register(customer)
        threading.Thread(target=daemon.requestLoop).start()
        workshop.build("wardrobe", 3, customer)
        workshop.build("chair", 2, customer)
        customer.served.wait(20)
    # The end of the block has closed the daemon: calls that ran have got their answers out.
    print("nothing more is to come")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the workshop? "))
