"""Fuzzes what strangers reach, guided by coverage: ``python -m tests.fuzz NAME... --minutes N``.

Each target is fuzzed in a process of its own, which has little memory; whatever ends it is a
finding: an error, a crash, an input that takes too long or too much. It is saved, and the command
that repeats it is printed. What has led to new coverage is kept in a directory, and a later run
begins there. Needs the dependency group ``fuzz``; without it, ``pytest tests/fuzz`` tries less.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.guard import FindingError
from tests.fuzz.isolated import Isolated
from tests.fuzz.target import NAMES, load_target
from tests.support.processes import ROOT, pinned_environment

MEGABYTE = 1024 * 1024
HANG = 30
"""Seconds after which an input hangs."""

_FINDING = re.compile(r"Test unit written to (\S+)")
_COVERAGE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of fuzzing one target.

    Attributes:
        name: The target.
        executions: Inputs that were checked.
        coverage: Edges of the package that were reached, with those of the corpus.
        corpus: Inputs that reach something of their own.
        cpu: Seconds of CPU time.
        finding: File with the input that broke the invariant; None if all is well.
        said: The last words of the process.
    """

    name: str
    executions: int
    coverage: int
    corpus: int
    cpu: float
    finding: Path | None
    said: str


def fuzz(name: str, seconds: float, folder: Path, seed: int) -> Run:
    """Fuzz one target for some time, or until there is a finding."""
    target = load_target(name)
    corpus, findings = folder / name / "corpus", folder / name / "findings"
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    for data in target.corpus:
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data[: target.largest])
    words = folder / name / "words"
    tokens = target.tokens or [b"\0"]  # a dictionary may not be empty
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in tokens), "ascii")
    before = _cpu()
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz.worker", name, str(corpus), f"-seed={seed}",
            f"-max_total_time={max(1, round(seconds))}", f"-max_len={target.largest}",
            f"-timeout={HANG}",
            # By the clock, which on a busy machine says nothing; the guard counts CPU time.
            f"-report_slow_units={HANG}",
            "-rss_limit_mb=700", f"-artifact_prefix={findings}/", f"-dict={words}",
            "-print_final_stats=1",
            "-use_value_profile=1", "-verbosity=1", "-len_control=0",
        ],
        cwd=ROOT, env=pinned_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    said = done.stdout
    found = _FINDING.findall(said)
    covered = _COVERAGE.findall(said)
    executed = _EXECUTIONS.search(said)
    finding = Path(found[-1]) if found else None
    if done.returncode and finding is None:
        raise SystemExit(f"{name}: the process ended with {done.returncode}:\n{said[-4000:]}")
    return Run(
        name,
        int(executed[1]) if executed else 0,
        int(covered[-1][0]) if covered else 0,
        int(covered[-1][2]) if covered else 0,
        _cpu() - before,
        finding,
        said[-6000:],
    )


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def repeat(name: str, file: Path) -> int:
    """Check one input again, and say what happens."""
    with Isolated(name, HANG) as isolated:
        try:
            isolated.check(file.read_bytes())
        except FindingError as finding:
            print(finding)
            return 1
    print(f"the invariant of {name} holds for {file}")
    return 0


def report(run: Run) -> None:
    """Print what came of a run, and how to repeat a finding."""
    print(
        f"{run.name:15} {run.executions:>12,} executions  {run.coverage:>6,} edges  "
        f"{run.corpus:>6,} inputs kept  {run.cpu / 60:5.1f} CPU minutes  "
        f"{'FINDING' if run.finding else 'nothing found'}",
        flush=True,
    )
    if run.finding is not None:
        trace = re.search(
            r"=== Uncaught Python exception: ===.*?(?=\n==\d+==)", run.said, re.DOTALL
        )
        print(trace[0] if trace else run.said)
        print(f"repeat it: python -m tests.fuzz {run.name} --repeat {run.finding}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status is 1 if there are findings."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of: {', '.join(NAMES)}; or all"
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default: 1)")
    parser.add_argument("--seed", type=int, help="default: another one each time")
    parser.add_argument(
        "--folder", type=Path, default=Path(".fuzz"), help="for corpora and findings"
    )
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="check one input, and no more")
    given = parser.parse_args(arguments)
    if given.repeat is not None:
        if len(given.names) != 1:
            parser.error("--repeat needs the name of one target")
        return repeat(given.names[0], given.repeat)
    if find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install --group fuzz")
    seed = given.seed if given.seed is not None else int(time.time()) % 1_000_000
    print(f"seed {seed}; what is found lies in {given.folder}", flush=True)
    has_findings = False
    names = NAMES if given.names in ([], ["all"]) else given.names
    for name in names:
        run = fuzz(name, 60 * given.minutes, given.folder.resolve(), seed)
        report(run)
        has_findings |= run.finding is not None
    return int(has_findings)


if __name__ == "__main__":
    raise SystemExit(main())
