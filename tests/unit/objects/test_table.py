"""The table of registrations: what may be registered, under what id, and how it is forgotten."""

import gc
import threading
import weakref
from typing import Any

import pytest

from pyrolike.errors import DaemonError, PyroError
from pyrolike.objects.exposure import behavior, expose
from pyrolike.objects.table import Entry, ObjectTable, check_object_id

OWNER = object()


class Thing:
    @expose
    def call(self) -> None: ...


class Slotted:
    """Can carry the two attributes, but nothing else: it has no dictionary."""

    __slots__ = ("__weakref__", "_pyroDaemon", "_pyroId")


class Closed:
    """Can carry no attribute at all."""

    __slots__ = ()


def add(
    table: ObjectTable,
    target: object,
    object_id: str | None = None,
    owner: object = OWNER,
    *,
    force: bool = False,
    weak: bool = False,
) -> str:
    return table.add(target, object_id, owner, force=force, weak=weak)


@pytest.fixture
def table() -> ObjectTable:
    return ObjectTable()


# -- adding


def test_an_object_is_found_under_its_id_and_knows_where_it_is_registered(
    table: ObjectTable,
) -> None:
    thing: Any = Thing()
    assert add(table, thing, "thing") == "thing"
    entry = table.get("thing")
    assert (entry.object_id, entry.instance, entry.clazz) == ("thing", thing, Thing)
    assert (entry.mode, entry.creator, entry.reference, entry.single) == (None, None, None, None)
    assert table.by_id == {"thing": thing}
    assert (thing._pyroId, thing._pyroDaemon) == ("thing", OWNER)
    assert table.find_id(thing) == "thing"


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_an_id_one_is_made_up(table: ObjectTable, nothing: str | None) -> None:
    first, second = add(table, Thing(), nothing), add(table, Thing(), nothing)
    assert first != second
    for object_id in first, second:
        start, digits = object_id[:4], object_id[4:]
        assert start == "obj_"
        assert len(digits) == 32
        assert int(digits, 16)


@pytest.mark.parametrize("object_id", [42, b"thing", ["thing"]])
def test_an_id_is_a_text(table: ObjectTable, object_id: Any) -> None:
    with pytest.raises(TypeError, match="must be a text"):
        add(table, Thing(), object_id)


@pytest.mark.parametrize("object_id", ["a b", "a\nb", " ", "a@b", "@", "PYRO:a@b:1"])
def test_an_id_that_fits_in_no_uri_is_refused_before_anything_is_registered(
    table: ObjectTable, object_id: str
) -> None:
    thing = Thing()
    with pytest.raises(PyroError, match="cannot be an object id"):
        add(table, thing, object_id)
    assert not table.entries
    assert not table.by_id
    assert not hasattr(thing, "_pyroId")


@pytest.mark.parametrize("object_id", ["a", "Pyro.Daemon", "a:b", "ä/ö", "x" * 300])
def test_any_other_id_is_possible(object_id: str) -> None:
    check_object_id(object_id)


def test_an_id_can_be_used_once(table: ObjectTable) -> None:
    first, second = Thing(), Thing()
    add(table, first, "thing")
    with pytest.raises(DaemonError, match=r"already registered under the id 'thing'.*force=True"):
        add(table, second, "thing")
    assert table.get("thing").instance is first
    assert not hasattr(second, "_pyroId")


def test_an_object_can_be_registered_once(table: ObjectTable) -> None:
    thing = Thing()
    add(table, thing, "thing")
    with pytest.raises(DaemonError, match=r"already registered here, as 'thing'.*force=True"):
        add(table, thing, "other")
    assert list(table.entries) == ["thing"]


def test_force_replaces_what_has_the_id(table: ObjectTable) -> None:
    first, second = Thing(), Thing()
    add(table, first, "thing")
    add(table, second, "thing", force=True)
    assert table.get("thing").instance is second
    assert table.find_id(first) is None
    assert table.find_id(second) == "thing"


def test_force_registers_an_object_twice(table: ObjectTable) -> None:
    thing: Any = Thing()
    add(table, thing, "one")
    add(table, thing, "two", force=True)
    assert [table.get(object_id).instance for object_id in ("one", "two")] == [thing, thing]
    assert thing._pyroId == "two"
    table.remove("one")
    assert table.find_id(thing) == "two"  # the attributes belong to the second registration
    table.remove("two")
    assert not hasattr(thing, "_pyroId")


def test_an_object_can_be_registered_in_two_tables(table: ObjectTable) -> None:
    other, thing = ObjectTable(), Thing()
    add(table, thing, "here")
    add(other, thing, "there")
    assert other.find_id(thing) == "there"
    assert table.find_id(thing) is None
    assert table.get("here").instance is thing


