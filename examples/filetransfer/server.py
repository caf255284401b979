"""The server: keeps files, takes them in chunks, and sends them in two ways."""

import hashlib
import secrets
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pyrolike.api import Daemon, behavior, current_context, expose

CHUNK = 64 * 1024


class Upload:
    """A file that is on its way to us."""

    _pyroDaemon: Daemon  # is there while the upload is registered

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    @expose
    def write(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self._digest.update(chunk)
        self._file.write(chunk)

    @expose
    def finish(self) -> str:
        """Close the file, and return the checksum of what has arrived."""
        self.close()
        return self._digest.hexdigest()

    def close(self) -> None:
        """Let go of the file: at its end, or when the client is gone half-way."""
        self._file.close()
        if hasattr(self, "_pyroDaemon"):
            self._pyroDaemon.unregister(self)


@expose
@behavior(instance_mode="single")
class Files:
    """A folder of files."""

    _pyroDaemon: Daemon

    def __init__(self, folder: Path, door: "RawDoor") -> None:
        self._folder = folder
        self._door = door

    def upload(self, name: str) -> Upload:
        """Begin a file, and return an object that takes its chunks: the client gets a proxy."""
        upload = Upload(self._path(name).open("wb"))
        self._pyroDaemon.register(upload)
        current_context.track_resource(upload)  # closed if the client is gone half-way
        return upload

    def download(self, name: str) -> Iterator[bytes]:
        """Yield the file in chunks. It is closed when the client has enough, or is gone."""
        with self._path(name).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def ticket(self, name: str) -> tuple[int, str]:
        """Return a port, and a word for which that sends the file once, as nothing but bytes."""
        return self._door.expect(self._path(name))

    def _path(self, name: str) -> Path:
        """Return where the file is. A name is a name only: no client gets out of the folder."""
        if not name.isidentifier():
            raise ValueError(f"not a name for a file: {name!r}")
        return self._folder / name


class RawDoor(socketserver.ThreadingTCPServer):
    """A socket beside the daemon, which knows no calls: for each ticket it sends a file."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("localhost", 0), Sender)
        self.tickets: dict[str, Path] = {}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def expect(self, path: Path) -> tuple[int, str]:
        """Make a ticket that nobody can guess."""
        ticket = secrets.token_hex(16)
        self.tickets[ticket] = path
        return int(self.server_address[1]), ticket


class Sender(socketserver.StreamRequestHandler):
    """Sends one file to one client."""

    server: RawDoor
    timeout = 10

    def handle(self) -> None:
        """Take the ticket, and let the system copy the file into the socket."""
        path = self.server.tickets.pop(self.rfile.readline(100).decode().strip(), None)
        if path is not None:
            with path.open("rb") as file:
                self.connection.sendfile(file)


def main() -> None:
    """Serve a folder that is there for as long as the program."""
    with tempfile.TemporaryDirectory() as folder, RawDoor() as door, Daemon() as daemon:
        print("ready:", daemon.register(Files(Path(folder), door), "example.files"))
        daemon.requestLoop()
        door.shutdown()


if __name__ == "__main__":
    main()
