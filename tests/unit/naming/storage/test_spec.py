from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyrolike.naming.storage import MemoryStorage, SqlStorage, open_storage


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


@pytest.mark.parametrize("spec", ["dbm:x", "sqlite:x", "names.db", "memory:", "Memory"])
def test_an_unknown_storage_is_a_value_error_that_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(ValueError, match="known are 'memory' and 'sql:FILENAME'"):
        open_storage(spec)


def test_a_missing_file_name_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="write 'sql:FILENAME'"):
        open_storage("sql:")


@pytest.mark.parametrize("spec", [5, {}, object()])
def test_anything_else_is_a_type_error(spec: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(spec).__name__}"):
        open_storage(spec)
