"""What is plain, finished marshal data, and what is refused before Python's loader sees it."""

from __future__ import annotations

import copy
import marshal
from array import array
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import marshal_check
from pyrolike.serializers.marshal_check import MAX_DEPTH, MAX_REPEATED, check_marshal

RECORDS = [
    {"id": 1000 + i, "name": f"user {i}", "tags": ["a", f"{i}"], "at": (0.5 * i, i), "big": 1 << 40}
    for i in range(40)
]

VALUES: list[Any] = [
    None, True, False, ..., 0, -1, 2**31 - 1, -(2**31), 2**31, -(2**40), 2**62, -(2**75), 2**5000,
    1.5, float("inf"), 1 - 2j, "", "short", "ü", "\ud800", "x" * 47, "x" * 48, "x" * 255, "x" * 256,
    "ü" * 300, b"", b"bytes", bytes(1000), (), [], {}, set(), frozenset(),
    (1, 2), [1, [2, [3]]], {"a": 1}, {"a": {"b": [None]}}, {(1, 2): 3, None: 4}, {1, 2.5},
    frozenset({frozenset({1}), (2, b"")}), tuple(range(300)), list(range(300)), set(range(300)),
    {f"key {i}": i for i in range(300)}, RECORDS, {str(i): RECORDS[i] for i in range(40)},
    [(i, f"{i}", 0.5 * i) for i in range(100)], [RECORDS, RECORDS],
    ("obj", "method", [], {}), ("obj", "method", [1, 1, "obj", None], {"x": 1, "y": "obj"}),
    ("obj", "method", [1], None), ("obj", "method", [RECORDS], {"more": RECORDS}),
    ("obj", "<batch>", [("add", [1, 2], {}), ("add", [3, 4], {})], None),
]  # fmt: skip


def refusal(data: bytes) -> str:
    with pytest.raises(SerializeError) as caught:
        check_marshal(data)
    return str(caught.value)


def is_accepted(data: bytes) -> bool:
    try:
        check_marshal(data)
    except SerializeError:
        return False
    return True


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_plain_values_pass_in_every_version_of_the_format(value: Any, version: int) -> None:
    check_marshal(marshal.dumps(value, version))


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("value", [("calc", "add", [3, 4], {}), RECORDS, b"x" * 10_000])
def test_every_kind_of_buffer_is_checked(form: Any, value: Any) -> None:
    data = marshal.dumps(value)
    check_marshal(form(data))
    with pytest.raises(SerializeError):
        check_marshal(form(data[:-1]))


def test_a_view_of_wider_items_counts_in_bytes() -> None:
    items = array("H", bytes(8) + marshal.dumps((1, "a" * 121)))
    check_marshal(memoryview(items)[4:])


@pytest.mark.parametrize(
    "written_elsewhere",
    [
        # Python 3.10 to 3.13, from constants and from variables
        b")\x04\xda\x04calc\xda\x03add[\x02\0\0\0\xe9\x03\0\0\0\xe9\x04\0\0\0{0",
        b"\xa9\x04\xda\x04calc\xda\x03add\xdb\x02\0\0\0\xe9\x03\0\0\0\xe9\x04\0\0\0\xfb0",
        # Python 2
        b"(\x04\0\0\0t\x04\0\0\0calct\x03\0\0\0add[\x02\0\0\0i\x03\0\0\0i\x04\0\0\0{0",
    ],
)
def test_other_versions_of_python_are_understood(written_elsewhere: bytes) -> None:
    check_marshal(written_elsewhere)
    assert marshal.loads(written_elsewhere) == ("calc", "add", [3, 4], {})


def test_code_is_refused() -> None:
    code = compile("a", "file", "eval")
    assert "type code b'\\xe3' stands for no plain value here (byte 0)" in refusal(
        marshal.dumps(code)
    )
    assert "(byte 5)" in refusal(marshal.dumps([code]))


@pytest.mark.parametrize("data", [b"0", b"S", b"I" + bytes(8), b"f\x011", b"x\x011\x011", b"?"])
def test_what_is_no_data_is_refused(data: bytes) -> None:
    assert "stands for no plain value" in refusal(data)
    assert "stands for no plain value" in refusal(b"[\x01\0\0\0" + data)


@pytest.mark.parametrize(
    "data", [b"\xce", b"[\x02\0\0\0\xeeN", b"[\x01\0\0\0\xf2\0\0\0\0", b"{\xb0"]
)
def test_flags_where_the_loader_ignores_them_are_refused(data: bytes) -> None:
    assert "stands for no plain value" in refusal(data)


@pytest.mark.parametrize("container", [b"[", b"(", b"<", b">"])
@pytest.mark.parametrize("count", [2, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])
def test_a_count_beyond_the_data_is_refused(container: bytes, count: int) -> None:
    data = container + count.to_bytes(4, "little") + b"N"
    assert refusal(data) == (
        f"refused marshal data: {count:,} items are announced, more than there are bytes (byte 5)"
    )


