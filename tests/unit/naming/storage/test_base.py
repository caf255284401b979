"""The generic half of a storage, tried on one that has no shortcuts and on one that has all."""

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.storage import (
    Entry,
    Listing,
    Storage,
    list_prefix,
    list_regex,
    search_metadata,
)


class PlainStorage(Storage):
    """The least a storage can be: seven methods around a dict."""

    def __init__(self, **entries: Entry) -> None:
        self.entries = entries

    def __getitem__(self, name: str) -> Entry:
        return self.entries[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        self.entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def everything(self, return_metadata: bool = False) -> Listing:
        return {name: e if return_metadata else e[0] for name, e in self.entries.items()}

    def close(self) -> None:
        pass


class StorageWithShortcuts(PlainStorage):
    """Answers each shortcut with what it was asked."""

    def optimized_prefix_list(self, prefix: str, return_metadata: bool = False) -> Listing:
        return {"prefix": (prefix, return_metadata)}

    def optimized_regex_list(self, regex: str, return_metadata: bool = False) -> Listing:
        return {"regex": (regex, return_metadata)}

    def optimized_metadata_search(
        self,
        metadata_all: Collection[str] | None = None,
        metadata_any: Collection[str] | None = None,
        return_metadata: bool = False,
    ) -> Listing:
        return {"tags": (metadata_all, metadata_any, return_metadata)}


@pytest.fixture
def plain() -> PlainStorage:
    return PlainStorage(one=("u1", {"a", "b"}), two=("u2", ["a"]), other=("u3", None))


def test_without_shortcuts_the_search_looks_at_everything(plain: PlainStorage) -> None:
    assert list_prefix(plain, "o") == {"one": "u1", "other": "u3"}
    assert list_regex(plain, ".*o$", return_metadata=True) == {"two": ("u2", ["a"])}
    assert search_metadata(plain, metadata_all=["a", "b"]) == {"one": "u1"}
    assert search_metadata(plain, metadata_any=["a", "x"]) == {"one": "u1", "two": "u2"}


def test_removing_items_ignores_unknown_ones(plain: PlainStorage) -> None:
    assert plain.remove_items(["one", "nobody"]) == 1
    assert set(plain.entries) == {"two", "other"}


@pytest.mark.parametrize("return_metadata", [False, True])
def test_a_shortcut_has_the_last_word(return_metadata: bool) -> None:
    storage = StorageWithShortcuts()
    found: list[Any] = [
        list_prefix(storage, "p", return_metadata),
        list_regex(storage, "r", return_metadata),
        search_metadata(storage, ["x", "x"], None, return_metadata),
        search_metadata(storage, None, ["y"], return_metadata),
    ]
    assert found == [
        {"prefix": ("p", return_metadata)},
        {"regex": ("r", return_metadata)},
        {"tags": ({"x"}, None, return_metadata)},
        {"tags": (None, {"y"}, return_metadata)},
    ]


def test_a_search_for_no_tags_does_not_even_ask_the_storage() -> None:
    assert search_metadata(StorageWithShortcuts()) == {}
    assert search_metadata(StorageWithShortcuts(), [], ()) == {}


def test_a_regex_that_begins_with_letters_looks_only_at_names_that_do() -> None:
    class Counting(PlainStorage):
        def everything(self, return_metadata: bool = False) -> Listing:
            raise AssertionError("not all of them are needed")

        def optimized_prefix_list(self, prefix: str, return_metadata: bool = False) -> Listing:
            assert prefix == "ab.c"
            return {"ab.c1": "u1", "ab.cx": "u2"}

    assert list_regex(Counting(), r"ab\.c\d") == {"ab.c1": "u1"}


def test_a_bad_regex_is_refused_before_a_shortcut_sees_it() -> None:
    with pytest.raises(NamingError, match="invalid regex: missing \\)"):
        list_regex(StorageWithShortcuts(), "(")
