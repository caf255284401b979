import functools
import gc
import threading
import weakref

import pytest

from pyrolike.objects.exposure import expose, oneway
from pyrolike.objects.members import (
    Members,
    find_method,
    get_members,
    get_property,
    reset_members,
    set_property,
)


class Box:
    """An object as programs write them, with something of everything."""

    number = 42

    def __init__(self):
        self.text = "instance attribute"
        self._size = 7

    @expose
    def add(self, a, b):
        return a + b

    def hidden(self):
        raise AssertionError("not exposed, yet called")

    @oneway
    @expose
    def go(self):
        return "gone"

    @oneway
    def hidden_go(self):
        raise AssertionError("not exposed, yet called")

    @classmethod
    @expose
    def make(cls):
        return cls

    @staticmethod
    @expose
    def double(x):
        return 2 * x

    @property
    @expose
    def size(self):
        return self._size

    @size.setter
    def size(self, value):
        self._size = value

    @property
    @expose
    def fixed(self):
        return 1

    @property
    def hidden_size(self):
        raise AssertionError("not exposed, yet read")

    @hidden_size.setter
    def hidden_size(self, value):
        raise AssertionError("not exposed, yet written")

    @expose
    def __len__(self):
        return 0

    def _private(self):
        raise AssertionError("private, yet called")

    @expose
    class Inner:
        @expose
        def add(self):
            raise AssertionError("nested, yet called")


def refusal(function, *args):
    with pytest.raises(AttributeError) as caught:
        function(*args)
    return str(caught.value)


def call_refusal(obj, name):
    return refusal(find_method, obj, name, get_members(obj))


# --- what a class offers -----------------------------------------------------------------------


def test_the_members_are_what_is_marked():
    members = get_members(Box)
    assert members.methods == {"add", "go", "make", "double", "__len__"}
    assert members.oneway == {"go"}
    assert members.attrs == {"size", "fixed"}


def test_without_the_need_to_expose_everything_public_is_a_member():
    members = get_members(Box, require_expose=False)
    assert members.methods == {
        *("add", "hidden", "go", "hidden_go", "make", "double", "__len__"),
    }
    assert members.oneway == {"go", "hidden_go"}
    assert members.attrs == {"size", "fixed", "hidden_size"}


def test_an_object_has_the_members_of_its_class():
    assert get_members(Box()) is get_members(Box)


def test_metadata_are_fresh_sets():
    first = get_members(Box).as_metadata()
    first["methods"].clear()
    assert get_members(Box).as_metadata() == {
        "methods": {"add", "go", "make", "double", "__len__"},
        "oneway": {"go"},
        "attrs": {"size", "fixed"},
    }


def test_members_are_falsy_when_nothing_is_exposed():
    assert not get_members(type("Empty", (), {"hidden": lambda self: None}))
    assert get_members(type("Full", (), {"add": expose(lambda self: None)}))
    assert get_members(type("Full", (), {"size": property(expose(lambda self: None))}))


def test_members_print_what_they_are():
    members = Members(frozenset({"b", "a"}), frozenset({"a"}), frozenset())
    assert repr(members) == "<Members methods=['a', 'b'] oneway=['a'] attrs=[]>"


def test_what_a_base_class_exposes_stays_exposed_unless_overridden():
    class Derived(Box):
        def add(self, a, b):
            raise AssertionError("overridden without a mark, yet called")

        go = None

    members = get_members(Derived)
    assert members.methods == {"make", "double", "__len__"}
    assert members.oneway == set()


def test_methods_of_builtin_base_classes_count_if_nothing_must_be_exposed():
    class Records(list):
        pass

    assert {"append", "__getitem__"} <= get_members(Records, require_expose=False).methods
    assert not get_members(Records)


def test_what_every_object_has_is_not_offered():
    assert not get_members(type("Empty", (), {}), require_expose=False)


def test_slots_are_not_attributes():
    @expose
    class Slotted:
        __slots__ = ("value",)

        def add(self):
            return "added"

    members = get_members(Slotted)
    assert members.attrs == set()
    assert find_method(Slotted(), "add", members)() == "added"


