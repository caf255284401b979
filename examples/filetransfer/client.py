"""The client: sends a file, fetches it in two ways, and compares the checksums."""

import hashlib
import random
import socket
import sys
import tempfile
import time
from pathlib import Path

from pyrolike.api import Proxy

SIZE, CHUNK = 8_000_000, 64 * 1024


def main(uri: str) -> None:
    """Make a file, send it there, and fetch it back."""
    with tempfile.TemporaryDirectory() as folder, Proxy(uri) as files:
        path = Path(folder, "original")
        path.write_bytes(random.Random(8).randbytes(SIZE))
        original = checksum(path)
        print(f"{SIZE:,} bytes with the checksum {original[:12]}")

        copy = Path(folder, "copy")
        for way, transfer in {
            "sent in chunks": lambda: send(files, path),
            "fetched as a stream": lambda: fetch(files, copy),
            "fetched raw": lambda: fetch_raw(files, copy),
        }.items():
            start = time.perf_counter()
            verdict = "the same" if transfer() == original else "DIFFERENT"
            speed = SIZE / 1e6 / (time.perf_counter() - start)
            print(f"{way:20} {verdict:9} {speed:6.0f} MB/s")


def send(files: Proxy, path: Path) -> str:
    """Send a file chunk by chunk, and return the checksum that the server has calculated."""
    with files.upload("picture") as upload, path.open("rb") as file:
        upload._pyroSerializer = "marshal"  # bytes as they are; serpent would make text of them
        while chunk := file.read(CHUNK):
            upload.write(chunk)
        return str(upload.finish())


def fetch(files: Proxy, path: Path) -> str:
    """Fetch a file as a stream of chunks, and return its checksum."""
    files._pyroSerializer = "marshal"
    with path.open("wb") as file, files.download("picture") as chunks:
        for chunk in chunks:
            file.write(chunk)
    return checksum(path)


def fetch_raw(files: Proxy, path: Path) -> str:
    """Fetch a file from a socket of its own; the call only says which, and where."""
    port, ticket = files.ticket("picture")
    address = files._pyroUri.host, port
    with socket.create_connection(address, 10) as connection, path.open("wb") as file:
        connection.sendall(f"{ticket}\n".encode())
        while chunk := connection.recv(CHUNK):
            file.write(chunk)
    return checksum(path)


def checksum(path: Path) -> str:
    """Return the checksum of a file, which need not fit into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where are the files? "))
