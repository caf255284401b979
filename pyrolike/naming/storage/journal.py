"""A file to which changes are appended, each of them whole or not at all.

A line per change, as JSON: ``["name", "uri"]`` for a registration, ``["name"]`` for one that is
gone, ``[]`` for all of them. A change is on the disk when `append` returns. A process that dies, or
a disk that is full, can only leave the last line unfinished; nobody was told that it was kept, and
it is cut off by the next who opens the file.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where nobody is kept from opening it twice
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("pyrolike.naming")

Change = list[str]


class Journal:
    """The changes in one file, which no other process may open meanwhile. Not thread-safe.

    Args:
        path: The file; it is made if it is not there.

    Attributes:
        changes: What was in the file when it was opened, oldest first.
        count: How many changes are in it now.

    Raises:
        OSError: The file cannot be opened; BlockingIOError if another process has it.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.changes = self._read(path)
        except BaseException:
            os.close(self._file)
            raise
        self.count = len(self.changes)

    def append(self, changes: Iterable[Change]) -> None:
        """Write changes down; they are on the disk afterwards, or none of them is in the file.

        Raises:
            OSError: They cannot be written.
        """
        lines = [json.dumps(change) + "\n" for change in changes]
        data = "".join(lines).encode("ascii")
        try:
            self._write(data)
        except BaseException:
            self._cut_off(self._size)
            raise
        self._size += len(data)
        self.count += len(lines)

    def clear(self) -> None:
        """Forget all changes."""
        self._cut_off(0)
        self._size = self.count = 0

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _read(self, path: str) -> list[Change]:
        data = bytearray()
        while piece := os.read(self._file, 1 << 20):
            data += piece
        changes: list[Change] = []
        self._size = 0
        for line in data.splitlines(keepends=True):
            change = _parse(line)
            if change is None:
                break
            changes.append(change)
            self._size += len(line)
        if self._size < len(data):
            lost = len(data) - self._size
            log.warning("%s ends in the middle of a change: %d bytes are cut off", path, lost)
            self._cut_off(self._size)
        os.lseek(self._file, self._size, os.SEEK_SET)
        return changes

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)

    def _cut_off(self, size: int) -> None:
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)
        os.fsync(self._file)


def _parse(line: bytes | bytearray) -> Change | None:
    """Return a change, or None for a line that is not whole."""
    try:
        change = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    is_change = (
        isinstance(change, list) and len(change) <= 2 and all(isinstance(x, str) for x in change)
    )
    return change if is_change else None
