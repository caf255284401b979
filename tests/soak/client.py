"""A client's process: ``python -m tests.soak.client NAME PORT NAME_SERVER_PORT FILE SERVER_TYPE``.

It works until somebody writes a line to its standard input, or closes it. Then it prints one line,
``RESULT`` and what has happened as JSON.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from tests.soak.rude import Rude
from tests.soak.work import MARGIN, TIMEOUT, Acknowledged, Place, Worker, make_workers


def main(name: str, port: str, name_server_port: str, file: str, server_type: str) -> None:
    """Work until told to stop, and say what has happened."""
    place = Place(int(port), int(name_server_port), is_nesting=server_type == "thread")
    workers = make_workers(name, place, Acknowledged(Path(file)))
    rude = Rude(int(port))
    for worker in workers:
        worker.start()
    print("READY", flush=True)
    late = _watch_until_told(workers)
    for worker in workers:
        worker.stop()
    stuck = {worker.name for worker in workers if not worker.is_over(TIMEOUT + MARGIN)}
    rude.stop()
    if stuck:
        faulthandler.dump_traceback()
    print("RESULT", json.dumps(_result(workers, rude, late | stuck)), flush=True)


def _watch_until_told(workers: list[Worker]) -> set[str]:
    """Return the names of those whose calls took longer than they may."""
    told, late = threading.Event(), set()

    def listen() -> None:
        sys.stdin.readline()
        told.set()

    threading.Thread(target=listen, daemon=True).start()
    while not told.wait(0.5):
        late |= {worker.name for worker in workers if worker.waits_for() > TIMEOUT + MARGIN}
    return late


def _result(workers: list[Worker], rude: Rude, hung: set[str]) -> dict[str, Any]:
    tally: Counter[str] = Counter()
    for worker in workers:
        tally += worker.tally
    tally["rude visits"] = rude.visits
    return {
        "tally": tally,
        "mistakes": [mistake for worker in workers for mistake in worker.mistakes],
        "hung": sorted(hung),
        "longest": max(worker.longest for worker in workers),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
