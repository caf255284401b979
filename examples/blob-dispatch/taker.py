"""A taker: tells the post office which town's parcels it wants, and opens them."""

import sys

# Importing the class also says how it is put together again.
from parcels import Parcel

from pyrolike.api import Daemon, Proxy, SerializedBlob, expose


class Taker:
    """Called by the post office."""

    def __init__(self, town: str) -> None:
        self._town = town

    @expose
    def receive(self, blob: SerializedBlob) -> None:
        """Open a parcel: only now it becomes an object again."""
        parcel = blob.deserialized()
        assert isinstance(parcel, Parcel)
        print(f"in {self._town}: {', '.join(parcel.contents)} from {parcel.sender}", flush=True)


def main(uri: str, town: str) -> None:
    """Take parcels until Ctrl-C."""
    with Daemon() as daemon:
        taker = Taker(town)
        daemon.register(taker)
        with Proxy(uri) as office:
            office.take_for(town, taker)
        print(f"taking parcels for {town}", flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main(*sys.argv[1:])
