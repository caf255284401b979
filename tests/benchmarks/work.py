"""The kinds of work that are measured: what one run of each does, and how it is counted.

`WORKS` is the table. A row names a function of this module that opens what the work needs (proxies,
threads' arguments), checks one answer, and yields the function that does the work once. The answer
is checked because a library that fails quickly must not win.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import raw

Run = Callable[[], None]
Opener = Callable[[ModuleType, str, str], AbstractContextManager[Run]]

CALLS = 50
"""Small calls per run: enough that reading the clock between runs costs nothing."""
THREADS = 4
BATCH = 100
STREAM = 500
MEGABYTE = 1_000_000
RECORDS = [
    {"id": number, "name": f"record {number}", "value": number / 2, "active": number % 2 == 0}
    for number in range(1000)
]
RECORDS_SIZE = len(json.dumps(RECORDS))
"""Bytes of the raw echo beside the records: as long as their JSON is."""
SMALL_MESSAGE = 80
"""Bytes of the small raw echo: about a Pyro request for ``add(3, 4)``."""


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the table.

    Attributes:
        name: Word for the command line.
        title: Words for the reader.
        serializers: Which of the serializers it is measured with.
        units: What one run counts as.
        unit: What is counted.
        opener: Opens the work: ``opener(api, uri, serializer)``.
        raw_bytes: Length of the raw message that it is put beside.
    """

    name: str
    title: str
    serializers: tuple[str, ...]
    units: int
    unit: str
    opener: Opener
    raw_bytes: int = SMALL_MESSAGE


@contextmanager
def small_calls(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """One thread calls ``add(3, 4)`` over and over."""
    with _proxy(api, uri, serializer) as proxy:

        def run() -> None:
            for _ in range(CALLS):
                proxy.add(3, 4)

        yield run


@contextmanager
def threads(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """Four threads call ``add(3, 4)``, each through a proxy of its own."""
    with ExitStack() as stack:
        proxies = [stack.enter_context(_proxy(api, uri, serializer)) for _ in range(THREADS)]

        def call(proxy: Any) -> None:
            proxy._pyroClaimOwnership()
            for _ in range(CALLS * 4):
                proxy.add(3, 4)

        def run() -> None:
            callers = [threading.Thread(target=call, args=(proxy,)) for proxy in proxies]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()

        yield run
        for proxy in proxies:
            proxy._pyroClaimOwnership()


@contextmanager
def batch(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A hundred calls of ``add(3, 4)`` travel in one message."""
    with _proxy(api, uri, serializer) as proxy:
        calls = api.BatchProxy(proxy)

        def run() -> None:
            for _ in range(BATCH):
                calls.add(3, 4)
            _expect(list(calls()), [7] * BATCH)

        run()
        yield run


@contextmanager
def stream(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """The client iterates over what a remote generator yields."""
    with _proxy(api, uri, serializer) as proxy:
        _expect(list(proxy.count(3)), [0, 1, 2])

        def run() -> None:
            for _ in proxy.count(STREAM):
                pass

        yield run


@contextmanager
def window(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """The same, with 100 items a round trip where the library can do that."""
    with _proxy(api, uri, serializer) as proxy, ExitStack() as reset:
        # As a setting, not on the proxy: to other libraries that would be a remote attribute.
        if hasattr(api.config, "ITER_STREAM_WINDOW"):
            reset.callback(setattr, api.config, "ITER_STREAM_WINDOW", 1)
            api.config.ITER_STREAM_WINDOW = 100
        _expect(list(proxy.count(3)), [0, 1, 2])

        def run() -> None:
            for _ in proxy.count(STREAM):
                pass

        yield run


@contextmanager
def connect(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A new proxy connects, makes one small call and lets go of its connection."""

    def run() -> None:
        with _proxy(api, uri, serializer):
            pass

    run()
    yield run


@contextmanager
def megabyte(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """One million bytes there and back; text with json, which has no bytes."""
    octets = bytes(range(256)) * (MEGABYTE // 256 + 1)
    payload: str | bytes = "x" * MEGABYTE if serializer == "json" else octets[:MEGABYTE]
    with _proxy(api, uri, serializer) as proxy:
        _expect(_as_bytes(proxy.echo(payload)), payload)

        def run() -> None:
            proxy.echo(payload)

        yield run


@contextmanager
def records(api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A list of a thousand small dictionaries there and back."""
    with _proxy(api, uri, serializer) as proxy:
        _expect(proxy.echo(RECORDS), RECORDS)

        def run() -> None:
            proxy.echo(RECORDS)

        yield run


@contextmanager
def raw_echo(address: str, size: int) -> Iterator[Run]:
    """The same as a bare socket does it: *size* bytes there and back."""
    with raw.echo(address, size) as round_trip:

        def run() -> None:
            for _ in range(raw_units(size)):
                round_trip()

        yield run


def raw_units(size: int) -> int:
    """Return how many echoes one run of `raw_echo` makes."""
    return CALLS if size == SMALL_MESSAGE else 1


ALL = ("serpent", "json", "marshal", "msgpack")

WORKS = (
    Work("call", "small call add(3, 4)", ALL, CALLS, "calls", small_calls),
    Work(
        "threads",
        "4 threads, a proxy each",
        ("serpent", "marshal"),
        THREADS * CALLS * 4,
        "calls",
        threads,
    ),
    Work("batch", "batch of 100 calls", ("serpent", "msgpack"), BATCH, "calls", batch),
    Work("stream", "stream of items", ("serpent", "msgpack"), STREAM, "items", stream),
    Work("window", "stream, 100 items a trip", ("serpent", "msgpack"), STREAM, "items", window),
    Work("connect", "connect, call, release", ("serpent",), 1, "connections", connect),
    Work("megabyte", "1 MB echoed", ALL, 1, "MB", megabyte, raw_bytes=MEGABYTE),
    Work("records", "1000 records echoed", ALL, 1, "lists", records, raw_bytes=RECORDS_SIZE),
)


@contextmanager
def _proxy(api: ModuleType, uri: str, serializer: str) -> Iterator[Any]:
    """Yield a connected proxy that has made one call with the right answer."""
    with api.Proxy(uri) as proxy:
        proxy._pyroSerializer = serializer
        _expect(proxy.add(3, 4), 7)
        yield proxy


def _as_bytes(value: Any) -> Any:
    """Decode the dictionary that serpent makes of bytes; leave everything else alone."""
    if isinstance(value, dict) and value.get("encoding") == "base64":
        return base64.b64decode(value["data"])
    return value


def _expect(answer: object, expected: object) -> None:
    if answer != expected:
        raise ValueError(f"answered {str(answer)[:80]!r}, expected {str(expected)[:80]!r}")
