"""What one run of each work does.

Each function opens what a work needs (proxies, threads' arguments), checks one answer, and yields
the function that does the work once. The answer is checked because a library that fails quickly
must not win. What is made of them is the table in `tests.benchmarks.work`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import ModuleType
from typing import Any

from . import raw, startup

Run = Callable[[], "float | None"]
"""Does the work once; returns what it cost, if that is what the work is about."""
Opener = Callable[[ModuleType, str, str], AbstractContextManager[Run]]

CALLS = 50
"""Small calls per run: enough that reading the clock between runs costs nothing."""
THREADS = 4
SHARERS = 8
THREADED_CALLS = 400
"""Calls of each thread per run: enough that starting the threads costs nothing."""
SLEEPS = 20
WARM_CLIENTS = 100
"""Connected before memory is measured: the first ones pay for threads and code."""
IDLE_CLIENTS = 500
BATCH = 100
STREAM = 500
MEGABYTE = 1_000_000
RECORDS = [
    {"id": number, "name": f"record {number}", "value": number / 2, "active": number % 2 == 0}
    for number in range(1000)
]
RECORDS_SIZE = len(json.dumps(RECORDS))
"""Bytes of the raw echo beside the records: as long as their JSON is."""


@contextmanager
def small_calls(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """One thread calls ``add(3, 4)`` over and over."""
    with connected_proxy(api, uri, serializer) as proxy:

        def run() -> None:
            for _ in range(CALLS):
                proxy.add(3, 4)

        yield run


@contextmanager
def threads(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """Four threads call ``add(3, 4)``, each through a proxy of its own."""
    with connected_proxies(api, uri, serializer, THREADS) as proxies:

        def call(proxy: Any) -> None:
            proxy._pyroClaimOwnership()
            for _ in range(THREADED_CALLS):
                proxy.add(3, 4)

        yield lambda: in_threads(call, proxies)


@contextmanager
def raw_echoes(address: str, size: int, count: int, threads: int) -> Iterator[Run]:
    """Have *size* bytes echoed by the raw server, *count* times by each of some threads."""
    with ExitStack() as stack:
        runs = [stack.enter_context(raw.echoes(address, size, count)) for _ in range(threads)]
        yield runs[0] if threads == 1 else lambda: in_threads(lambda run: run(), runs)


@contextmanager
def shared(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """Eight threads call ``add(3, 4)`` through one proxy, which has one connection."""
    with connected_proxy(api, uri, serializer) as proxy:
        turn = _turn(api)

        def call(proxy: Any) -> None:
            for _ in range(THREADED_CALLS):
                with turn:
                    proxy._pyroClaimOwnership()
                    proxy.add(3, 4)

        def call_freely(proxy: Any) -> None:
            for _ in range(THREADED_CALLS):
                proxy.add(3, 4)

        yield lambda: in_threads(call if turn else call_freely, [proxy] * SHARERS)
        proxy._pyroClaimOwnership()


@contextmanager
def shared_sleep(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """The same with a method that sleeps a millisecond: one connection, one call at a time."""
    with connected_proxy(api, uri, serializer) as proxy:
        turn = _turn(api) or nullcontext()

        def call(proxy: Any) -> None:
            for _ in range(SLEEPS):
                with turn:
                    proxy._pyroClaimOwnership()
                    proxy.sleep(0.001)

        yield lambda: in_threads(call, [proxy] * SHARERS)
        proxy._pyroClaimOwnership()


@contextmanager
def separate_sleep(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """The same with a proxy for each of the threads, so that the server sleeps for all at once."""
    with connected_proxies(api, uri, serializer, SHARERS) as proxies:

        def call(proxy: Any) -> None:
            proxy._pyroClaimOwnership()
            for _ in range(SLEEPS):
                proxy.sleep(0.001)

        yield lambda: in_threads(call, proxies)


@contextmanager
def batch(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A hundred calls of ``add(3, 4)`` travel in one message."""
    with connected_proxy(api, uri, serializer) as proxy:
        calls = api.BatchProxy(proxy)

        def run() -> None:
            for _ in range(BATCH):
                calls.add(3, 4)
            expect(list(calls()), [7] * BATCH)

        run()
        yield run


