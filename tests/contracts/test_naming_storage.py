"""What every storage of the name server promises, checked on each of them.

A new storage joins by one line in `MAKERS`, and another in `WITH_TAGS` if it keeps tags. One that
keeps none passes the same tests but those of searching by tags, and a few of its own.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pyrolike.errors import NamingError
from pyrolike.naming.storage import (
    DbmStorage,
    MemoryStorage,
    SqlStorage,
    Storage,
    list_prefix,
    list_regex,
    search_metadata,
)

MAKERS: dict[str, Callable[[Path], Storage]] = {
    "memory": lambda folder: MemoryStorage(),
    "sql": lambda folder: SqlStorage(str(folder / "names.db")),
    "dbm": lambda folder: DbmStorage(str(folder / "names")),
}
WITH_TAGS = ["memory", "sql"]


@pytest.fixture(params=MAKERS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture(params=WITH_TAGS)
def tagging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A storage that keeps tags."""
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def kept(storage: Storage, *tags: str) -> set[str]:
    """Return those of the tags that the storage keeps: all or none."""
    return set(tags) if storage.keeps_metadata else set()


def fill(storage: Storage) -> None:
    storage["printer.laser"] = "PYRO:a@h:1", {"printer", "laser"}
    storage["printer.ink"] = "PYRO:b@h:2", {"printer", "colour"}
    storage["Printer.big"] = "PYRO:c@h:3", None


def test_a_new_storage_is_empty(storage: Storage) -> None:
    assert len(storage) == 0
    assert list(storage) == []
    assert storage.everything() == {}
    assert storage.everything(return_metadata=True) == {}


def test_what_is_stored_comes_back(storage: Storage) -> None:
    fill(storage)
    assert storage["printer.laser"] == ("PYRO:a@h:1", kept(storage, "printer", "laser"))
    assert "printer.laser" in storage
    assert len(storage) == 3
    assert sorted(storage) == ["Printer.big", "printer.ink", "printer.laser"]


@pytest.mark.parametrize("tags", [None, (), set(), frozenset()])
def test_no_tags_come_back_as_an_empty_collection(storage: Storage, tags: set[str] | None) -> None:
    storage["bare"] = "PYRO:a@h:1", tags
    assert storage["bare"] == ("PYRO:a@h:1", set())
    assert storage.everything(return_metadata=True) == {"bare": ("PYRO:a@h:1", set())}


def test_a_tag_given_twice_is_kept_once(tagging: Storage) -> None:
    tagging["x"] = "PYRO:a@h:1", ["tag", "tag"]
    assert tagging["x"] == ("PYRO:a@h:1", {"tag"})


def test_an_unknown_name_is_a_key_error(storage: Storage) -> None:
    with pytest.raises(KeyError):
        storage["nobody"]
    with pytest.raises(KeyError):
        del storage["nobody"]
    assert "nobody" not in storage
    assert storage.get("nobody") is None


def test_names_differ_by_case(storage: Storage) -> None:
    storage["name"] = "PYRO:a@h:1", ["tag"]
    storage["NAME"] = "PYRO:b@h:1", ["TAG"]
    assert storage["name"][0] == "PYRO:a@h:1"
    assert storage["NAME"][0] == "PYRO:b@h:1"


def test_tags_differ_by_case(tagging: Storage) -> None:
    tagging["name"] = "PYRO:a@h:1", ["tag"]
    tagging["NAME"] = "PYRO:b@h:1", ["TAG"]
    assert search_metadata(tagging, metadata_all=["TAG"]) == {"NAME": "PYRO:b@h:1"}


def test_storing_again_replaces_uri_and_tags(storage: Storage) -> None:
    storage["x"] = "PYRO:a@h:1", ["old", "older"]
    storage["x"] = "PYRO:b@h:2", ["new"]
    assert storage["x"] == ("PYRO:b@h:2", kept(storage, "new"))
    assert len(storage) == 1


