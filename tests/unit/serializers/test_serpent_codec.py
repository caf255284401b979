import array
import ast
import collections
import datetime
import decimal
import gc
import io
import math
import uuid
import weakref
from typing import Any

import pytest

from pyrolike.errors import NamingError, PyroError, SerializeError
from pyrolike.serializers import ExceptionWrapper, SerpentSerializer
from pyrolike.serializers.classes import (
    register_class_to_dict,
    register_pyro_class,
    register_type_replacement,
)
from pyrolike.serializers.serpent_text import HEADER
from pyrolike.uri import URI
from tests.support import things
from tests.support.names import shown
from tests.support.things import text_array

URI_TEXT = "{'__class__':'Pyro5.core.URI','state':('PYRO','obj',None,'host',1234)}"
THINGS = "tests.support.things"


@pytest.fixture
def codec() -> SerpentSerializer:
    return SerpentSerializer()


def body(data: bytes) -> str:
    text = data.decode()
    assert text.startswith(HEADER)
    return text.removeprefix(HEADER)


WHEN = datetime.datetime(2020, 1, 2, 3, 4, 5, 678)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("a'\0", '"a\'\\x00"'),
        (1 + 2j, "(1.0+2.0j)"),
        (b"\x00\xffab", "{'data': 'AP9hYg==', 'encoding': 'base64'}"),
        ((1, (2,)), "(1,(2,))"),
        (set(), "()"),
        (frozenset({1}), "{1}"),
        (decimal.Decimal("1.50"), "'1.50'"),
        (WHEN, "'2020-01-02T03:04:05.000678'"),
        (WHEN.date(), "'2020-01-02'"),
        (datetime.time(3, 4, 5), "'03:04:05'"),
        (datetime.timedelta(1, 2, 3), "86402.000003"),
        (uuid.UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
        (things.Colour.RED, "1"),
        (things.Number.ONE, "1"),
        (array.array("i", [1, 2]), "[1,2]"),
        (text_array("hi"), "'hi'"),
        (collections.deque([1, 2]), "[1,2]"),
        (collections.UserDict(a=1), "{'a':1}"),
        (collections.UserString("x"), "'x'"),
        (collections.OrderedDict(a=1), "{'__class__':'collections.OrderedDict','items':[('a',1)]}"),
        (collections.defaultdict(int, a=1), "{'a':1}"),
        ({"a": 1}.keys(), "['a']"),
        (things.Plain(a=1), f"{{'a':1,'__class__':'{THINGS}.Plain'}}"),
        (things.Slotted(), None),
        (things.Stateful({"q": 1}), f"{{'q':1,'__class__':'{THINGS}.Stateful'}}"),
        (things.Stateful((1, 2)), "(1,2)"),
        (things.Text("x"), f"{{'__class__':'{THINGS}.Text'}}"),
        (io.StringIO("abc"), "('abc','\\n',0,None)"),
        (URI("PYRO:obj@host:1234"), URI_TEXT),
        (
            NamingError("n"),
            "{'__class__':'Pyro5.errors.NamingError','__exception__':True,'args':('n',),"
            "'attributes':{}}",
        ),
        (
            ExceptionWrapper(KeyError(1)),
            "{'__class__':'Pyro5.core._ExceptionWrapper','exception':{'__class__':"
            "'builtins.KeyError','__exception__':True,'args':(1,),'attributes':{}}}",
        ),
    ],
    ids=lambda value: shown(value)[:40],
)
def test_a_value_is_written_as_pyro_writes_it(
    codec: SerpentSerializer, value: object, text: str | None
) -> None:
    if text is None:
        with pytest.raises(SerializeError, match="no attribute 'unset'"):
            codec.dumps(value)
        return
    assert body(codec.dumps(value)) == text
    assert body(codec.dumps([{"a": value}])) == f"[{{'a':{text}}}]"


def test_a_call_is_written_as_pyro_writes_it(codec: SerpentSerializer) -> None:
    assert body(codec.dumpsCall("calc", "add", (1, 2), {})) == "('calc','add',(1,2),{})"
    assert body(codec.dumpsCall("c", "m", [1], {"k": 2})) == "('c','m',[1],{'k':2})"
    assert body(codec.dumpsCall("c", "m", (), None)) == "('c','m',(),None)"


