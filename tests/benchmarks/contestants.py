"""Who takes part, and the two processes each of them consists of."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.processes import ROOT, pinned_environment

RAW = "raw"
API_MODULES = {"pyrolike": "pyrolike.api", "Pyro5": "Pyro5.api"}
"""The libraries, in the order of the table's columns, and the module each is driven through."""


class BenchmarkError(Exception):
    """A contestant could not do its work; the text says which, what, and why."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a contestant got done in one stretch of time.

    Attributes:
        units: Calls, items, connections … that were completed.
        seconds: Wall-clock time it took.
    """

    units: int
    seconds: float

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.seconds


class Contestant:
    """A client process that drives a server process of the same kind.

    Args:
        name: ``raw`` or a key of `API_MODULES`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        kind = API_MODULES.get(name, name)
        with ExitStack() as started:
            self._server = _start(started, "server", kind)
            address = _line_from(self._server, f"the {name} server")
            self._client = _start(started, "client", kind, address)
            self._processes = started.pop_all()

    def close(self) -> None:
        """End both processes."""
        self._processes.close()

    @contextmanager
    def working(self, work: str, serializer: str) -> Iterator[None]:
        """Keep a work open for the windows measured inside the block."""
        self._ask("open", work, serializer)
        yield
        self._ask("close")

    def measure(self, seconds: float) -> Window:
        """Let the contestant do the open work for *seconds*."""
        return Window(**self._ask("measure", seconds))

    def _ask(self, *command: Any) -> dict[str, Any]:
        assert self._client.stdin is not None
        self._client.stdin.write(json.dumps(command) + "\n")
        self._client.stdin.flush()
        answer: dict[str, Any] = json.loads(_line_from(self._client, f"the {self.name} client"))
        if "error" in answer:
            raise BenchmarkError(f"{self.name}, {command}: {answer['error']}")
        return answer


def available_contestants() -> list[str]:
    """Return who can take part on this machine: raw always, a library when it is installed."""
    return [RAW, *(name for name, module in API_MODULES.items() if _is_installed(module))]


def pin_to_one_core() -> str:
    """Keep this process, and all it starts from now on, on one core; return words about it."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system has no sched_setaffinity"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"client and server together on core {core}"


def _is_installed(module: str) -> bool:
    package = module.partition(".")[0]
    return bool(importlib.util.find_spec(package) and importlib.util.find_spec(module))


def _start(started: ExitStack, program: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{program}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=pinned_environment(),
    )
    started.callback(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    # Both programs end with their input. Whoever does not (a client inside a call) is stopped.
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _line_from(process: subprocess.Popen[str], who: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BenchmarkError(f"{who} ended without an answer; its own words are above")
    return line.strip()