def test_what_was_replaced_deleted_or_cleared_is_not_found_by_its_tags(tagging: Storage) -> None:
    fill(tagging)
    tagging["printer.laser"] = "PYRO:b@h:2", ["laser", "new"]
    assert search_metadata(tagging, metadata_any=["printer"]) == {"printer.ink": "PYRO:b@h:2"}
    assert search_metadata(tagging, metadata_all=["laser", "new"]) == {
        "printer.laser": "PYRO:b@h:2"
    }
    del tagging["printer.laser"]
    assert search_metadata(tagging, metadata_any=["laser", "new"]) == {}
    tagging.clear()
    assert search_metadata(tagging, metadata_any=["printer"]) == {}


def test_a_deleted_name_leaves_nothing_behind(storage: Storage) -> None:
    fill(storage)
    del storage["printer.laser"]
    assert "printer.laser" not in storage
    storage["printer.laser"] = "PYRO:n@h:9", None
    assert storage["printer.laser"] == ("PYRO:n@h:9", set())


def test_remove_items_deletes_those_that_are_there(storage: Storage) -> None:
    fill(storage)
    assert storage.remove_items(["printer.laser", "nobody", "Printer.big", "printer.laser"]) == 2
    assert list(storage) == ["printer.ink"]
    assert storage.remove_items(["nobody"]) == 0
    assert storage.remove_items([]) == 0


def test_clear_forgets_everything(storage: Storage) -> None:
    fill(storage)
    storage.clear()
    assert len(storage) == 0
    assert list_prefix(storage, "printer") == {}


def test_counting_is_right_after_every_change(storage: Storage) -> None:
    fill(storage)
    assert len(storage) == len(storage) == 3
    storage["printer.ink"] = "PYRO:c@h:2", None
    assert len(storage) == 3
    del storage["printer.ink"]
    assert len(storage) == 2


def test_everything_comes_with_or_without_tags(storage: Storage) -> None:
    fill(storage)
    assert storage.everything() == {
        "printer.laser": "PYRO:a@h:1",
        "printer.ink": "PYRO:b@h:2",
        "Printer.big": "PYRO:c@h:3",
    }
    assert storage.everything(return_metadata=True) == {
        "printer.laser": ("PYRO:a@h:1", kept(storage, "printer", "laser")),
        "printer.ink": ("PYRO:b@h:2", kept(storage, "printer", "colour")),
        "Printer.big": ("PYRO:c@h:3", set()),
    }


def test_a_snapshot_does_not_change_with_the_storage(storage: Storage) -> None:
    fill(storage)
    snapshot, names = storage.everything(), iter(storage)
    storage["later"] = "PYRO:l@h:4", None
    del storage["printer.ink"]
    assert len(snapshot) == 3
    assert sorted(names) == ["Printer.big", "printer.ink", "printer.laser"]
    snapshot.clear()
    assert len(storage) == 3


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("printer.", {"printer.laser", "printer.ink"}),
        ("printer.laser", {"printer.laser"}),
        ("Printer", {"Printer.big"}),
        ("printer.laser.", set()),
        ("%", set()),
        ("print_r", set()),
        ("", {"printer.laser", "printer.ink", "Printer.big"}),
    ],
)
def test_a_prefix_is_taken_letter_for_letter(
    storage: Storage, prefix: str, found: set[str]
) -> None:
    fill(storage)
    assert set(list_prefix(storage, prefix)) == found


def test_a_prefix_search_gives_tags_when_asked(storage: Storage) -> None:
    fill(storage)
    assert list_prefix(storage, "printer.i") == {"printer.ink": "PYRO:b@h:2"}
    assert list_prefix(storage, "printer.i", return_metadata=True) == {
        "printer.ink": ("PYRO:b@h:2", kept(storage, "printer", "colour"))
    }


