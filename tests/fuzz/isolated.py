"""A fuzzer's check in another process, which may crash, hang or swell without hurting this one."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Self

from tests.fuzz.guard import FindingError
from tests.support.processes import ROOT, pinned_environment

STARTING = 60.0
"""Seconds until it has checked its corpus."""


class Isolated:
    """Checks inputs in a process of its own, and starts another one when that has died.

    Args:
        name: Of the fuzzer.
        patience: Seconds after which an input hangs.
    """

    def __init__(self, name: str, patience: float = 20.0) -> None:
        self._name = name
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in `close`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._end()
        self._errors.close()

    def check(self, data: bytes) -> None:
        """Check one input.

        Raises:
            FindingError: The invariant does not hold for it; the text says in which way.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(len(data).to_bytes(4, "big") + data)
            process.stdin.flush()
            answer = json.loads(self._read_line(process, self._patience))
        except (OSError, EOFError) as fault:
            raise FindingError(f"{self._death(process)} for {data!r}") from fault
        if answer != "ok":
            raise FindingError(f"{answer}\nfor {data!r}")

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.child", self._name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=pinned_environment(),
        )
        try:
            assert self._read_line(process, STARTING) == b"ready\n"
        except (EOFError, AssertionError) as fault:
            raise FindingError(f"{self._death(process)}, with its corpus") from fault
        return process

    def _read_line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        if not ready:
            process.kill()
            raise EOFError
        line = process.stdout.readline()
        if not line:
            raise EOFError
        return line

    def _death(self, process: subprocess.Popen[bytes]) -> str:
        """Say how the process ended, and be ready for another one."""
        status = process.wait()
        self._end()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")[-3000:]
        if status == -signal.SIGKILL:
            return f"it hung and was killed {said}"
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"the process ended by {how} {said}"

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
