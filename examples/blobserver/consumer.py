"""A consumer: takes blobs out of the queue until there will be no more."""

import hashlib
import sys

from pyrolike.api import Proxy


def main(uri: str) -> None:
    """Work on blobs. How many each of several consumers gets is a matter of luck."""
    with Proxy(uri) as queue:
        queue._pyroSerializer = "marshal"
        queue._pyroBind()
        print("waiting for blobs")
        while (blob := queue.get()) is not None:
            queue.report(hashlib.sha256(blob).hexdigest())
    print("no more blobs")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the queue? "))
