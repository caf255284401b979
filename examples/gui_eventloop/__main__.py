"""Runs the window and the client; without a screen, on a virtual one, if Xvfb is installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """Provide a screen, and yield the environment variables that lead to it."""
    if os.name != "posix" or sys.platform == "darwin" or "DISPLAY" in os.environ:
        yield {}
        return
    if shutil.which("Xvfb") is None:
        raise SystemExit(skip("there is no screen, and no virtual one either (Xvfb)"))
    # It chooses a free number itself, and tells it on its output when it is ready.
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            number = server.stdout.readline().strip()
            if not number:
                raise SystemExit(skip("Xvfb, the virtual screen, does not start"))
            yield {"DISPLAY": f":{number}"}
        finally:
            server.terminate()


def skip(reason: str) -> int:
    """Say why nothing is shown. That is no failure."""
    print(f"skipped: {reason}")
    return 0


if find_spec("tkinter") is None or find_spec("_tkinter") is None:
    raise SystemExit(skip("this Python has no tkinter"))
with screen() as settings, Show(__file__) as show:
    show.settings |= settings
    uri = show.server("server.py")
    show.client("client.py", uri, "1.5" if sys.stdout.isatty() else "0")
    show.finish("server")
