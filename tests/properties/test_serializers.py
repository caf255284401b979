"""Values of every shape, and text of every kind, against an independent account.

For serpent that is the serpent library: what it writes we must write, byte for byte; what it reads
we must read alike, and what it refuses we must refuse. Some of the text it never wrote: it was
mutated, or put together of the pieces that matter to our reader. For the other formats it is the
value itself.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import math
import warnings
from itertools import product
from typing import Any

import msgpack
import pytest
import serpent
from hypothesis import example, given, settings, strategies as st

from pyrolike.errors import PyroError, SerializeError
from pyrolike.serializers import (
    SerializerBase,
    get_serializer,
    load_marshal,
    serpent_reader,
    serpent_whole,
)
from pyrolike.serializers.msgpack_plain import read_plain
from pyrolike.serializers.record_lists import MANY
from pyrolike.serializers.serpent_reader import read, read_call
from pyrolike.serializers.serpent_text import HEADER

pytestmark = pytest.mark.slow
relaxed = settings(deadline=None)
REFUSALS = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)

texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["it's", '"', "b'\"", "x, y", "k: v", "\\", "\\n", "None", "nan", "__class__"]),
    st.text(alphabet="'\"\\\n\0\1\2\3,:(){}[]#bx041 \ud800", max_size=6),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts)
keys = st.one_of(
    texts, st.integers(-9, 9), st.floats(allow_nan=False), st.tuples(texts, st.integers())
)


def containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(values, max_size=16),
        st.lists(values, max_size=4).map(tuple),
        st.dictionaries(keys, values, max_size=16),
        st.frozensets(keys, max_size=4),
        st.frozensets(keys, max_size=4).map(set),
    )


odd = st.one_of(
    scalars,
    st.binary(max_size=6),
    st.just(math.nan),
    st.complex_numbers(allow_nan=False),
    st.decimals(),
    st.dates(),
    st.none().map(lambda key: {key: 1}),
)
plain_values = st.recursive(scalars, containers, max_leaves=25)
all_values = st.recursive(odd, containers, max_leaves=25)


def library_dumps(value: object, with_repr: bool) -> bytes:
    data: bytes = serpent.dumps(value, module_in_classname=True, bytes_repr=with_repr)
    return data


@relaxed
@given(all_values, st.booleans())
@example([*range(12), {None: 1}], False)
def test_serpent_text_is_written_as_the_library_writes_it(value: object, with_repr: bool) -> None:
    serializer = get_serializer("serpent", bytes_repr=with_repr)
    try:
        expected = library_dumps(value, with_repr)
    except REFUSALS:
        with pytest.raises(SerializeError):
            serializer.dumps(value)
        return
    assert serializer.dumps(value) == expected


def check_read(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python's parser, about escapes such as \d
        try:
            expected = serpent.loads(data)
        except REFUSALS:
            codec = get_serializer("serpent")
            for load, many in product((codec.loads, codec.loadsCall), (serpent_whole.MANY, 0)):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(serpent_reader, "MANY", many)
                    with pytest.raises(PyroError):
                        load(data)
        else:
            for load, many in product((read, read_call), (serpent_whole.MANY, 0)):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(serpent_reader, "MANY", many)  # short texts as long ones, too
                    value = load(text)
                assert repr(value) == repr(expected)
                assert type(value) is type(expected)


@relaxed
@given(all_values)
def test_serpent_text_is_read_as_the_library_reads_it(value: object) -> None:
    try:
        text = library_dumps(value, True).decode()
    except REFUSALS:
        return
    check_read(text)


PIECES = [
    *"'\"\\,:()[]{}10-+.ej# \n\r\t_br\0\1*", "None", "True", "null", "true", "'a'", "'b':", "1:",
    "{1}", "nan", "NaN", "Infinity", "'''", r"\x00", r"\x41", r"\u0041", r"\ud83d", r"\U0001F600",
    r"\'", "(1]}", ",)", "),(", "set()", "...", "1_0", "0x1", "01", "\\\n", "if", "1j", "'\\'",
]  # fmt: skip
snippets = st.one_of(st.sampled_from(PIECES), st.characters(codec="utf-8"))


@relaxed
@given(st.lists(snippets, max_size=9).map("".join))
def test_any_text_is_read_or_refused_as_by_the_library(body: str) -> None:
    check_read(HEADER + body)
    check_read(body)


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """Change a serpent text in a few places behind its header."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(len(HEADER), len(text)))
        stop = draw(st.integers(start, min(start + 3, len(text))))
        text = text[:start] + draw(st.one_of(st.just(""), snippets)) + text[stop:]
    return text


