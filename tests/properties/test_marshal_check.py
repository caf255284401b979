"""What holds for the check of marshal data, whatever the bytes are.

Two things. The shortcuts accept nothing that the definition refuses. And what is accepted does
Python's loader no harm: it returns plain values or raises an ordinary error. It runs in a process
of its own that has little memory, so that a crash or a large allocation would show.
"""

from __future__ import annotations

import marshal
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from pyrolike.errors import SerializeError
from pyrolike.serializers import marshal_check, marshal_rows

pytest.importorskip("resource", reason="only Unix can limit the memory of a process")

# The machines of a test run are shared: time says nothing about the code.
relaxed = settings(deadline=None)

LOADER = """
import marshal, os, resource, sys
source = sys.stdin.buffer
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
while size := source.read(4):
    data = source.read(int.from_bytes(size, "little"))
    os.write(1, b".")
    try:
        value = marshal.loads(data)
    except (ValueError, TypeError, EOFError):
        continue
    repr(value), value == value
    del value
os.write(1, b"!")
"""
"""Loads all it is given; writes a dot before each, and a mark at the end."""


def assert_loader_survives(accepted: list[bytes]) -> None:
    framed = b"".join(len(data).to_bytes(4, "little") + data for data in accepted)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", LOADER],
        input=framed, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    dots = done.stdout.count(b".")
    assert done.stdout.endswith(b"!"), (done.returncode, accepted[dots - 1], done.stderr[-2000:])
    assert (done.returncode, dots) == (0, len(accepted))


def is_accepted(check: Callable[[], None]) -> bool:
    try:
        check()
    except SerializeError:
        return False
    return True


def judged(data: bytes) -> bool:
    """Return whether data is accepted, after comparing the shortcuts with the definition."""
    allowed = is_accepted(marshal_check._Walk(data).check)
    assert is_accepted(lambda: marshal_check.check_marshal(data)) == allowed
    if not allowed:
        assert not marshal_check.is_simple(data)
        assert not marshal_check._is_proven_in_a_hurry(data)
    return allowed


# -- Data that somebody may send

scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.just(2**70) | st.floats()
    | st.complex_numbers() | st.text(max_size=60) | st.binary(max_size=30)
)  # fmt: skip
keys = st.text(max_size=4) | st.integers(0, 3) | st.tuples(st.integers(), st.text(max_size=2))


def containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(items, max_size=5)
        | st.lists(items, max_size=5).map(tuple)
        | st.dictionaries(keys, items, max_size=5)
        | st.frozensets(keys, max_size=3)
        | st.sets(keys, max_size=3)
        | items.map(lambda item: [item, item])
        | items.map(lambda item: 20 * [item])
    )


values = st.recursive(scalars, containers, max_leaves=20)
arguments = st.lists(values, max_size=4)
keywords = st.none() | st.dictionaries(st.text(max_size=5), values, max_size=3)
names = st.text(max_size=50)
calls = st.tuples(names, names, arguments, keywords)
records = st.lists(st.dictionaries(names, scalars, min_size=1, max_size=4), max_size=3).map(
    lambda items: 12 * items
)
dumps = st.builds(marshal.dumps, values | calls | records, st.sampled_from([2, 3, 4]))
seeds = st.integers(0, 2**32)


# -- Data that nobody should send

CONTAINERS = b")([{<>"
ALL_CODES = b"NTF.iglyzZsutaA" + CONTAINERS + b"r0" + b"ScfxI:R"
DATA_CODES = ALL_CODES[:-8]


def rubbish(chance: random.Random, depth: int = 0) -> bytes:
    """Write a token of almost any kind with all that belongs to it; little of it is wrong."""
    kind = chance.choice(ALL_CODES if chance.random() < 0.02 else DATA_CODES)
    if depth > 4 and kind in CONTAINERS:
        kind = chance.choice(b"Nirz")
    flag = 0x80 if kind not in b"NTF.r0" and chance.random() < 0.5 else 0
    return bytes([kind | flag]) + rest_of_token(chance, kind, depth)


