"""Pages that name tests: they tell of every trouble, and every rule, and the tests are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.documents import ROOT

PAGES = {
    name: (ROOT / f"docs/explanation/{name}.md").read_text("utf-8")
    for name in ("reliability", "hostile-bytes")
}
NAMED = sorted(set(re.findall(r"`(tests/\S+?\.py(?:::\w+)+)`", "".join(PAGES.values()))))


@pytest.mark.parametrize(("page", "count"), [("reliability", 44), ("hostile-bytes", 18)])
def test_all_are_told_in_their_order_and_each_names_a_test(page: str, count: int) -> None:
    _, *parts = re.split(r"^\*\*(?=\d+\. )", PAGES[page], flags=re.MULTILINE)
    assert [int(part.partition(".")[0]) for part in parts] == list(range(1, count + 1))
    assert [part.partition("**")[0] for part in parts if "- `tests/" not in part] == []


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name: str) -> None:
    path, *names = name.split("::")
    body = ast.parse((ROOT / path).read_text("utf-8")).body
    for name in names:
        found = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
        ]
        assert found, f"{path} has no {name}"
        body = found[-1].body
