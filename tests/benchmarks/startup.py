"""Stopwatches for what a fresh process takes: imports, and the way to the first call.

The time is taken inside the process, without the interpreter's own start, which is the same for
everybody. The first run of each is not looked at: it fills the cache of compiled modules, which is
the stopwatch's own, so that nothing depends on what was imported here before.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.processes import ROOT, pinned_environment

PROGRAM = """
import time
start = time.perf_counter()
{work}
print((time.perf_counter() - start) * 1000)
"""


@contextmanager
def warm_cache() -> Iterator[str]:
    """Yield an empty folder for compiled modules."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        yield folder


def stopwatch(work: str, cache: str) -> Callable[[], float]:
    """Return a function that has a fresh process do *work*, and returns the milliseconds."""

    def run() -> float:
        return float(_run_python(PROGRAM.format(work=work), cache))

    run()
    return run


def _run_python(program: str, cache: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=pinned_environment({"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a fresh process failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout
