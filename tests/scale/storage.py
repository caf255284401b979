"""Measures one storage with many names, in a process of its own, whose memory is that of the names.

Two steps, each a process: ``fill`` makes the names be there, as an earlier run of a name server
would have left them; ``measure`` opens the storage, which for one in a file is the start of a name
server, and uses it through the name server's own object. The last line of output is JSON.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from time import perf_counter

from pyrolike.naming import NameServer
from pyrolike.naming.storage import SqlStorage, dbm_file

GROUPS = 1000
"""In how many groups the names fall, by prefix and by tag; each has a thousandth of them."""

REPEATS = 200


def name(number: int) -> str:
    return f"area{number % GROUPS:03}.machine{number}"


def uri(number: int) -> str:
    return f"PYRO:obj_{number:032x}@host{number % 50}.example:9999"


def tag(number: int) -> str:
    return f"kind{number * 7 % GROUPS}"


def shuffled(count: int) -> list[int]:
    """Return the numbers below *count* in an order without order, the same each time."""
    numbers = list(range(count))
    random.Random(count).shuffle(numbers)
    return numbers


def fill(spec: str, count: int) -> None:
    """Put the names into a file, many at once; what is in memory is filled when it is measured."""
    kind, _, file = spec.partition(":")
    if kind == "sql":
        SqlStorage(file).close()
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            rows = ((number, name(number), uri(number)) for number in shuffled(count))
            connection.executemany("INSERT INTO pyro_names VALUES (?, ?, ?)", rows)
            tags = ((number, tag(number)) for number in range(count))
            connection.executemany("INSERT INTO pyro_metadata VALUES (?, ?)", tags)
        with open(file, "rb") as written:
            os.fsync(written.fileno())  # or whoever opens it would have to wait for that
    elif kind == "dbm":
        entries = {name(number): uri(number) for number in shuffled(count)}
        dbm_file.write(file, "", entries)


def measure(spec: str, count: int) -> dict[str, float]:
    """Return what was measured: seconds, and bytes."""
    memory = resident()
    begin = perf_counter()
    names = NameServer(spec)
    opened = perf_counter() - begin
    if spec == "memory":
        for number in shuffled(count):
            names.register(name(number), uri(number), metadata=[tag(number)])
    filled = perf_counter() - begin
    assert names.count() == count
    found: dict[str, float] = {
        "open": opened,
        "fill": 0.0 if spec != "memory" else filled,
        "memory": resident() - memory,
    }
    with closing(names.storage):
        found.update(measure_use(names, count, tags=names.storage.keeps_metadata))
    return found


def measure_use(names: NameServer, count: int, *, tags: bool) -> dict[str, float]:
    chance = random.Random(1)
    some = [chance.randrange(count) for _ in range(REPEATS)]
    group = f"area{some[0] % GROUPS:03}."
    in_group = count // GROUPS
    found = {
        "lookup": each(lambda number: names.lookup(name(number)), some),
        "count": each(lambda _: names.count(), some),
        "prefix": expect(in_group, lambda: names.list(prefix=group)),
        "regex with prefix": expect(in_group, lambda: names.list(regex=rf"{group[:-1]}\..*\d$")),
        "regex": expect(1, lambda: names.list(regex=rf".*machine{some[0]}$")),
        "hostile regex": expect(1, lambda: names.list(regex=rf"(\w+\.)*machine{some[0]}$")),
        "register": each(lambda number: names.register(f"new{number}", uri(number)), some),
    }
    if tags:
        found["tags"] = expect(in_group, lambda: names.yplookup([tag(some[0])]))
    found["remove prefix"] = timed(lambda: names.remove(prefix=group))
    assert names.list(prefix=group) == {}
    return found


def each(use: Callable[[int], object], numbers: list[int]) -> float:
    """Return the seconds of one use, the median of many."""
    times = sorted(timed(lambda number=number: use(number)) for number in numbers)  # type: ignore[misc]  # its default is typed
    return times[len(times) // 2]


def expect(size: int, search: Callable[[], dict[str, object]]) -> float:
    """Return the seconds of a search that must find so many, the best of three."""
    times = []
    for _ in range(3):
        begin = perf_counter()
        found = search()
        times.append(perf_counter() - begin)
        assert len(found) == size
    return min(times)


def timed(use: Callable[[], object]) -> float:
    begin = perf_counter()
    use()
    return perf_counter() - begin


def resident() -> int:
    """Return the memory of this process, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    step, spec, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if step == "fill":
        fill(spec, count)
    else:
        print(json.dumps(measure(spec, count)))
