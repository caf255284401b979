"""The page of the documentation on which the figures are, and how it is renewed.

What a run prints stands on the page as it was printed, between two remarks that nobody sees. That
way all figures are in one place, and one command brings them there: ``--renew``.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "explanation" / "performance.md"
HOSTILE = PAGE.with_name("hostile-bytes.md")
PLOTS = PAGE.with_name("growth")
"""Folder of the plots that the page shows."""

Table = tuple[list[str], list[list[str]]]
"""Headings, and the cells of each row, as texts."""

START, END = "<!-- figures: {name} -->", "<!-- end of figures -->"


def renew(name: str, text: str, page: Path = PAGE) -> None:
    """Put *text* where the page has the figures called *name*.

    Raises:
        ValueError: The page has no such place, or more than one.
    """
    start = START.format(name=name)
    place = re.compile(rf"(?<={re.escape(start)}\n).*?(?={re.escape(END)})", re.DOTALL)
    renewed, count = place.subn(lambda _: f"\n{text.strip()}\n\n", page.read_text("utf-8"))
    if count != 1:
        raise ValueError(f"{page.name} has {count} places {start!r}, and should have one")
    page.write_text(renewed, "utf-8")


def tables(name: str, page: Path = PAGE) -> list[Table]:
    """Return the tables among the figures called *name*; none if there is no such place."""
    _, found, text = page.read_text("utf-8").partition(START.format(name=name))
    blocks = re.findall(r"(?:^\|.*\n)+", text.partition(END)[0], re.MULTILINE) if found else []
    rows = [[_cells(line) for line in block.splitlines()] for block in blocks]
    return [(block[0], block[2:]) for block in rows]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
