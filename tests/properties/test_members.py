"""What a class offers, against an independent account.

A pair of classes is made of drawn members. What must come out is written down as a table of names
and a table of kinds, and follows from the rules in `expected`; it shares no code with the package.
"""

import functools
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from pyrolike.objects.exposure import expose
from pyrolike.objects.members import find_method, get_members, get_property, set_property

PUBLIC = ["add", "x1", "__len__", "__iter__", "__contains__", "_____"]
PRIVATE = ["_p", "__p", "_Base__mangled", "__", "____", "__call__", "__enter__", "__copy__"]


def assert_refused(gate, *args):
    with pytest.raises(AttributeError, match="remote object"):
        gate(*args)


def trap(*args, **kwargs):
    raise AssertionError("a member was run")


def fresh(marked):
    def visible(self=None, *args):
        return "ran"

    return expose(visible) if marked else visible


def marked_class(marked):
    return type("Inner", (), {"_pyroExposed": marked, "add": fresh(marked)})


METHOD_KINDS = {
    "function": fresh,
    "static method": lambda marked: staticmethod(fresh(marked)),
    "class method": lambda marked: classmethod(fresh(marked)),
    "lru cache": lambda marked: functools.lru_cache(fresh(marked)),
    "static lru cache": lambda marked: staticmethod(functools.lru_cache(fresh(marked))),
}
ATTRIBUTE_KINDS = {
    "property": lambda marked: property(fresh(marked)),
    "property with setter": lambda marked: property(fresh(marked), trap),
    "write-only property": lambda marked: property(None, fresh(marked)),
    "cached property": lambda marked: functools.cached_property(fresh(marked)),
}
OTHER_KINDS = {
    "number": lambda marked: 42,
    "nested class": marked_class,
    "static class": lambda marked: staticmethod(marked_class(marked)),
    "object": lambda marked: SimpleNamespace(_pyroExposed=marked),
    "partial": lambda marked: functools.partial(fresh(marked)),
    "nothing": lambda marked: None,
}
KINDS = METHOD_KINDS | ATTRIBUTE_KINDS | OTHER_KINDS

bodies = st.dictionaries(
    st.sampled_from(PUBLIC + PRIVATE), st.tuples(st.sampled_from(sorted(KINDS)), st.booleans())
)


def make_class(name, base, body, whole):
    members = {key: KINDS[kind](marked) for key, (kind, marked) in body.items()}
    clazz = type(name, (base,), members)
    return expose(clazz) if whole else clazz


def expected(layers, require_expose):
    """The names of methods and attributes; *layers* are (body, class exposed), the base first."""
    table = {}
    for body, whole in layers:
        # A class decides anew about what it defines; what it inherits stays as it is.
        for name, (kind, marked) in body.items():
            table[name] = (kind, marked or whole)
    # Private names are never offered, and unmarked ones only if no mark is required.
    offered = {
        name: kind
        for name, (kind, marked) in table.items()
        if name in PUBLIC and (marked or not require_expose)
    }
    methods = {name for name, kind in offered.items() if kind in METHOD_KINDS}
    return methods, {name for name, kind in offered.items() if kind in ATTRIBUTE_KINDS}


@given(bodies, st.booleans(), bodies, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_members_and_gate_agree_with_the_tables(base, base_whole, sub, sub_whole, require_expose):
    base_class = make_class("Base", object, base, base_whole)
    clazz = make_class("Derived", base_class, sub, sub_whole)
    methods, attrs = expected([(base, base_whole), (sub, sub_whole)], require_expose)

    members = get_members(clazz, require_expose)
    assert (members.methods, members.attrs) == (methods, attrs)

    obj = clazz()
    for name in [*PUBLIC, *PRIVATE, "missing", "a.b"]:
        if name in methods:
            assert callable(find_method(obj, name, members))
        else:
            assert_refused(find_method, obj, name, members)
        if name not in attrs:
            assert_refused(get_property, obj, name, require_expose)
            assert_refused(set_property, obj, name, 1, require_expose)
