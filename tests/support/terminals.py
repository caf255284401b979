"""Pages that show sessions at a terminal: they are run, and must come out as they are shown.

In a block of the language ``console`` each line that begins with ``$`` is a command for a shell,
and what follows up to the next one is what it prints, to either output; three dots stand for
anything. The remark ``run: keep running`` above a block says that its command goes on until the
page ends; it is then ended by Ctrl-C, and its status must be 0. A Python block with the remark
``run: name.py`` is that file.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.support.documents import Block, PageError, find_blocks, is_like
from tests.support.processes import PATIENCE, pinned_environment

KEEP_RUNNING = "run: keep running"


def run_sessions(document: Path, folder: Path, environment: Mapping[str, str]) -> int:
    """Run a page's sessions in *folder*; return how many commands came out as shown.

    Args:
        document: The page.
        folder: An empty directory.
        environment: Variables on top of the pinned ones. Commands installed beside this Python are
            found.

    Raises:
        PageError: A command printed something else, or did not end.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = pinned_environment({"PATH": path, **environment})
    kept = 0
    with ExitStack() as servers:
        for block in find_blocks(document):
            remark = block.remark or ""
            if block.language == "python" and remark.startswith("run: "):
                (folder / remark.removeprefix("run: ")).write_text(block.code, "utf-8")
            elif block.language == "console":
                for command, shown in _commands(block):
                    if remark == KEEP_RUNNING:
                        servers.callback(_end, _start(command, shown, folder, variables), command)
                    else:
                        _run(command, shown, folder, variables)
                    kept += 1
    return kept


def _commands(block: Block) -> list[tuple[str, str]]:
    """Return each command with what it prints."""
    first, *parts = re.split(r"^\$ (.*)\n", block.code, flags=re.MULTILINE)
    if first:
        raise PageError(f"line {block.line}: a session begins with a command, not with {first!r}")
    return list(zip(parts[::2], parts[1::2], strict=True))


def _run(command: str, shown: str, folder: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=folder,
        env=variables,
        timeout=PATIENCE,
        check=False,
    )
    if not is_like(shown, done.stdout):
        raise PageError(f"$ {command}\nprints\n{done.stdout}")


def _start(
    command: str, shown: str, folder: Path, variables: dict[str, str]
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start a command, and wait until it has printed what is shown."""
    printed = TemporaryFile()  # noqa: SIM115 - it is closed where the command ends
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=variables,
        start_new_session=True,
    )
    end = time.monotonic() + PATIENCE
    while not is_like(shown, _read(printed)):
        if process.poll() is not None or time.monotonic() > end:
            with process, printed:
                process.kill()
                raise PageError(f"$ {command}\nprints\n{_read(printed)}")
        time.sleep(0.01)
    return process, printed


def _read(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1_000_000, 0).decode()


def _end(started: tuple[subprocess.Popen[bytes], IO[bytes]], command: str) -> None:
    process, printed = started
    with process, printed:
        process.send_signal(signal.SIGINT)
        status = process.wait(PATIENCE)
        if status:
            raise PageError(f"$ {command}\nends with status {status}:\n{_read(printed)}")
