"""What the checks cost that keep hostile bytes out: CPU time of small calls, with and without them.

Two pairs of a server and a client process do the same by turns, one of them without the checks (see
`tests.benchmarks.unchecked`), and each says how much CPU time it has used. Times of the clock would
say more about what else the machine does.

A process is ``python -m tests.benchmarks.checks server|client with|without|permit``; a permission
is asked for each call in the last case.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from statistics import median
from typing import Any

from pyrolike.api import Daemon, Proxy, expose
from tests.support.processes import ROOT, pinned_environment

from .report import heading, table_row
from .unchecked import remove_checks
from .work import ALL

VARIANTS = ("with", "without", "permit")

ROUNDS = 6
"""Few: whether a process is quick or slow depends on where things lie in its memory."""

RECORD: dict[str, Any] = {
    f"name {number}": [number, number / 7, f"text {number}", {"a": None, "b": [True, False]}]
    for number in range(20)
}
"""Lists in dicts, and dicts and lists in those."""

ROWS: list[Any] = [
    {"name": f"text {number}", "value": number / 7, "tags": ["a", "b"], "is_new": True}
    for number in range(20)
]

SMALL = "add(3, 4)"
VALUES: dict[str, Any] = {SMALL: None, "20 rows": ROWS, "nested deeper": RECORD}
COLUMNS = (
    ("call", -16), ("serializer", -10), ("CPU time", 9), ("without checks", 14), ("they cost", 9),
    ("with `permit_call`", 18),
)  # fmt: skip


@expose
class Target:
    """What is called."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def echo(self, value: Any) -> Any:
        return value


class Guarded(Daemon):
    """Asks for a permission, which is always given."""

    def permit_call(self, conn: Any, objectId: str, member: str, access: str) -> bool:
        return True


def measure(
    say: Callable[[str], None], generations: int, calls: int, count: int = ROUNDS
) -> list[dict[str, Any]]:
    """Measure each kind of call; *say* gets the table, line by line."""
    say(
        f"Client and server together; of {count} alternating rounds of {calls} calls the best, of "
        f"{generations} times the same with new processes the median."
    )
    times: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for _ in range(generations):
        with ExitStack() as stack:
            pairs = [stack.enter_context(_pair(variant)) for variant in VARIANTS]
            for what, serializer in product(VALUES, ALL):
                rounds = [
                    [run(what, serializer, calls if what == SMALL else calls // 5) for run in pairs]
                    for _ in range(count)
                ]
                best = tuple(map(min, zip(*rounds, strict=True)))
                times.setdefault((what, serializer), []).append(best)
    found = [_row(*kind, bests) for kind, bests in times.items()]
    say(f"\n{heading(COLUMNS)}")
    for row in found:
        say(table_row(_cells(row), COLUMNS))
    return found


def _row(what: str, serializer: str, bests: list[tuple[float, ...]]) -> dict[str, Any]:
    checked, bare, asked = map(median, zip(*bests, strict=True))
    return {
        "call": what,
        "serializer": serializer,
        "seconds": checked,
        "without": bare,
        "cost": checked / bare - 1,
        "permit": asked / checked - 1,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["call"],
        row["serializer"],
        f"{row['seconds'] * 1e6:.1f} µs",
        f"{row['without'] * 1e6:.1f} µs",
        f"{row['cost']:+.1%}",
        f"{row['permit']:+.1%}",
    ]


@contextmanager
def _pair(variant: str) -> Iterator[Callable[[str, str, int], float]]:
    """Run a server and a client; give a function that returns the CPU seconds of one call."""
    with _process("server", variant) as server, _process("client", variant) as client:
        uri = _ask(server, "uri")

        def run(what: str, serializer: str, calls: int) -> float:
            begin = float(_ask(server, "time"))
            used = float(_ask(client, f"{uri}\t{what}\t{serializer}\t{calls}"))
            return (used + float(_ask(server, "time")) - begin) / calls

        yield run


@contextmanager
def _process(side: str, variant: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.checks", side, variant],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=pinned_environment(),
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _ask(process: subprocess.Popen[str], question: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    print(question, file=process.stdin, flush=True)
    answer = process.stdout.readline().strip()
    if not answer:
        raise RuntimeError(f"a process of the benchmark has ended: {process.args}")
    return answer


# -- the processes


def _serve(variant: str) -> None:
    make = Guarded if variant == "permit" else Daemon
    with make(host="127.0.0.1") as daemon:
        uri = str(daemon.register(Target(), "target"))
        thread = threading.Thread(target=daemon.requestLoop)
        thread.start()
        for question in sys.stdin:
            print(uri if question == "uri\n" else time.process_time(), flush=True)
        daemon.shutdown()
        thread.join()


def _call() -> None:
    for line in sys.stdin:
        uri, what, serializer, calls = line.rstrip("\n").split("\t")
        value = VALUES[what]
        with Proxy(uri) as proxy:
            proxy._pyroSerializer = serializer
            proxy.add(3, 4)
            begin = time.process_time()
            if value is None:
                for _ in range(int(calls)):
                    proxy.add(3, 4)
            else:
                for _ in range(int(calls)):
                    proxy.echo(value)
            print(time.process_time() - begin, flush=True)


def main(side: str, variant: str) -> None:
    """Be one of the processes."""
    if variant == "without":
        remove_checks()
    if side == "server":
        _serve(variant)
    else:
        _call()


if __name__ == "__main__":
    main(*sys.argv[1:])
