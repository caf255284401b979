import types
from collections.abc import Sized
from typing import Any

import pytest

from pyrolike.errors import NamingError, SerializeError
from pyrolike.serializers import classes
from pyrolike.serializers.classes import (
    class_to_dict,
    find_dict_converter,
    find_maker,
    find_special,
    has_replacements,
    on_registration,
    register_class_to_dict,
    register_dict_to_class,
    register_pyro_class,
    register_type_replacement,
    replace,
    unregister_class_to_dict,
    unregister_dict_to_class,
)
from pyrolike.serializers.exceptions import ExceptionWrapper
from pyrolike.uri import URI
from tests.support import things

THINGS = "tests.support.things"


# -- objects nobody registered


def test_an_object_is_sent_as_its_attributes_and_its_class() -> None:
    assert class_to_dict(things.Plain(a=1)) == {"a": 1, "__class__": f"{THINGS}.Plain"}


def test_a_dataclass_is_sent_like_any_object() -> None:
    assert class_to_dict(things.Point(1, 2)) == {"x": 1, "y": 2, "__class__": f"{THINGS}.Point"}


def test_slots_that_are_set_are_sent() -> None:
    assert class_to_dict(things.Slotted()) == {"a": 1, "b": 2, "__class__": f"{THINGS}.Slotted"}


def test_slots_of_base_classes_are_sent_too() -> None:
    sent = class_to_dict(things.MoreSlotted())
    assert sent == {"a": 1, "b": 2, "c": 3, "__class__": f"{THINGS}.MoreSlotted"}


def test_a_state_that_is_a_dict_is_sent_as_it_is() -> None:
    assert class_to_dict(things.Stateful({"q": 1})) == {"q": 1}


def test_a_state_that_is_no_dict_is_not_used() -> None:
    sent = class_to_dict(things.Stateful((1, 2)))
    assert sent == {"state": (1, 2), "__class__": f"{THINGS}.Stateful"}


@pytest.mark.parametrize("thing", [object(), 3, "text", range(3), iter(())])
def test_what_has_no_attributes_cannot_be_sent(thing: object) -> None:
    with pytest.raises(SerializeError, match="no attributes to send"):
        class_to_dict(thing)


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (things.Plain, "a class"),
        (types, "a module"),
        (len, "a function"),
        (lambda: None, "a function"),
        (things.Plain(a=1).__init__, "a function"),  # type: ignore[misc]  # a bound method is the point
        (things.Colour.RED, "an enum member"),
    ],
)
def test_what_is_no_data_is_refused_here_and_not_by_the_receiver(thing: object, kind: str) -> None:
    with pytest.raises(SerializeError, match=kind):
        class_to_dict(thing)


@pytest.mark.parametrize("container", [set(), {}, (), [], frozenset()])
def test_a_plain_container_is_not_an_object(container: object) -> None:
    with pytest.raises(ValueError, match="not an object"):
        class_to_dict(container)


def test_a_registered_object_does_not_send_its_daemon_and_keeps_it() -> None:
    # Pyro sets the attribute of the server's own object to None (conflicts, defect 24).
    daemon = object()
    obj = things.Plain(_pyroId="x", _pyroDaemon=daemon)
    assert class_to_dict(obj)["_pyroDaemon"] is None
    assert vars(obj)["_pyroDaemon"] is daemon


# -- converters


def test_a_converter_is_used_for_its_class_and_its_subclasses() -> None:
    register_class_to_dict(things.Plain, lambda obj: {"__class__": "plain"})
    assert class_to_dict(things.Plain()) == {"__class__": "plain"}
    assert class_to_dict(things.Special()) == {"__class__": "plain"}


@pytest.mark.parametrize("order", [1, -1])
def test_the_most_specific_converter_wins_whatever_the_order(order: int) -> None:
    for cls in [things.Plain, things.Special][::order]:
        register_class_to_dict(cls, lambda obj, name=cls.__name__: name)
    assert class_to_dict(things.Special()) == "Special"
    assert class_to_dict(things.Plain()) == "Plain"


def test_a_converter_of_an_abstract_class_serves_what_claims_to_implement_it() -> None:
    register_class_to_dict(Sized, len)

    class Three:
        def __len__(self) -> int:
            return 3

    assert class_to_dict(Three()) == 3


def test_a_later_converter_replaces_an_earlier_one() -> None:
    register_class_to_dict(things.Plain, lambda obj: 1)
    register_class_to_dict(things.Plain, lambda obj: 2)
    assert class_to_dict(things.Plain()) == 2


def test_a_converter_can_be_kept_from_serpent() -> None:
    register_class_to_dict(things.Plain, lambda obj: 1, serpent_too=False)
    assert find_special(things.Plain(), "Pyro5") is not None
    assert find_special(things.Plain(), "Pyro5", serpent=True) is None
    register_class_to_dict(things.Plain, lambda obj: 1)
    assert find_special(things.Plain(), "Pyro5", serpent=True) is not None


def test_a_virtual_converter_can_be_kept_from_serpent() -> None:
    register_class_to_dict(Sized, len, serpent_too=False)
    assert find_special(range(3), "Pyro5", serpent=True) is None


