"""The client's process: does the work it is told to do, and says how much it got done.

``python -m tests.benchmarks.client raw ADDRESS`` or ``… Pyro5.api URI``. Each contestant has a
client process of its own, because two libraries in one process would share (and slow down) each
other's registries. Commands come as JSON lists, one per line; each is answered by one line:

* ``["open", NAME, SERIALIZER]`` opens a work and does it once, unmeasured; answers ``{}``;
* ``["measure", SECONDS]`` repeats it for that time; answers ``{"units": …, "seconds": …}``;
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
from typing import Any

from .work import WORKS, Run, raw_echo, raw_units

PATIENCE = 60.0
"""Seconds after which a command that hangs ends the process, with the stacks of all threads."""

Answer = dict[str, Any]


class Client:
    """Carries out the commands for one contestant."""

    def __init__(self, contestant: str, address: str) -> None:
        self._contestant = contestant
        self._address = address
        self._api = None if contestant == "raw" else importlib.import_module(contestant)
        self._open_work = ExitStack()
        self._run: Run | None = None
        self._units = 0

    def obey(self, command: list[Any]) -> Answer:
        """Carry out one command and return its answer."""
        verbs: dict[str, Callable[..., Answer]] = {
            "open": self.open,
            "measure": self.measure,
            "close": self.close,
        }
        return verbs[command[0]](*command[1:])

    def open(self, name: str, serializer: str) -> Answer:
        """Open the work *name* and do it once, so that what comes is measured warm."""
        opened, self._units = self._opener(name, serializer)
        self._run = self._open_work.enter_context(opened)
        self._run()
        return {}

    def measure(self, seconds: float) -> Answer:
        """Repeat the open work until *seconds* have passed."""
        run, clock = self._run, time.perf_counter
        assert run is not None, "no work is open"
        runs = 0
        start = clock()
        end = start + seconds
        while clock() < end:
            run()
            runs += 1
        return {"units": runs * self._units, "seconds": clock() - start}

    def close(self) -> Answer:
        """Close the open work."""
        self._run = None
        self._open_work.close()
        return {}

    def _opener(self, name: str, serializer: str) -> tuple[AbstractContextManager[Run], int]:
        work = next(work for work in WORKS if work.name == name)
        if self._api is None:
            return raw_echo(self._address, work.raw_bytes), raw_units(work.raw_bytes)
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
