"""Who takes part, and the processes each of them consists of: a server, and a client or several."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.support.processes import ROOT, pinned_environment

from .work import BESIDE, OURS, PEER, RAW, USUAL, Stage

API_MODULES = {OURS: "pyrolike.api", PEER: "Pyro5.api", BESIDE: "pyrolike.api"}
"""The libraries, in the order of the table's columns, and the module each is driven through."""

PEERS = {
    "managers": "multiprocessing.managers",
    "thriftpy2": "thriftpy2",
    "rpyc": "rpyc",
    "grpcio": "grpc",
    "zerorpc": "zerorpc",
}
"""Other libraries, for the row of the small call, and what must be there to import for each."""


class BenchmarkError(Exception):
    """A contestant could not do its work; the text says which, what, and why."""


class Contestant:
    """Client processes that drive a server process of the same kind.

    Args:
        name: ``raw``, or a key of `API_MODULES` or `PEERS`.
        stage: Where the processes run, and how many clients there are.
    """

    def __init__(self, name: str, stage: Stage = USUAL) -> None:
        self.name = name
        kind = API_MODULES.get(name, name)
        with ExitStack() as started, _cores(is_pinned=stage.is_pinned):
            self._server = _start(started, stage, "server", kind)
            address = _line_from(self._server, f"the {name} server")
            self._clients = [
                _start(started, stage, "client", kind, address) for _ in range(stage.clients)
            ]
            self._processes = started.pop_all()

    @property
    def server_pid(self) -> int:
        """Process id of the server."""
        return self._server.pid

    @property
    def client_pid(self) -> int:
        """Process id of the first client."""
        return self._clients[0].pid

    def close(self) -> None:
        """End the processes."""
        self._processes.close()

    @contextmanager
    def working(self, work: str, serializer: str) -> Iterator[None]:
        """Keep a work open for the windows measured inside the block."""
        self._ask("open", work, serializer)
        yield
        self._ask("close")

    def measure(self, seconds: float) -> float:
        """Let the contestant do the open work for *seconds*.

        Returns:
            Units per second of all clients together, or what the work has cost.
        """
        return sum(answer["value"] for answer in self._ask("measure", seconds))

    def repeat(self, runs: int) -> None:
        """Let the contestant do the open work *runs* times."""
        self._ask("repeat", runs)

    def _ask(self, *command: Any) -> list[dict[str, Any]]:
        """Give all clients the same command at the same time, and return their answers."""
        for client in self._clients:
            assert client.stdin is not None
            client.stdin.write(json.dumps(command) + "\n")
            client.stdin.flush()
        return [self._answer_from(client, command) for client in self._clients]

    def _answer_from(self, client: subprocess.Popen[str], command: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(_line_from(client, f"the {self.name} client"))
        if "error" in answer:
            raise BenchmarkError(f"{self.name}, {command}: {answer['error']}")
        return answer


def available_contestants() -> list[str]:
    """Return who can take part on this machine: raw always, a library when it is installed."""
    libraries = {**API_MODULES, **PEERS}
    return [RAW, *(name for name, module in libraries.items() if _is_installed(module))]


def pin_to_one_core() -> str:
    """Keep this process, and all it starts from now on, on one core; return words about it."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system has no sched_setaffinity"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"client and server together on core {core}"


@contextmanager
def _cores(*, is_pinned: bool) -> Iterator[None]:
    """Start processes on the core that this one is pinned to, or on all of them."""
    if is_pinned or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _is_installed(module: str) -> bool:
    package = module.partition(".")[0]
    return bool(importlib.util.find_spec(package) and importlib.util.find_spec(module))


def _start(
    started: ExitStack, stage: Stage, program: str, *arguments: str
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{program}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=pinned_environment({"PYRO_THREADPOOL_SIZE": str(stage.pool)} if stage.pool else {}),
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
