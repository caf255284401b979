"""The cost of growth: how many calls per second are left when something gets larger.

An axis is what grows, and a work for each of its sizes, measured like the other works. Whatever
should not matter (members, objects, other connections) has to give a flat line; what travels has to
cost in proportion once it is more than the call itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import ModuleType
from typing import Any

from .openers import Run, connected_proxies, connected_proxy, expect
from .work import USUAL, Stage, Work

SizedOpener = Callable[..., Any]

MOST_CLIENTS = 1000
RUN_CALLS = 10
"""Calls per run: few, because some of them are long."""

TEXT = ("serpent", "msgpack")


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that grows.

    Attributes:
        name: Word for the command line and for the file of the plot.
        title: Words for the reader.
        sizes: How large, smallest first.
        serializers: Those it is measured with.
        opener: Opens the work: ``opener(size, api, uri, serializer)``.
        stage: The circumstances.
        has_raw: Whether a raw echo of the same size says what the machine can do.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    serializers: tuple[str, ...]
    opener: SizedOpener
    stage: Stage = USUAL
    has_raw: bool = False

    def works(self) -> list[Work]:
        """Return a work for each size."""
        return [
            Work(
                f"{self.name}-{size}",
                f"{size:,}",
                self.serializers,
                RUN_CALLS,
                "calls",
                partial(self.opener, size),
                raw_bytes=size if self.has_raw else 0,
                stage=self.stage,
            )
            for size in self.sizes
        ]


@contextmanager
def payload(size: int, api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A text of that length there and back."""
    text = "x" * size
    with connected_proxy(api, uri, serializer) as proxy:
        expect(proxy.echo(text), text)
        yield _repeat(partial(proxy.echo, text))


@contextmanager
def arguments(size: int, api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """So many integers as arguments."""
    values = tuple(range(size))
    with connected_proxy(api, uri, serializer) as proxy:
        expect(proxy.take(*values), size)
        yield _repeat(partial(proxy.take, *values))


@contextmanager
def members(size: int, api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A small call of an object with so many exposed methods."""
    with connected_proxy(api, uri, serializer) as proxy:
        other = f"PYRO:{proxy.offer(size)}@{api.URI(uri).location}"
    with connected_proxy(api, other, serializer) as proxy:
        yield _repeat(lambda: proxy.add(3, 4))


@contextmanager
def objects(size: int, api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A small call of a daemon with so many registered objects."""
    with connected_proxy(api, uri, serializer) as proxy:
        expect(proxy.crowd(size) >= size, True)
        yield _repeat(lambda: proxy.add(3, 4))


@contextmanager
def connections(size: int, api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """Small calls in turn over so many connections, each of which was idle before."""
    with connected_proxies(api, uri, serializer, size) as proxies:
        turn = count()

        def call() -> None:
            proxies[next(turn) % size].add(3, 4)

        yield _repeat(call)


@contextmanager
def idle_connections(size: int, api: ModuleType, uri: str, serializer: str) -> Iterator[Run]:
    """A small call over one of so many connections; the others are idle."""
    with connected_proxies(api, uri, serializer, size) as proxies:
        yield _repeat(lambda: proxies[0].add(3, 4))


def _repeat(call: Callable[[], object]) -> Run:
    def run() -> None:
        for _ in range(RUN_CALLS):
            call()

    return run


def _powers(largest: int) -> tuple[int, ...]:
    """Return the powers of ten up to *largest*."""
    return tuple(10**power for power in range(len(str(largest))))


_CROWDED = Stage(pool=MOST_CLIENTS + 100)
"""A stock daemon needs a thread for each connection."""
_FRESH = Stage(is_apart=True)
"""What is registered stays, and must not weigh on what is measured afterwards."""

AXES = (
    Axis(
        "payload", "bytes of text, there and back", _powers(1_000_000), TEXT, payload, has_raw=True
    ),
    Axis("arguments", "arguments of the call", _powers(1000), TEXT, arguments),
    Axis("members", "exposed members of the object", _powers(10_000), TEXT[:1], members, _FRESH),
    Axis("objects", "objects in the daemon", _powers(1_000_000), TEXT[:1], objects, _FRESH),
    Axis(
        "idle", "connections, one of them busy", _powers(MOST_CLIENTS), TEXT[:1],
        idle_connections, _CROWDED,
    ),
    Axis(
        "connections", "connections, used in turn", _powers(MOST_CLIENTS), TEXT[:1],
        connections, _CROWDED,
    ),
)  # fmt: skip
"""Everything that grows, in the order of the report."""

POINTS = tuple(work for axis in AXES for work in axis.works())
"""The works of all axes."""
