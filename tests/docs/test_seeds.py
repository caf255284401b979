"""Each section of Pyro's manuals that the table names has a page here."""

from __future__ import annotations

import re

from tests.support.documents import ROOT

PAGE = ROOT / "docs/seeds.md"


def test_every_section_leads_somewhere() -> None:  # that the pages exist is seen for all documents
    lines = re.findall(r"^\| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    rows = [line for line in lines if line not in ("section | here", "--- | ---")]
    assert len(rows) > 60
    assert [row for row in rows if "](" not in row.partition(" | ")[2]] == []
