"""Pages that show sessions at a terminal: they are run, and must come out as they are shown.

In a block of the language ``console`` each line that begins with ``$`` is a command for a shell,
and what follows up to the next one is what it prints, to either output; three dots stand for
anything. ``earth$`` is the same on the machine of that name. A block of the language ``pycon`` is
typed at the prompt of a Python that goes on until the page ends. Remarks above a block can say:

* ``run: keep running``: its command goes on until the page ends; it is then ended by Ctrl-C, and
  its status must be 0.
* ``run: Ctrl-C``: it shows the terminal of such a command again, which is ended now. ``^C`` stands
  where that was typed.
* ``run: name.py``: this is that file, on all machines. The block may be in any other language.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Self

from tests.support.documents import Block, PageError, find_blocks, is_like
from tests.support.processes import PATIENCE, pinned_environment

KEEP_RUNNING, CTRL_C = "run: keep running", "run: Ctrl-C"
INTERPRETER = Path(__file__).with_name("interpreter.py")


@dataclass(frozen=True, slots=True)
class Machine:
    """A place where commands run.

    Attributes:
        folder: Where its files are.
        inside: How a command line begins that runs there.
    """

    folder: Path
    inside: tuple[str, ...] = ()


def run_sessions(
    document: Path,
    folder: Path,
    environment: Mapping[str, str],
    machines: Mapping[str, Machine] | None = None,
) -> int:
    """Run a page's sessions in *folder*; return how many commands came out as shown.

    Args:
        document: The page.
        folder: An empty directory.
        environment: Variables on top of the pinned ones. Commands installed beside this Python are
            found.
        machines: Those that the page names, beside this one.

    Raises:
        PageError: A command printed something else, or did not end.
    """
    with Sessions({"": Machine(folder), **(machines or {})}, environment) as sessions:
        for block in find_blocks(document):
            sessions.run(block)
        return sessions.kept


def write_files(document: Path, folder: Path) -> None:
    """Write the files of a page into *folder*."""
    for block in find_blocks(document):
        if _is_file(block):
            assert block.remark is not None
            (folder / block.remark.removeprefix("run: ")).write_text(block.code, "utf-8")


class Sessions:
    """What a page has typed so far, and all that still runs. A context manager.

    Attributes:
        kept: How many commands and blocks have come out as shown.
    """

    def __init__(self, machines: Mapping[str, Machine], environment: Mapping[str, str]) -> None:
        self.kept = 0
        self._machines = machines
        self._variables = pinned_environment(environment)
        path = self._variables.get("PATH", "")
        self._variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{path}"
        self._running: dict[tuple[str, str], _Running] = {}
        self._python: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        with contextlib.ExitStack() as rest:
            for running in self._running.values():
                rest.callback(running.end)
            if self._python is not None:
                rest.callback(self._python.__exit__, None, None, None)

    def run(self, block: Block) -> None:
        """Do what *block* shows, and compare."""
        if block.language == "pycon":
            self._type(block)
        elif block.language == "console":
            for name, command, shown in _commands(block):
                self._do(block.remark, name, command, shown)
                self.kept += 1
        elif _is_file(block):
            assert block.remark is not None
            for machine in self._machines.values():
                name = block.remark.removeprefix("run: ")
                (machine.folder / name).write_text(block.code, "utf-8")

    def _do(self, remark: str | None, name: str, command: str, shown: str) -> None:
        if name not in self._machines:
            raise PageError(f"there is no machine {name!r}: {name}$ {command}")
        machine = self._machines[name]
        if remark == KEEP_RUNNING:
            self._running[name, command] = _Running(command, shown, machine, self._variables)
        elif remark == CTRL_C:
            if (name, command) not in self._running:
                raise PageError(f"{name}$ {command}\ndoes not run")
            self._running.pop((name, command)).end(shown.replace("^C\n", "").replace("^C", ""))
        else:
            _run(command, shown, machine, self._variables)

    def _type(self, block: Block) -> None:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, str(INTERPRETER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self._machines[""].folder,
                env=self._variables,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        print(json.dumps([block.code, block.line]), file=self._python.stdin, flush=True)
        answer = self._python.stdout.readline()
        if complaint := json.loads(answer) if answer else "the session has ended":
            raise PageError(complaint)
        self.kept += 1


def _is_file(block: Block) -> bool:
    return (block.remark or "").startswith("run: ") and block.language not in ("console", "pycon")


def _commands(block: Block) -> Iterator[tuple[str, str, str]]:
    """Give the machine of each command, the command, and what it prints."""
    first, *parts = re.split(r"^(\w*)\$ (.*)\n", block.code, flags=re.MULTILINE)
    if first:
        raise PageError(f"line {block.line}: a session begins with a command, not with {first!r}")
    return zip(parts[::3], parts[1::3], parts[2::3], strict=True)


def _run(command: str, shown: str, machine: Machine, variables: dict[str, str]) -> None:
    done = subprocess.run(
        [*machine.inside, "bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=machine.folder,
        env=variables,
        timeout=PATIENCE,
        check=False,
    )
    if not is_like(shown, done.stdout):
        raise PageError(f"$ {command}\nprints\n{done.stdout}")


class _Running:
    """A command that goes on; it has printed what is shown, when it has been made."""

    def __init__(
        self, command: str, shown: str, machine: Machine, variables: dict[str, str]
    ) -> None:
        self._command = command
        self._printed = TemporaryFile()  # noqa: SIM115 - it is closed where the command ends
        self._process = subprocess.Popen(
            [*machine.inside, "bash", "-c", f"exec env {command}"],
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
            cwd=machine.folder,
            env=variables,
            start_new_session=True,
        )
        end = time.monotonic() + PATIENCE
        while not is_like(shown, _read(self._printed)):
            if self._process.poll() is not None or time.monotonic() > end:
                with self._process, self._printed:
                    self._process.kill()
                    raise PageError(f"$ {command}\nprints\n{_read(self._printed)}")
            time.sleep(0.01)

    def end(self, shown: str = "...") -> None:
        """Do what Ctrl-C does, and see that it ends well, having printed what is shown."""
        with self._process, self._printed:
            self._process.send_signal(signal.SIGINT)
            status, printed = self._process.wait(PATIENCE), _read(self._printed)
            if status:
                raise PageError(f"$ {self._command}\nends with status {status}:\n{printed}")
            if not is_like(shown, printed):
                raise PageError(f"$ {self._command}\nhas printed in the end\n{printed}")


def _read(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1_000_000, 0).decode()
