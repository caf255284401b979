"""The pages of the guide are programs that run, and what their comments promise comes true."""

from __future__ import annotations

import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import Daemon, config
from pyrolike.serializers import classes
from tests.support.documents import ROOT, PageError, find_blocks, run_page
from tests.support.serving import settle

GUIDE = sorted(ROOT.glob("docs/guide/*.md"))
PAGES = [
    page for page in GUIDE if any(block.is_run and not block.remark for block in find_blocks(page))
]
"""Those that are programs; the others are sessions at a terminal."""


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_runs_twice_keeps_its_promises_and_closes_everything(
    page: Path, namespace: dict[str, Any]
) -> None:
    settings, converters = config.as_dict(), (dict(classes._to_dict), dict(classes._from_dict))
    threads = set(threading.enumerate())
    for _ in range(2):
        namespace.clear()
        assert run_page(page, namespace) >= 3
        daemons = [value for value in namespace.values() if isinstance(value, Daemon)]
        assert [daemon for daemon in daemons if daemon.transportServer is not None] == []
        assert config.as_dict() == settings
        assert (classes._to_dict, classes._from_dict) == converters
        assert settle(threads) == []


# -- the harness itself


def write(folder: Path, *lines: str) -> Path:
    """Write a page: lines of code in one block, which begin on line 3."""
    page = folder / "page.md"
    page.write_text("\n".join(["# A page", "```python", *lines, "```", ""]), "utf-8")
    return page


def test_blocks_share_their_names_and_promises_are_counted(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        textwrap.dedent(
            """\
            ```python
            numbers = [1, 2]
            numbers  # -> [1, 2]
            ```
            Text, and something for the shell:
            ```sh
            exit 1
            ```
            <!-- not run: it never ends -->
            ```python
            while True: pass
            ```
            ```python
            for number in numbers:
                number + 0.5  # -> ...5
                number / 0  # raises ZeroDivisionError: division
            @print
            class Printed: ...  # an ordinary comment
            ```
            <!-- prints -->
            ```text
            <class '...Printed'>
            ```
            """
        ),
        "utf-8",
    )
    assert run_page(page, {}) == 6


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1 + 1  # -> 3", "the value is"),
        ("1 + 1  # raises ValueError", "nothing is raised"),
        ("1 / 0  # raises ValueError", "ZeroDivisionError: division by zero, not"),
        ("1 / 0  # raises ZeroDivisionError: by one", "not\n    ZeroDivisionError: by one"),
        ("1 / 0  # -> 1", "ZeroDivisionError was raised"),
        ("1 / 0", "ZeroDivisionError was raised"),
        ("one = 1  # -> 1", "only the value of an expression"),
        ("1 + 1  # ->", "nothing that is understood"),
        ("1 + 1  #-> 2", "nothing that is understood"),
        ("1 + 1  # raises: 2", "nothing that is understood"),
        ("1 +", "invalid syntax"),
        ("exit()", "SystemExit was raised"),
    ],
)
def test_what_is_wrong_is_reported_with_page_and_line(
    tmp_path: Path, line: str, complaint: str
) -> None:
    page = write(tmp_path, "0", f"if True:\n    {line}")
    with pytest.raises(PageError) as caught:
        run_page(page, {})
    assert str(caught.value).startswith("page.md:5: ")
    assert complaint in str(caught.value)


def test_an_error_inside_a_function_is_reported_where_it_was_called(tmp_path: Path) -> None:
    page = write(tmp_path, "def fail():", "    1 / 0", "fail()")
    with pytest.raises(PageError, match=r"^page.md:5: ZeroDivisionError"):
        run_page(page, {})


def test_a_promise_can_be_about_a_whole_class(tmp_path: Path) -> None:
    lines = ["def no(cls):", "    raise TypeError('no')", "@no  # raises TypeError: no", "class A:"]
    assert run_page(write(tmp_path, *lines, "    one = 1"), {}) == 1


def test_what_is_printed_must_be_shown(tmp_path: Path) -> None:
    with pytest.raises(PageError, match=r"^page.md:3: .*\nhello"):
        run_page(write(tmp_path, "print('hello')"), {})
    page = write(tmp_path, "print('hello')")
    page.write_text(page.read_text("utf-8") + "<!-- prints -->\n```text\nbye\n```\n", "utf-8")
    with pytest.raises(PageError, match=r"^page.md:7: what is printed is\nhello"):
        run_page(page, {})


def test_a_remark_that_means_nothing_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not run -->\n```python\n1\n```\n", "utf-8")
    with pytest.raises(PageError, match=r"^page.md:1: what is <!-- not run -->"):
        run_page(page, {})
