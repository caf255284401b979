"""The server: a queue of blobs of bytes, for any number of producers and consumers at once."""

import threading
from collections import deque

from pyrolike.api import Daemon, behavior, expose


@expose
@behavior(instance_mode="single")
class BlobQueue:
    """A queue with room for a few blobs. Who finds it full, or empty, waits.

    The daemon runs the calls of different clients at the same time, each in a thread. So the
    condition is no decoration: it guards the blobs, and wakes up whoever waits for a change.
    """

    ROOM = 3

    def __init__(self) -> None:
        self._blobs: deque[bytes] = deque()
        self._closed = False
        self._change = threading.Condition()
        self._digests: list[str] = []

    def put(self, blob: bytes) -> None:
        """Add a blob, and wait for room first: a fast producer is slowed down here."""
        with self._change:
            self._change.wait_for(lambda: len(self._blobs) < self.ROOM)
            self._blobs.append(blob)
            self._change.notify_all()

    def get(self) -> bytes | None:
        """Take the oldest blob out, and wait for one if need be. None means: no more will come."""
        with self._change:
            self._change.wait_for(lambda: self._blobs or self._closed)
            blob = self._blobs.popleft() if self._blobs else None
            self._change.notify_all()
            return blob

    def report(self, digest: str) -> None:
        """Note the digest of a blob that a consumer has worked on."""
        with self._change:
            self._digests.append(digest)
            self._change.notify_all()

    def close(self, expected: int) -> list[str]:
        """Say that no more blobs will come, and wait for the digests of all that were put."""
        with self._change:
            self._closed = True
            self._change.notify_all()
            self._change.wait_for(lambda: len(self._digests) == expected)
            return self._digests


def main() -> None:
    """Serve one queue."""
    with Daemon() as daemon:
        print("ready:", daemon.register(BlobQueue, "example.blobs"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
