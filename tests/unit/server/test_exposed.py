import pytest

from pyrolike.configure import config
from pyrolike.objects import expose, oneway
from pyrolike.server import exposed


class Thing:
    def __init__(self) -> None:
        self._size = 1

    @expose
    def shown(self) -> str:
        return "shown"

    @expose
    @oneway
    def sent(self) -> None: ...

    def hidden(self) -> str:
        return "hidden"

    @expose
    @property
    def size(self) -> int:
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        self._size = size


def test_what_a_class_offers_is_told() -> None:
    told = exposed.get_exposed_members(Thing)
    assert told == {"methods": {"shown", "sent"}, "oneway": {"sent"}, "attrs": {"size"}}
    everything = exposed.get_exposed_members(Thing(), only_exposed=False, as_lists=True)
    assert sorted(everything["methods"]) == ["hidden", "sent", "shown"]
    assert isinstance(everything["attrs"], list)


def test_a_class_that_has_changed_is_looked_at_anew() -> None:
    class Growing:
        @expose
        def one(self) -> None: ...

    assert exposed.get_exposed_members(Growing)["methods"] == {"one"}
    Growing.two = Growing.one  # type: ignore[attr-defined]
    assert exposed.get_exposed_members(Growing)["methods"] == {"one"}
    assert exposed.get_exposed_members(Growing, use_cache=False)["methods"] == {"one", "two"}
    del Growing.two  # type: ignore[attr-defined]
    exposed.reset_exposed_members(Growing)
    assert exposed.get_exposed_members(Growing)["methods"] == {"one"}


def test_properties_are_read_and_written_through_the_gate() -> None:
    thing = Thing()
    exposed.set_exposed_property_value(thing, "size", 5)
    assert exposed.get_exposed_property_value(thing, "size") == 5
    with pytest.raises(AttributeError):
        exposed.get_exposed_property_value(thing, "_size")
    with pytest.raises(AttributeError):
        exposed.set_exposed_property_value(thing, "shown", 1)


def test_a_method_is_found_by_name_as_far_as_it_is_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = Thing()
    assert exposed.getAttribute(thing, "shown")() == "shown"
    for name in ("hidden", "_size", "shown.im_func", "nothing"):
        with pytest.raises(AttributeError):
            exposed.getAttribute(thing, name)
    monkeypatch.setattr(config, "REQUIRE_EXPOSE", False)
    assert exposed.getAttribute(thing, "hidden")() == "hidden"