def test_bytes_can_be_sent_as_bytes() -> None:
    codec = SerpentSerializer(bytes_repr=True)
    value = {"a": (b"\xff", bytearray(b"x"), memoryview(b"y"))}
    assert codec.loads(codec.dumps(value)) == {"a": (b"\xff", b"x", b"y")}
    assert codec.loads(codec.dumps(collections.deque([b"a"]))) == [b"a"]


def test_nan_arrives_everywhere(codec: SerpentSerializer) -> None:
    arrived = codec.loads(codec.dumps([math.nan, complex(math.nan, 2), complex(1, math.nan)]))
    assert math.isnan(arrived[0])
    assert (math.isnan(arrived[1].real), arrived[1].imag) == (True, 2)
    assert (arrived[2].real, math.isnan(arrived[2].imag)) == (1, True)


# -- objects inside of what the library writes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (URI("PYRO:obj@host:1234"), URI_TEXT),
        (things.Plain(), "'plain'"),
        (things.Special(), "'proxy'"),
        (
            PyroError(),
            "{'__class__':'Pyro5.errors.PyroError','__exception__':True,'args':(),'attributes':{}}",
        ),
    ],
    ids=lambda value: shown(value)[:20],
)
def test_objects_are_converted_wherever_they_are(
    codec: SerpentSerializer, value: object, text: str
) -> None:
    register_class_to_dict(things.Plain, lambda obj: "plain")
    register_type_replacement(things.Special, lambda obj: "proxy")
    for container in (collections.deque([value]), things.Stateful(([value],))):
        assert text in body(codec.dumps(container))
    assert text in body(codec.dumps([1, (value,)]))


def test_the_library_knows_in_which_family_names_are_written() -> None:
    codec = SerpentSerializer(tags="Pyro4")
    for value in (URI("PYRO:a@h:1"), PyroError()):
        assert "'Pyro4." in body(codec.dumps(value))
        assert "'Pyro4." in body(codec.dumps(collections.deque([value])))


def test_a_converter_may_be_for_others_only(codec: SerpentSerializer) -> None:
    register_class_to_dict(things.Plain, lambda obj: "plain", serpent_too=False)
    for value in (things.Plain(a=1), collections.deque([things.Plain(a=1)])):
        assert f"{{'a':1,'__class__':'{THINGS}.Plain'}}" in body(codec.dumps(value))


class OwnList(list[Any]):
    """A registered class that the library has a form for."""


def test_what_was_registered_once_is_written_as_if_it_never_had_been(
    codec: SerpentSerializer,
) -> None:
    register_type_replacement(OwnList, lambda obj: obj)
    register_type_replacement(things.Special, lambda obj: obj)
    assert body(codec.dumps(OwnList([1]))) == "[1]"
    assert body(codec.dumps(collections.deque([OwnList([1])]))) == "[[1]]"
    special = f"{{'a':1,'__class__':'{THINGS}.Special'}}"
    assert body(codec.dumps(things.Special(a=1))) == special
    assert body(codec.dumps(collections.deque([things.Special(a=1)]))) == f"[{special}]"


def test_a_class_announced_later_is_known_as_well(codec: SerpentSerializer) -> None:
    register_pyro_class(things.Point, "Pyro5.P", "Pyro4.P", lambda p: (p.x, p.y), tuple)
    sent = codec.dumps(collections.deque([things.Point(1, 2)]))
    assert codec.loads(sent) == [(1, 2)]


# -- errors


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "don't know how"),
        (range(3), "don't know how"),
        (len, "a function"),
        (things.Plain, "a class"),
        (math, "a module"),
        ({None: 1}, "NoneType cannot be a key"),
        ({b"a": 1}, "SERPENT_BYTES_REPR"),
    ],
    ids=lambda value: shown(value)[:30],
)
def test_what_serpent_cannot_send_is_named(
    codec: SerpentSerializer, value: object, reason: str
) -> None:
    with pytest.raises(TypeError, match=reason) as caught:
        codec.dumps([1, value])
    assert isinstance(caught.value, SerializeError)
    assert caught.value.where == "the value[1]"
    with pytest.raises(ValueError, match=r"at kwargs\['k'\]\[1\]"):
        codec.dumpsCall("o", "m", (1,), {"k": [1, value]})


