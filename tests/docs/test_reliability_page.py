"""The page about reliability tells of every trouble, and the tests it names are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.documents import ROOT

TEXT = (ROOT / "docs/explanation/reliability.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/\S+?\.py(?:::\w+)+)`", TEXT)))


def test_all_troubles_are_told_in_their_order_and_each_names_a_test() -> None:
    _, *parts = re.split(r"^\*\*(?=\d+\. )", TEXT, flags=re.MULTILINE)
    assert [int(part.partition(".")[0]) for part in parts] == list(range(1, 45))
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
