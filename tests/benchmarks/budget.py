"""The budget of a call, and of a connection: system calls, functions, allocations on each side.

Counts do not depend on how busy the machine is, so they tell more than times do about where a call
can still be made cheaper. Functions and allocations are counted by `tests.benchmarks.counting`,
system calls by strace, in the usual two processes.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT, pinned_environment

from .contestants import API_MODULES, BenchmarkError, Contestant, available_contestants
from .counting import SIDES
from .openers import CALLS
from .report import heading, table_row
from .work import ALL, OURS, PEER

WORKS = {
    "call": ("add(3, 4)", 40, CALLS, ALL),
    "connect": ("connect, call, release", 200, 1, ("serpent",)),
}
"""What is counted: its title, runs under strace, how often a run does it, and with what."""

LEAST = 0.05
"""System calls that occur less often than this are not the work's."""

SOURCE = Path(__file__).with_name("allocations.c")

COLUMNS = (
    ("serializer", -10), ("side", -7), ("system calls", 12), ("Python functions", 16),
    ("built-in functions", 18), ("allocations", 11), ("which", -40),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Budget:
    """What one side does for one work; None was not counted.

    Attributes:
        work: Which, a key of `WORKS`.
        library: Whose.
        serializer: How it was written.
        side: ``client`` or ``server``.
        system_calls: How often each system call is made.
        python: Calls of Python functions.
        builtin: Calls of built-in functions.
        allocations: Blocks asked for, free lists of the interpreter not counted.
    """

    work: str
    library: str
    serializer: str
    side: str
    system_calls: Mapping[str, float] | None
    python: float
    builtin: float
    allocations: float | None


def measure(say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Count for each library and serializer; *say* gets the table, line by line."""
    found = []
    with ExitStack() as stack:
        library = build_counter(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        tools = {"strace": shutil.which("strace"), "a C compiler": library}
        for tool in (name for name, path in tools.items() if path is None):
            say(f"{tool} is not installed: what it would count is left out.")
        for work, (title, _, _, serializers) in WORKS.items():
            columns = ((title, -max(10, len(title))), *COLUMNS)
            say(f"\n{heading(columns)}")
            for name in (name for name in (OURS, PEER) if name in available_contestants()):
                for serializer in serializers:
                    for budget in _measure(work, name, serializer, library):
                        say(table_row(_cells(budget), columns))
                        found.append(asdict(budget))
    return found


def build_counter(folder: Path) -> str | None:
    """Build the library that counts allocations; return its path, or None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "allocations.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)], check=True
    )
    return str(library)


def parse_summary(text: str) -> dict[str, int]:
    """Return how often each system call was made, from what ``strace -c`` writes."""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            counts[words[-1]] = int(words[3])
    return counts


def _measure(work: str, name: str, serializer: str, library: str | None) -> Iterator[Budget]:
    module = API_MODULES[name]
    functions = _count("calls", module, serializer, work)
    allocations = _count("allocations", module, serializer, work, library) if library else {}
    system_calls = _trace(work, name, serializer) if shutil.which("strace") else {}
    for side in SIDES:
        yield Budget(
            work,
            name,
            serializer,
            side,
            system_calls.get(side),
            functions[side]["python"],
            functions[side]["builtin"],
            allocations.get(side, {}).get("allocations"),
        )


def _count(*arguments: str) -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.counting", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=pinned_environment(),
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"counting {' '.join(arguments)} failed: {done.stderr}")
    counts: dict[str, dict[str, float]] = json.loads(done.stdout)
    return counts


def _trace(work: str, name: str, serializer: str) -> dict[str, dict[str, float]]:
    """Return the system calls of both sides, each time."""
    counts = {}
    _, runs, times, _ = WORKS[work]
    with ExitStack() as stack:
        contestant = Contestant(name)
        stack.callback(contestant.close)
        stack.enter_context(contestant.working(work, serializer))
        for side, pid in zip(SIDES, (contestant.client_pid, contestant.server_pid), strict=True):
            with _strace(pid) as found:
                contestant.repeat(runs)
            often = {call: count / runs / times for call, count in found.items()}
            counts[side] = {call: share for call, share in often.items() if share >= LEAST}
    return counts


@contextmanager
def _strace(pid: int) -> Iterator[dict[str, int]]:
    """Yield a dictionary that in the end holds the system calls of a process, all threads."""
    found: dict[str, int] = {}
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
        command = ["strace", "-f", "-c", "-o", output.name, "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            said = tracer.stderr.readline()
            if "attached" not in said:
                raise BenchmarkError(f"strace may not look at process {pid}: {said.strip()}")
            yield found
            tracer.send_signal(signal.SIGINT)
            tracer.communicate()
        found.update(parse_summary(Path(output.name).read_text("utf-8")))


def _cells(budget: Budget) -> list[str]:
    calls = budget.system_calls
    which = ", ".join(f"{call} {count:.1f}" for call, count in (calls or {}).items())
    return [
        budget.library,
        budget.serializer,
        budget.side,
        _count_text(None if calls is None else sum(calls.values())),
        _count_text(budget.python),
        _count_text(budget.builtin),
        _count_text(budget.allocations),
        which,
    ]


def _count_text(count: float | None) -> str:
    return "-" if count is None else f"{count:.1f}"