def test_an_object_that_was_replaced_can_be_registered_anew(table: ObjectTable) -> None:
    first = Thing()
    add(table, first, "thing")
    add(table, Thing(), "thing", force=True)
    assert add(table, first, "again") == "again"


@pytest.mark.parametrize("target", [Closed(), 5, "text", [], None, int, dict])
def test_what_cannot_carry_attributes_is_refused_with_advice(
    table: ObjectTable, target: object
) -> None:
    with pytest.raises(TypeError, match="wraps it"):
        add(table, target, "thing")
    assert not table.entries


# -- slots


def test_an_object_without_a_dictionary_can_be_registered_if_it_has_the_slots(
    table: ObjectTable,
) -> None:
    thing: Any = Slotted()
    add(table, thing, "thing")
    assert (thing._pyroId, thing._pyroDaemon) == ("thing", OWNER)
    assert table.find_id(thing) == "thing"


def test_an_object_without_a_dictionary_can_be_removed(table: ObjectTable) -> None:
    thing = Slotted()
    add(table, thing, "thing")
    table.remove("thing")
    assert not hasattr(thing, "_pyroId")
    assert not hasattr(thing, "_pyroDaemon")


def test_an_object_without_a_dictionary_can_be_registered_once(table: ObjectTable) -> None:
    thing = Slotted()
    add(table, thing, "thing")
    with pytest.raises(DaemonError, match="already registered here"):
        add(table, thing, "other")


# -- classes


def test_a_class_has_the_default_instance_mode(table: ObjectTable) -> None:
    class Plain: ...

    add(table, Plain, "plain")
    entry = table.get("plain")
    assert (entry.clazz, entry.instance, entry.mode, entry.creator) == (
        Plain,
        None,
        "session",
        None,
    )
    assert table.by_id == {"plain": Plain}
    assert table.find_id(Plain) == "plain"


@pytest.mark.parametrize("mode", ["session", "single", "percall"])
def test_a_class_has_the_instance_mode_it_asks_for(table: ObjectTable, mode: Any) -> None:
    @behavior(mode, lambda clazz: clazz())
    class Chosen: ...

    add(table, Chosen, "chosen")
    assert table.get("chosen").mode == mode
    assert isinstance(table.get("chosen").creator(Chosen), Chosen)  # type: ignore[misc]  # it is set


def test_instances_of_a_registered_class_stand_for_it_and_subclasses_do_not(
    table: ObjectTable,
) -> None:
    class Base: ...

    class Derived(Base): ...

    add(table, Base, "base")
    assert table.find_id(Base()) == "base"
    assert table.find_id(Derived()) == "base"
    assert table.find_id(Derived) is None
    assert add(table, Derived, "derived") == "derived"


def test_a_removed_class_is_clean_again(table: ObjectTable) -> None:
    class Plain: ...

    add(table, Plain, "plain")
    table.remove("plain")
    assert "_pyroId" not in vars(Plain)
    assert "_pyroDaemon" not in vars(Plain)


def test_a_class_is_not_registered_weakly(table: ObjectTable) -> None:
    with pytest.raises(TypeError, match="weakly"):
        add(table, Thing, weak=True)


# -- weak registrations


def test_a_weak_registration_keeps_nothing_alive(table: ObjectTable) -> None:
    thing = Thing()
    gone = weakref.ref(thing)
    add(table, thing, "thing", weak=True)
    entry = table.get("thing")
    assert entry.instance is None
    assert entry.reference is not None
    assert entry.reference() is thing
    assert isinstance(table.by_id["thing"], weakref.ref)
    assert table.find_id(thing) == "thing"
    del thing
    gc.collect()
    assert gone() is None
    assert not table.entries
    assert not table.by_id


def test_a_weak_registration_can_be_removed(table: ObjectTable) -> None:
    thing = Thing()
    add(table, thing, "thing", weak=True)
    table.remove("thing")
    assert not hasattr(thing, "_pyroId")
    assert not table.entries


def test_an_object_that_vanishes_takes_no_later_registration_with_it(table: ObjectTable) -> None:
    first, second = Thing(), Thing()
    add(table, first, "thing", weak=True)
    kept = table.get("thing").reference  # the weak reference lives, so its callback is called
    add(table, second, "thing", force=True)
    del first
    gc.collect()
    assert kept is not None
    assert kept() is None
    assert table.get("thing").instance is second


def test_an_object_that_vanishes_after_it_was_removed_disturbs_nobody(table: ObjectTable) -> None:
    thing = Thing()
    add(table, thing, "thing", weak=True)
    kept = table.get("thing").reference
    table.remove("thing")
    del thing
    gc.collect()
    assert kept is not None
    assert kept() is None
    assert not table.entries