def test_a_regex_matches_from_the_start_and_not_to_the_end(storage: Storage) -> None:
    fill(storage)
    assert set(list_regex(storage, "print")) == {"printer.laser", "printer.ink"}
    assert set(list_regex(storage, r".*\.big$")) == {"Printer.big"}
    assert list_regex(storage, "laser") == {}
    assert list_regex(storage, "Pr", return_metadata=True) == {"Printer.big": ("PYRO:c@h:3", set())}


@pytest.mark.parametrize("regex", ["(", "a{999999999999999}", "x" * 1001])
def test_a_bad_regex_is_a_naming_error(storage: Storage, regex: str) -> None:
    with pytest.raises(NamingError, match="invalid regex"):
        list_regex(storage, regex)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["printer"], {"printer.laser", "printer.ink"}),
        (["printer", "laser"], {"printer.laser"}),
        (["printer", "printer"], {"printer.laser", "printer.ink"}),
        (["printer", "scanner"], set()),
        (["PRINTER"], set()),
        ([], set()),
    ],
)
def test_all_tags_must_be_there(tagging: Storage, tags: list[str], found: set[str]) -> None:
    fill(tagging)
    assert set(search_metadata(tagging, metadata_all=tags)) == found


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["laser", "colour"], {"printer.laser", "printer.ink"}),
        (["laser", "scanner"], {"printer.laser"}),
        (["scanner"], set()),
        ([], set()),
    ],
)
def test_any_of_the_tags_is_enough(tagging: Storage, tags: list[str], found: set[str]) -> None:
    fill(tagging)
    assert set(search_metadata(tagging, metadata_any=tags)) == found


def test_a_tag_search_gives_all_tags_of_what_it_finds(tagging: Storage) -> None:
    fill(tagging)
    expected = {"printer.laser": ("PYRO:a@h:1", {"printer", "laser"})}
    assert search_metadata(tagging, metadata_all=["laser"], return_metadata=True) == expected
    assert search_metadata(tagging, metadata_any=["laser"], return_metadata=True) == expected


def test_thousands_of_tags_can_be_stored_and_searched_for(tagging: Storage) -> None:
    tags = {f"tag{number}" for number in range(3000)}
    tagging["rich"] = "PYRO:a@h:1", tags
    tagging["poor"] = "PYRO:b@h:1", ["tag1"]
    assert tagging["rich"] == ("PYRO:a@h:1", tags)
    assert set(search_metadata(tagging, metadata_all=tags)) == {"rich"}
    assert set(search_metadata(tagging, metadata_any=tags)) == {"rich", "poor"}


