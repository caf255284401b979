from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.storage import GROUP, DbmStorage, MemoryStorage, SqlStorage, open_storage


@pytest.mark.parametrize("spec", [None, "", "memory"])
def test_memory_is_what_you_get_if_you_do_not_care(spec: str | None) -> None:
    assert isinstance(open_storage(spec), MemoryStorage)


def test_sql_and_a_file_name_open_that_file(tmp_path: Path) -> None:
    file = tmp_path / "my:names.db"
    with closing(open_storage(f"sql:{file}")) as storage:
        assert isinstance(storage, SqlStorage)
        assert storage.dbfile == str(file)
    assert file.exists()


@pytest.mark.parametrize("storage", [MemoryStorage()])
def test_a_storage_is_taken_as_it_is(storage: MemoryStorage) -> None:
    assert open_storage(storage) is storage


class HomeMade(dict[str, Any]):
    """Has a storage's methods without being derived from it, as Pyro's own storages do."""

    everything = remove_items = close = dict.copy
    optimized_prefix_list = optimized_regex_list = optimized_metadata_search = dict.copy


def test_an_object_with_the_methods_of_a_storage_is_one() -> None:
    storage: Any = HomeMade()
    assert open_storage(storage) is storage


@pytest.mark.parametrize("spec", ["sqlite:x", "names.db", "memory:", "Memory"])
def test_an_unknown_storage_is_a_value_error_that_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(ValueError, match="known are 'memory', 'sql:FILENAME' and 'dbm:FILENAME'"):
        open_storage(spec)


def test_dbm_and_a_file_name_open_that_file(tmp_path: Path) -> None:
    with closing(open_storage(f"dbm:{tmp_path / 'names'}")) as storage:
        assert isinstance(storage, DbmStorage)


@pytest.mark.parametrize("kind", ["sql", "dbm"])
def test_a_missing_file_name_is_a_value_error(kind: str) -> None:
    with pytest.raises(ValueError, match=f"write '{kind}:FILENAME'"):
        open_storage(f"{kind}:")


@pytest.mark.parametrize("spec", [5, {}, object()])
def test_anything_else_is_a_type_error(spec: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(spec).__name__}"):
        open_storage(spec)


class TestStoragesOfOthers:
    @pytest.fixture
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Put a distribution on the path that offers storages; what it offers is the argument."""

        def install(entry_points: str, distribution: str = "theirs") -> None:
            info = tmp_path / f"{distribution}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
            (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entry_points}\n")

        monkeypatch.syspath_prepend(tmp_path)
        return install

    def test_the_word_before_the_colon_is_the_entry_point(
        self, installed: Callable[[str], None]
    ) -> None:
        installed("theirs = builtins:str")
        # Not a storage, and it shows what it was called with.
        with pytest.raises(TypeError, match="builtins:str should make a storage, not str"):
            open_storage("theirs:host:6379")

    def test_a_storage_comes_out(self, installed: Callable[[str], None]) -> None:
        installed(f"theirs = {__name__}:make_their_storage")
        storage: Any = open_storage("theirs:host:6379")
        assert storage == {"made with": "host:6379"}
        assert open_storage("theirs") == {"made with": ""}

    def test_the_words_of_pyrolike_cannot_be_taken(
        self, installed: Callable[[str], None], tmp_path: Path
    ) -> None:
        installed("sql = builtins:str\nmemory = builtins:str")
        assert isinstance(open_storage("memory"), MemoryStorage)
        with closing(open_storage(f"sql:{tmp_path / 'names.db'}")) as storage:
            assert isinstance(storage, SqlStorage)

    def test_the_error_for_an_unknown_word_names_them_too(
        self, installed: Callable[[str], None]
    ) -> None:
        installed("theirs = builtins:str")
        with pytest.raises(ValueError, match=r"'dbm:FILENAME' and 'theirs:\.\.\.'"):
            open_storage("unknown:x")

    def test_two_offers_for_a_word_are_one_too_many(self, installed: Callable[..., None]) -> None:
        installed("theirs = builtins:str")
        installed("theirs = builtins:int", "others")
        with pytest.raises(ValueError, match="more than once, by builtins:int and builtins:str"):
            open_storage("theirs:x")

    def test_code_that_cannot_be_imported_is_a_naming_error(
        self, installed: Callable[[str], None]
    ) -> None:
        installed("theirs = no_such_module:Storage")
        with pytest.raises(NamingError, match="'theirs' cannot be loaded from no_such_module:"):
            open_storage("theirs:x")


def make_their_storage(argument: str) -> HomeMade:
    return HomeMade({"made with": argument})