@contextmanager
def stream(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """The client iterates over what a remote generator yields."""
    with connected_proxy(api, uri, serializer) as proxy:
        expect(list(proxy.count(3)), [0, 1, 2])

        def run() -> None:
            for _ in proxy.count(STREAM):
                pass

        yield run


@contextmanager
def window(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """The same, with 100 items a round trip where the library can do that."""
    with connected_proxy(api, uri, serializer) as proxy, ExitStack() as reset:
        # As a setting, not on the proxy: to other libraries that would be a remote attribute.
        if hasattr(api.config, "ITER_STREAM_WINDOW"):
            reset.callback(setattr, api.config, "ITER_STREAM_WINDOW", 1)
            api.config.ITER_STREAM_WINDOW = 100
        expect(list(proxy.count(3)), [0, 1, 2])

        def run() -> None:
            for _ in proxy.count(STREAM):
                pass

        yield run


@contextmanager
def connect(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A new proxy connects, makes one small call and lets go of its connection."""

    with connected_proxy(api, uri, serializer):
        pass

    def run() -> None:
        with api.Proxy(uri) as proxy:
            proxy._pyroSerializer = serializer
            proxy.add(3, 4)

    yield run


@contextmanager
def megabyte(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """One million bytes there and back; text with json, which has no bytes."""
    octets = bytes(range(256)) * (MEGABYTE // 256 + 1)
    payload: str | bytes = "x" * MEGABYTE if serializer == "json" else octets[:MEGABYTE]
    with connected_proxy(api, uri, serializer) as proxy:
        expect(_as_bytes(proxy.echo(payload)), payload)

        def run() -> None:
            proxy.echo(payload)

        yield run


@contextmanager
def records(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A list of a thousand small dictionaries there and back."""
    with connected_proxy(api, uri, serializer) as proxy:
        expect(proxy.echo(RECORDS), RECORDS)

        def run() -> None:
            proxy.echo(RECORDS)

        yield run


@contextmanager
def package_import(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A fresh process imports the package, and nothing of it."""
    with startup.warm_cache() as cache:
        package = api.__name__.partition(".")[0]
        yield startup.stopwatch(f"import {package}", cache)


@contextmanager
def first_call(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A fresh process imports the everyday names, connects, and makes its first call."""
    call = f"import {api.__name__} as api; assert api.Proxy({uri!r}).add(3, 4) == 7"
    with startup.warm_cache() as cache:
        yield startup.stopwatch(call, cache)


@contextmanager
def idle_memory(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """Five hundred clients connect, make a call each, and then say nothing."""

    def run() -> float:
        with (
            connected_proxy(api, uri, "serpent") as asker,
            connected_proxies(api, uri, "serpent", WARM_CLIENTS),
        ):
            before = asker.memory()
            with connected_proxies(api, uri, "serpent", IDLE_CLIENTS):
                return float(asker.memory() - before) / IDLE_CLIENTS / 1000

    yield run


@contextmanager
def connected_proxy(api: ModuleType, uri: str, serializer: str) -> Iterator[Any]:
    """Yield a connected proxy that has made one call with the right answer."""
    with api.Proxy(uri) as proxy:
        proxy._pyroSerializer = serializer
        expect(proxy.add(3, 4), 7)
        yield proxy


@contextmanager
def connected_proxies(
    api: ModuleType, uri: str, serializer: str, count: int
) -> Iterator[list[Any]]:
    """Yield so many proxies; where a proxy has an owner, it is taken back in the end."""
    with ExitStack() as stack:
        proxies = [stack.enter_context(connected_proxy(api, uri, serializer)) for _ in range(count)]
        yield proxies
        for proxy in proxies:
            proxy._pyroClaimOwnership()


def _turn(api: ModuleType) -> threading.Lock | None:
    """Return the lock without which threads cannot share a proxy of this library; None if none."""
    return threading.Lock() if api.__name__.startswith("Pyro5") else None


def in_threads(call: Callable[[Any], None], proxies: Sequence[Any]) -> None:
    """Have each of *proxies* used by a thread of its own, and wait for all of them."""
    failures: list[BaseException] = []

    def use(proxy: Any) -> None:
        try:
            call(proxy)
        except BaseException as failure:  # noqa: BLE001 (handed on, below)
            failures.append(failure)

    callers = [threading.Thread(target=use, args=(proxy,)) for proxy in proxies]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if failures:
        raise failures[0]


def _as_bytes(value: Any) -> Any:
    """Decode the dictionary that serpent makes of bytes; leave everything else alone."""
    if isinstance(value, dict) and value.get("encoding") == "base64":
        return base64.b64decode(value["data"])
    return value


def expect(answer: object, expected: object) -> None:
    if answer != expected:
        raise ValueError(f"answered {str(answer)[:80]!r}, expected {str(expected)[:80]!r}")