@pytest.mark.slow
def test_many_threads_may_use_it_at_once(storage: Storage) -> None:
    start, failures = threading.Barrier(4), []

    def use(own: str) -> None:
        start.wait()
        try:
            for number in range(10):
                storage[f"{own}{number}"] = f"PYRO:{own}@h:{number}", [own]
                assert storage[f"{own}{number}"] == (f"PYRO:{own}@h:{number}", kept(storage, own))
                assert len(list_prefix(storage, own)) == number + 1
                storage.everything(return_metadata=True)
        except BaseException as failure:  # noqa: BLE001 - shown by the assertion below
            failures.append(failure)

    threads = [threading.Thread(target=use, args=(own,)) for own in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(storage) == 40


def test_a_name_that_no_file_can_hold_is_refused_or_kept_and_never_breaks_a_search(
    storage: Storage,
) -> None:
    fill(storage)
    half = "half \ud800"
    with suppress(NamingError):
        storage[half] = "PYRO:a@h:1", None
    if half in storage:
        assert storage[half] == ("PYRO:a@h:1", set())
        del storage[half]
    with pytest.raises(KeyError):
        storage[half]
    assert list_prefix(storage, "\ud800") == {}
    assert len(storage) == 3


def test_a_tag_that_no_file_can_have_is_merely_not_found(storage: Storage) -> None:
    storage["x"] = "PYRO:x@h:1", {"tag"}
    if not storage.keeps_metadata:
        with pytest.raises(NamingError, match="doesn't support metadata"):
            search_metadata(storage, metadata_any=["half \ud800"])
        return
    assert search_metadata(storage, metadata_any=["half \ud800", "tag"]) == {"x": "PYRO:x@h:1"}
    assert search_metadata(storage, metadata_all=["half \ud800", "tag"]) == {}
    assert search_metadata(storage, metadata_any=["half \ud800"]) == {}


@pytest.mark.slow
def test_many_names_are_found_by_prefix_while_they_come_and_go(storage: Storage) -> None:
    names = [f"{number * 7919 % 3000:04}" for number in range(3000)]
    for name in names if storage.keeps_metadata else names[:300]:
        storage[name] = f"PYRO:{name}@h:1", None
    for name in names[::3]:
        storage.pop(name, None)
    expected = sorted(storage)
    assert sorted(list_prefix(storage, "")) == expected
    for prefix in ("0", "01", "29", "2999", "3"):
        found = list_prefix(storage, prefix)
        assert sorted(found) == [name for name in expected if name.startswith(prefix)]


class TestWithoutTags:
    """What a storage does with tags that cannot keep them."""

    @pytest.fixture
    def bare(self, tmp_path: Path) -> Iterator[Storage]:
        made = MAKERS["dbm"](tmp_path)
        yield made
        made.close()

    def test_it_says_so(self, bare: Storage) -> None:
        assert not bare.keeps_metadata

    def test_dropping_tags_is_logged(self, bare: Storage, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "pyrolike.naming"):
            bare["x"] = "PYRO:a@h:1", None
            assert caplog.messages == []
            bare["x"] = "PYRO:a@h:1", ["tag"]
        assert caplog.messages == ["the DbmStorage doesn't support metadata: 'x' loses its tags"]

    @pytest.mark.parametrize("which", ["metadata_all", "metadata_any"])
    def test_searching_for_tags_is_a_naming_error(self, bare: Storage, which: str) -> None:
        tags: Collection[str] = ["tag"]
        with pytest.raises(NamingError, match="doesn't support metadata"):
            search_metadata(bare, **{which: tags})
        assert search_metadata(bare) == {}


def test_closing_twice_is_allowed(storage: Storage) -> None:
    storage.close()
    storage.close()


def test_its_repr_tells_what_it_is(storage: Storage) -> None:
    assert type(storage).__name__ in repr(storage)


# Few characters, so that names share prefixes; the odd ones are the ends of SQLite's text order.
TEXTS = st.text(alphabet="aAb%_.\0\x7f\ud7ff\ue000\uffff\U0010ffff", max_size=4)
TAGS = st.sets(st.text(alphabet="abA", max_size=2), max_size=4)
ENTRIES = st.dictionaries(TEXTS, TAGS, max_size=5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(entries=ENTRIES, again=ENTRIES, prefix=TEXTS, tags=TAGS)
def test_it_finds_what_a_plain_dict_would_find(
    kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[str, set[str]],
    again: dict[str, set[str]],
    prefix: str,
    tags: set[str],
) -> None:
    storage = MAKERS[kind](tmp_path_factory.mktemp("storage"))
    for each in (entries, again):
        for name, its_tags in each.items():
            storage[name] = "PYRO:a@h:1", its_tags
    expected = entries | again
    has_tags = storage.keeps_metadata
    all_found = has_tags and search_metadata(storage, metadata_all=tags, return_metadata=True)
    any_found = has_tags and search_metadata(storage, metadata_any=tags)
    by_prefix = list_prefix(storage, prefix, return_metadata=True)
    everything = storage.everything(return_metadata=True)
    storage.close()
    assert set(everything) == set(expected)
    assert set(by_prefix) == {name for name in expected if name.startswith(prefix)}
    if not has_tags:
        return
    assert {name: found for name, (_, found) in everything.items()} == expected
    assert set(any_found) == {name for name, its in expected.items() if tags & its}
    assert set(all_found) == {name for name, its in expected.items() if tags and tags <= its}
