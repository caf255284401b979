"""A progress bar, drawn where a person looks, and nowhere else."""

import sys
from typing import Self

WIDTH = 30


class Progress:
    """Draws on the error output, if that is a terminal: what a program prints stays clean."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done = title, total, 0
        self.is_seen = sys.stderr.isatty()

    def advance(self, steps: int = 1) -> None:
        """Count *steps* more as done."""
        self.done += steps
        if self.is_seen:
            bar = ("#" * (WIDTH * self.done // self.total)).ljust(WIDTH, ".")
            line = f"\r{self.title:16} [{bar}] {self.done / self.total:4.0%}"
            print(line, end="", flush=True, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_seen:
            print("\r\x1b[K", end="", flush=True, file=sys.stderr)  # the line is free again