def test_descriptors_that_make_methods_can_be_called():
    @expose
    class Clever:
        def power(self, base, exponent):
            return base**exponent

        square = functools.partialmethod(power, exponent=2)

        @functools.singledispatchmethod
        def kind(self, value):
            return "something"

        @functools.lru_cache  # noqa: B019  the instance may live as long as the class
        def remembered(self):
            return "remembered"

    clever, members = Clever(), get_members(Clever)
    assert find_method(clever, "square", members)(3) == 9
    assert find_method(clever, "kind", members)(3) == "something"
    assert find_method(clever, "remembered", members)() == "remembered"


# --- the cache ----------------------------------------------------------------------------------


def test_members_are_computed_once_per_class():
    class Fresh:
        pass

    first = get_members(Fresh)
    Fresh.add = expose(lambda self: None)
    assert get_members(Fresh) is first
    assert get_members(Fresh, require_expose=False).methods == {"add"}


def test_a_reset_makes_changes_of_a_class_and_its_bases_visible():
    class Base:
        pass

    class Derived(Base):
        pass

    for clazz in (Base, Derived, Box):
        get_members(clazz)
    kept = get_members(Box)
    Base.add = expose(lambda self: None)
    reset_members(Base())
    assert get_members(Base).methods == {"add"}
    assert get_members(Derived).methods == {"add"}
    assert get_members(Box) is kept


def test_a_reset_of_an_unknown_class_does_nothing():
    reset_members(type("Unknown", (), {}))


def test_the_cache_does_not_keep_classes_alive():
    clazz = type("Passing", (), {"add": expose(lambda self: None)})
    get_members(clazz)
    get_members(clazz, require_expose=False)
    watch = weakref.ref(clazz)
    del clazz
    gc.collect()
    assert watch() is None


def test_many_threads_get_the_same_members():
    clazz = type("Shared", (), {"add": expose(lambda self: None)})
    barrier = threading.Barrier(16)
    found = []

    def ask():
        barrier.wait()
        found.append(get_members(clazz))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len({id(members) for members in found}) == 1


# --- the gate for calls -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [("add", (3, 4), 7), ("go", (), "gone"), ("double", (4,), 8), ("__len__", (), 0)],
)
def test_exposed_methods_are_found(name, args, result):
    assert find_method(Box(), name, get_members(Box))(*args) == result


def test_a_class_method_gets_the_class_of_the_object():
    class Derived(Box):
        pass

    assert find_method(Derived(), "make", get_members(Derived))() is Derived


def test_unmarked_methods_are_found_if_nothing_must_be_exposed():
    class Plain:
        def add(self):
            return "added"

    assert find_method(Plain(), "add", get_members(Plain, require_expose=False))() == "added"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("missing", "'missing'$"),
        ("hidden", "it exists, but is not marked with @expose$"),
        ("hidden_size", "it exists, but is not marked with @expose$"),
        ("size", "it is an attribute, to be read and not called$"),
        ("number", "this is a plain attribute$"),
        ("text", "this is a plain attribute$"),
        ("Inner", "this is a plain attribute$"),
        ("_private", "private names are never remote$"),
        ("__init__", "private names are never remote$"),
        ("__class__", "private names are never remote$"),
        ("__dict__", "'__dict__'"),
        ("add.__func__", "dots are not followed from one object to the next$"),
        ("Inner.add", "dots are not followed from one object to the next$"),
        ("", "''$"),
        (7, "a name is text$"),
        (None, "a name is text$"),
    ],
)
def test_a_refused_call_says_why(name, hint):
    with pytest.raises(AttributeError, match=hint) as caught:
        find_method(Box(), name, get_members(Box))
    start = f"remote object '{__name__}.Box' has no exposed attribute {name!r}"
    assert str(caught.value).startswith(start)


def test_a_refusal_does_not_repeat_a_long_name():
    assert len(call_refusal(Box(), "x" * 1_000_000)) < 300


