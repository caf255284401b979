"""The client: four guests at once, at the table of each server."""

import sys
from concurrent.futures import ThreadPoolExecutor

from pyrolike.api import URI, Proxy

SEATS = 4


def be_a_guest(uri: str) -> tuple[bool, int]:
    """Sit down at the table, by a connection of one's own."""
    with Proxy(uri) as table:
        met, thread = table.sit_down()
        return met, thread


def main(uris: list[str]) -> None:
    """Send the guests to each of the servers."""
    for uri in uris:
        with ThreadPoolExecutor(SEATS) as guests:
            answers = list(guests.map(be_a_guest, [uri] * SEATS))
        met = sum(met for met, _ in answers)
        threads = len({thread for _, thread in answers})
        print(f"{URI(uri).object:9}: {met} of {SEATS} met; they were served by {threads} thread(s)")


if __name__ == "__main__":
    main(sys.argv[1:])
