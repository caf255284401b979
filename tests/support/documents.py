"""Reads the project's Markdown, so that what it promises can be executed.

A code block that a test or the continuous integration runs has a name: an HTML comment on the line
above it, such as ``<!-- run: tests -->``. Nothing else about the text is special.

``python -m tests.support.documents tests`` prints the README's block of that name, for a shell to
run. The module needs nothing but the standard library, because it is used before anything has been
installed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"

NAMED_BLOCK = re.compile(
    r"^<!-- run: (?P<name>[^>]+?) -->\n```\w*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#]+)(?:#[^)]*)?\)")


def named_blocks(document: Path = README) -> dict[str, str]:
    """Return the code of each named block of *document*, by name.

    Raises:
        ValueError: Two blocks have the same name.
    """
    blocks: dict[str, str] = {}
    for match in NAMED_BLOCK.finditer(document.read_text("utf-8")):
        if match["name"] in blocks:
            raise ValueError(f"{document.name} has two blocks called {match['name']!r}")
        blocks[match["name"]] = match["code"]
    return blocks


def local_links(document: Path) -> list[Path]:
    """Return the files of this project that *document* links to."""
    targets = (match["target"] for match in LINK.finditer(document.read_text("utf-8")))
    return [document.parent / target for target in targets if "://" not in target]


def main(name: str) -> int:
    """Print the README's block called *name*; return the exit status."""
    blocks = named_blocks()
    if name not in blocks:
        print(f"README.md has no block called {name!r}, only {sorted(blocks)}", file=sys.stderr)
        return 1
    print(blocks[name], end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
