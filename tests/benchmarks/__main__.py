"""Measures pyrolike beside a raw socket and a stock Pyro5: ``python -m tests.benchmarks``.

Each contestant is a server process and a client process; all of them share one core, where the
system can arrange that, so that the rate says how much work both sides together are and not how
well two cores happen to overlap. The table is Markdown. See `tests.benchmarks.work` for what is
measured and `tests.benchmarks.measuring` for how.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence

from . import report
from .contestants import (
    API_MODULES,
    BenchmarkError,
    available_contestants,
    pin_to_one_core,
)
from .measuring import Plan, Row, measure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status: 0, or 1 if a contestant failed."""
    options = _parser().parse_args(arguments)
    plan = Plan(
        rounds=3 if options.quick else 5,
        seconds=options.seconds or (0.1 if options.quick else 0.4),
        only=tuple(options.only),
    )
    if not plan.rows():
        return _fail(f"nothing is called {' or '.join(plan.only)}; see --help for the works")
    try:
        rows = _run(plan, quiet=options.json)
    except BenchmarkError as error:
        return _fail(str(error))
    if options.json:
        print(json.dumps(report.as_json(rows), indent=1))
    return 0


def _run(plan: Plan, *, quiet: bool) -> list[Row]:
    say = _say_nothing if quiet else _say
    pinning, names = pin_to_one_core(), available_contestants()
    say(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; {pinning}.")
    say(f"Median of {plan.rounds} alternating windows of {plan.seconds} s each.")
    for absent in API_MODULES.keys() - names:
        say(f"{absent} is not installed: it is skipped.")
    say(f"\n{report.heading()}")
    rows = []
    for row in measure(plan, names):
        rows.append(row)
        say(report.table_line(row))
    say(f"\n{report.remark(rows)}")
    return rows


def _say(text: str) -> None:
    print(text, flush=True)


def _say_nothing(text: str) -> None:
    pass


def _fail(text: str) -> int:
    print(f"benchmark: {text}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(f"{work.name}/{serializer}" for work, serializer in Plan(1, 1.0).rows())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure pyrolike beside a raw socket echo and a stock Pyro5.",
        epilog=f"Works: {names}.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter windows")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="WORD",
        help="measure only works with WORD in their name (call, megabyte/json); may be repeated",
    )
    parser.add_argument("--seconds", type=_positive, help="length of a window (default 0.4)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
