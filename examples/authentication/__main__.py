"""Runs the server and three clients, each in a process of its own, and shows what they say.

The keys are made here, new each time, and given to each program in its environment: the server gets
all of them, a client its own. Mallory has none, and guesses.
"""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def start(program: str, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
    """Start one of the programs beside this file."""
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *arguments],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )


def show(title: str, lines: list[str]) -> None:
    """Repeat what a program has said, under its title."""
    for line in lines:
        print(f"{title:11} | {line.rstrip()}", flush=True)


def visit(user: str, key: str, uri: str) -> None:
    """Run a client to its end."""
    client = start("client.py", user, uri, VAULT_KEY=key)
    said, _ = client.communicate()
    show(user, said.splitlines())
    if client.returncode != 0:
        raise SystemExit(f"the client of {user} ended with status {client.returncode}")


def main() -> None:
    """Start the server, let the clients visit it, and stop it."""
    # With a handler of our own, the parts hear Ctrl-C even if a shell has made us deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    keys = {user: secrets.token_hex(32) for user in ("ada", "bob")}
    listed = ",".join(f"{user}={key}" for user, key in keys.items())
    server = start("server.py", VAULT_KEYS=listed)
    try:
        assert server.stdout is not None
        first = server.stdout.readline()
        show("server", [first])
        uri = first.rpartition(" ")[2].strip()
        for user, key in keys.items():
            visit(user, key, uri)
        visit("mallory", secrets.token_hex(32), uri)
        if os.name == "posix":
            server.send_signal(signal.SIGINT)
        else:
            server.terminate()
        said, _ = server.communicate()
        show("server", said.splitlines())
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
