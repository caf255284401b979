"""What must hold for every target, whatever the bytes are.

Nobody is dialled, no program is started and no file is written; nothing is imported; nothing is
logged as an error, for that is how a server tells of what it did not expect; time and memory stay
within bounds; and no thread is left. Python's audit events say what happens inside.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.fuzz.target import Target

DIALLING = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"})
FORBIDDEN = DIALLING | {
    "ctypes.dlopen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.remove", "os.rename",
    "os.rmdir", "os.mkdir", "os.putenv", "os.system", "pty.spawn", "shutil.rmtree",
    "subprocess.Popen", "webbrowser.open", "pickle.find_class", "code.__new__", "marshal.load",
}  # fmt: skip

MEMORY = 1 << 30
"""Address space of a process that is fuzzed; what wants more gets a MemoryError."""

LAZY = (
    "encodings",
    "pyrolike",
    "tests",
    "_strptime",
    "unicodedata",
    "stringprep",
    "sqlite3",
    "_sqlite3",
)
"""Modules that may be loaded at their first use, by whatever the bytes say."""


class FindingError(AssertionError):
    """The invariant does not hold."""


class _Watch(logging.Handler):
    """Takes down what is forbidden, while it is on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.is_on = False
        self.events: list[str] = []

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self.is_on and event in FORBIDDEN:
            self.events.append(f"{event} {args!r:.200}")
        elif self.is_on and event == "open" and len(args) > 1 and _writes(args[1]):
            self.events.append(f"open {args!r:.200}")

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(f"logged as an error: {self.format(record)}")


def _writes(mode: Any) -> bool:
    return isinstance(mode, str) and not {"w", "a", "x", "+"}.isdisjoint(mode)


def limit_memory() -> None:
    """Have this process end rather than the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def guard(target: Target) -> Callable[[bytes], None]:
    """Return the check of *target*, with all that must hold beside it.

    It can be called in a process that does nothing else, and once: what it listens with stays.
    """
    watch = _Watch()
    logging.getLogger().addHandler(watch)
    for data in target.corpus:  # what is loaded, opened and kept at its first use, is now
        target.check(data)
    # An audit hook stays for ever, and is called for everything: so it comes last.
    sys.addaudithook(watch.audit)

    def check(data: bytes) -> None:
        data = data[: target.largest]
        watch.events.clear()
        modules, threads = set(sys.modules), threading.active_count()
        memory, begin = _peak(), time.process_time()
        watch.is_on = True
        try:
            target.check(data)
        finally:
            watch.is_on = False
        seconds, grown = time.process_time() - begin, _peak() - memory
        events = [event for event in watch.events if not (target.dials and _is_dialling(event))]
        new = [name for name in set(sys.modules) - modules if not name.startswith(LAZY)]
        if events or new:
            raise FindingError(f"{events or ''} {'imported: ' * bool(new)}{new or ''}")
        if seconds > target.seconds:
            raise FindingError(
                f"took {seconds:.1f} s of CPU time, at most {target.seconds} allowed"
            )
        if grown > target.memory:
            raise FindingError(f"grew by {grown:,} bytes, at most {target.memory:,} allowed")
        if threading.active_count() > threads:
            raise FindingError(f"left threads behind: {threading.enumerate()}")

    return check


def _is_dialling(event: str) -> bool:
    return event.split()[0] in DIALLING


def _open_status() -> int | None:
    try:
        return os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


_status = _open_status()


def _peak() -> int:
    """Return the most bytes of memory that this process ever had."""
    if _status is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # What `getrusage` says begins, on Linux, with what the parent had.
    text = os.pread(_status, 4096, 0)
    return 1024 * int(text.partition(b"VmHWM:")[2].split(None, 1)[0])
