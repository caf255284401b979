"""The sender: packs objects into blobs and posts them."""

import sys

from parcels import Parcel

from pyrolike.api import Proxy, SerializedBlob


def main(uri: str) -> None:
    """Post three parcels."""
    with Proxy(uri) as office:
        for town, contents in [
            ("Delft", ["a microscope", "a letter"]),
            ("Turin", ["chocolate"]),
            ("Delft", ["rain water"]),
        ]:
            # The first argument can be read by everybody on the way, the second by the one who
            # opens it. A call with a blob has no other arguments.
            print(office.post(SerializedBlob(town, Parcel("Antonie", contents))))


if __name__ == "__main__":
    main(sys.argv[1])
