"""The client's process: does the work it is told to do, and says how much it got done.

``python -m tests.benchmarks.client raw ADDRESS`` or ``… Pyro5.api URI``. Each contestant has a
client process of its own, because two libraries in one process would share (and slow down) each
other's registries. Commands come as JSON lists, one per line; each is answered by one line:

* ``["open", NAME, SERIALIZER]`` opens a work and, unless it is a cost, does it once, unmeasured;
  answers ``{}``;
* ``["measure", SECONDS]`` repeats it for that time; answers ``{"value": …}``, units per second or,
  of a work that is a cost, the middle of what the runs have cost;
* ``["repeat", RUNS]`` does it so many times; answers ``{}``;
* ``["close"]`` lets go of what the work used; answers ``{}``.

Anything that goes wrong is answered by ``{"error": TEXT}``.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from statistics import median
from typing import Any

from . import peers
from .contestants import PEERS
from .growth import POINTS
from .openers import CALLS, THREADED_CALLS, Run, raw_echoes
from .work import RAW, SMALL_MESSAGE, WORKS, Work

PATIENCE = 300.0
"""Seconds after which a command that hangs ends the process, with the stacks of all threads."""

Answer = dict[str, Any]


class Client:
    """Carries out the commands for one contestant.

    Args:
        contestant: The word ``raw``, a key of `PEERS`, or the name of a library's ``api`` module.
        address: What its server has announced.
    """

    def __init__(self, contestant: str, address: str) -> None:
        self._contestant = contestant
        self._address = address
        has_api = contestant != RAW and contestant not in PEERS
        self._api = importlib.import_module(contestant) if has_api else None
        self._open_work = ExitStack()
        self._run: Run | None = None
        self._units = 0
        self._is_cost = False

    def obey(self, command: list[Any]) -> Answer:
        """Carry out one command and return its answer."""
        verbs: dict[str, Callable[..., Answer]] = {
            "open": self.open,
            "measure": self.measure,
            "repeat": self.repeat,
            "close": self.close,
        }
        return verbs[command[0]](*command[1:])

    def open(self, name: str, serializer: str) -> Answer:
        """Open the work *name* and do it once, so that what comes is measured warm."""
        work = next(work for work in (*WORKS, *POINTS) if work.name == name)
        opened, self._units = self._opener(work, serializer)
        self._is_cost = work.is_cost
        self._run = self._open_work.enter_context(opened)
        if not self._is_cost:
            self._run()
        return {}

    def measure(self, seconds: float) -> Answer:
        """Repeat the open work until *seconds* have passed."""
        run, clock = self._run, time.perf_counter
        assert run is not None, "no work is open"
        if self._is_cost:
            return {"value": self._measure_costs(run, seconds)}
        runs = 0
        start = clock()
        end = start + seconds
        while clock() < end:
            run()
            runs += 1
        return {"value": runs * self._units / (clock() - start)}

    def repeat(self, runs: int) -> Answer:
        """Do the open work *runs* times, to be counted from outside."""
        assert self._run is not None, "no work is open"
        for _ in range(runs):
            self._run()
        return {}

    def close(self) -> Answer:
        """Close the open work."""
        self._run = None
        self._open_work.close()
        return {}

    def _measure_costs(self, run: Run, seconds: float) -> float:
        costs = []
        end = time.perf_counter() + seconds
        while not costs or time.perf_counter() < end:
            cost = run()
            assert cost is not None, "a run of this work must say what it has cost"
            costs.append(cost)
        return median(costs)

    def _opener(self, work: Work, serializer: str) -> tuple[AbstractContextManager[Run], int]:
        if self._contestant == RAW:
            count = CALLS if work.raw_bytes == SMALL_MESSAGE else 1
            count = THREADED_CALLS if work.raw_threads > 1 else count
            run = raw_echoes(self._address, work.raw_bytes, count, work.raw_threads)
            return run, count * work.raw_threads
        if self._api is None:
            return peers.small_calls(self._contestant, self._address, CALLS), CALLS
        return work.opener(self._api, self._address, serializer), work.units


def main(contestant: str, address: str) -> None:
    """Answer commands until there are no more."""
    client = Client(contestant, address)
    for line in sys.stdin:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            answer = client.obey(json.loads(line))
        except Exception as error:  # noqa: BLE001 (handed on: the coordinator shows it and stops)
            answer = {"error": f"{type(error).__name__}: {error}"}
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
