"""Rows: which are found to be alike, and that a pattern for some matches nothing else."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import marshal_check, marshal_rows
from pyrolike.serializers.marshal_rows import (
    BYTES,
    COUNT,
    MOST_VALUES,
    Shape,
    find_shape,
    rows_matcher,
)
from tests.support.names import shown


@pytest.fixture(autouse=True)
def no_pattern_is_made_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marshal_rows, "_matchers", {})


KEY = b"r\x05\0\0\0"


def row(*values: bytes) -> bytes:
    return b"{" + b"".join(KEY + value for value in values) + b"0"


def shape(*kinds: str) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(kind.encode()) for kind in kinds)


def made(shape: Shape | None, least: int) -> Any:
    assert shape is not None
    match = rows_matcher(shape, least, len(shape) * BYTES)
    assert match is not None
    return match


VALUES = {
    b"N": "T", b"T": "T", b"F": "T", b".": "T", b"i\1\0\0\0": "i", b"\xe9\1\0\0\0": "i",
    b"g" + bytes(8): "g", b"\xe7" + bytes(8): "g", b"z\0": "z", b"Z\2ab": "z", b"\xfa\x01r": "z",
    b"\xda\x2f" + b"x" * 47: "z", b"r\x06\0\0\0": "r",
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_rows_of_each_kind_are_matched(value: bytes) -> None:
    kind = VALUES[value]
    found = find_shape(b"xx" + row(value, b"N"), 2)
    assert found == shape(kind, "T")
    match = made(found, 5)
    assert match(COUNT * row(value, b"F") + b"0", 0).end() == COUNT * len(row(value, b"F"))
    for other, other_kind in VALUES.items():
        assert bool(match(COUNT * row(other, b"."), 0)) == (other_kind == kind)


def test_a_shape_has_room_for_the_rows_before() -> None:
    first = find_shape(row(b"N", b"z\0"), 0)
    both = find_shape(row(b"i\1\0\0\0", b"r\x06\0\0\0"), 0, first)
    assert both == shape("Ti", "zr")
    match = made(both, 5)
    mixed = COUNT // 2 * (row(b"N", b"r\x07\0\0\0") + row(b"i\1\0\0\0", b"z\1a"))
    assert match(mixed, 0)
    assert find_shape(row(b"N"), 0, both) == shape("T")  # other rows: a new beginning


@pytest.mark.parametrize(
    "data",
    [
        b"[", b"[\0\0\0\0", b"\xfb0", row()[:-1] + b"N", b"{z\1aN0", row(b"[\0\0\0\0"), row(b"l"),
        row(b"{0"), row(b"\xce"), row(b"\xf2\1\0\0\0"), row(*[b"N"] * (MOST_VALUES + 1)),
        row(b"a\1\0\0\0x"),
    ],
    ids=shown,
)  # fmt: skip
def test_what_is_no_row_has_no_shape(data: bytes) -> None:
    assert find_shape(data, 0) is None


def test_data_that_ends_inside_of_a_row_is_noticed() -> None:
    for data in (row(b"i\1\0\0\0"), row(b"z\5abcde")):
        for end in range(len(data)):
            with pytest.raises(IndexError):
                find_shape(data[:end], 0)


@pytest.mark.parametrize("least", [0, 1, 4, 0x30, 0xFF])
def test_references_lead_to_no_earlier_object(least: int) -> None:
    match = made(shape("r"), least)
    for index in (0, 1, 3, 4, 5, 0x2F, 0x30, 0xFE, 0xFF, 0x100, 0x104, 0xFFFF):
        low = b"r" + index.to_bytes(4, "little")
        good = b"r\xff\0\0\0"
        is_matched = bool(match(COUNT * (b"{" + good + low + b"0"), 0))
        assert is_matched == bool(match(COUNT * (b"{" + low + good + b"0"), 0))
        assert is_matched == (index % 0x100 >= least)
        assert not (is_matched and index < least)


def test_a_pattern_is_made_only_where_there_is_much_for_it() -> None:
    two = shape("T", "i")
    assert rows_matcher(two, 0xFF, 2 * BYTES)
    assert rows_matcher(two, 0xFF, 2 * BYTES - 1) is None
    assert rows_matcher(two, 0x100, 2 * BYTES) is None


def test_only_so_many_patterns_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marshal_rows, "MOST_SHAPES", 2)
    first = rows_matcher(shape("T"), 1, BYTES)
    assert first
    assert rows_matcher(shape("T"), 2, BYTES)
    assert rows_matcher(shape("i"), 1, BYTES) is None
    assert rows_matcher(shape("T"), 1, BYTES) is first


def record(number: int) -> dict[str, Any]:
    return {"id": 1000 + number, "name": f"record {number}", "value": number / 3, "ok": True}


RECORDS = [record(number) for number in range(1000)]
SPOILT: list[Any] = [[], {"a": 1}, (1,), 2**40, "x" * 300, [[[1]]]]


@pytest.mark.parametrize(
    "value", [RECORDS, ("o", "m", [RECORDS], {}), {"rows": RECORDS}, (1, RECORDS)]
)
def test_rows_are_skipped_wherever_a_list_of_them_is(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = marshal.dumps(value)
    skipped: list[int] = []
    end_run = marshal_check._HurriedWalk._end_run

    def note(walk: Any, start: int, end: int) -> None:
        skipped.append(end - start)
        end_run(walk, start, end)

    monkeypatch.setattr(marshal_check._HurriedWalk, "_end_run", note)
    assert marshal_check._is_proven_in_a_hurry(data)
    assert sum(skipped) < len(data) / 5  # in the general way: the rest was compared with one row


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("place", [0, 20, 500, 999])
def test_odd_rows_in_between_are_checked_as_ever(place: int, spoilt: Any) -> None:
    for odd in (spoilt, {**record(1), "name": spoilt}):
        data = marshal.dumps([*RECORDS[:place], odd, *RECORDS[place + 1 :]])
        marshal_check._Walk(data).check()
        marshal_check.check_marshal(data)


def test_records_with_some_values_missing_are_proven_in_a_hurry() -> None:
    rows = [
        {**record(number), "value": None if number % 7 == 3 else number, "ok": number % 2 == 0}
        for number in range(1000)
    ]
    assert marshal_check._is_proven_in_a_hurry(marshal.dumps(rows))


def test_code_and_references_to_open_lists_among_rows_are_refused() -> None:
    good = marshal.dumps(RECORDS)
    place = good.index(b"record 700") - 2
    key = good.rindex(b"r", 0, place)
    for bad in (b"c", b"\xe3", b"[\xff\xff\xff\x7f"):
        spoilt = good[:place] + bad + good[place + 1 :]
        assert not marshal_check._is_proven_in_a_hurry(spoilt)
        with pytest.raises(SerializeError):
            marshal_check.check_marshal(spoilt)
    itself = good[:key] + b"r\0\0\0\0" + good[key + 5 :]
    assert good[0] == ord("[") | 0x80
    assert not marshal_check._is_proven_in_a_hurry(itself)
    with pytest.raises(SerializeError, match="reference to itself"):
        marshal_check.check_marshal(itself)
