"""The works that are measured, and the floors that each must keep.

`WORKS` is the table. A row names the function of `tests.benchmarks.openers` that does it, says what
is counted, under which circumstances, and what the result has to be at least. Floors are data, for
reading as much as for reckoning: the report says of each whether it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import openers
from .openers import BATCH, CALLS, MEGABYTE, SHARERS, STREAM, THREADED_CALLS, THREADS, Opener

RAW = "raw"
OURS = "pyrolike"
PEER = "Pyro5"
BESIDE = "beside"
"""In a floor: our own library, doing the work that `Work.beside` names in the same rounds."""

SMALL_MESSAGE = 80
"""Bytes of the small raw echo: about a Pyro request for ``add(3, 4)``."""

ALL = ("serpent", "json", "marshal", "msgpack")
NONE = ("",)
"""Of a work in which nothing is serialized."""


@dataclass(frozen=True, slots=True)
class Floor:
    """At least *factor* times as good as *than*.

    Attributes:
        factor: How many times as fast, or as cheap.
        than: Name of a contestant, or `BESIDE`.
    """

    factor: float
    than: str


@dataclass(frozen=True, slots=True)
class Limit:
    """At most this much of the work's unit; for works that are costs."""

    most: float


@dataclass(frozen=True, slots=True)
class Stage:
    """The circumstances under which a work is measured.

    Attributes:
        clients: Client processes that work at the same time; their rates are added up.
        is_pinned: All processes share one core; else they run wherever the system puts them.
        is_fresh: New processes for each window, because the second time would be another thing.
        pool: Threads that a thread server may have; 0 leaves it at the default.
        is_apart: Processes of its own, as with any other stage but the usual one.
    """

    clients: int = 1
    is_pinned: bool = True
    is_fresh: bool = False
    pool: int = 0
    is_apart: bool = False


USUAL = Stage()


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work, and a row of the table for each of its serializers.

    Attributes:
        name: Word for the command line.
        title: Words for the reader.
        serializers: Which of the serializers it is measured with.
        units: What one run counts as.
        unit: What is counted.
        opener: Opens the work: ``opener(api, uri, serializer)``.
        raw_bytes: Length of the raw message that it is put beside; 0 if there is nothing raw.
        raw_threads: How many threads send one, each over a connection of its own.
        floors: What has to be reached, by serializer.
        beside: Name of the work that our library does in the same rounds, for comparison.
        peers: Serializers with which the other libraries are measured in the same rounds.
        stage: The circumstances.
        is_cost: The run returns what it cost, in *unit*, and less is better. Else what counts is
            how many units are done per second.
    """

    name: str
    title: str
    serializers: tuple[str, ...]
    units: int
    unit: str
    opener: Opener
    raw_bytes: int = SMALL_MESSAGE
    raw_threads: int = 1
    floors: Mapping[str, tuple[Floor | Limit, ...]] = field(default_factory=dict)
    beside: str = ""
    peers: tuple[str, ...] = ()
    stage: Stage = USUAL
    is_cost: bool = False

    @property
    def measure(self) -> str:
        """What the figures are figures of."""
        return self.unit if self.is_cost else f"{self.unit}/s"


def label(work: Work, serializer: str) -> str:
    """Return the row's name on the command line."""
    return f"{work.name}/{serializer}" if serializer else work.name


def _alike(serializers: tuple[str, ...], *floors: Floor | Limit) -> dict[str, tuple[Floor, ...]]:
    return dict.fromkeys(serializers, floors)


_QUICK = (Floor(0.52, RAW), Floor(2.1, PEER), Floor(1.0, "thriftpy2"), Floor(1.0, "managers"))
_PLAIN = ("serpent", "marshal")
_EXTREMES = ("serpent", "msgpack")