@pytest.mark.parametrize("kind", [b"s", b"u", b"t", b"a", b"A", b"l"])
@pytest.mark.parametrize("size", [3, (1 << 31) - 1, (1 << 32) - 3])
def test_a_size_beyond_the_data_is_refused(kind: bytes, size: int) -> None:
    refusal(kind + size.to_bytes(4, "little") + b"ab")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_data_that_was_cut_anywhere_is_refused(value: Any) -> None:
    data = marshal.dumps(value)
    for end in range(0, len(data), len(data) // 50 + 1):
        text = refusal(data[:end])
        assert "more than there are bytes" in text or f"ends at byte {end}" in text


@pytest.mark.parametrize("value", [1, ("calc", "add", [3, 4], {}), RECORDS])
def test_whatever_is_behind_the_end_is_refused(value: Any) -> None:
    data = marshal.dumps(value)
    assert refusal(data + b"N") == (
        f"refused marshal data: there is something behind the end of the value (byte {len(data)})"
    )


@pytest.mark.parametrize("data", [b"{N0", b"{NNN0", b"[\x01\0\0\x000", b"{N{N00"])
def test_a_dict_ends_only_before_a_key(data: bytes) -> None:
    assert "type code b'0' stands for no plain value here" in refusal(data)


@pytest.mark.parametrize(
    ("digits", "good"),
    [
        (b"\x01\0\xff\x7f\x01\0", True),
        (b"\x01\0\0\x80\x01\0", False),
        (b"\x01\0\x01\0\0\0", False),
        (b"\0\0\0\0\0\x80", False),
        (b"", True),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_digits_of_an_integer_have_fifteen_bits_and_none_too_many(
    digits: bytes, good: bool, sign: int
) -> None:
    count = sign * (len(digits) // 2)
    integer = b"l" + count.to_bytes(4, "little", signed=True) + digits
    call = b")\x04z\x01oz\x01m[\x01\0\0\0" + integer + b"{0"
    many = b"[\x80\0\0\0" + 128 * integer
    for data in (integer, call, many):
        if good:
            check_marshal(data)
            marshal.loads(data)
        else:
            assert "an integer has invalid digits" in refusal(data)


def nested(depth: int) -> bytes:
    return b")\x01" * (depth - 1) + b")\x00"


def test_containers_nest_only_so_deep() -> None:
    check_marshal(nested(MAX_DEPTH))
    assert "nested deeper than 200 levels" in refusal(nested(MAX_DEPTH + 1))
    assert "nested deeper than 200 levels" in refusal(b"[\x01\0\0\0" * 100_000 + b"N")


def test_references_do_not_nest_deeper_than_containers() -> None:
    # each tuple of this list contains the one before it; hashing the last one would recurse
    def chain(length: int) -> bytes:
        links = (b"\xa9\x01r" + i.to_bytes(4, "little") for i in range(length - 1))
        return b"[" + length.to_bytes(4, "little") + b"\xa9\0" + b"".join(links)

    check_marshal(chain(MAX_DEPTH - 1))
    assert "references nest containers deeper than 200" in refusal(chain(MAX_DEPTH))
    assert "references nest containers deeper than 200" in refusal(chain(100_000))


@pytest.mark.parametrize(
    "data",
    [
        b"\xa9\x01r\0\0\0\0",
        b"\xdb\x01\0\0\0r\0\0\0\0",
        b"\xfbNr\0\0\0\x000",
        b"\xbc\x01\0\0\0)\x01r\0\0\0\0",
        b"\xbe\x01\0\0\0r\0\0\0\0",
        b"[\x02\0\0\0\xe9\x01\0\0\0\xa9\x02N)\x01r\x01\0\0\0",
        b"\xa9\x04z\x01oz\x01m[\x01\0\0\0r\0\0\0\0{0",
        b"\xa9\x04\xfa\x01oz\x01m\xdb\x02\0\0\0Nr\x02\0\0\0{0",
        b"\xa9\x04\xda\x01o\xda\x01m\xdb\x01\0\0\0r\x03\0\0\0{0",
        b"\xa9\x04\xda\x01o\xda\x01m\xdb\x01\0\0\0\xe9\0\0\0\0\xfbz\x01ar\x05\0\0\x000",
        b"\xa9\x04z\x01oz\x01m[\0\0\0\0\xfbz\x01ar\x01\0\0\x000",
        b"\xdb\x00\x02\0\0" + 511 * b"{z\x01ai\x01\0\0\x000" + b"r\0\0\0\0",
        b"\xdb\x00\x02\0\0r\0\0\0\0" + 511 * b"{z\x01ai\x01\0\0\x000",
        b"[\x00\x02\0\0" + 511 * b"\xe9\x01\0\0\0" + b"\xa9\x01r\xff\x01\0\0",
    ],
)
def test_a_container_that_refers_to_itself_is_refused(data: bytes) -> None:
    assert "a container contains a reference to itself" in refusal(data)


def test_finished_objects_may_be_shared() -> None:
    shared = [1, 2]
    values: tuple[Any, ...] = ([shared, shared], {"a": shared, "b": (shared, {"c": shared})})
    for value in values:
        data = marshal.dumps(value)
        assert b"r" in data
        check_marshal(data)


def test_a_reference_to_nothing_is_left_to_the_loader() -> None:
    data = b"[\x01\0\0\0r\x05\0\0\0"
    check_marshal(data)
    with pytest.raises(ValueError, match="invalid reference"):
        marshal.loads(data)


def test_the_depth_of_what_is_referred_to_is_that_of_its_deepest_item() -> None:
    shared = b"\xa9\x02" + nested(150) + nested(1)
    for depth, good in ((47, True), (48, True), (49, False)):
        data = b")\x02" + shared + depth * b")\x01" + b"r\0\0\0\0"
        assert is_accepted(data) == good


def test_a_run_counts_as_deep_as_it_is() -> None:
    run = b"\xdb\x40\0\0\0" + 64 * b"{z\x01a[\x01\0\0\0N0"  # three levels
    for depth, good in ((196, True), (197, True), (198, False)):
        assert is_accepted(depth * b")\x01" + run) == good
        shared = b")\x02" + run + (depth - 1) * b")\x01" + b"r\0\0\0\0"
        assert is_accepted(shared) == good
        assert not (marshal_check._is_proven_in_a_hurry(shared) and not good)


def doubled(times: int) -> bytes:
    """Return a list of lists, each of which contains the one before it twice."""
    lists = [b"\xdb\0\0\0\0"]
    lists += (2 * (b"r" + i.to_bytes(4, "little")) for i in range(times))
    lists[1:] = (b"\xdb\x02\0\0\0" + pair for pair in lists[1:])
    return b"[" + len(lists).to_bytes(4, "little") + b"".join(lists)


def test_references_do_not_blow_the_data_up() -> None:
    check_marshal(doubled(16))
    assert "references repeat the data to more than" in refusal(doubled(40))
    row = [0.5] * 1000
    check_marshal(marshal.dumps([row] * 1000))
    assert "references repeat the data" in refusal(marshal.dumps([row] * (MAX_REPEATED // 2000)))


@pytest.mark.parametrize(
    "item",
    [
        None, True, ..., -1, 1.5, 2j, 2**31, -(2**60), "", "x" * 47, "ü", "ü" * 11, b"", bytes(23),
        [], [1], list(range(8)), {}, {"a": 1}, {1: "a", "b": [1, 2, 3, 4], "c": []},
    ],
)  # fmt: skip
def test_runs_of_flat_items_are_skipped(item: Any) -> None:
    rows = [copy.deepcopy(item) for _ in range(16)]  # fresh ones, so that none is flagged
    if type(item) is list and item:
        rows[8:] = [tuple(item) for _ in range(8)]
    run = marshal.dumps(rows)[5:]
    match = marshal_check._run(16)(run, 0)
    assert match
    assert match.end() == len(run)


@pytest.mark.parametrize(
    "item",
    [b")\x02\0\0\0NN", b"[\x02NN", b"[\x01\x01\0\0N", b"{N0", b"\xfb0", b"\xa9\0", b"\xdb\0\0\0\0"],
)
def test_runs_contain_only_what_the_loader_reads_in_the_same_way(item: bytes) -> None:
    assert not marshal_check._run(16)(16 * item, 0)
    assert not marshal_check._run(2)(2 * item, 0)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_the_shortcuts_agree_with_the_definition(value: Any) -> None:
    data = marshal.dumps(value)
    marshal_check._Walk(data).check()
    if marshal_check._is_proven_in_a_hurry(data):
        assert not marshal_check._is_proven_in_a_hurry(data + b"N")


@pytest.mark.parametrize(
    "value",
    [
        ("calc", "add", [3, 4], {}),
        ("calc", "add", [1, 1], {"x": 1.5, "y": None}),
        7, None, "text", 1.5, {"a": 1, "b": "c"},
    ],
)  # fmt: skip
def test_common_calls_and_results_take_the_first_shortcut(value: Any) -> None:
    assert marshal_check.is_simple(marshal.dumps(value))


def test_strings_may_be_referred_to_in_a_long_list_of_records() -> None:
    records = [{"id": i * 1000, "name": f"{i}"} for i in range(1000)]
    values: tuple[Any, ...] = (records, ("obj", "put", [records], {}))
    for value in values:
        data = marshal.dumps(value)
        assert not marshal_check.is_simple(data)
        assert marshal_check._is_proven_in_a_hurry(data)


def test_a_container_flagged_behind_a_run_may_not_be_referred_to_in_a_hurry() -> None:
    run = b"[\x10\0\0\0" + 16 * b"\xe9\x01\0\0\0"
    unused, used = b"\xfb0", b"\xdb\0\0\0\0r\x10\0\0\0"
    assert marshal_check._is_proven_in_a_hurry(b")\x02" + run + unused)
    assert not marshal_check._is_proven_in_a_hurry(b")\x03" + run + used)
    for end in (b")\x02" + run + unused, b")\x03" + run + used, b")\x03" + run + 2 * unused):
        check_marshal(end)
        marshal.loads(end)
