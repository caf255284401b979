"""``pyrolike ping``: how long the way to an object is, and whether anybody answers there."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

from pyrolike._terminal import (
    INTERRUPTED,
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
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import PyroError
from pyrolike.uri import URI

from .targets import TARGET_HELP, add_login_option, add_timeout_option, connect, target

PATIENCE = 5.0

_STATUS = """\
exit status:
  0  every ping of every object was answered
  1  one was not, or an object cannot be reached
  2  the command line is wrong
  130  after Ctrl-C, which shows the figures so far;  141  if nobody reads the output any more
"""


@dataclass(slots=True)
class Findings:
    """What has come of pinging one object.

    Attributes:
        uri: Where it is.
        sent: How many pings there were.
        times: Seconds that those which were answered took.
        error: The last thing that went wrong.
    """

    uri: URI
    sent: int = 0
    times: list[float] = field(default_factory=list)
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return them for JSON, with milliseconds."""
        times = [round(1000 * one, 3) for one in self.times]
        return {
            "uri": str(self.uri),
            "sent": self.sent,
            "answered": len(times),
            "error": self.error,
            "min_ms": min(times, default=None),
            "mean_ms": round(fmean(times), 3) if times else None,
            "max_ms": max(times, default=None),
            "times_ms": times,
        }


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike ping") -> int:
    """Ping objects in turn and return the exit status."""
    options = _make_parser(prog).parse_args(args)
    return run(partial(_ping_all, options), verbose=options.verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "See whether objects are there, and how long their daemons take to answer.",
        [
            "PYRO:shop@localhost:50002",
            "-c 100 -i 0 example.shop",
            "server-a:50002 server-b:50002",
        ],
        TARGET_HELP,
        _STATUS,
    )
    add = parser.add_argument
    add("targets", nargs="+", type=target, metavar="uri", help="the objects")
    add("-c", "--count", type=count, default=4, help="pings for each; default 4")
    add("-i", "--interval", type=seconds, default=1.0, help="seconds between them; default 1")
    add_timeout_option(parser, PATIENCE)
    add_login_option(parser)
    add_json_option(parser)
    add_verbose_option(parser)
    return parser


def _ping_all(options: argparse.Namespace) -> int:
    results: list[Findings] = []
    status = 0
    try:
        for uri in options.targets:
            results.append(Findings(uri))
            _ping(results[-1], options)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if options.json:
        show_json([result.as_dict() for result in results])
    else:
        for result in results:
            _summarize(result)
    return status or int(any(len(one.times) < one.sent for one in results))


def _ping(result: Findings, options: argparse.Namespace) -> None:
    """Ping one object; a connection that is lost is made anew for the next ping."""
    proxy: Proxy | None = None
    try:
        for number in range(1, options.count + 1):
            if number > 1:
                time.sleep(options.interval)
            result.sent += 1
            try:
                proxy = proxy or _connect(result, options)
                started = time.perf_counter()
                proxy._pyroInvoke("ping", (), {}, objectId=DAEMON_NAME)
                result.times.append(time.perf_counter() - started)
            except (PyroError, CommandError) as error:
                result.error = sentence(error)
                line = f"{result.uri}: {result.error}"
            else:
                line = f"{result.uri}: seq={number} time={1000 * result.times[-1]:.3f} ms"
            if not options.json:
                show(line)
    finally:
        if proxy is not None:
            proxy._pyroRelease()


def _connect(result: Findings, options: argparse.Namespace) -> Proxy:
    """Connect to the object itself: the daemon refuses who asks for one that it does not have."""
    started = time.perf_counter()
    proxy = connect(result.uri, options.timeout, login=options.login)
    if not options.json:
        took = 1000 * (time.perf_counter() - started)
        show(f"{result.uri}: connected to {proxy._pyroUri.location} in {took:.3f} ms")
    return proxy


def _summarize(result: Findings) -> None:
    data = result.as_dict()
    show(f"--- {data['uri']}: {data['sent']} pings, {data['answered']} answered ---")
    if result.times:
        figures = "/".join(f"{data[name]:.3f}" for name in ("min_ms", "mean_ms", "max_ms"))
        show(f"round trip min/mean/max = {figures} ms")