WORKS = (
    Work(
        "call", "small call add(3, 4)", ALL, CALLS, "calls", openers.small_calls,
        floors={
            "serpent": (Floor(0.38, RAW), Floor(3.5, PEER)),
            "json": (Floor(0.42, RAW), Floor(2.5, PEER)),
            "marshal": _QUICK,
            "msgpack": _QUICK,
        },
        peers=("marshal", "msgpack"),
    ),
    Work(
        "threads", "4 threads, a proxy each", _PLAIN, THREADS * THREADED_CALLS, "calls",
        openers.threads, raw_threads=THREADS, floors=_alike(_PLAIN, Floor(1.0, BESIDE)),
        beside="call",
    ),
    Work(
        "shared", "8 threads, one proxy", _PLAIN, SHARERS * THREADED_CALLS, "calls",
        openers.shared, floors=_alike(_PLAIN, Floor(0.85, BESIDE)), beside="call",
    ),
    Work(
        "sleep", "the same, server sleeps 1 ms", ("serpent",), SHARERS * openers.SLEEPS, "calls",
        openers.shared_sleep, floors=_alike(("serpent",), Floor(1.0, PEER)),
    ),
    Work(
        "naps", "8 proxies, server sleeps 1 ms", ("serpent",), SHARERS * openers.SLEEPS, "calls",
        openers.separate_sleep,
    ),
    Work(
        "batch", "batch of 100 calls", _EXTREMES, BATCH, "calls", openers.batch,
        floors={"serpent": (Floor(4.0, PEER),), "msgpack": (Floor(1.5, PEER),)},
    ),
    Work("stream", "stream of items", _EXTREMES, STREAM, "items", openers.stream),
    Work(
        "window", "stream, 100 items a trip", _EXTREMES, STREAM, "items", openers.window,
        floors=_alike(_EXTREMES, Floor(20.0, PEER)),
    ),
    Work(
        "connect", "connect, call, release", ("serpent",), 1, "connections", openers.connect,
        floors=_alike(("serpent",), Floor(2.2, PEER)),
    ),
    Work(
        "megabyte", "1 MB echoed", ALL, 1, "MB", openers.megabyte, raw_bytes=MEGABYTE,
        floors={
            "serpent": (Floor(2.5, PEER),),
            "json": (Floor(1.8, PEER),),
            "marshal": (Floor(0.30, RAW),),
            "msgpack": (Floor(0.30, RAW),),
        },
    ),
    Work(
        "records", "1000 records echoed", ALL, 1, "lists", openers.records,
        raw_bytes=openers.RECORDS_SIZE,
        floors={
            "serpent": (Floor(8.0, PEER),),
            "json": (Floor(1.5, PEER),),
            "marshal": (Floor(1.5, PEER),),
            "msgpack": (Floor(1.3, PEER),),
        },
    ),
    Work(
        "import", "import of the package", NONE, 1, "ms", openers.package_import, raw_bytes=0,
        floors=_alike(NONE, Limit(60.0)), is_cost=True,
    ),
    Work(
        "start", "import api, first call", ("serpent",), 1, "ms", openers.first_call, raw_bytes=0,
        floors=_alike(("serpent",), Floor(1.0, PEER)), is_cost=True,
    ),
    Work(
        "memory", "memory per idle client", NONE, 1, "kB", openers.idle_memory, raw_bytes=0,
        floors=_alike(NONE, Limit(10.0)), is_cost=True,
        stage=Stage(is_fresh=True, pool=2 * openers.IDLE_CLIENTS),
    ),
    Work(
        "free1", "all cores, 1 client", _PLAIN, CALLS, "calls", openers.small_calls,
        floors=_alike(_PLAIN, Floor(1.0, PEER)), stage=Stage(is_pinned=False),
    ),
    Work(
        "free8", "all cores, 8 clients", _PLAIN, CALLS, "calls", openers.small_calls,
        floors=_alike(_PLAIN, Floor(1.0, PEER)), stage=Stage(clients=8, is_pinned=False),
    ),
)  # fmt: skip
"""All works, in the order of the table."""
