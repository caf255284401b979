"""Measures pyrolike beside a raw socket and its peers: ``python -m tests.benchmarks``.

Each contestant is a server process and a client process; all of them share one core, where the
system can arrange that, so that the rate says how much work both sides together are and not how
well two cores happen to overlap. The tables are Markdown. See `tests.benchmarks.work` for what is
measured and which floors it must keep, `tests.benchmarks.measuring` for how, and the page
``docs/explanation/performance.md`` for what it means.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.scale.clients import allow_open_files

from . import budget, checks, growth, page, pictures, plots, report
from .contestants import (
    API_MODULES,
    PEERS,
    BenchmarkError,
    available_contestants,
    pin_to_one_core,
)
from .measuring import Plan, measure
from .work import OURS, PEER, RAW, WORKS, label

Say = Callable[[str], None]
Found = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status: 0, or 1 if a contestant failed."""
    options = _parser().parse_args(arguments)
    plan = Plan(
        rounds=options.rounds or (3 if options.quick else 5),
        seconds=options.seconds or (0.1 if options.quick else 0.4),
        only=tuple(options.only),
        works=growth.POINTS if options.growth else WORKS,
    )
    if not plan.rows():
        return _fail(f"nothing is called {' or '.join(plan.only)}; see --help for the works")
    allow_open_files(2 * growth.MOST_CLIENTS)
    said: list[str] = []
    say: Say = said.append if options.json else partial(_say, said)
    try:
        name, found = _measure(options, plan, say)
    except BenchmarkError as error:
        return _fail(str(error))
    if options.renew:
        page.renew(name, "\n".join(said), page.HOSTILE if options.checks else page.PAGE)
        pictures.draw_all(plots_in=options.plots)
    if options.json:
        print(json.dumps(found, indent=1))
    return 0


def _measure(options: argparse.Namespace, plan: Plan, say: Say) -> tuple[str, Found]:
    """Do what was asked for; return its name on the page, and everything that was found."""
    if options.budget:
        say(f"{_machine()}; {', '.join(_versions(available_contestants()))}.")
        return "budget", budget.measure(say)
    if options.checks:
        say(f"{_machine()}; {pin_to_one_core()}.")
        size = (50, 1) if options.quick else (500, checks.ROUNDS)
        return "checks", checks.measure(say, options.rounds or 15, *size)
    if options.growth:
        return "growth", _run_growth(plan, say, options.plots)
    return "works", _run(plan, say)


def _run(plan: Plan, say: Say) -> Found:
    """Measure the works and report on their floors."""
    names = _prepare(plan, say)
    say(f"\n{report.heading()}")
    rows = []
    for row in measure(plan, names):
        rows.append(row)
        say(report.table_line(row))
    if peers := report.peer_table(rows):
        say(f"\n{peers}")
    say(f"\n{report.summary(rows)}\n\n{report.remark(rows)}")
    return report.as_json(rows)


def _run_growth(plan: Plan, say: Say, folder: Path) -> Found:
    """Measure what growth costs, and draw it."""
    names = [name for name in _prepare(plan, say) if name in (RAW, OURS, PEER)]
    rows = []
    for axis in growth.AXES:
        part = replace(plan, works=tuple(axis.works()))
        measured = list(measure(part, names))
        if measured:
            say(f"\n{report.growth_table(axis.title, measured)}")
            plots.write(folder / f"{axis.name}.svg", axis.title, report.series_of(measured))
            rows += measured
    return report.as_json(rows)


def _prepare(plan: Plan, say: Say) -> list[str]:
    """Choose the core and who takes part, and say so."""
    pinning, names = pin_to_one_core(), available_contestants()
    say(f"{_machine()}; {pinning}.")
    say(f"Median of {plan.rounds} alternating windows of {plan.seconds} s each.")
    for name in (*API_MODULES, *PEERS):
        if name not in names:
            say(f"{name} is not installed: it is skipped.")
    say(f"{', '.join(_versions(names))}.")
    return names


def _machine() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {platform.system()} {platform.machine()}"


def _versions(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def _say(said: list[str], text: str) -> None:
    said.append(text)
    print(text, flush=True)


def _fail(text: str) -> int:
    print(f"benchmark: {text}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(label(*row) for row in Plan(1, 1.0).rows())
    axes = ", ".join(axis.name for axis in growth.AXES)
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure pyrolike beside a raw socket echo, a stock Pyro5 and other libraries.",
        epilog=f"Works: {names}. With --growth: {axes}.",
    )
    add = parser.add_argument
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--growth", action="store_true", help="what growth costs, with plots")
    mode.add_argument("--budget", action="store_true", help="what one call is made of")
    mode.add_argument("--checks", action="store_true", help="what the checks of hostile bytes cost")
    add("--quick", action="store_true", help="fewer and shorter windows")
    add(
        "--only",
        action="append",
        default=[],
        metavar="WORD",
        help="measure only works with WORD in their name (call, megabyte/json); may be repeated",
    )
    add("--seconds", type=_positive, help="length of a window (default 0.4)")
    add("--rounds", type=int, help="windows of each contestant (default 5)")
    add("--json", action="store_true", help="print JSON instead of the tables")
    add("--plots", type=Path, default=page.PLOTS, help="folder for the plots; default: the docs'")
    add("--renew", action="store_true", help="put what is printed into the docs, and draw it")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
