"""What holds for the reader of every serializer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from types import NoneType
from typing import Any

from pyrolike.errors import PyroError, SerializeError
from pyrolike.serializers import get_serializer

PLAIN = (
    NoneType, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset,
)  # fmt: skip
HARMLESS = (
    "pyrolike.",
    "builtins",
    "datetime",
    "decimal",
    "uuid",
    "array",
    "struct",
    "zlib",
    "sqlite3",
    "msgpack",
)
"""Modules whose objects peers may have us make."""

SAMPLES: list[Any] = [
    None, True, 0, -1, 2**80, 1.5, 1e300, "text", "Zürich \"'\\\n", [1, [2, [3]]],
    {"a": {"b": None}},
    ["x" * 40], {"__class__": "builtins.ValueError", "__exception__": True, "args": ["no"],
    "attributes": {"_pyroTraceback": ["line"]}}, ValueError("failed", 3), KeyError(None),
    {"__class__": "Pyro5.core.URI", "state": ["PYRO", "obj", None, "localhost", 9999]},
    {"__class__": "float", "value": "nan"},
]  # fmt: skip
RICHER: list[Any] = [*SAMPLES, 1 + 2j, b"bytes", (1,), {1, 2}, {(1, "a"): 3}, float("inf")]
CALLS: list[tuple[Any, ...]] = [
    ("calc", "add", (1, 2), {}), ("calc", "echo", ({"a": [None, True]},), {"key": "value"}),
    ("Pyro.Daemon", "get_metadata", ("calc",), None), ("", "<batch>", [("add", (1,), {})], None),
]  # fmt: skip


def written(name: str, values: list[Any]) -> list[bytes]:
    """Return what a serializer writes for values, and for some calls."""
    codec = get_serializer(name)
    return [codec.dumps(value) for value in values] + [codec.dumpsCall(*call) for call in CALLS]


def make_check(name: str) -> Callable[[bytes], None]:
    """Return a check that a serializer reads values and calls, and nothing that it should not."""
    codec = get_serializer(name)

    def check(data: bytes) -> None:
        for read in (codec.loads, codec.loadsCall):
            try:
                value: Any = read(data)
            except PyroError as fault:
                assert len(str(fault)) < 2000 + len(data)
                continue
            assert_harmless(value)
            try:
                again = codec.dumps(value)
            except SerializeError:
                continue  # it can be read, and yet not be written: a number with 5000 digits
            # A class dict whose key was written with escapes stays a dict: it may be a bad one.
            with contextlib.suppress(PyroError):
                codec.loads(again)

    return check


def assert_harmless(value: Any) -> None:
    """See that all objects in a value are of classes that everybody has, and can be looked at."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        part = pending.pop()
        kind = type(part)
        if id(part) in seen:
            continue
        seen.add(id(part))
        assert kind in PLAIN or f"{kind.__module__}.".startswith(HARMLESS), kind
        assert not isinstance(part, type)
        assert kind in PLAIN or not callable(part) or kind.__name__ == "Proxy", kind
        if kind is dict:
            pending += [*part, *part.values()]
        elif kind in (list, tuple, set, frozenset):
            pending += part
        elif kind not in PLAIN:
            repr(part), str(part), part == value, isinstance(part, Hashable) and hash(part)
            pending += getattr(part, "args", ()) if isinstance(part, BaseException) else ()
