"""What the pages say to the site alone, and what docstrings say to the project alone.

The pages are read on git hosts and in editors too. Whatever only Sphinx understands stands in an
HTML comment, where nobody else sees it::

    <!-- site:
    :::{toctree}
    clients
    :::
    -->
"""

import re

from sphinx.application import Sphinx

FOR_THE_SITE = re.compile(r"^<!-- site:\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
FOR_THE_PROJECT = re.compile(r"^Source: ")


def open_marks(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let Sphinx read what stands in comments for it."""
    source[0] = FOR_THE_SITE.sub(r"\1", source[0])


def drop_sources(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Drop the paragraphs that name where a rule comes from; readers of the code need them."""
    kept, dropping = [], False
    for line in lines:
        dropping = bool(FOR_THE_PROJECT.match(line)) or (dropping and line.strip() != "")
        if not dropping:
            kept.append(line)
    lines[:] = kept


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", open_marks)
    app.connect("autodoc-process-docstring", drop_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
