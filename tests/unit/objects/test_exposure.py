import functools

import pytest

from pyrolike.objects.exposure import (
    NEVER_REMOTE,
    accessors,
    behavior,
    callback,
    expose,
    has_mark,
    is_private_attribute,
    method_bearer,
    oneway,
)
from pyrolike.objects.members import get_members

EXPOSED = "_pyroExposed"


class Explosive:
    """A data descriptor that must never be run."""

    def __get__(self, obj, owner=None):
        raise AssertionError("somebody read a descriptor")

    def __set__(self, obj, value):
        raise AssertionError("somebody wrote to a descriptor")


@pytest.mark.parametrize("name", ["add", "a_", "a__", "__len__", "__getitem__", "__x__", "ä"])
def test_ordinary_and_special_names_are_public(name):
    assert not is_private_attribute(name)


@pytest.mark.parametrize("name", ["_", "__", "___", "____", "_a", "__a", "_a__", "_C__a", "__a_"])
def test_names_with_an_underscore_in_front_are_private(name):
    assert is_private_attribute(name)


def test_five_underscores_are_a_special_name_as_in_pyro():
    assert not is_private_attribute("_____")


@pytest.mark.parametrize("name", sorted(NEVER_REMOTE))
def test_the_names_with_which_python_handles_objects_are_private(name):
    assert is_private_attribute(name)


@pytest.mark.parametrize("name", ["__call__", "__unicode__", "__reduce__", "__annotate_func__"])
def test_the_list_has_the_names_of_both_pyros_and_ours(name):
    assert name in NEVER_REMOTE


def test_exposing_a_function_marks_and_returns_it():
    def add(self):
        """Add."""

    assert expose(add) is add
    assert add._pyroExposed is True


def test_exposing_a_special_method_is_allowed():
    class Box:
        @expose
        def __len__(self):
            return 3

    assert get_members(Box).methods == {"__len__"}


def test_exposing_a_private_function_is_refused():
    def _secret(self):
        pass

    with pytest.raises(AttributeError, match="'_secret' cannot be exposed: its name is private"):
        expose(_secret)


def test_exposing_a_private_class_is_refused():
    class _Hidden:
        def add(self):
            pass

    with pytest.raises(AttributeError, match="private"):
        expose(_Hidden)
    assert not has_mark(_Hidden.add, EXPOSED)


@pytest.mark.parametrize("wrapper", [classmethod, staticmethod])
def test_the_wrong_decorator_order_is_refused_with_the_right_one(wrapper):
    with pytest.raises(AttributeError, match=f"put @expose below @{wrapper.__name__}"):
        expose(wrapper(lambda: None))


@pytest.mark.parametrize("thing", [None, 42, "name", functools.partial(print)])
def test_what_has_no_name_cannot_be_exposed(thing):
    with pytest.raises(AttributeError, match="only methods, properties and classes"):
        expose(thing)


@pytest.mark.parametrize("builtin", [int, len, list.append, [].append, list])
def test_builtins_cannot_be_exposed(builtin):
    with pytest.raises(AttributeError, match="cannot be marked"):
        expose(builtin)


def test_a_property_without_functions_cannot_be_exposed():
    with pytest.raises(AttributeError, match="only methods"):
        expose(property())


def test_a_property_with_a_private_function_cannot_be_exposed():
    def _get(self):
        pass

    with pytest.raises(AttributeError, match="private"):
        expose(property(_get))


def test_exposing_a_property_marks_its_getter():
    def getter(self):
        pass

    def setter(self, value):
        pass

    exposed = expose(property(getter, setter))
    assert type(exposed) is property
    assert has_mark(getter, EXPOSED)
    assert not has_mark(setter, EXPOSED)


def test_exposing_a_property_without_getter_marks_its_setter():
    def setter(self, value):
        pass

    expose(property(None, setter))
    assert has_mark(setter, EXPOSED)


def test_exposing_only_the_setter_exposes_the_property():
    class Box:
        @property
        def size(self):
            return 1

        @expose
        @size.setter
        def size(self, value):
            pass

    assert get_members(Box).attrs == {"size"}


def test_either_order_with_property_exposes_it():
    class Box:
        @expose
        @property
        def above(self):
            return 1

        @property
        @expose
        def below(self):
            return 1

    assert get_members(Box).attrs == {"above", "below"}


def test_a_cached_property_can_be_exposed_like_a_property():
    class Box:
        @expose
        @functools.cached_property
        def above(self):
            return 1

        @functools.cached_property
        @expose
        def below(self):
            return 1

    assert get_members(Box).attrs == {"above", "below"}


