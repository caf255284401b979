"""Measures the name server with many names and many clients: ``python -m tests.scale``.

By default with a hundred thousand names, which takes half a minute; ``--names 1000000`` is what the
page on the name server tells of. Each storage is measured twice, with a hundredth of the names and
with all of them, to show what depends on their number. The tables are Markdown.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.scale.clients import allow_open_files, connected_clients, look_up_at_once
from tests.support.processes import ROOT, Program, pinned_environment

STORAGES = ("memory", "sql", "dbm")
ROWS = {
    "open": "open the storage",
    "memory": "memory, with the indexes",
    "lookup": "look a name up",
    "register": "register a name",
    "count": "count",
    "prefix": "list a thousandth by prefix",
    "tags": "find a thousandth by tag",
    "regex with prefix": "regex that begins with letters",
    "regex": "regex that looks at all names",
    "hostile regex": "the same with an automaton",
    "remove prefix": "remove a thousandth by prefix",
}
"""What is measured, and what it is called; see `tests.scale.storage`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit status."""
    options = _parser().parse_args(arguments)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}.\n")
    if options.names:
        _measure_names(options.names, options.storages.split(","))
    if options.clients:
        _measure_clients(options.clients)
    return 0


def _measure_names(count: int, storages: Sequence[str]) -> None:
    sizes = [max(count // 100, 1000), count]
    columns: dict[str, Mapping[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in storages:
            for size in sizes:
                spec = kind if kind == "memory" else f"{kind}:{Path(folder) / f'{kind}{size}'}"
                _run("fill", spec, size)
                columns[f"{kind}, {size:,}"] = json.loads(_run("measure", spec, size))
    print(f"| {'names':30} | {' | '.join(f'{column:>17}' for column in columns)} |")
    print(f"| {'-' * 30} | {' | '.join('-' * 16 + ':' for _ in columns)} |")
    for key, title in ROWS.items():
        cells = [shown(key, figures.get(key)) for figures in columns.values()]
        print(f"| {title:30} | {' | '.join(f'{cell:>17}' for cell in cells)} |")
    print()


def shown(key: str, figure: float | None) -> str:
    """Return a figure with its unit."""
    if figure is None:
        return ""
    if key == "memory":
        return f"{figure / 1e6:,.0f} MB"
    if figure < 0.001:
        return f"{figure * 1e6:,.0f} µs"
    return f"{figure * 1e3:,.1f} ms" if figure < 1 else f"{figure:,.1f} s"


def _measure_clients(count: int) -> None:
    if not allow_open_files(count + 200):
        print(f"{count:,} clients need as many open files: not allowed here.")
        return
    print(f"| {f'{count:,} clients at once':30} | lookups/s | median | slowest | refused |")
    print(f"| {'-' * 30} | --------: | -----: | ------: | ------: |")
    for servertype in ("thread", "multiplex"):
        arguments = ["-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", "0"]
        with (
            Program(
                arguments,
                ready=r"^URI = PYRO:Pyro.NameServer@(\S+)$",
                environment={"PYRO_SERVERTYPE": servertype},
                ends_by_interrupt=True,
            ) as program,
            connected_clients(_location(program), count) as clients,
        ):
            rounds = [look_up_at_once(clients, "Pyro.NameServer", number) for number in range(10)]
        best = sorted(rounds, key=lambda one: one.seconds)[len(rounds) // 2]
        print(
            f"| {servertype:30} | {count / best.seconds:9,.0f}"
            f" | {best.latencies[count // 2] * 1e3:3.0f} ms"
            f" | {best.latencies[-1] * 1e3:4.0f} ms"
            f" | {sum(len(one.failures) for one in rounds):7} |"
        )


def _location(program: Program) -> str:
    assert program.ready_match is not None
    return program.ready_match[1]


def _run(step: str, spec: str, count: int) -> str:
    return subprocess.run(
        [sys.executable, "-m", "tests.scale.storage", step, spec, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=pinned_environment(),
        check=True,
    ).stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    add = parser.add_argument
    add("--names", type=int, default=100_000, help="how many names, 0 for none; default 100000")
    add("--storages", default=",".join(STORAGES), help="which, with commas; default all")
    add("--clients", type=int, default=2000, help="how many clients, 0 for none; default 2000")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