def test_what_contains_itself_is_refused(codec: SerpentSerializer) -> None:
    obj = things.Plain()
    obj.me = [obj]  # type: ignore[attr-defined]  # it takes any
    with pytest.raises(SerializeError, match=r"Circular|itself"):
        codec.dumps([obj])
    register_class_to_dict(things.Plain, vars)
    with pytest.raises(SerializeError, match=r"contains itself|nested"):
        codec.dumps([obj])


@pytest.mark.parametrize("data", [b"", b"\xff", b"# only a comment", b"[1", b"a", b"'\x00'"])
def test_damaged_data_is_a_serialize_error(codec: SerpentSerializer, data: bytes) -> None:
    for load in (codec.loads, codec.loadsCall):
        with pytest.raises(SerializeError, match="invalid serpent data"):
            load(data)


@pytest.mark.parametrize("data", [b"3", b"(1,2,3)", b"(1,2,3,4,5)", b"None", b"{}"])
def test_what_is_no_call_is_a_serialize_error(codec: SerpentSerializer, data: bytes) -> None:
    with pytest.raises(SerializeError, match="not a call"):
        codec.loadsCall(data)


def test_plain_calls_leave_the_garbage_collector_alone(codec: SerpentSerializer) -> None:
    # The library switches it on, whatever it was before.
    gc.disable()
    try:
        codec.loadsCall(codec.dumpsCall("o", "m", ([1], "x", WHEN), {"k": {"a": None}}))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_class_dicts_are_opened_with_their_place(codec: SerpentSerializer) -> None:
    uri = URI("PYRO:a@h:1")
    call = codec.loadsCall(codec.dumpsCall("o", "m", [[uri]], {"k": uri}))
    assert call == ("o", "m", [[uri]], {"k": uri})
    unknown = codec.dumpsCall("o", "m", (), {"k": [{"__class__": "a.B"}]})
    with pytest.raises(SerializeError, match=r"unknown class a\.B at kwargs\['k'\]\[0\]"):
        codec.loadsCall(unknown)


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_registered_object_that_goes_as_data_leaves_its_daemon_at_home(is_nested: bool) -> None:
    class Daemon:
        pass

    class Thing:
        def __init__(self) -> None:
            self.size = 1

    register_type_replacement(Thing, lambda thing: thing)  # as if AUTOPROXY were off
    daemon, thing = Daemon(), Thing()
    thing._pyroDaemon = weakref.proxy(daemon)  # type: ignore[attr-defined]  # as registering does
    value: Any = collections.OrderedDict(thing=thing) if is_nested else thing
    for _ in range(2):
        text = SerpentSerializer().dumps(value).decode()
        assert "'size':1" in text
        assert "'_pyroDaemon':None" in text
        daemon = None  # type: ignore[assignment]  # and when it is gone, that is no trouble either


LONGEST = "x" * 30_000


@pytest.mark.parametrize(
    "text",
    [
        f"[b'{LONGEST}']",
        f"['{LONGEST}''{LONGEST}']",
        f"['a''{LONGEST}']",
        f"{{'k':u'{LONGEST}',('{LONGEST}',1):2}}",
        f"{{'k':'{LONGEST}','k':1}}",
        f"('o','m',(b'{LONGEST}',),{{}})",
    ],
    ids=["bytes", "two in one", "a part", "prefix and key", "lost", "call"],
)
def test_long_strings_that_are_not_whole_values_are_read_as_python_reads_them(text: str) -> None:
    codec = SerpentSerializer()
    assert codec.loads(f"{HEADER}{text}".encode()) == ast.literal_eval(text)
    if text[0] == "(":
        assert codec.loadsCall(f"{HEADER}{text}".encode()) == ast.literal_eval(text)


def test_long_bytes_in_pythons_form_arrive() -> None:
    codec = SerpentSerializer(bytes_repr=True)
    value = [LONGEST.encode(), {"k": LONGEST.encode()}, LONGEST]
    assert codec.loads(codec.dumps(value)) == value
