"""One gate for every way to a member: calls, one-way calls, batches, attributes and streams.

Classes are made of drawn members of all kinds, and each name is asked for in each way of the wire.
An oracle that shares no code with the package says what may happen: a member runs, and a value of
it comes back, exactly where the table of its class says so. Whatever runs leaves a trace.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from pyrolike.objects import DaemonObject, Dispatcher, ObjectTable, StreamTable, expose
from pyrolike.objects.dispatch import CallPolicy
from pyrolike.objects.members import get_members
from pyrolike.protocol import Flag, Message, MessageType
from pyrolike.serializers import ExceptionWrapper, get_serializer

CODEC = get_serializer("marshal")

PUBLIC = ["add", "x1", "__len__", "__iter__", "__getitem__"]
PRIVATE = ["_p", "__p", "_Thing__mangled", "__", "__call__", "__enter__", "__reduce__", "__copy__"]
ALWAYS_THERE = [
    *("__init__", "__new__", "__del__", "__class__", "__dict__", "__doc__", "__module__"),
    *("__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__dir__", "__eq__"),
    *("__hash__", "__init_subclass__", "__subclasshook__", "__reduce_ex__", "__sizeof__"),
    *("__getstate__", "__setstate__", "__weakref__", "__globals__", "__code__", "__func__"),
    *("__self__", "__mro__", "__bases__", "__subclasses__", "__annotations__", "_pyroId"),
    *("_pyroDaemon", "_pyroExposed", "_pyroInstancing", "secret", "inner", "own", "mro"),
]
ODD = ["", ".", "add.__call__", "x1.real", "add\0", " add", "ADD", "äää", "missing", "a" * 5000]
EVERYTHING = [*PUBLIC, *PRIVATE, *ALWAYS_THERE, *ODD]

NO_TEXTS = [None, 0, 1.5, True, b"add", (), [], ["add"], {}, {"add": 1}]
"""Names that are none. Some of them have no hash."""


def member(trace: list[str], name: str, *, marked: bool) -> Any:
    def run(self: Any = None, *args: Any) -> str:
        trace.append(name)
        return "ran"

    return expose(run) if marked else run


def inner_class(trace: list[str], name: str, *, marked: bool) -> Any:
    made = type("Inner", (), {"__init__": member(trace, name, marked=False), "add": 1})
    return expose(made) if marked else made


def writable(trace: list[str], name: str, *, marked: bool) -> property:
    return property(
        member(trace, name, marked=marked),
        lambda self, value: trace.append(f"{name}="),
    )


class Descriptor:
    """Leaves a trace when it is so much as looked at through an object."""

    def __init__(self, trace: list[str], name: str, *, marked: bool) -> None:
        self.trace, self.name, self._pyroExposed = trace, name, marked

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None:
            self.trace.append(self.name)
        return self


def plain(trace: list[str], name: str, *, marked: bool) -> Any:
    return [name]


def static(trace: list[str], name: str, *, marked: bool) -> Any:
    return staticmethod(member(trace, name, marked=marked))


def for_class(trace: list[str], name: str, *, marked: bool) -> Any:
    return classmethod(member(trace, name, marked=marked))


def readable(trace: list[str], name: str, *, marked: bool) -> property:
    return property(member(trace, name, marked=marked))


def partial(trace: list[str], name: str, *, marked: bool) -> Any:
    return functools.partial(member(trace, name, marked=marked))


KINDS = {
    "method": (member, "call"),
    "static method": (static, "call"),
    "class method": (for_class, "call"),
    "property": (readable, "read"),
    "writable property": (writable, "read write"),
    "plain value": (plain, ""),
    "nested class": (inner_class, ""),
    "descriptor": (Descriptor, ""),
    "partial": (partial, ""),
}

bodies = st.dictionaries(
    st.sampled_from(PUBLIC + PRIVATE),
    st.tuples(st.sampled_from(sorted(KINDS)), st.booleans()),
)


def make_thing(body: dict[str, tuple[str, bool]], *, whole: bool) -> tuple[Any, list[str]]:
    """Return an object with the drawn members, and others that nobody may reach; and its trace."""
    trace: list[str] = []
    members = {
        name: KINDS[kind][0](trace, name, marked=mark) for name, (kind, mark) in body.items()
    }
    clazz: Any = type("Thing", (), {"secret": [1], "inner": type("Inner", (), {}), **members})
    if whole:
        clazz = expose(clazz)
    thing = clazz()
    vars(thing)["own"] = member(trace, "own", marked=False)
    return thing, trace


def permitted(
    body: dict[str, tuple[str, bool]], *, whole: bool, require_expose: bool
) -> dict[str, str]:
    """The oracle: name to the ways in which it may be reached."""
    return {
        name: KINDS[kind][1]
        for name, (kind, marked) in body.items()
        if name in PUBLIC and (marked or whole or not require_expose) and KINDS[kind][1]
    }


class Caller:
    """Asks a dispatcher for a member, in one of the ways that the wire knows."""

    def __init__(self, thing: Any, *, require_expose: bool) -> None:
        table = ObjectTable()
        table.add(thing, "thing", None, force=True, weak=False)
        self.dispatcher = Dispatcher(table, StreamTable(lambda: 0.0), lambda *report: None)
        self.dispatcher.policy = CallPolicy(require_expose=require_expose)

    def ask(self, method: Any, vargs: Any, flags: int = 0) -> Any:
        """Return what comes back; an exception is returned, too."""
        payload = CODEC.dumpsCall("thing", method, vargs, {})
        message = Message(MessageType.INVOKE, 2, flags, 1, payload, None, None)
        flags, answer, _ = self.dispatcher.answer(None, CODEC, message)
        return CODEC.loads(answer)

    def call(self, name: Any) -> Any:
        return self.ask(name, ())

    def batch(self, name: Any) -> Any:
        answer = self.ask("<batch>", [(name, (), {})], Flag.BATCH)
        if isinstance(answer, Exception):
            return answer
        (result,) = answer
        return result.exception if isinstance(result, ExceptionWrapper) else result

    def oneway_batch(self, name: Any) -> Any:
        payload = CODEC.dumpsCall("thing", "<batch>", [(name, (), {})], {})
        message = Message(MessageType.INVOKE, 2, Flag.BATCH, 1, payload, None, None)
        try:
            batch = self.dispatcher.prepare_batch(None, CODEC, message)
            self.dispatcher.run_batch(None, batch)
        except Exception as fault:  # noqa: BLE001  whatever it is, it was refused
            return fault
        return "ran"

    def oneway(self, name: Any) -> Any:
        payload = CODEC.dumpsCall("thing", name, (), {})
        message = Message(MessageType.INVOKE, 2, Flag.ONEWAY, 1, payload, None, None)
        try:
            return self.dispatcher.run(None, self.dispatcher.prepare(None, CODEC, message))
        except Exception as fault:  # noqa: BLE001
            return fault

    def read(self, name: Any) -> Any:
        return self.ask("__getattr__", (name,))

    def write(self, name: Any) -> Any:
        return self.ask("__setattr__", (name, 1))


WAYS = {
    "call": "call",
    "batch": "call",
    "oneway": "call",
    "oneway_batch": "call",
    "read": "read",
    "write": "write",
}


@pytest.mark.slow
@given(bodies, st.booleans(), st.booleans(), st.lists(st.sampled_from(EVERYTHING), max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_way_leads_through_the_same_gate(
    body: dict[str, tuple[str, bool]], whole: bool, require_expose: bool, odd: list[str]
) -> None:
    thing, trace = make_thing(body, whole=whole)
    before = dict(vars(thing))
    caller = Caller(thing, require_expose=require_expose)
    before |= {name: value for name, value in vars(thing).items() if name.startswith("_pyro")}
    ways = permitted(body, whole=whole, require_expose=require_expose)
    for name in [*PUBLIC, *PRIVATE, *odd]:
        for way, wanted in WAYS.items():
            trace.clear()
            answer = getattr(caller, way)(name)
            if wanted in ways.get(name, "").split():
                assert trace == [f"{name}=" if way == "write" else name], (way, name)
                assert answer == (None if way == "write" else "ran")
            else:
                assert trace == [], (way, name)
                # The two names that stand for attribute access lack their arguments.
                is_access = name in ("__getattr__", "__setattr__")
                assert isinstance(answer, TypeError if is_access else AttributeError) or (
                    is_access and isinstance(answer, AttributeError)
                ), (way, name, answer)
    assert vars(thing) == before


@pytest.mark.parametrize("name", [*ALWAYS_THERE, *ODD, *NO_TEXTS], ids=lambda name: repr(name)[:20])
@pytest.mark.parametrize("require_expose", [True, False])
def test_what_every_object_has_is_reached_in_no_way(name: Any, require_expose: bool) -> None:
    thing, trace = make_thing({"add": ("method", True), "x1": ("property", True)}, whole=True)
    caller = Caller(thing, require_expose=require_expose)
    before = dict(vars(thing))
    for way in WAYS:
        answer = getattr(caller, way)(name)
        assert isinstance(answer, Exception), (way, answer)
        assert trace == []
    assert vars(thing) == before


def test_streams_have_no_way_of_their_own() -> None:
    """Their items are calls of the daemon's object, which offers this and no more."""
    for require_expose in (True, False):
        members = get_members(DaemonObject, require_expose)
        assert members.attrs == frozenset()
        assert members.methods == {
            *("ping", "registered", "info", "get_metadata"),
            *("get_next_stream_item", "get_stream_items", "close_stream"),
        }
