"""Names in order, compared with a sorted list, with short lists that are often cut."""

import random

import pytest

from pyrolike.naming.storage import ordered
from pyrolike.naming.storage.ordered import OrderedNames


@pytest.fixture(autouse=True)
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered, "_LONGEST", 4)


def test_a_new_one_is_empty() -> None:
    names = OrderedNames()
    assert list(names.with_prefix("")) == []
    assert list(names.with_prefix("x")) == []


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_a_sorted_list_has(seed: int) -> None:
    chance = random.Random(seed)
    names, expected = OrderedNames(), set[str]()
    for _ in range(300):
        name = "".join(chance.choices("ab\U0010ffff", k=chance.randint(0, 4)))
        if name in expected:
            names.remove(name)
            expected.remove(name)
        else:
            names.add(name)
            expected.add(name)
        prefix = name[: chance.randint(0, 3)]
        found = list(names.with_prefix(prefix))
        assert found == sorted(each for each in expected if each.startswith(prefix))
        assert names._lasts == [each[-1] for each in names._lists]
        assert all(1 <= len(each) <= 4 for each in names._lists)


def test_clearing_forgets_all() -> None:
    names = OrderedNames()
    for name in "abcdefgh":
        names.add(name)
    names.clear()
    assert list(names.with_prefix("")) == []
    names.add("x")
    assert list(names.with_prefix("")) == ["x"]


def test_a_search_goes_no_further_than_what_it_finds() -> None:
    class Noticing(str):
        __slots__ = ()

        def startswith(self, prefix: str, *rest: object) -> bool:  # type: ignore[override]  # fewer
            looked_at.append(self)
            return super().startswith(prefix)

    looked_at: list[str] = []
    names = OrderedNames()
    for number in range(1000):
        names.add(Noticing(f"{number:03}"))
    assert list(names.with_prefix("42")) == [f"42{number}" for number in range(10)]
    assert len(looked_at) < 20
