"""Runs an example, and makes what it printed comparable.

``python -m tests.examples.running NAME...`` writes those examples' ``expected.txt`` anew. Read what
has changed before you commit it: from then on it is the promise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pyrolike
from tests.support.processes import ROOT, pinned_environment

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/__main__.py"))

VARYING = {
    r"\bobj_[0-9a-f]{32}\b": "obj_<id>",
    r"\b(localhost|127\.0\.0\.1):\d+": r"\1:<port>",
    r" *\b[\d,]+(\.\d+)? (calls/s|MB/s|ms|times)\b": r" <n> \2",
    r"(?m)^[^\n|]*\| +[~^]+\n": "",  # the marks in tracebacks; each Python draws its own
    r'File "[^"]*[\\/]([^"\\/]+)", line \d+': r'File "\1", line <n>',
}
"""What differs from run to run, and what ``expected.txt`` has in its place."""


def with_placeholders(text: str) -> str:
    for pattern, placeholder in VARYING.items():
        text = re.sub(pattern, placeholder, text)
    return text


def environment() -> dict[str, str]:
    # An example is no part of the package: it has to find the one that is being tested.
    package = str(Path(pyrolike.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return pinned_environment({"PYTHONPATH": path})


def run(folder: Path, where: Path | str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=where,
        env=environment(),
        check=False,
    )


def main(names: list[str]) -> None:
    for name in names:
        folder = ROOT / "examples" / name
        result = run(folder)
        if result.returncode or result.stderr:
            raise SystemExit(f"{result.stdout}\n{result.stderr}\n{name}: {result.returncode}")
        text = with_placeholders(result.stdout)
        (folder / "expected.txt").write_text(text, "utf-8")
        print(f"== {name}\n{text}", end="")


if __name__ == "__main__":
    main(sys.argv[1:])
