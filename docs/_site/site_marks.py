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
RESULT = re.compile(r"\s*(Returns|Yields):$")
HIDDEN = "\ue000"
ABOUT_PYRO = re.compile(r"^Pyro: ")


def open_marks(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let Sphinx read what stands in comments for it."""
    source[0] = FOR_THE_SITE.sub(r"\1", source[0])


def say_for_users(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Drop the paragraphs that name where a rule comes from, which readers of the code need.

    Those that begin with ``Pyro:`` tell what is different there.
    """
    kept, dropping = [], False
    for line in lines:
        dropping = line.startswith("Source: ") or (dropping and line.strip() != "")
        if not dropping:
            kept.append(ABOUT_PYRO.sub("*In Pyro it is different:* ", line))
    lines[:] = kept


def hide_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Hide colons where Google's style has a type before them: we leave types to annotations."""
    is_value = what in ("attribute", "data", "property")
    for number, line in enumerate(lines):
        follows = number > 0 and RESULT.match(lines[number - 1])
        if follows or (is_value and number == 0):
            lines[number] = line.replace(": ", f"{HIDDEN} ")


def show_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Show them again, when napoleon has read the docstring."""
    lines[:] = [line.replace(HIDDEN, ":") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", open_marks)
    app.connect("autodoc-process-docstring", say_for_users)
    app.connect("autodoc-process-docstring", hide_colons, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
