"""Python programs as processes of their own: started, waited for, listened to, always ended.

A test that says "a server in another process" must not guess when that server is ready, must see
what it printed when it fails, and must leave nothing behind. `Program` does these three things. It
waits on the program's own words, never on the clock: a deadline only bounds how long a broken
program can hold up the run.

Peers run in a pinned environment: no ``PYRO_*`` settings of the person who runs the tests, a fixed
hash seed, unbuffered UTF-8 output.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).resolve().parents[2]
"""The directory that holds ``tests``; programs run here, so that ``-m tests.…`` finds them."""

PATIENCE = 30.0
"""Seconds any single wait may take on a busy machine before it counts as a failure."""


def pinned_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a peer: ours without ``PYRO_*``, deterministic, plus *extra*."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYRO_")
    }
    environment.update(PYTHONHASHSEED="0", PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    environment.update(extra or {})
    return environment


class Program:
    """One Python program in its own process, and everything it has said so far.

    Use it as a context manager. Entering waits for the line that says the program is ready;
    leaving ends the process, however the block ended. Output and error output are one stream.

    Args:
        arguments: What follows ``python`` on the command line, for example ``["-m", "timeit"]``.
        ready: Regular expression searched in each line; its first match ends the start. None for a
            program that has nothing to announce.
        environment: Variables on top of the pinned ones.
        ends_by_interrupt: How to end it politely: by Ctrl-C, or (the default) by closing its input.
        descriptors: Which of ours it shall have too, under the same numbers.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        ready: str | None,
        environment: Mapping[str, str] | None = None,
        ends_by_interrupt: bool = False,
        descriptors: Sequence[int] = (),
    ) -> None:
        self.arguments = list(arguments)
        self.ready_match: re.Match[str] | None = None
        self._ready = ready
        self._ends_by_interrupt = ends_by_interrupt
        self._lines: list[str] = []
        self._ended = False
        self._cursor = 0
        # Guards _lines and _ended, which the listening thread fills.
        self._news = threading.Condition()
        # A session of its own: Ctrl-C in the terminal of the test run must not reach the peer.
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=pinned_environment(environment),
            start_new_session=True,
            pass_fds=descriptors,
        )
        self._listener = threading.Thread(target=self._listen, name="program-output", daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        if self._ready is not None:
            try:
                self.ready_match = self.wait_for_line(self._ready)
            except BaseException:
                self.end()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        state = "running" if self.is_running else f"ended with {self._process.returncode}"
        return f"<Program {' '.join(self.arguments)}; pid {self.pid}; {state}>"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process still exists."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """Everything the program has written so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for_line(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait for the next line in which *pattern* is found, and return the match.

        Lines are looked at once: a second call continues behind the line that matched.

        Raises:
            AssertionError: The program ended, or *patience* seconds passed, without such a line.
                The text shows what the program did say.
        """
        deadline = time.monotonic() + patience
        with self._news:
            while True:
                found = self._search(pattern)
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(self._disappointment(pattern))
                self._news.wait(left)

    def say(self, line: str) -> None:
        """Write one line to the program's standard input."""
        stdin = self._stdin()
        stdin.write(line + "\n")
        stdin.flush()

    def interrupt(self) -> None:
        """Do what Ctrl-C in the program's terminal does."""
        self._process.send_signal(signal.SIGINT)

    def send(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait until the program has ended by itself and return its exit status."""
        status = self._process.wait(patience)
        self._listener.join(patience)
        return status

    def end(self, patience: float = 5.0) -> None:
        """End the program and let go of it; harmless when it has ended already.

        It is asked politely first; a program that does not care is terminated, and one that cannot
        be terminated is killed.
        """
        self._hang_up()
        if self._ends_by_interrupt and self.is_running:
            self.interrupt()
        for harder in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                harder()
        self._process.wait(patience)
        self._listener.join(patience)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _hang_up(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it was gone before it read our last line
            self._stdin().close()

    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _search(self, pattern: str) -> re.Match[str] | None:
        while self._cursor < len(self._lines):
            line = self._lines[self._cursor]
            self._cursor += 1
            found = re.search(pattern, line)
            if found is not None:
                return found
        return None

    def _disappointment(self, pattern: str) -> str:
        said = "".join(self._lines) or "(nothing)\n"
        return f"{self!r} never wrote a line with {pattern!r}. It wrote:\n{said}"
