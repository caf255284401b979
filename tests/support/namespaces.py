"""Machines that are not there: programs run in network namespaces of Linux, for those who may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, pinned_environment

PATIENCE = 60.0
TOOLS = ("ip", "unshare", "nsenter")


def can_cut_cables() -> bool:
    """Whether this machine can make machines that are not there: namespaces and their cables."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, TOOLS)):
        return False
    make = ["unshare", "-n", "ip", "link", "add", "name", "one", "type", "veth"]
    return subprocess.run(make, capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(
    not can_cut_cables(), reason="this needs root and network namespaces of Linux"
)


def run_alone(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    """Run a module in a network of its own; return its exit status and what it has said.

    Args:
        folder: Where to put what it says: into a file and not a pipe, which a process that is left
            over would keep open.
        module: What to run.
        arguments: Of its command line.
    """
    with (folder / "said").open("w+") as said:
        run = subprocess.run(
            ["unshare", "-n", sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            cwd=ROOT,
            env=pinned_environment(),
            check=False,
        )
        said.seek(0)
        return run.returncode, said.read()
