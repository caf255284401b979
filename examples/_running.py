"""Runs the parts of an example, each in a process of its own, and shows what they say.

In real life the parts run in several terminals, often on several machines; each example's README
says how. Here they are started one after the other, their words are repeated under their titles,
and what would run for ever is stopped in the end as Ctrl-C would. An example's ``__main__.py``
is little more than the list of its parts:

    with Show(__file__) as show:
        uri = show.server("server.py")
        show.client("client.py", uri)

Whoever speaks is shown in the order of that list, not of the clock: a server's words wait until
somebody asks for them, or until it is stopped. So the output is the same each time.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

URI = re.compile(r"\bPYRO:\S+")
COLOURS = 36, 33, 35, 32, 34, 31
"""Terminal codes for the titles, in the order in which the parts appear."""


class Part:
    """One program, running in a process of its own, whose words are repeated under its title."""

    def __init__(self, title: str, command: list[str], settings: dict[str, str]) -> None:
        self.title = title
        self.label = f"{title:11} | "
        # Error output is not ours to touch: it goes where that of the example goes.
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"} | settings,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def show_until(self, words: str, *, aloud: bool = True) -> str:
        """Repeat the program's lines up to the one that contains *words*, and return that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if aloud:
                print(f"{self.label}{line}", end="", flush=True)
            if words in line:
                return line.strip()
        raise SystemExit(f"the {self.title} ended without saying {words!r}")

    def show_rest(self, *, aloud: bool = True) -> None:
        """Repeat what is left until the program ends, and insist on a good end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if aloud:
                print(f"{self.label}{line}", end="", flush=True)
        self.process.stdout.close()
        if self.process.wait() != 0 and os.name == "posix":
            raise SystemExit(f"the {self.title} ended with status {self.process.returncode}")

    def stop(self, *, aloud: bool = True) -> None:
        """Press Ctrl-C, so to speak. Windows has none for a single process: there it is ended."""
        if self.process.poll() is None:
            if os.name == "posix":
                self.process.send_signal(signal.SIGINT)
            else:
                self.process.terminate()
        self.show_rest(aloud=aloud)

    def kill(self) -> None:
        """End it without a word of warning, as a crash or a pulled plug would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Show:
    """The parts of one example. Leaving it stops those that still run, the youngest first.

    Args:
        main_file: The ``__file__`` of the example's ``__main__.py``, beside which its programs are.
    """

    def __init__(self, main_file: str) -> None:
        self.folder = Path(main_file).resolve().parent
        self.settings: dict[str, str] = {}  # environment variables that all further parts get
        self._running: list[tuple[Part, bool]] = []
        self._titles: list[str] = []

    def __enter__(self) -> Self:
        # A shell that starts programs in the background makes them deaf to Ctrl-C, and that would
        # be inherited by our parts; with a handler of our own it is not.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            while error is None and self._running:
                part, aloud = self._running[-1]
                part.stop(aloud=aloud)
                self._running.pop()
        finally:  # leave nothing running when the example itself fails
            for part, _ in self._running:
                part.kill()

    def start(self, title: str, *command: str, aloud: bool = True) -> Part:
        """Start ``python *command*``, and say nothing yet; its words may be asked for."""
        part = Part(title, list(command), self.settings)
        part.label = self._coloured(title, part.label)
        self._running.append((part, aloud))
        return part

    def program(self, name: str, *arguments: str, title: str = "") -> Part:
        """Start a program of this example's folder. The title is its name, unless there is one."""
        return self.start(title or Path(name).stem, str(self.folder / name), *arguments)

    def server(self, name: str, *arguments: str, title: str = "") -> str:
        """Start a server, wait until it says that it is ready, and return the uri in that line."""
        line = self.program(name, *arguments, title=title).show_until("ready")
        found = URI.search(line)
        return found[0] if found else ""

    def client(self, name: str, *arguments: str, title: str = "") -> None:
        """Start a client, and repeat what it says until it ends."""
        part = self.program(name, *arguments, title=title)
        self.finish(part.title)

    def name_server(self, *, aloud: bool = False) -> None:
        """Start a name server, and tell all further parts where it is."""
        # Port 0 lets the system choose, so that the example never meets a name server in use. The
        # others are told by the settings; without them they would look on the usual port, 9090.
        command = "-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", "0"
        part = self.start("name server", *command, aloud=aloud)
        _, _, port = part.show_until("URI = ", aloud=aloud).rpartition(":")
        self.settings |= {"PYRO_NS_HOST": "127.0.0.1", "PYRO_NS_PORT": port}

    def finish(self, title: str) -> None:
        """Repeat what the youngest part with this title still says, until it ends by itself."""
        part, aloud = self._find(title)
        part.show_rest(aloud=aloud)
        self.forget(part)

    def stop(self, title: str) -> None:
        """Stop the youngest part with this title now, and repeat its last words."""
        part, aloud = self._find(title)
        part.stop(aloud=aloud)
        self.forget(part)

    def kill(self, title: str) -> None:
        """End the youngest part with this title as a crash would."""
        part, _ = self._find(title)
        part.kill()
        self.forget(part)

    def forget(self, part: Part) -> None:
        """Leave *part*, which has ended, alone."""
        self._running = [each for each in self._running if each[0] is not part]

    def _find(self, title: str) -> tuple[Part, bool]:
        return next(each for each in reversed(self._running) if each[0].title == title)

    def _coloured(self, title: str, label: str) -> str:
        """Return *label* in the title's colour, if a person is looking."""
        if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
            return label
        if title not in self._titles:
            self._titles.append(title)
        colour = COLOURS[self._titles.index(title) % len(COLOURS)]
        return f"\x1b[{colour}m{label}\x1b[0m"
