"""Our command line programs, as a person uses them: in a process of their own, or in this one."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyrolike.naming import NameServerDaemon
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon
from tests.support.processes import PATIENCE, ROOT, pinned_environment


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has come of a command.

    Attributes:
        status: Its exit status.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What its output says as JSON."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """Its error: one line, without the word before it; nothing else is there."""
        assert self.err.startswith("Error: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.out == ""
        return self.err.removeprefix("Error: ").rstrip("\n")


def run_command(
    *words: str,
    module: str = "pyrolike",
    stdin: str | None = None,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    warnings: str = "error",
) -> Outcome:
    """Run ``python -m module words`` to its end.

    Args:
        words: What follows the module.
        module: The module.
        stdin: What it can read; None is a closed input.
        folder: Where it runs.
        environment: Variables on top of the pinned ones.
        warnings: What becomes of them, as for Python's ``-W``.
    """
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-m", module, *words],
        stdin=subprocess.DEVNULL if stdin is None else None,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        timeout=PATIENCE,
        env=pinned_environment(environment),
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_here(
    main: Callable[..., Any], words: Sequence[object], capsys: pytest.CaptureFixture[str]
) -> Outcome:
    """Run a program's ``main`` in this process; a wrong command line is a status too."""
    capsys.readouterr()
    try:
        status = main([str(word) for word in words])
    except SystemExit as ended:
        status = ended.code
    return Outcome(status, *capsys.readouterr())


@contextlib.contextmanager
def name_server_here() -> Iterator[RunningDaemon]:
    """Run a name server in a thread, and have the settings point to it."""
    with running_daemon(daemon_class=NameServerDaemon, host="127.0.0.1", port=0) as running:
        host, _, port = running.location.rpartition(":")
        with changed_settings(NS_HOST=host, NS_PORT=int(port), BROADCAST_ADDRS=[]):
            yield running
