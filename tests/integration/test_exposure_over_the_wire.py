"""What a client reaches is what was exposed, and nothing else, whatever the client asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Proxy, expose, oneway
from tests.support.daemon import RunningDaemon, running_daemon


class Base:
    """Exposes one method of its own."""

    @expose
    def inherited(self) -> str:
        return "inherited"

    def inherited_hidden(self) -> str:
        return "hidden"

    @expose
    def overridden(self) -> str:
        return "base"

    @expose
    def overridden_without_mark(self) -> str:
        return "base"


@expose
class Everything(Base):
    """Exposed as a class: its own public members."""

    plain = "a class attribute"

    def __init__(self) -> None:
        self.instance_attribute = "mine"
        self.instance_callable = lambda: "called"
        self._value = 1

    def method(self) -> str:
        return "method"

    @staticmethod
    def static(value: int) -> int:
        return value

    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @property
    def readable(self) -> int:
        return self._value

    @property
    def writable(self) -> int:
        return self._value

    @writable.setter
    def writable(self, value: int) -> None:
        self._value = value

    @oneway
    def one_way(self) -> None:
        pass

    def overridden(self) -> str:
        return "derived"

    def _private(self) -> str:
        return "private"

    def __mangled(self) -> str:
        return "mangled"

    def __len__(self) -> int:
        return 3

    def __call__(self) -> str:
        return "never remote"


class Chosen(Base):
    """Exposed member by member."""

    def __init__(self) -> None:
        self._value = 1

    @expose
    def shown(self) -> str:
        return "shown"

    def hidden(self) -> str:
        return "hidden"

    @expose
    @property
    def shown_value(self) -> int:
        return self._value

    @property
    def hidden_value(self) -> int:
        return self._value

    @property
    def by_its_setter(self) -> int:
        return self._value

    @expose
    @by_its_setter.setter
    def by_its_setter(self, value: int) -> None:
        self._value = value

    @staticmethod
    @expose
    def shown_static() -> str:
        return "static"

    @classmethod
    @expose
    def shown_of_class(cls) -> str:
        return cls.__name__

    def overridden_without_mark(self) -> str:
        return "derived"

    def __contains__(self, value: int) -> bool:
        return True


class Foreign:
    """A class from somebody else's library."""

    def method(self) -> str:
        return "foreign"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDaemon]:
    things = {
        "everything": Everything(),
        "chosen": Chosen(),
        "foreign": expose(Foreign)(),
        "class": Everything,
    }
    with running_daemon(things) as running:
        yield running