def test_an_exception_with_a_converter_is_not_sent_as_an_exception() -> None:
    register_class_to_dict(LookupError, lambda exc: "lookup")
    assert class_to_dict(KeyError()) == "lookup"
    assert class_to_dict(ValueError())["__exception__"] is True


def test_an_unregistered_converter_is_forgotten_twice_without_complaint() -> None:
    register_class_to_dict(things.Plain, lambda obj: 1, serpent_too=False)
    unregister_class_to_dict(things.Plain)
    unregister_class_to_dict(things.Plain)
    assert class_to_dict(things.Plain()) == {"__class__": f"{THINGS}.Plain"}


def test_converters_to_classes_are_found_by_their_exact_name() -> None:
    def make(name: str, data: dict[str, Any]) -> object:
        return name, data

    register_dict_to_class("a.B", make)
    assert find_dict_converter("a.B") is make
    assert find_dict_converter("a.b") is None
    unregister_dict_to_class("a.B")
    unregister_dict_to_class("a.B")
    assert find_dict_converter("a.B") is None


# -- Pyro's own classes


@pytest.mark.parametrize("tags", ["Pyro5", "Pyro4"])
def test_a_uri_is_sent_under_the_name_its_peers_know(tags: str) -> None:
    assert class_to_dict(URI("PYRO:a@h:1"), tags) == {
        "__class__": f"{tags}.core.URI",
        "state": ("PYRO", "a", None, "h", 1),
    }


def test_a_wrapped_exception_is_sent_inside_its_wrapper() -> None:
    sent = class_to_dict(ExceptionWrapper(NamingError("n")), "Pyro4")
    assert sent["__class__"] == "Pyro4.futures._ExceptionWrapper"
    assert sent["exception"]["__class__"] == "Pyro4.errors.NamingError"


def test_a_class_of_an_upper_floor_is_sent_and_made_by_its_own_functions() -> None:
    register_pyro_class(things.Point, "Pyro5.P", "Pyro4.P", lambda p: (p.x, p.y), tuple)
    assert class_to_dict(things.Point(1, 2)) == {"__class__": "Pyro5.P", "state": (1, 2)}
    for name in ("Pyro5.P", "Pyro4.P"):
        make = find_maker(name)
        assert make is not None
        assert make({"state": [1, 2]}) == (1, 2)


def test_unregistering_does_not_make_pyros_own_classes_unknown() -> None:
    register_class_to_dict(URI, str)
    assert class_to_dict(URI("PYRO:a@h:1")) == "PYRO:a@h:1"
    unregister_class_to_dict(URI)
    assert class_to_dict(URI("PYRO:a@h:1"))["__class__"] == "Pyro5.core.URI"


@pytest.mark.parametrize("family", ["Pyro5", "Pyro4"])
def test_a_uri_is_made_of_lists_as_well(family: str) -> None:
    make = find_maker(f"{family}.core.URI")
    assert make is not None
    state = ["PYROMETA", ["a", "b"], None, None, None]
    assert make({"state": state}) == URI("PYROMETA:a,b")


@pytest.mark.parametrize(
    "state",
    [
        (),
        ("PYRO", "a", None, "h"),
        ("FOO", "a", None, "h", 1),
        ("PYRO", 1, None, "h", 1),
        ("PYRO", "a", 1, "h", 1),
        ("PYRO", "a", None, 1, 1),
        ("PYRO", "a", None, "h", "1"),
        ("PYROMETA", "ab", None, None, None),
        ("PYROMETA", [1], None, None, None),
        None,
    ],
)
def test_a_uri_is_not_made_of_anything_else(state: object) -> None:
    make = find_maker("Pyro5.core.URI")
    assert make is not None
    with pytest.raises((TypeError, ValueError)):
        make({"state": state})


# -- replacements


def test_instances_of_a_class_and_its_subclasses_are_replaced() -> None:
    plain, special = things.Plain(), things.Special()
    register_type_replacement(things.Plain, lambda obj: "plain")
    assert (replace(plain), replace(special)) == ("plain", "plain")
    register_type_replacement(things.Special, lambda obj: obj)
    assert (replace(plain), replace(special)) == ("plain", special)
    assert has_replacements()
    assert replace(3) == 3


@pytest.mark.parametrize("wrong", [type, 3, "Plain", None])
def test_only_an_ordinary_class_can_be_replaced(wrong: Any) -> None:
    with pytest.raises(ValueError, match="ordinary class"):
        register_type_replacement(wrong, str)


def test_without_replacements_nothing_is_replaced() -> None:
    classes._replacements.clear()
    thing = things.Plain()
    assert replace(thing) is thing
    assert not has_replacements()


# -- listening


def test_a_listener_is_told_of_every_class_registered_before_and_after() -> None:
    told: list[type] = []
    register_class_to_dict(things.Plain, str)
    on_registration(told.append)
    try:
        assert {URI, ExceptionWrapper, things.Plain} <= set(told)
        register_type_replacement(things.Special, str)
        register_pyro_class(things.Point, "a", "b", str, str)
        assert told[-2:] == [things.Special, things.Point]
    finally:
        classes._listeners.remove(told.append)
