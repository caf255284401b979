import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FRONT = """
from pyrolike._lazy import lazy_attributes
eager = 1
__getattr__, __dir__ = lazy_attributes(
    __name__,
    {"thing": "shelf", "method": "shelf:Box.method", "lost": "shelf", "gone": "nowhere"},
    ["shelf", "cellar"],
)
"""

SHELF = """
thing = object()
class Box:
    @classmethod
    def method(cls):
        return cls
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    folder = tmp_path / "lazily"
    folder.mkdir()
    (folder / "__init__.py").write_text(FRONT)
    (folder / "shelf.py").write_text(SHELF)
    (folder / "cellar.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("lazily")
    for name in [name for name in sys.modules if name.partition(".")[0] == "lazily"]:
        del sys.modules[name]


def test_nothing_is_loaded_before_it_is_needed(package: ModuleType) -> None:
    assert "lazily.shelf" not in sys.modules
    assert package.thing is sys.modules["lazily.shelf"].thing
    assert "lazily.cellar" not in sys.modules


def test_a_value_is_kept_so_that_the_next_access_is_an_ordinary_one(package: ModuleType) -> None:
    thing = package.thing
    assert vars(package)["thing"] is thing


def test_a_name_may_say_the_way_to_its_value(package: ModuleType) -> None:
    assert package.method() is package.shelf.Box


def test_submodules_are_attributes(package: ModuleType) -> None:
    assert package.cellar is sys.modules["lazily.cellar"]


def test_names_can_be_imported(package: ModuleType) -> None:
    namespace: dict[str, object] = {}
    exec("from lazily import thing, cellar", namespace)
    assert namespace["thing"] is package.thing


def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazily' has no attribute 'nothing'"):
        _ = package.nothing
    with pytest.raises(AttributeError, match="lost"):
        _ = package.lost


def test_a_module_that_is_not_there_is_an_import_error(package: ModuleType) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"lazily\.nowhere"):
        _ = package.gone


def test_dir_lists_what_is_loaded_and_what_is_not(package: ModuleType) -> None:
    assert {"eager", "thing", "method", "shelf", "cellar", "__name__"} <= set(dir(package))
    assert dir(package) == sorted(dir(package))