def test_an_entry_whose_object_is_gone_is_removed_quietly(table: ObjectTable) -> None:
    table.entries["gone"] = Entry("gone", thing := Thing(), weakref.ref(thing))
    del thing
    gc.collect()
    table.remove("gone")
    assert not table.entries


def test_a_weak_registration_of_what_has_no_weak_references_leaves_nothing_behind(
    table: ObjectTable,
) -> None:
    class Strong:
        __slots__ = ("_pyroDaemon", "_pyroId")

    thing = Strong()
    with pytest.raises(TypeError):
        add(table, thing, "thing", weak=True)
    assert not table.entries
    assert not hasattr(thing, "_pyroId")


# -- looking up and removing


def test_an_unknown_id_is_a_daemon_error_in_pyros_words(table: ObjectTable) -> None:
    with pytest.raises(DaemonError, match=r"^unknown object$"):
        table.get("nobody")


def test_removing_an_unknown_id_is_fine(table: ObjectTable) -> None:
    table.remove("nobody")


def test_what_is_removed_is_unknown_and_clean(table: ObjectTable) -> None:
    thing = Thing()
    add(table, thing, "thing")
    table.remove("thing")
    assert vars(thing) == {}
    assert table.find_id(thing) is None
    with pytest.raises(DaemonError):
        table.get("thing")


@pytest.mark.parametrize("target", [5, None, object(), Thing(), Thing, Closed()])
def test_what_was_never_registered_has_no_id(table: ObjectTable, target: object) -> None:
    assert table.find_id(target) is None


def test_a_false_id_in_an_object_is_not_believed(table: ObjectTable) -> None:
    add(table, Thing(), "thing")
    impostor: Any = Thing()
    impostor._pyroId = "thing"
    assert table.find_id(impostor) is None
    impostor._pyroId = ["not", "a", "text"]
    assert table.find_id(impostor) is None


def test_clear_forgets_everything(table: ObjectTable) -> None:
    things = [Thing() for _ in range(3)]
    for thing in things:
        add(table, thing)
    table.clear()
    assert not table.entries
    assert not table.by_id
    assert [vars(thing) for thing in things] == [{}, {}, {}]


# -- members


def test_members_are_computed_once_and_anew_after_they_were_forgotten(table: ObjectTable) -> None:
    class Growing:
        @expose
        def first(self) -> None: ...

    add(table, Growing(), "growing")
    entry = table.get("growing")
    members = entry.get_members(True)
    assert members.methods == {"first"}
    assert entry.get_members(True) is members
    Growing.second = expose(lambda self: None)  # type: ignore[attr-defined]  # the class grows
    Growing.second.__name__ = "second"  # type: ignore[attr-defined]
    assert entry.get_members(True) is members
    table.reset_members("growing")
    assert entry.get_members(True).methods == {"first", "second"}


def test_members_of_an_unknown_object_cannot_be_reset(table: ObjectTable) -> None:
    with pytest.raises(DaemonError):
        table.reset_members("nobody")


def test_forgetting_members_concerns_all_entries(table: ObjectTable) -> None:
    class Half:
        @expose
        def shown(self) -> None: ...

        def hidden(self) -> None: ...

    add(table, Half(), "one")
    add(table, Half, "two")
    assert table.get("one").get_members(True).methods == {"shown"}
    assert table.get("two").get_members(True).methods == {"shown"}
    table.forget_members()
    assert table.get("one").get_members(False).methods == {"shown", "hidden"}
    assert table.get("two").get_members(False).methods == {"shown", "hidden"}


def test_what_was_computed_without_exposure_is_not_given_out_with_it(table: ObjectTable) -> None:
    # A request that read the settings before they changed may ask after the members were forgotten.
    class Half:
        @expose
        def shown(self) -> None: ...

        def hidden(self) -> None: ...

    add(table, Half(), "half")
    entry = table.get("half")
    assert entry.get_members(False).methods == {"shown", "hidden"}
    assert entry.get_members(True).methods == {"shown"}


# -- threads


def test_many_threads_register_and_remove_at_once(table: ObjectTable) -> None:
    start, failures = threading.Barrier(8), []

    def work(number: int) -> None:
        try:
            start.wait(20)
            for turn in range(50):
                object_id = add(table, Thing(), f"{number}.{turn}")
                assert table.get(object_id).object_id == object_id
                if turn % 2:
                    table.remove(object_id)
        except BaseException as failure:  # noqa: BLE001  # shown in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert len(table.entries) == len(table.by_id) == 8 * 25


def test_of_many_threads_that_want_an_id_one_gets_it(table: ObjectTable) -> None:
    start, refused = threading.Barrier(8), []

    def work() -> None:
        start.wait(20)
        try:
            add(table, Thing(), "wanted")
        except DaemonError as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(refused) == 7
