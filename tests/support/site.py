"""The documentation as a site: makes it, and looks whether its links hold.

Only links inside the site are followed. Those to the world need a network and other people's
machines, so they are looked at on demand: CONTRIBUTING.md has the command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.documents import ROOT, named_blocks

NEEDED = ("sphinx", "furo", "myst_parser", "sphinx_copybutton")

LOADED = {"img": "src", "script": "src", "link": "href"}
"""What a browser fetches by itself, and the attribute that says from where."""


def need_sphinx() -> None:
    """Skip the test, or fail if PYROLIKE_NEED_DOCS is set, where the group docs is missing."""
    missing = [name for name in NEEDED if not find_spec(name)]
    if not missing:
        return
    reason = f"{', '.join(missing)} not installed (pip install --group docs)"
    if os.environ.get("PYROLIKE_NEED_DOCS"):
        pytest.fail(f"{reason}, and PYROLIKE_NEED_DOCS wants it")
    pytest.skip(reason)


def build_site(folder: Path) -> None:
    """Make the site in *folder*, by the end of the command that the documentation gives for it."""
    command = named_blocks(ROOT / "docs/index.md")["site"].rpartition("&& ")[2].split()
    python, *words, place = command
    assert (python, place) == (".venv/bin/python", "docs/_build")
    result = subprocess.run(
        [sys.executable, *words, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")


@dataclass
class Page(HTMLParser):
    """What a page says of itself and of others.

    Attributes:
        anchors: The ids on it.
        links: What it leads to.
        fetched: What a browser loads with it.
    """

    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    fetched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what a tag says."""
        given = {name: value for name, value in attrs if value}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if LOADED.get(tag) in given:
            self.fetched.add(given[LOADED[tag]])


def read_site(folder: Path) -> dict[Path, Page]:
    """Return all pages below *folder*."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        page = pages[path.resolve()] = Page()
        page.feed(path.read_text("utf-8"))
        page.close()
    return pages


def find_faults(pages: dict[Path, Page]) -> list[str]:
    """Return what is wrong with links: no such file, no such anchor, or fetched from elsewhere."""
    faults = []
    for path, page in pages.items():
        for link in sorted(page.links | page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.fetched and parts.scheme != "data":
                    faults.append(f"{path.name}: {link} is fetched from elsewhere")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                faults.append(f"{path.name}: {link} leads to no file")
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                faults.append(f"{path.name}: {link} leads to no place on that page")
    return faults