def rest_of_token(chance: random.Random, kind: int, depth: int) -> bytes:
    wrong = chance.choice([-1, 1, 2, 1 << 16, 1 << 30]) if chance.random() < 0.02 else 0
    if kind in b"igy":
        return chance.randbytes({"i": 4, "g": 8, "y": 16}[chr(kind)])
    if kind == ord("r"):
        return chance.choice([0, 0, 1, 1, 2, 3, 4, 5, 6, 8, 11, 300]).to_bytes(4, "little")
    if kind in b"zZsutaA":
        size = chance.choice([0, 1, 1, 2, 3, 47])
        announced = max(0, size + wrong).to_bytes(4, "little")
        return (announced[:1] if kind in b"zZ" else announced) + chance.choice(
            b"ar0"
        ).to_bytes() * size
    if kind == ord("l"):
        size = chance.choice([1, 2, 3, 4, 5, 9])
        sign = chance.choice([1, -1])
        digits = bytes(chance.choice([0, 1, 0x7F]) for _ in range(2 * size))
        return (sign * (size + wrong)).to_bytes(4, "little", signed=True) + digits
    if kind not in CONTAINERS:
        return b""
    count = chance.choice([0, 1, 1, 2, 2, 3, 4, 16, 17])
    if kind == ord("{"):
        items = (rubbish(chance, depth + 1) for _ in range(2 * min(count, 4) + wrong % 2))
        return b"".join(items) + b"0"
    items = (rubbish(chance, depth + 1 + count // 8) for _ in range(count))
    announced = max(0, count + wrong).to_bytes(4, "little")
    return (announced[:1] if kind == ord(")") else announced) + b"".join(items)


def rubbish_value(chance: random.Random) -> bytes:
    """Write a container, half of the time in the form of a call, or a list of similar items."""
    form = chance.randrange(4)
    if form == 0:
        texts = rest_of_token(chance, ord("z"), 0), rest_of_token(chance, ord("z"), 0)
        names = b"".join(chance.choice([b"z", b"\xda"]) + text for text in texts)
        listed = chance.choice([b"[", b"\xdb"]) + rest_of_token(chance, ord("["), 3)
        keywords = chance.choice([b"{", b"\xfb"]) + rest_of_token(chance, ord("{"), 4)
        return chance.choice([b")\x04", b"\xa9\x04"]) + names + listed + keywords
    if form == 1:
        start = rubbish(chance, 4) + chance.choice([b"[", b"\xdb"])
        item = chance.choice([b"{", b")", b"["])
        items = [item + rest_of_token(chance, item[0], 4) for _ in range(40)]
        return b")\x03" + start + b"\x28\0\0\0" + b"".join(items) + rubbish(chance, 3)
    kind = chance.choice(CONTAINERS)
    return bytes([kind | chance.choice([0, 0x80])]) + rest_of_token(chance, kind, 0)


def reference(index: int) -> bytes:
    return b"r" + index.to_bytes(4, "little")


def rubbish_rows(chance: random.Random) -> bytes:
    """Write a list of rows that are alike, mostly; little of it is wrong."""
    before, objects = chance.choice(
        [(b"N", 0), (b"\xdb\0\0\0\0", 1), (b"[\x10\0\0\0" + 16 * b"\xda\1a", 16)]
    )
    opening = chance.choice([b"[", b"\xdb"])
    objects += opening != b"["
    tokens = [
        [b"N", b"T", b"."], [b"i\1\0\0\0", b"i\xff\xff\xff\xff"], [b"g" + bytes(8)],
        [b"z\1a", b"z\2r0", b"Z\0"], [reference(objects), reference(objects + 300)],
    ]  # fmt: skip
    columns = [chance.choice(tokens) for _ in range(chance.choice([1, 2, 4]))]
    rows = [b"{%b0" % b"".join(b"\xda\1%cN" % letter for letter in b"abcd"[: len(columns)])]
    for _ in range(chance.choice([100, 120, 170, 230])):
        values = [chance.choice(column) for column in columns]
        if chance.random() < 0.005:
            columns = [[*column, *chance.choice(tokens)] for column in columns]
        if chance.random() < 0.005:
            values[0] = chance.choice(
                [reference(0), reference(max(0, objects - 1)), rubbish(chance, 3)]
            )
        pairs = (reference(objects + place) + value for place, value in enumerate(values))
        rows.append(b"{%b0" % b"".join(pairs))
    count = len(rows) + (chance.choice([-1, 1]) if chance.random() < 0.05 else 0)
    end = chance.choice([b"N", b"\xfb0", reference(0), rubbish(chance, 3)])
    return b"(\3\0\0\0" + before + opening + count.to_bytes(4, "little") + b"".join(rows) + end


def damaged(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Change a few places of *data*; pieces may come from *other*."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at, length = chance.randrange(len(changed) + 1), chance.choice([1, 4, 5, 9])
        from_other = chance.randrange(len(other) + 1)
        piece = chance.choice(
            [
                bytes([chance.choice(ALL_CODES) | chance.choice([0, 0x80])]),
                chance.randbytes(1),
                b"r" + chance.randrange(6).to_bytes(4, "little"),
                bytes(changed[at : at + length]),
                other[from_other : from_other + chance.choice([1, 5, 20, 200])],
                b"",
            ]
        )
        changed[at : at + chance.choice([0, 0, len(piece), length])] = piece
    return bytes(changed)


def judge(candidates: Iterable[bytes]) -> list[bytes]:
    return [data for data in candidates if judged(data)]


@relaxed
@given(values | calls | records, st.sampled_from([2, 3, 4]))
def test_what_marshal_writes_is_accepted(value: Any, version: int) -> None:
    assert judged(marshal.dumps(value, version))


@pytest.mark.slow
@settings(relaxed, max_examples=15)
@given(st.lists(dumps, min_size=2, max_size=8), seeds)
def test_damaged_data_is_refused_or_harmless(written: list[bytes], seed: int) -> None:
    chance = random.Random(seed)
    assert_loader_survives(
        judge(damaged(chance, chance.choice(written), chance.choice(written)) for _ in range(300))
    )


@pytest.mark.slow
@settings(relaxed, max_examples=15)
@given(seeds)
@example(0)
def test_well_formed_rubbish_is_refused_or_harmless(seed: int) -> None:
    chance = random.Random(seed)
    assert_loader_survives(judge(rubbish_value(chance) for _ in range(400)))


@pytest.mark.slow
@settings(relaxed, max_examples=10)
@given(seeds)
@example(0)
def test_rows_with_flaws_are_refused_or_harmless(seed: int) -> None:
    chance = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marshal_rows, "BYTES", 1)  # short data, too
        patch.setattr(marshal_rows, "_matchers", {})  # those of this test do not count
        patch.setattr(marshal_rows, "MOST_SHAPES", 1000)
        lists = [rubbish_rows(chance) for _ in range(40)]
        flawed = [damaged(chance, chance.choice(lists), lists[0]) for _ in range(40)]
        assert_loader_survives(judge(lists + flawed))


@relaxed
@given(st.binary(max_size=60))
def test_shortcuts_and_definition_agree_on_any_bytes(data: bytes) -> None:
    judged(data)