def test_an_instance_attribute_does_not_replace_an_exposed_method():
    box = Box()
    box.add = lambda a, b: "not exposed"
    assert "hides the exposed method" in call_refusal(box, "add")


def test_not_even_another_method_of_the_object_replaces_an_exposed_method():
    box = Box()
    box.add = box.hidden
    assert "hides the exposed method" in call_refusal(box, "add")


def test_an_instance_attribute_does_not_replace_a_method_that_needs_no_mark():
    box = Box()
    box.hidden = lambda: "who am I"
    members = get_members(Box, require_expose=False)
    assert "hides the exposed method" in refusal(find_method, box, "hidden", members)


def test_an_instance_attribute_that_is_exposed_itself_may_replace_a_method():
    box = Box()
    box.add = expose(lambda a, b: "replaced")
    assert find_method(box, "add", get_members(box))(1, 2) == "replaced"


def test_an_object_that_has_every_attribute_does_not_pass_as_exposed():
    class Everything:
        def __getattr__(self, name):
            return "yes"

    box = Box()
    box.add = Everything()
    assert "hides the exposed method" in call_refusal(box, "add")


def test_an_exposed_function_in_an_instance_is_no_member():
    box = Box()
    box.extra = expose(lambda: None)
    assert "plain attribute" in call_refusal(box, "extra")


def test_refusing_runs_no_code_of_the_object():
    class Careful:
        @property
        def value(self):
            raise AssertionError("somebody read the property")

        def __getattr__(self, name):
            raise AssertionError(f"somebody asked for {name}")

    careful = Careful()
    for name in ("value", "missing", "_private", "a.b"):
        call_refusal(careful, name)
        refusal(get_property, careful, name)
        refusal(set_property, careful, name, 1)


# --- the gate for attributes --------------------------------------------------------------------


def test_exposed_properties_can_be_read_and_written():
    box = Box()
    set_property(box, "size", 12)
    assert get_property(box, "size") == 12


def test_properties_that_need_no_mark_can_be_read_and_written():
    class Plain:
        _size = 1

        @property
        def size(self):
            return self._size

        @size.setter
        def size(self, value):
            self._size = value

    plain = Plain()
    set_property(plain, "size", 3, require_expose=False)
    assert get_property(plain, "size", require_expose=False) == 3
    assert "not marked" in refusal(get_property, plain, "size")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("add", "it is a method, to be called"),
        ("hidden_size", "not marked with @expose"),
        ("number", "plain attribute"),
        ("text", "plain attribute"),
        ("_size", "private names are never remote"),
        ("__dict__", "no exposed attribute"),
        ("size.real", "dots are not followed"),
        ("missing", "no exposed attribute 'missing'"),
    ],
)
def test_reading_and_writing_anything_else_is_refused(name, hint):
    box = Box()
    assert hint in refusal(get_property, box, name)
    assert hint in refusal(set_property, box, name, 1)
    assert box.text == "instance attribute"


def test_a_property_without_setter_can_only_be_read():
    assert get_property(Box(), "fixed") == 1
    assert "can only be read: it has no setter" in refusal(set_property, Box(), "fixed", 2)


def test_a_property_without_getter_can_only_be_written():
    class Sink:
        value = property(None, expose(lambda self, value: seen.append(value)))

    seen = []
    set_property(Sink(), "value", 5)
    assert seen == [5]
    assert "no getter" in refusal(get_property, Sink(), "value")


def test_a_cached_property_can_be_read_and_not_written():
    class Slow:
        @functools.cached_property
        @expose
        def value(self):
            return [1]

    slow = Slow()
    assert get_property(slow, "value") is get_property(slow, "value")
    assert "can only be read" in refusal(set_property, slow, "value", [2])
    assert slow.value == [1]


def test_errors_of_a_property_pass_through():
    class Failing:
        @property
        @expose
        def value(self):
            raise AttributeError("my own")

        @value.setter
        def value(self, new):
            raise ValueError("my own too")

    assert refusal(get_property, Failing(), "value") == "my own"
    with pytest.raises(ValueError, match="my own too"):
        set_property(Failing(), "value", 1)
