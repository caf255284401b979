from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
import serpent

from pyrolike.serializers.serpent_text import HEADER, MAX_DEPTH
from pyrolike.serializers.serpent_writer import LiteralWriter
from tests.support.names import shown


def write_other(value: object) -> str:
    return f"<{value!r}>"


write = LiteralWriter(write_other, bytes_repr=False).write
write_with_bytes = LiteralWriter(write_other, bytes_repr=True).write

LONG = list(range(20))
"""Long enough for the way by repr."""

VALUES: list[Any] = [
    None, True, False, 0, -5, 2**80, 1.5, -0.0, 1e22, 1e-7, float("inf"), float("-inf"),
    float("nan"), "", "text", "it's", 'say "x"', "both '\"", "\\", "a\nb\0", "é€😀\ud800", (), (1,),
    (1, 2), ((1,), ()), [], [1], [[]], {}, {"a": 1}, {"a": {"b": [1, (2,)]}},
    {2: 1, 1.5: 3, True: 4, (1, "x"): 5}, {1}, {(1, 2)}, set(), frozenset(), frozenset({1}), LONG,
    tuple(LONG), dict.fromkeys(LONG), {str(n): n for n in LONG},
    ["a, b", "c: d", "{", "it's", 'a "b"', "\\'", "\\\\'", '\\"', *LONG],
    [{"id": n, "name": f"n {n}", "tags": ["x", "y"], "ok": True, "none": None} for n in LONG],
    [*LONG, 1.5, None, True, {}, (), (1,), {2}, "None: 3", "nan", "...", "set()"],
    [*LONG, float("inf")], [*LONG, [float("nan")]], [*LONG, [set()]], [*LONG, [frozenset({1})]],
    [*LONG, {(None, 1): None}], dict.fromkeys(LONG, (None,)), [*LONG, {"a": None}],
    [*LONG, {(1, None)}],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_plain_values_are_written_as_the_library_writes_them(value: object) -> None:
    assert HEADER + write(value) == serpent.dumps(value).decode()
    assert HEADER + write((value, [value])) == serpent.dumps((value, [value])).decode()


BYTES = [b"", b"\x00\xffab", bytearray(b"it's"), memoryview(b"x")]


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: [*LONG, {"a": [v]}]])
@pytest.mark.parametrize("value", BYTES, ids=shown)
def test_bytes_are_written_as_the_library_writes_them(
    wrap: Callable[[object], object], value: object
) -> None:
    for ours, with_repr in ((write, False), (write_with_bytes, True)):
        library = serpent.dumps(wrap(value), bytes_repr=with_repr).decode()
        assert HEADER + ours(wrap(value)) == library


def test_bytes_may_be_keys_if_they_are_written_as_bytes() -> None:
    for keys in ({b"a": 1}, {b"a"}):
        assert HEADER + write_with_bytes(keys) == serpent.dumps(keys, bytes_repr=True).decode()
        with pytest.raises(TypeError, match="SERPENT_BYTES_REPR"):
            write(keys)


@pytest.mark.parametrize(
    "keys",
    [{None: 1}, {None}, {frozenset(): 1}, {range(3)}, {len: 1}, {**dict.fromkeys(LONG), None: 1}],
    ids=shown,
)
def test_keys_that_the_library_refuses_are_refused(keys: object) -> None:
    with pytest.raises(TypeError):
        serpent.dumps(keys)
    for value in (keys, [keys], [*LONG, keys]):
        with pytest.raises(TypeError, match="cannot be a key"):
            write(value)


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [1j, object, Colour.RED, type("Sub", (int,), {})(3), type("Own", (list,), {})()],
    ids=str,
)
def test_everything_else_is_left_to_others(value: object) -> None:
    assert write(value) == f"<{value!r}>"
    assert write([*LONG, (value,)]).endswith(f",(<{value!r}>,)]")


def test_a_key_that_is_no_plain_value_is_left_to_others() -> None:
    assert write({Colour.RED: 1}) == f"{{<{Colour.RED!r}>:1}}"


def nest(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS: list[Callable[[Any], Any]] = [
    lambda v: [v],
    lambda v: (v,),
    lambda v: {"a": v},
    lambda v: [*LONG, v],
    lambda v: [*LONG, b"", v],
]


@pytest.mark.parametrize("wrap", WRAPS)
def test_nesting_has_a_limit(wrap: Callable[[Any], Any]) -> None:
    assert write(nest(MAX_DEPTH, wrap)) == serpent.dumps(nest(MAX_DEPTH, wrap))[26:].decode()
    for depth in (MAX_DEPTH + 1, 5000):
        with pytest.raises(ValueError, match="inside each other"):
            write(nest(depth, wrap))
    with pytest.raises(ValueError, match="inside each other"):
        write(nest(MAX_DEPTH, wrap), 1)


def test_what_contains_itself_ends_at_that_limit() -> None:
    short: list[Any] = []
    long: list[Any] = [*LONG]
    for loop in (short, long):
        loop.append(loop)
        with pytest.raises(ValueError, match="inside each other"):
            write(loop)