@relaxed
@given(st.data(), plain_values)
def test_damaged_text_is_read_or_refused_as_by_the_library(
    data: st.DataObject, value: object
) -> None:
    text = get_serializer("serpent").dumps(value).decode()
    check_read(data.draw(mutations(text)))


names = st.text("abc._", min_size=1)
vargs = st.lists(st.one_of(scalars, plain_values), max_size=4).map(tuple)
kwargs = st.one_of(st.none(), st.just({}), st.dictionaries(texts, scalars, max_size=3))


@relaxed
@given(st.data(), names, names, vargs, kwargs)
def test_calls_are_written_and_read_as_by_the_library(
    data: st.DataObject, obj: str, method: str, vargs: Any, kwargs: Any
) -> None:
    written = get_serializer("serpent").dumpsCall(obj, method, vargs, kwargs)
    assert written == library_dumps((obj, method, vargs, kwargs), False)
    text = written.decode()
    check_read(text)
    check_read(data.draw(mutations(text)))


# -- the other formats: what goes in comes out


def jsonable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(values, max_size=5), st.dictionaries(clean_texts, values, max_size=5))


clean_texts = st.text(max_size=8).filter(lambda text: text != "__class__")
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), clean_texts),
    jsonable,
    max_leaves=25,
)


@pytest.mark.parametrize("name", ["serpent", "json", "marshal", "msgpack", "pickle"])
@relaxed
@given(value=json_values, vargs=st.lists(json_values, max_size=3), kwargs=st.none() | st.just({}))
def test_values_and_calls_make_the_round_trip(
    name: str, value: Any, vargs: Any, kwargs: Any
) -> None:
    serializer = get_serializer(name)
    assert repr(serializer.loads(serializer.dumps(value))) == repr(value)
    obj, method, args, named = serializer.loadsCall(serializer.dumpsCall("o", "m", vargs, kwargs))
    assert (obj, method, repr(list(args)), named) == ("o", "m", repr(vargs), kwargs)


@relaxed
@given(st.recursive(scalars | st.binary(max_size=5), containers, max_leaves=25))
def test_marshal_carries_all_plain_values(value: object) -> None:
    arrived = load_marshal(get_serializer("marshal").dumps(value))
    assert repr(arrived) == repr(marshal.loads(marshal.dumps(value)))


@relaxed
@given(
    st.text(),
    st.text(),
    st.lists(json_values, max_size=3).map(tuple),
    st.none() | st.dictionaries(st.text(), json_values, max_size=3),
)
def test_json_calls_are_written_as_the_library_writes_them(
    obj: str, method: str, vargs: Any, kwargs: Any
) -> None:
    call = {"object": obj, "method": method, "params": vargs, "kwargs": kwargs}
    expected = json.dumps(call, ensure_ascii=False).encode()
    assert get_serializer("json").dumpsCall(obj, method, vargs, kwargs) == expected


@relaxed
@given(json_values)
def test_msgpack_is_written_as_the_library_writes_it(value: object) -> None:
    try:
        expected = msgpack.packb(value)
    except OverflowError:
        return  # an integer beyond 64 bits: ours goes as an extension
    assert get_serializer("msgpack").dumps(value) == expected


# -- lists of records, which have ways of their own

columns = [
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(),
    st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), st.floats(), scalars,
]  # fmt: skip


@st.composite
def record_lists(draw: st.DrawFn) -> list[Any]:
    """Make many records of a few different ones; one may be quite another thing."""
    kinds = draw(st.dictionaries(texts, st.sampled_from(columns), min_size=1, max_size=4))
    few = draw(st.lists(st.fixed_dictionaries(kinds), min_size=1, max_size=4))
    records: list[Any] = [dict(few[number % len(few)]) for number in range(MANY + 5)]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(records) - 1))
        records[place] = draw(st.dictionaries(keys, plain_values, max_size=3) | plain_values)
    return records


