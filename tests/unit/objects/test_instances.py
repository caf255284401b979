"""Instance modes and weak references: which object a call is for."""

import logging
import threading
import weakref
from typing import Any

import pytest

from pyrolike.errors import DaemonError
from pyrolike.objects.exposure import behavior
from pyrolike.objects.instances import obtain_instance
from pyrolike.objects.table import Entry


class Empty:
    """An instance that is false, which says nothing about whether it exists."""

    def __len__(self) -> int:
        return 0


def entry_of(mode: Any, creator: Any = None, clazz: type = Empty) -> Entry:
    chosen = behavior(mode, creator)(type("Chosen", (clazz,), {}))
    return Entry("id", chosen, None)


# -- session


def test_a_session_has_one_instance_even_if_it_is_false() -> None:
    entry, mine, others = entry_of("session"), {}, {}  # type: ignore[var-annotated]  # by use
    instance = obtain_instance(entry, mine)
    assert isinstance(instance, entry.clazz)
    assert obtain_instance(entry, mine) is instance
    assert mine == {entry.clazz: instance}
    assert obtain_instance(entry, others) is not instance


def test_session_is_the_default() -> None:
    class Plain: ...

    instances: dict[type, object] = {}
    instance = obtain_instance(Entry("id", Plain, None), instances)
    assert instances == {Plain: instance}


# -- single


def test_a_single_instance_is_shared_by_all_sessions_even_if_it_is_false() -> None:
    entry = entry_of("single")
    instance = obtain_instance(entry, {})
    assert isinstance(instance, entry.clazz)
    assert obtain_instance(entry, {}) is instance


def test_a_single_instance_is_made_once_however_many_threads_ask() -> None:
    made: list[type] = []
    found: list[object] = []
    all_asked = threading.Barrier(9)
    go_on = threading.Event()

    def create(clazz: type) -> object:
        made.append(clazz)
        assert go_on.wait(20)
        return clazz()

    entry = entry_of("single", create)

    def ask() -> None:
        all_asked.wait(20)
        found.append(obtain_instance(entry, {}))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    all_asked.wait(20)  # from here on one makes it, and the others find that or wait
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert made == [entry.clazz]
    assert len(found) == 8
    assert all(instance is found[0] for instance in found)


def test_a_single_instance_whose_making_failed_is_tried_again() -> None:
    outcomes = iter([ValueError("not yet"), None])

    def create(clazz: type) -> object:
        if (failure := next(outcomes)) is not None:
            raise failure
        return clazz()

    entry = entry_of("single", create)
    with pytest.raises(ValueError, match="not yet"):
        obtain_instance(entry, {})
    assert isinstance(obtain_instance(entry, {}), entry.clazz)


def test_a_thread_that_comes_late_takes_the_instance_that_was_made_meanwhile() -> None:
    entry = entry_of("single")
    found = []
    with entry.lock:
        late = threading.Thread(target=lambda: found.append(obtain_instance(entry, {})))
        late.start()
        entry.single = instance = entry.clazz()
    late.join(20)
    assert found == [instance]


# -- percall


def test_each_call_has_an_instance_of_its_own() -> None:
    entry, instances = entry_of("percall"), {}  # type: ignore[var-annotated]  # by use
    first, second = obtain_instance(entry, instances), obtain_instance(entry, instances)
    assert first is not second
    assert instances == {}


# -- creators


@pytest.mark.parametrize("mode", ["session", "single", "percall"])
def test_the_creator_gets_the_class_and_may_return_a_subclass(mode: str) -> None:
    asked_for = []

    def create(clazz: type) -> object:
        asked_for.append(clazz)
        return type("Sub", (clazz,), {})()

    entry = entry_of(mode, create)
    assert isinstance(obtain_instance(entry, {}), entry.clazz)
    assert asked_for == [entry.clazz]


@pytest.mark.parametrize("mode", ["session", "single", "percall"])
@pytest.mark.parametrize("wrong", [None, 5, object()])
def test_what_the_creator_makes_must_be_an_instance(mode: str, wrong: object) -> None:
    entry, instances = entry_of(mode, lambda clazz: wrong), {}  # type: ignore[var-annotated]
    with pytest.raises(TypeError, match=f"made an object of type {type(wrong).__qualname__}"):
        obtain_instance(entry, instances)
    assert instances == {}
    assert entry.single is None


@pytest.mark.parametrize("mode", ["session", "single", "percall"])
def test_what_making_an_instance_raises_is_logged_and_goes_on(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __init__(self) -> None:
            raise ZeroDivisionError("broken")

    entry, instances = entry_of(mode, clazz=Broken), {}  # type: ignore[var-annotated]
    with (
        caplog.at_level(logging.ERROR, "pyrolike.server"),
        pytest.raises(ZeroDivisionError, match="broken"),
    ):
        obtain_instance(entry, instances)
    assert "creating an instance" in caplog.text
    assert instances == {}


# -- weak registrations


def test_a_weakly_registered_object_is_found_while_it_lives() -> None:
    thing = Empty()
    entry = Entry("id", thing, weakref.ref(thing))
    assert obtain_instance(entry, {}) is thing
    del thing
    with pytest.raises(DaemonError, match="gone"):
        obtain_instance(entry, {})
