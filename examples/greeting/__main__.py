"""Runs the three parts of the example, each in a process of its own, and shows what they say.

In real life the parts run in three terminals, often on three machines; README.md beside this file
says how. Here they run for as long as the client takes, and are then stopped as Ctrl-C would.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Part:
    """One program, running in a process of its own, whose words are repeated under its title."""

    def __init__(self, title: str, *command: str, **settings: str) -> None:
        self.title = title
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | settings,
            stdout=subprocess.PIPE,
            text=True,
        )

    def show_until(self, words: str) -> str:
        """Repeat the program's lines up to the one that contains *words*, and return that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            print(f"{self.title:11} | {line}", end="", flush=True)
            if words in line:
                return line.strip()
        raise SystemExit(f"the {self.title} ended without saying {words!r}")

    def show_rest(self) -> None:
        """Repeat what is left until the program ends, and insist on a good end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            print(f"{self.title:11} | {line}", end="", flush=True)
        if self.process.wait() != 0 and os.name == "posix":
            raise SystemExit(f"the {self.title} ended with status {self.process.returncode}")

    def stop(self) -> None:
        """Press Ctrl-C, so to speak. Windows has none for a single process: there it is ended."""
        if os.name == "posix":
            self.process.send_signal(signal.SIGINT)
        else:
            self.process.terminate()
        self.show_rest()

    def abandon(self) -> None:
        """Leave nothing running when the example itself fails."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def main() -> None:
    """Start name server, server and client; stop them when the client is done."""
    # A shell that starts programs in the background makes them deaf to Ctrl-C, and that would be
    # inherited by our parts; with a handler of our own it is not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ExitStack() as parts:

        def start(title: str, *command: str, **settings: str) -> Part:
            part = Part(title, *command, **settings)
            parts.callback(part.abandon)
            return part

        name_server = start("name server", "-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", "0")
        _, _, port = name_server.show_until("URI = ").rpartition(":")
        # Port 0 lets the system choose, so that the example never meets a name server in use. The
        # other two are told by the settings; without them they would look on the usual port, 9090.
        place = {"PYRO_NS_HOST": "127.0.0.1", "PYRO_NS_PORT": port}
        server = start("server", str(HERE / "server.py"), **place)
        server.show_until("ready")
        start("client", str(HERE / "client.py"), "Ada", "Grace", **place).show_rest()
        server.stop()
        name_server.stop()


if __name__ == "__main__":
    main()