@relaxed
@given(record_lists(), st.booleans())
def test_records_are_written_to_serpent_as_by_the_library(value: Any, with_repr: bool) -> None:
    serializer = get_serializer("serpent", bytes_repr=with_repr)
    for shape in (value, (1, tuple(value))):
        try:
            expected = library_dumps(shape, with_repr)
        except REFUSALS:
            with pytest.raises(SerializeError):
                serializer.dumps(shape)
        else:
            assert serializer.dumps(shape) == expected
            check_read(expected.decode())


@relaxed
@given(record_lists())
def test_records_are_written_to_json_as_by_the_library(value: Any) -> None:
    serializer = get_serializer("json")
    call = {"object": "o", "method": "m", "params": (1, value), "kwargs": None}
    try:
        expected, expected_call = (
            json.dumps(one, ensure_ascii=False, default=tuple).encode() for one in (value, call)
        )
    except REFUSALS:
        with pytest.raises(SerializeError):
            serializer.pack(value)
        return
    assert serializer.pack(value) == expected
    assert serializer.pack_call("o", "m", (1, value), None) == expected_call


@relaxed
@given(record_lists())
def test_records_are_packed_by_msgpack_as_by_the_library(value: Any) -> None:
    serializer = get_serializer("msgpack")
    try:
        expected, expected_call = (msgpack.packb(v) for v in (value, ("o", "m", (1, value), {})))
    except (*REFUSALS, OverflowError):
        return  # what ours sends in another form
    assert serializer.pack(value) == expected
    assert serializer.pack_call("o", "m", (1, value), {}) == expected_call


def check_plain(data: bytes) -> None:
    """Whatever msgspec is let read, msgpack reads, and reads alike."""
    value = read_plain(data)
    if value is not None:
        assert repr(value) == repr(msgpack.unpackb(data))


packable = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(width=32),
        st.text(max_size=5), st.binary(max_size=3), st.just(msgpack.Timestamp(1)),
        st.just(msgpack.ExtType(1, b"1")),
    ),
    lambda values: st.one_of(
        st.lists(values, max_size=5),
        st.dictionaries(st.text(max_size=5), values, max_size=5),
        st.dictionaries(st.binary(max_size=5) | st.integers(-9, 9), values, max_size=2),
    ),
    max_leaves=25,
)  # fmt: skip


@relaxed
@given(packable, st.booleans())
def test_plain_msgpack_data_is_read_as_by_the_library(value: Any, single: bool) -> None:
    check_plain(msgpack.packb(value, use_single_float=single))


@relaxed
@given(st.data(), json_values)
def test_damaged_msgpack_data_is_read_or_refused_as_by_the_library(
    data: st.DataObject, value: Any
) -> None:
    try:
        packed = msgpack.packb(value)
    except OverflowError:
        return  # an integer beyond 64 bits: ours goes as an extension
    check_plain(data.draw(st.binary(max_size=12)))
    place = data.draw(st.integers(0, len(packed)))
    instead = data.draw(st.binary(max_size=3))
    check_plain(packed[:place] + instead + packed[place + len(instead) :])
    check_plain(packed[:place] + instead + packed[place:])


# -- rubbish


@pytest.mark.parametrize("name", ["serpent", "json", "marshal", "msgpack"])
@relaxed
@given(data=st.binary(max_size=40), seed=json_values, place=st.integers(0, 200))
def test_whatever_arrives_is_a_value_or_one_of_our_errors(
    name: str, data: bytes, seed: object, place: int
) -> None:
    serializer = get_serializer(name)
    good = serializer.dumpsCall("o", "m", [seed], {})
    place %= len(good)
    for attempt in (data, good[:place] + data, good[:place] + data + good[place + len(data) :]):
        check_no_other_error(serializer, attempt)


def check_no_other_error(serializer: SerializerBase, data: bytes) -> None:
    if serializer.name == "marshal" and not is_tame(data):
        return
    for load in (serializer.loads, serializer.loadsCall):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(PyroError):
                load(data)


def is_tame(data: bytes) -> bool:
    """Leave out marshal data that announces a huge object: Python's loader reserves the memory."""
    sizes = (data[place : place + 4] for place in range(1, len(data) - 3))
    return all(int.from_bytes(size, "little", signed=True) < 100_000 for size in sizes)


@relaxed
@given(st.binary(max_size=60))
def test_load_marshal_gives_no_code(data: bytes) -> None:
    if is_tame(data):
        try:
            value = load_marshal(data)
        except SerializeError:
            return
        assert "code object" not in repr(value)
