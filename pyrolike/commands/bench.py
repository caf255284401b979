"""``pyrolike bench``: how many calls a second a server answers, and how long each takes.

The time of each call goes into a histogram whose bins are two hundredths wide, so that a long run
needs no more memory than a short one, and percentiles are right to one hundredth.
"""

import argparse
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyrolike._logging import printable
from pyrolike._terminal import (
    CommandError,
    add_json_option,
    add_verbose_option,
    count,
    make_parser,
    run,
    seconds,
    sentence,
    show,
    show_json,
)
from pyrolike.client import Proxy
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME

from .targets import TARGET_HELP, add_login_option, add_timeout_option, connect, target
from .values import read_word

PATIENCE = 5.0
LONGEST = 3600.0
MOST_THREADS = 256
PERCENTILES = (50.0, 90.0, 99.0, 99.9)

_STEP = math.log(1.02)

_NOTES = f"""\
{TARGET_HELP}
Without a method, the ping of the daemon is called, which every Pyro daemon has. A method is called
as it stands, again and again: choose one that does no harm. Each thread has a connection of its
own. One call that fails ends the run.
"""


@dataclass(slots=True)
class Times:
    """How long calls took: a histogram, and the two ends exactly.

    Attributes:
        bins: Number of the bin to number of calls in it.
        total: How many calls there were.
        fewest: Seconds of the fastest.
        most: Seconds of the slowest.
    """

    bins: Counter[int] = field(default_factory=Counter)
    total: int = 0
    fewest: float = math.inf
    most: float = 0.0

    def add(self, took: float) -> None:
        """Enter one call."""
        self.bins[int(math.log(max(took, 1e-9)) // _STEP)] += 1
        self.total += 1
        self.fewest = min(self.fewest, took)
        self.most = max(self.most, took)

    def merge(self, other: "Times") -> None:
        """Enter all calls of another one."""
        self.bins.update(other.bins)
        self.total += other.total
        self.fewest = min(self.fewest, other.fewest)
        self.most = max(self.most, other.most)

    def percentile(self, percent: float) -> float:
        """Return within how many seconds so many calls in a hundred were done."""
        left = self.total * percent / 100
        for number, calls in sorted(self.bins.items()):
            left -= calls
            if left <= 0:
                middle = math.exp((number + 0.5) * _STEP)
                return min(max(middle, self.fewest), self.most)
        return self.most


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike bench") -> int:
    """Measure, and return the exit status."""
    parser = _make_parser(prog)
    options = parser.parse_intermixed_args(args)
    try:
        options.arguments = [read_word(word) for word in options.arguments]
    except ValueError as error:
        parser.error(printable(str(error)))
    if not 0 < options.seconds <= LONGEST:
        parser.error(f"--seconds is more than 0, and {LONGEST:g} at most")
    if options.threads > MOST_THREADS:
        parser.error(f"--threads is {MOST_THREADS} at most")
    return run(partial(_bench, options), verbose=options.verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "Call a server as often as it answers, for a while.",
        [
            "localhost:50002",
            "PYRO:calc@localhost:50002 add 3 4 --serializer marshal",
            "example.shop --threads 8 --seconds 10 --json",
        ],
        _NOTES,
    )
    add = parser.add_argument
    add("target", type=target, metavar="uri", help="the object, see below")
    add("method", nargs="?", help="what to call; default the ping of its daemon")
    add(
        "arguments",
        nargs="*",
        default=[],
        metavar="argument",
        help="for the method: JSON, or texts",
    )
    add("--seconds", type=seconds, default=3.0, help="how long to measure; default 3")
    add("--threads", type=count, default=1, help="how many call at once; default 1")
    add("--serializer", help="serializer for the calls; default the setting SERIALIZER")
    add_timeout_option(parser, PATIENCE)
    add_login_option(parser)
    add_json_option(parser)
    add_verbose_option(parser)
    return parser


def _bench(options: argparse.Namespace) -> None:
    started = time.perf_counter()
    proxies = [connect(options.target, options.timeout, options.serializer, options.login)]
    connecting = time.perf_counter() - started
    try:
        calls = [_make_call(proxies[0], options)]
        for _ in range(1, options.threads):
            proxies.append(
                connect(options.target, options.timeout, options.serializer, options.login)
            )
            calls.append(_make_call(proxies[-1], options))
        times, took = _measure(calls, options.seconds)
        what = f"{options.method or 'ping'} of {proxies[0]._pyroUri}"
        serializer = proxies[0]._pyroSerializer or config.SERIALIZER
    finally:
        for proxy in proxies:
            proxy._pyroRelease()
    data = {
        "uri": str(options.target),
        "method": options.method or "ping",
        "serializer": serializer,
        "threads": options.threads,
        "seconds": round(took, 3),
        "calls": times.total,
        "calls_per_second": round(times.total / took, 1),
        "connect_us": round(connecting * 1e6, 1),
        "min_us": round(times.fewest * 1e6, 1),
        **{f"p{one:g}_us": round(times.percentile(one) * 1e6, 1) for one in PERCENTILES},
        "max_us": round(times.most * 1e6, 1),
    }
    if options.json:
        show_json(data)
    else:
        _show(what, data)


def _make_call(proxy: Proxy, options: argparse.Namespace) -> Callable[[], Any]:
    if options.method is None:
        return partial(proxy._pyroInvoke, "ping", (), {}, objectId=DAEMON_NAME)
    if options.method not in proxy._pyroMethods:
        members = ", ".join(sorted(proxy._pyroMethods)) or "none"
        raise CommandError(f"{proxy._pyroUri} has no method {options.method!r}; it has {members}")
    return partial(proxy._pyroInvoke, options.method, options.arguments, {})


def _measure(calls: Sequence[Callable[[], Any]], duration: float) -> tuple[Times, float]:
    """Make each call again and again, each in its thread; return the times, and for how long.

    Raises:
        CommandError: One of them failed.
    """
    call_once = calls[0]
    call_once()  # what is done once only is no part of it, and the first error is an ordinary one
    results = [Times() for _ in calls]
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(calls) + 1)
    stop = threading.Event()

    def work(call: Callable[[], Any], times: Times) -> None:
        barrier.wait()
        end = time.perf_counter() + duration
        try:
            before = time.perf_counter()
            while before < end and not stop.is_set():
                call()
                after = time.perf_counter()
                times.add(after - before)
                before = after
        except Exception as error:  # noqa: BLE001 - raised anew by the thread that waits
            failures.append(error)
            stop.set()

    threads = [
        threading.Thread(target=work, args=pair, daemon=True)
        for pair in zip(calls, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    try:
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    took = time.perf_counter() - started
    if failures:
        raise CommandError(f"a call failed: {sentence(failures[0])}") from failures[0]
    times = Times()
    for result in results:
        times.merge(result)
    return times, took


def _show(what: str, data: dict[str, Any]) -> None:
    show(f"{what}: {data['calls_per_second']:,.0f} calls/s")
    show(
        f"  {data['calls']:,} calls in {data['seconds']:.1f} s, {data['threads']} at once, "
        f"serializer {data['serializer']}; connecting took {data['connect_us']:,.0f} µs"
    )
    rows = [("fastest", "min_us")]
    rows += [(f"{one:g} % within", f"p{one:g}_us") for one in PERCENTILES]
    rows += [("slowest", "max_us")]
    for label, key in rows:
        show(f"  {label:<14} {data[key]:>12,.1f} µs")