@pytest.fixture
def everything(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("everything") as proxy:
        yield proxy


@pytest.fixture
def chosen(running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("chosen") as proxy:
        yield proxy


def force(proxy: Proxy, method: str, *args: Any) -> Any:
    """Call a method without the checks of our own client."""
    return proxy._pyroInvoke(method, args, {})


# -- what is reached


def test_an_exposed_class_offers_its_own_public_members(everything: Proxy) -> None:
    everything._pyroBind()
    assert everything._pyroMethods == {
        "__len__",
        "inherited",
        "method",
        "of_class",
        "one_way",
        "overridden",
        "overridden_without_mark",
        "static",
    }
    assert everything._pyroAttrs == {"readable", "writable"}
    assert everything._pyroOneway == {"one_way"}


def test_exposed_members_are_offered_one_by_one(chosen: Proxy) -> None:
    chosen._pyroBind()
    assert chosen._pyroMethods == {
        "inherited",
        "overridden",
        "shown",
        "shown_of_class",
        "shown_static",
    }
    assert chosen._pyroAttrs == {"shown_value", "by_its_setter"}


def test_a_registered_class_offers_what_its_instances_do(
    running: RunningDaemon, everything: Proxy
) -> None:
    with running.proxy("class") as proxy:
        proxy._pyroBind()
        everything._pyroBind()
        assert proxy._pyroMethods == everything._pyroMethods


def test_every_kind_of_method_can_be_called(everything: Proxy, chosen: Proxy) -> None:
    assert everything.method() == "method"
    assert everything.static(5) == 5
    assert everything.of_class() == "Everything"
    assert everything.inherited() == "inherited"
    assert everything.overridden() == "derived"
    assert everything.one_way() is None
    assert len(everything) == 3
    assert chosen.shown_static() == "static"
    assert chosen.shown_of_class() == "Chosen"
    assert chosen.overridden() == "base"


def test_every_kind_of_attribute_can_be_used(everything: Proxy, chosen: Proxy) -> None:
    everything.writable = 5
    assert everything.writable == everything.readable == 5
    chosen.by_its_setter = 6
    assert chosen.by_its_setter == chosen.shown_value == 6


def test_a_foreign_class_can_be_exposed_by_a_call(running: RunningDaemon) -> None:
    with running.proxy("foreign") as proxy:
        assert proxy.method() == "foreign"


# -- what is not


@pytest.mark.parametrize(
    "name",
    [
        "_private",
        "_Everything__mangled",
        "__call__",
        "__class__",
        "__dict__",
        "__getattribute__",
        "__init__",
        "__reduce__",
        "_pyroDaemon",
        "inherited_hidden",
        "instance_attribute",
        "instance_callable",
        "method.__func__",
        "method.__globals__",
        "missing",
        "plain",
        "readable",
        "",
    ],
)
def test_a_daemon_refuses_to_call_what_is_not_exposed(everything: Proxy, name: str) -> None:
    with pytest.raises(AttributeError):
        force(everything, name)
    assert everything.method() == "method"


@pytest.mark.parametrize("name", ["hidden", "hidden_value", "overridden_without_mark"])
def test_unmarked_members_of_an_unmarked_class_are_not_exposed(chosen: Proxy, name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        force(chosen, name)
    with pytest.raises(AttributeError, match=name):
        getattr(chosen, name)


def test_an_unmarked_special_method_is_not_exposed(chosen: Proxy) -> None:
    with pytest.raises(AttributeError, match="__contains__"):
        force(chosen, "__contains__", 1)


@pytest.mark.parametrize(
    "name", ["_value", "__dict__", "__class__", "instance_attribute", "plain", "method", "missing"]
)
def test_a_daemon_refuses_to_read_what_is_not_exposed(everything: Proxy, name: str) -> None:
    with pytest.raises(AttributeError):
        everything._pyroInvoke("__getattr__", (name,), None)


@pytest.mark.parametrize(
    "name",
    ["_value", "__dict__", "__class__", "instance_attribute", "method", "missing", "readable"],
)
def test_a_daemon_refuses_to_write_what_is_not_exposed(everything: Proxy, name: str) -> None:
    with pytest.raises(AttributeError):
        everything._pyroInvoke("__setattr__", (name, 5), None)
    assert everything.method() == "method"


@pytest.mark.parametrize("name", ["_private", "__getattr__", "__setattr__", "missing", "readable"])
def test_a_batch_does_not_reach_further(everything: Proxy, name: str) -> None:
    batch = BatchProxy(everything)
    getattr(batch, "method")()  # noqa: B009  # one that could be called
    with pytest.raises(AttributeError):
        everything._pyroInvokeBatch([(name, ("readable",), {})])
    assert list(batch()) == ["method"]


def test_a_member_of_a_method_is_refused_too(everything: Proxy) -> None:
    with pytest.raises(AttributeError):
        everything.method.something()


def test_our_own_client_refuses_before_it_asks(chosen: Proxy) -> None:
    with pytest.raises(AttributeError, match="hidden"):
        _ = chosen.hidden
    with pytest.raises(AttributeError, match="missing"):
        chosen.missing = 5
    with pytest.raises(AttributeError, match="shown"):
        chosen.shown = 5
    assert not hasattr(chosen, "hidden")
    assert hasattr(chosen, "shown")


def test_only_exposed_names_are_listed(chosen: Proxy) -> None:
    names = dir(chosen)
    assert {"shown", "inherited", "shown_value"} <= set(names)
    assert not {"hidden", "inherited_hidden", "hidden_value"} & set(names)


def test_exposing_more_shows_after_the_metadata_were_reset() -> None:
    class Growing:
        @expose
        def first(self) -> int:
            return 1

    def second(self: Growing) -> int:
        return 2

    thing = Growing()
    with running_daemon({"growing": thing}) as running:
        with running.proxy("growing") as proxy:
            assert proxy.first() == 1
            assert not hasattr(proxy, "second")
        Growing.second = expose(second)  # type: ignore[attr-defined]  # that is what is tested
        running.daemon.resetMetadataCache(thing)
        with running.proxy("growing") as proxy:
            assert proxy.second() == 2