def test_exposing_a_class_marks_all_it_defines_and_nothing_it_inherits():
    class Base:
        def inherited(self):
            pass

        def overridden(self):
            pass

    @expose
    class Box(Base):
        def overridden(self):
            pass

        def add(self):
            pass

        @classmethod
        def make(cls):
            pass

        @staticmethod
        def helper():
            pass

        @staticmethod
        @functools.lru_cache
        def remembered():
            pass

        @property
        def size(self):
            raise AssertionError("somebody read the property")

        def _secret(self):
            pass

    assert Box._pyroExposed is True
    members = get_members(Box)
    assert members.methods == {"overridden", "add", "make", "helper", "remembered"}
    assert members.attrs == {"size"}
    assert not get_members(Base)


def test_exposing_a_class_marks_all_functions_of_a_property():
    def getter(self):
        pass

    def setter(self, value):
        pass

    def deleter(self):
        pass

    expose(type("Box", (), {"size": property(getter, setter, deleter)}))
    assert all(has_mark(function, EXPOSED) for function in (getter, setter, deleter))


def test_exposing_a_class_leaves_its_values_classes_and_descriptors_alone():
    @expose
    class Box:
        __slots__ = ("slot",)
        number = 42
        text = "text"
        explosive = Explosive()

        class Inner:
            def add(self):
                pass

    assert not has_mark(Box.Inner, EXPOSED)
    assert not get_members(Box.Inner)
    assert not get_members(Box)


def test_exposing_a_class_changes_a_foreign_class_in_place():
    class Library:
        def add(self):
            pass

    assert expose(Library) is Library
    assert get_members(Library).methods == {"add"}


def test_exposing_a_class_with_a_builtin_method_says_what_to_do():
    class Box:
        append = list.append

    with pytest.raises(AttributeError, match="write a method in Python that calls it"):
        expose(Box)


def test_exposing_a_class_marks_the_function_behind_a_static_method_only_if_it_is_one():
    class Other:
        pass

    @expose
    class Box:
        make = staticmethod(Other)

    assert not has_mark(Other, EXPOSED)
    assert not get_members(Box)


def test_wrapping_with_functools_keeps_the_mark():
    @expose
    def add(self):
        pass

    @functools.wraps(add)
    def wrapper(self):
        return add(self)

    assert has_mark(wrapper, EXPOSED)


def test_oneway_and_callback_mark_and_return_the_function():
    def go(self):
        pass

    assert oneway(go) is go
    assert callback(go) is go
    assert go._pyroOneway is True
    assert go._pyroCallback is True


@pytest.mark.parametrize("wrapper", [classmethod, staticmethod])
def test_oneway_works_above_and_below_a_class_or_static_method(wrapper):
    above = oneway(wrapper(expose(lambda *args: None)))
    below = wrapper(oneway(expose(lambda *args: None)))
    box = type("Box", (), {"above": above, "below": below})
    assert get_members(box).oneway == {"above", "below"}


@pytest.mark.parametrize("decorator", [oneway, callback])
@pytest.mark.parametrize("thing", [3, None, property(), len])
def test_oneway_and_callback_refuse_what_is_no_method(decorator, thing):
    with pytest.raises(AttributeError, match="cannot be marked"):
        decorator(thing)


@pytest.mark.parametrize("mode", ["session", "single", "percall"])
def test_behavior_notes_mode_and_creator(mode):
    def creator(clazz):
        return clazz()

    @behavior(mode, creator)
    class Box:
        pass

    assert Box._pyroInstancing == (mode, creator)


def test_behavior_means_session_by_default_and_is_inherited():
    @behavior()
    class Box:
        pass

    class Derived(Box):
        pass

    assert Derived._pyroInstancing == ("session", None)


def test_behavior_goes_with_expose_in_either_order():
    @behavior(instance_mode="single")
    @expose
    class Above:
        def add(self):
            pass

    @expose
    @behavior(instance_mode="single")
    class Below:
        def add(self):
            pass

    for box in (Above, Below):
        assert box._pyroInstancing == ("single", None)
        assert get_members(box).methods == {"add"}


def test_behavior_without_parentheses_is_a_syntax_error():
    with pytest.raises(SyntaxError, match="write @behavior"):

        @behavior
        class Box:
            pass


def test_behavior_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match=r"'session', 'single', 'percall'.*'weekly'"):
        behavior("weekly")


def test_behavior_refuses_a_creator_that_cannot_be_called():
    with pytest.raises(TypeError, match="must be callable, not 3"):
        behavior("single", 3)


def test_behavior_refuses_what_is_no_class():
    with pytest.raises(TypeError, match="behavior decorates classes"):
        behavior("single")(lambda: None)


@pytest.mark.parametrize(
    "value", [42, None, "text", int, object(), Explosive(), functools.partial(print), len]
)
def test_values_are_neither_methods_nor_attributes(value):
    assert method_bearer(value) is None
    assert accessors(value) == ()


def test_a_lazy_value_in_a_class_is_not_woken_up():
    class Lazy:
        @property
        def __class__(self):
            raise AssertionError("somebody asked for my class")

        def __getattr__(self, name):
            raise AssertionError(f"somebody asked for my {name}")

    @expose
    class Box:
        lazy = Lazy()

    assert not get_members(Box)
    assert not get_members(Box, require_expose=False)
