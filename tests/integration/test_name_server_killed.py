"""Name servers that are killed while they are told names: what they acknowledged is there again.

A few rounds per storage in the normal run; ``PYROLIKE_KILL_ROUNDS=300`` makes it a long one. With
``-s`` it prints how much was acknowledged.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError
from tests.support.daemon import Threads
from tests.support.processes import Program

ROUNDS = int(os.environ.get("PYROLIKE_KILL_ROUNDS", "4"))
CLIENTS = 3
NAMES = 12
"""Names of each client; so few that they are replaced and removed all the time."""

SERVER = """
import sys
from pyrolike.naming import start_ns_loop
from pyrolike.naming.storage import dbm

dbm._MOST_CHANGES = 20  # new files of the dbm storage are made often enough to be killed at it
start_ns_loop("127.0.0.1", 0, enableBroadcast=False, storage=sys.argv[1])
"""


def name_server(storage: str) -> Program:
    return Program(["-W", "error", "-c", SERVER, storage], ready=r"^URI = (\S+)$")


class Client:
    """Registers and removes its own names, and knows what the name server must know.

    Attributes:
        known: What was acknowledged: name -> uri and tags. A name that is not in it is removed.
        in_doubt: The name whose last change was not acknowledged, and what it would have been.
        acknowledged: How many changes were acknowledged in all.
    """

    def __init__(self, own: str, keeps_tags: bool) -> None:
        self.known: dict[str, tuple[str, set[str]]] = {}
        self.in_doubt: tuple[str, tuple[str, set[str]] | None] | None = None
        self.acknowledged = 0
        self._own = own
        self._keeps_tags = keeps_tags
        self._chance = random.Random(own)

    def work(self, uri: str, progress: threading.Semaphore) -> None:
        """Change names until the name server is gone."""
        with Proxy(uri) as names:
            try:
                while True:
                    self._change(names)
                    self.in_doubt = None
                    self.acknowledged += 1
                    progress.release()
            except CommunicationError:
                return
            finally:
                progress.release()

    def _change(self, names: Any) -> None:
        name = f"{self._own}.{self._chance.randrange(NAMES)}"
        if name in self.known and self._chance.random() < 0.2:
            self.in_doubt = name, None
            assert names.remove(name) == 1
            del self.known[name]
            return
        number = self.acknowledged
        tags = {f"tag{number}", self._own} if self._keeps_tags else set()
        entry = f"PYRO:{self._own}@h:{number % 60000}", tags
        self.in_doubt = name, entry
        names.register(name, entry[0], metadata=tags)
        self.known[name] = entry

    def check(self, found: dict[str, tuple[str, set[str]]]) -> None:
        """Compare with what the restarted name server has; what was in doubt may be either way."""
        mine = {name: entry for name, entry in found.items() if name.startswith(f"{self._own}.")}
        if self.in_doubt is not None:
            name, entry = self.in_doubt
            assert mine.get(name) in (entry, self.known.get(name))
            if name in mine:
                self.known[name] = mine[name]
            else:
                self.known.pop(name, None)
            self.in_doubt = None
        assert mine == self.known


def everything(uri: str) -> dict[str, tuple[str, set[str]]]:
    with Proxy(uri) as names:
        listing = names.list(return_metadata=True)
    return {name: (where, set(tags)) for name, (where, tags) in listing.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sql", "dbm"])
def test_what_was_acknowledged_survives_kill_9_at_any_moment(kind: str, tmp_path: Path) -> None:
    storage = f"{kind}:{tmp_path / 'names'}"
    clients = [Client(own, keeps_tags=kind == "sql") for own in "abcdefgh"[:CLIENTS]]
    chance = random.Random(kind)
    for _ in range(ROUNDS):
        with name_server(storage) as program:
            assert program.ready_match is not None
            uri = program.ready_match[1]
            found = everything(uri)
            for client in clients:
                client.check(found)
            kill_at_work(program, uri, clients, chance)
    with name_server(storage) as program:
        assert program.ready_match is not None
        found = everything(program.ready_match[1])
    for client in clients:
        client.check(found)
    total = sum(client.acknowledged for client in clients)
    print(f"\n{kind}: killed {ROUNDS} times, {total} changes acknowledged, none lost")
    assert total >= ROUNDS


def kill_at_work(program: Program, uri: str, clients: list[Client], chance: random.Random) -> None:
    progress = threading.Semaphore(0)
    with Threads() as threads:
        for client in clients:
            threads.start(client.work, uri, progress)
        for _ in range(chance.randrange(1, 60)):
            progress.acquire()
        time.sleep(chance.random() * 0.005)  # not for order: any moment of a change will do
        program.send(signal.SIGKILL)
        threads.wait()
    assert program.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sql", "dbm"])
def test_one_that_is_killed_while_it_starts_or_ends_loses_nothing(
    kind: str, tmp_path: Path
) -> None:
    storage = f"{kind}:{tmp_path / 'names'}"
    chance = random.Random(kind)
    expected = {f"x{number}": (f"PYRO:x@h:{number}", set[str]()) for number in range(30)}
    with name_server(storage) as program:
        assert program.ready_match is not None
        with Proxy(program.ready_match[1]) as names:
            for name, (where, _) in expected.items():
                names.register(name, where)
        program.send(signal.SIGKILL)
        program.wait()
    for number in range(ROUNDS):
        with name_server(storage) as program:
            assert program.ready_match is not None
            found = everything(program.ready_match[1])
            assert {name: found[name] for name in expected} == expected
            with Proxy(program.ready_match[1]) as names:
                names.register("x0", expected["x0"][0])  # so that there is something to be written
            program.send(signal.SIGTERM if number % 2 else signal.SIGKILL)
            time.sleep(chance.random() * 0.02)  # not for order: any moment of its end will do
            program.send(signal.SIGKILL)
            program.wait()
        with Program(["-c", SERVER, storage], ready=None) as starting:
            time.sleep(chance.random() * 0.3)  # likewise of its start
            starting.send(signal.SIGKILL)
            starting.wait()


def test_a_loss_would_be_noticed() -> None:
    client = Client("a", keeps_tags=True)
    client.known["a.1"] = "PYRO:a@h:1", {"a"}
    client.check({"a.1": ("PYRO:a@h:1", {"a"}), "b.1": ("PYRO:b@h:1", set())})
    with pytest.raises(AssertionError):
        client.check({"a.1": ("PYRO:a@h:2", {"a"})})
    with pytest.raises(AssertionError):
        client.check({})
