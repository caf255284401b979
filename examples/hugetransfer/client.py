"""The client: sends and fetches megabytes, and shows how fast that was."""

import sys
import time
from collections.abc import Iterator

import serpent
from progress import Progress

from pyrolike.api import Proxy

MEGABYTE, ROUNDS = 1_000_000, 8
KINDS: dict[str, str | bytes] = {"text": "x" * MEGABYTE, "bytes": bytes(MEGABYTE)}
CAN_BYTES = {"serpent": True, "json": False, "marshal": True}


def main(uri: str) -> None:
    """Transfer text and bytes, with each of the serializers that everybody has."""
    print("serializer  direction      speed")
    with Proxy(uri) as store:
        for serializer, can_bytes in CAN_BYTES.items():
            store._pyroSerializer = serializer
            for kind, value in KINDS.items():
                if kind == "text" or can_bytes:
                    measure(serializer, f"{kind} there", send(store, value))
            if can_bytes:
                measure(serializer, "chunks back", fetch(store))


def send(store: Proxy, value: str | bytes) -> Iterator[int]:
    """Send *value* again and again, and yield how much has arrived."""
    for _ in range(ROUNDS):
        yield store.put(value)


def fetch(store: Proxy) -> Iterator[int]:
    """Fetch a stream of chunks, and yield how long each is."""
    for chunk in store.chunks(ROUNDS, MEGABYTE):
        yield len(serpent.tobytes(chunk))


def measure(serializer: str, direction: str, transfer: Iterator[int]) -> None:
    """Let the transfer run, with a bar, and print its speed."""
    start = time.perf_counter()
    total = 0
    with Progress(f"{serializer} {direction}", ROUNDS) as progress:
        for size in transfer:
            total += size
            progress.advance()
    assert total == ROUNDS * MEGABYTE
    speed = total / MEGABYTE / (time.perf_counter() - start)
    print(f"{serializer:11} {direction:12} {speed:6.0f} MB/s")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the store? "))
