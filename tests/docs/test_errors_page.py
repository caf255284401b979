"""The page of errors shows what is really said: each mistake on it is made."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import Daemon
from tests.support.documents import ROOT, PageError, find_blocks, run_page

PAGE = ROOT / "docs" / "explanation" / "errors-you-will-meet.md"


@pytest.mark.slow
def test_each_mistake_gets_the_answer_that_the_page_shows(namespace: dict[str, Any]) -> None:
    assert run_page(PAGE, namespace) > 55
    daemons = [value for value in namespace.values() if isinstance(value, Daemon)]
    assert [daemon for daemon in daemons if daemon.transportServer is not None] == []


def test_forty_mistakes_are_made() -> None:
    blocks = find_blocks(PAGE)
    shown = [block.code for block in blocks if block.is_error]
    assert len(shown) >= 40
    assert len(set(shown)) == len(shown)


def test_a_page_of_errors_has_a_heading_for_each_mistake() -> None:
    headings = re.findall(r"^### (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(headings) >= 35
    assert len(set(headings)) == len(headings)


def index_of_errors() -> str:
    """Return the rows of the table at the page's end: each error, and the mistake it is for."""
    rows, heading = [], ""
    part = r"^### ([^\n]+)$|^<!-- raises -->\n```text\n(.*?)^```$"
    for match in re.finditer(part, PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if match[1]:
            heading = match[1]
            continue
        kind, _, text = " ".join(match[2].split()).partition(": ")
        anchor = re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        begin = textwrap.shorten(text, 62, placeholder=" …")
        rows.append(f"| `{kind}` | `{begin}` | [{heading}](#{anchor}) |\n")
    return "".join(sorted(rows))


def test_the_table_at_the_end_leads_from_each_error_to_its_mistake() -> None:
    rows = index_of_errors()
    assert rows.count("\n") >= 40
    assert rows in PAGE.read_text("utf-8"), f"the table should be\n{rows}"


# -- the harness


def write(folder: Path, code: str, shown: str) -> Path:
    page = folder / "page.md"
    page.write_text(f"```python\n{code}\n```\n\n<!-- raises -->\n```text\n{shown}\n```\n", "utf-8")
    return page


def test_an_error_is_compared_by_class_and_text_whatever_the_lines_and_ports(
    tmp_path: Path,
) -> None:
    code = 'raise ValueError("at localhost:12345 there is   nothing")'
    assert run_page(write(tmp_path, code, "ValueError: at\nlocalhost:9090 there ..."), {}) == 1


@pytest.mark.parametrize(
    ("code", "shown", "complaint"),
    [
        (
            "1 / 0",
            "ZeroDivisionError: division",
            "what is raised is\nZeroDivisionError: division by",
        ),
        ("1 / 0", "ValueError: division by zero", "what is raised is"),
        ("1 / 1", "ZeroDivisionError: division by zero", "nothing is raised"),
        ("1 + 1  # -> 3", "ValueError: ...", "the value is"),
    ],
)
def test_what_is_not_as_it_is_shown_is_reported(
    tmp_path: Path, code: str, shown: str, complaint: str
) -> None:
    with pytest.raises(PageError, match=complaint):
        run_page(write(tmp_path, code, shown), {})
