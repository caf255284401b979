"""The producer: puts blobs into the queue, and checks in the end that each was worked on once."""

import hashlib
import random
import sys

from pyrolike.api import Proxy

BLOBS, SIZE = 20, 100_000


def main(uri: str) -> None:
    """Put all blobs into the queue, close it, and compare the digests."""
    chance = random.Random(4)
    blobs = [chance.randbytes(SIZE) for _ in range(BLOBS)]
    with Proxy(uri) as queue:
        queue._pyroSerializer = "marshal"  # bytes travel as they are; serpent makes text of them
        for blob in blobs:
            queue.put(blob)
        print(f"{BLOBS} blobs of {SIZE:,} bytes are in the queue, or out of it")
        digests = queue.close(BLOBS)
    assert sorted(digests) == sorted(hashlib.sha256(blob).hexdigest() for blob in blobs)
    print("each has been worked on once, and none has changed on its way")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the queue? "))
