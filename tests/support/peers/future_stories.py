"""What a program sees of futures: ``python -m tests.support.peers.future_stories LIBRARY``.

LIBRARY is ``Pyro4`` or ``pyrolike``; the same code runs on both, with a daemon in a thread of its
own, and prints a dictionary of what it found.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any


def outcome(call: Callable[[], Any]) -> Any:
    """Return what *call* returns, or the name of what it raises."""
    try:
        return call()
    except Exception as fault:  # noqa: BLE001  # it is what is looked for
        return type(fault).__name__


def look_at_results(futures: Any) -> dict[str, Any]:
    """Set values by hand."""
    found: dict[str, Any] = {}
    result = futures.FutureResult()
    found["ready at first"] = result.ready, result.wait(0)
    result.then(lambda v, a, k: v + a + k, 1, k=2).then(lambda v: [v, result.ready])
    result.value = 4
    found["chain"] = result.value, result.ready, result.wait(), result.get_value()
    found["then when ready"] = result.then(len).value
    found["then that fails when ready"] = outcome(lambda: result.then(lambda v: v.no)), result.value
    found["then returns the result"] = futures.FutureResult().then(len) is not None
    errors: list[str] = []
    result = futures.FutureResult()
    result.iferror(lambda e: errors.append("replaced"))
    result.iferror(lambda e: errors.append(f"{type(e).__name__} {result.ready}"))
    result.then(lambda v: errors.append("never"))
    result.set_value(futures._ExceptionWrapper(KeyError("k")))
    result.iferror(lambda e: errors.append("too late"))
    found["error"] = errors, result.ready, outcome(lambda: result.value)
    cancelled: list[str] = []
    result = futures.FutureResult().iferror(lambda e: cancelled.append(type(e).__name__))
    result.set_cancelled()
    found["cancelled"] = cancelled, result.ready, outcome(lambda: result.value)
    result.value = 5
    found["set again"] = result.value
    return found


def look_at_futures(futures: Any) -> dict[str, Any]:
    """Have plain functions called."""
    found: dict[str, Any] = {}
    future = futures.Future(lambda a, b=1: a + b)
    found["attributes"] = (
        list(future.chain), future.exceptionhandler, future.call_delay, future.cancelled,
        future.completed,
    )  # fmt: skip
    found["then returns"] = future.then(lambda v, m: v * m, m=10) is future
    found["iferror returns"] = future.iferror(len) is future
    found["value"] = future(3, b=4).value
    found["afterwards"] = (
        outcome(lambda: future(1)), outcome(lambda: future.then(len)), future.delay(1),
        future.cancel(), future.completed, hasattr(future, "chain"),
    )  # fmt: skip
    future = futures.Future(len)
    found["delay"] = future.delay(60)
    result = future("")
    found["called twice"] = outcome(lambda: future(""))
    found["cancel"] = future.cancel(), future.cancel(), future.cancelled
    found["cancelled"] = outcome(lambda: result.value)
    future = futures.Future(len)
    found["cancelled first"] = future.cancel(), outcome(lambda: future(""))
    gate = threading.Event()
    future = futures.Future(gate.wait)
    result = future()
    while not future.completed:
        pass
    found["cancel too late"] = future.cancel(), future.delay(1), future.cancelled
    gate.set()
    found["cancel too late, value"] = result.value
    told: list[str] = []
    future = futures.Future(lambda: 1).then(lambda v: v / 0)
    future.iferror(lambda e: told.append(type(e).__name__))
    found["error in the chain"] = outcome(lambda: future().value if future else None), told
    return found


def look_at_calls(library: Any, uri: Any) -> dict[str, Any]:
    """Have a remote object called."""
    found: dict[str, Any] = {}
    proxy = library.Proxy(uri)
    library.asyncproxy(proxy)
    results = [proxy.add(number, b=1) for number in range(5)]
    found["type"] = type(results[0]).__name__
    found["values"] = [result.value for result in results]
    found["chain"] = proxy.add(1, 2).then(lambda v, m: v * m, 10).then(str).value
    told: list[str] = []
    failed = proxy.divide(1, 0).iferror(lambda e: told.append(type(e).__name__))
    found["error"] = failed.wait(), outcome(lambda: failed.value)
    found["attribute"] = proxy.title
    found["one-way"] = proxy.note("word").value
    found["unknown"] = outcome(lambda: proxy.unknown)
    # Not of a stream: Pyro4 has closed its connection by the time one sees it.
    batch = library.batch(proxy)
    for number in range(3):
        batch.add(number)
    batch.divide(1, 0)
    values = batch(asynchronous=True).value
    found["batch"] = [outcome(lambda: next(values)) for _ in range(4)]
    batch = library.batch(proxy)
    found["one-way batch"] = outcome(lambda: batch(oneway=True, asynchronous=True))
    library.asyncproxy(proxy, asynchronous=False)
    found["synchronous again"] = proxy.add(1, 2)
    proxy._pyroAsync()
    found["asynchronous again"] = proxy.add(1, 2).value
    with library.Proxy(uri) as released:
        released._pyroAsync()
        later = released.add(7)
    found["released"] = later.value
    library.asyncproxy(proxy, asynchronous=False)
    proxy._pyroRelease()
    return found


def main(name: str) -> None:
    """Print what was found."""
    library: Any = importlib.import_module(name)
    futures: Any = importlib.import_module(f"{name}.futures")

    @library.expose
    class Desk:
        title = property(lambda self: "desk")

        def add(self, a: int, b: int = 0) -> int:
            return a + b

        def divide(self, a: int, b: int) -> float:
            return a / b

        @library.oneway
        def note(self, word: str) -> None:
            pass

    daemon = library.Daemon()
    uri = daemon.register(Desk())
    thread = threading.Thread(target=daemon.requestLoop)
    thread.start()
    try:
        found = {
            "results": look_at_results(futures),
            "futures": look_at_futures(futures),
            "calls": look_at_calls(library, uri),
        }
    finally:
        daemon.shutdown()
        thread.join()
    print("FOUND", repr(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
