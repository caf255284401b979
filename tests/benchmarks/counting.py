"""Counts what a call or a connection is made of, in a process that is server and client at once.

``python -m tests.benchmarks.counting calls Pyro5.api serpent call`` counts calls of Python
functions and of built-in ones on each side, by a profiling hook; ``… connect`` instead of ``call``
does so for connecting, one call, and releasing; ``allocations … LIBRARY`` counts allocations, by
the library that `tests.benchmarks.budget` builds from ``allocations.c``. The client is the main
thread, all other threads are the server. Counting makes everything slow; no time is taken here.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from .raw import HOST
from .service import OBJECT_ID, make_service

TIMES = {"call": 2000, "connect": 300}
"""How often each work is done."""

SIDES = ("client", "server")

Counts = dict[str, dict[str, float]]


class CallCounter:
    """A profiling hook that counts, for the main thread and for all others."""

    def __init__(self) -> None:
        self.counts = {side: {"python": 0, "builtin": 0} for side in SIDES}
        self._client = threading.get_ident()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        side = SIDES[threading.get_ident() != self._client]
        if event == "call":
            self.counts[side]["python"] += 1
        elif event == "c_call":
            self.counts[side]["builtin"] += 1


def count_calls(api: ModuleType, serializer: str, work: str) -> Counts:
    """Return how many functions each side calls for a work."""
    counter = CallCounter()
    threading.setprofile(counter)
    with _work(api, serializer, work) as repeat:
        repeat()
        before = {side: dict(counts) for side, counts in counter.counts.items()}
        sys.setprofile(counter)
        repeat()
        sys.setprofile(None)
        times = TIMES[work]
        return {
            side: {kind: (count - before[side][kind]) / times for kind, count in counts.items()}
            for side, counts in counter.counts.items()
        }


def count_allocations(api: ModuleType, serializer: str, work: str, library: str) -> Counts:
    """Return how many allocations each side makes for a work."""
    hook = ctypes.PyDLL(library)
    here, everywhere = hook.counted_here, hook.counted_everywhere
    here.restype = everywhere.restype = ctypes.c_long
    with _work(api, serializer, work) as repeat:
        repeat()
        hook.start_counting()
        before = here(), everywhere()
        repeat()
        client, all_sides = here() - before[0], everywhere() - before[1]
    return {
        "client": {"allocations": client / TIMES[work]},
        "server": {"allocations": (all_sides - client) / TIMES[work]},
    }


@contextmanager
def _work(api: ModuleType, serializer: str, work: str) -> Iterator[Callable[[], None]]:
    """Yield what does a work its number of times, with a daemon in another thread."""
    with api.Daemon(host=HOST, port=0) as daemon:
        uri = daemon.register(make_service(api), OBJECT_ID)
        server = threading.Thread(target=daemon.requestLoop)
        server.start()

        def call() -> None:
            with _proxy(api, uri, serializer) as proxy:
                for _ in range(TIMES["call"]):
                    proxy.add(3, 4)

        def connect() -> None:
            for _ in range(TIMES["connect"]):
                with _proxy(api, uri, serializer) as proxy:
                    proxy.add(3, 4)

        yield {"call": call, "connect": connect}[work]
        daemon.shutdown()
        server.join()


def _proxy(api: ModuleType, uri: Any, serializer: str) -> Any:
    proxy = api.Proxy(uri)
    proxy._pyroSerializer = serializer
    return proxy


def main(kind: str, module: str, serializer: str, *rest: str) -> None:
    """Print the counts as JSON."""
    count: Callable[..., Counts] = {"calls": count_calls, "allocations": count_allocations}[kind]
    print(json.dumps(count(importlib.import_module(module), serializer, *rest)))


if __name__ == "__main__":
    main(*sys.argv[1:])
