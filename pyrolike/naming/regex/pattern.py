"""A regular expression that is safe to have: the right means for each name."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import takewhile

from pyrolike.errors import NamingError

from .automaton import Automaton, TooComplicated
from .cost import find_harmless_length
from .parser import Atom, Node, Sequence, parse

LONGEST_REGEX = 1000
"""Characters a regular expression may have.

Ours: such an expression comes from a stranger and is compiled in the server. The ones people write
for names have fewer than a hundred characters.
"""


class Pattern:
    """An expression from a stranger, matched in bounded time.

    Args:
        regex: The expression.
        on_step: Called now and then during a match that takes long; it may raise, to end it.

    Attributes:
        prefix: What every name that matches begins with; often nothing.

    Raises:
        NamingError: *regex* is not a regular expression, or is longer than `LONGEST_REGEX`.
    """

    def __init__(self, regex: str, on_step: Callable[[], None] = lambda: None) -> None:
        compiled = _compile(regex)
        try:
            self._tree = parse(regex, compiled.flags)
            self._harmless_length = find_harmless_length(self._tree, on_step)
        except RecursionError as error:
            raise NamingError("invalid regex: its groups are too deep in each other") from error
        self.prefix = _prefix(self._tree)
        self._quick = compiled.match
        self._on_step = on_step
        self._automaton: Automaton | None = None

    def matches(self, name: str) -> bool:
        """Tell if *name* matches, from its start but not necessarily to its end.

        Raises:
            NamingError: Only `re` could match that expression, and would perhaps never end.
        """
        if len(name) <= self._harmless_length:
            return self._quick(name) is not None
        if self._automaton is None:
            self._automaton = self._make_automaton()
        return self._automaton.matches(name)

    def _make_automaton(self) -> Automaton:
        try:
            return Automaton(self._tree, self._on_step)
        except TooComplicated as error:
            raise NamingError(
                f"this regex could take for ever: it has too many ways to match, and {error}"
            ) from error


def _compile(regex: str) -> re.Pattern[str]:
    if len(regex) > LONGEST_REGEX:
        raise NamingError(
            f"invalid regex: it has {len(regex)} characters, at most {LONGEST_REGEX} are allowed"
        )
    try:
        return re.compile(regex)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        # Value: wrong flags. Overflow and recursion: "a{99999999999}" and very deep brackets.
        # Warning: where the program turns warnings into errors; "[[" is one.
        raise NamingError(f"invalid regex: {error}") from error


def _prefix(tree: Node) -> str:
    """Return the letters an expression begins with, as far as each can only be itself."""
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    letters = takewhile(lambda letter: letter is not None, map(_letter, items))
    return "".join(letter or "" for letter in letters)


def _letter(node: Node) -> str | None:
    if not isinstance(node, Atom) or node.flags & re.IGNORECASE:
        return None
    letter = node.source[-1]
    is_plain = node.source != "." and re.escape(letter) == node.source
    # "\." and "\-" are themselves, "\d" is not.
    is_escaped = len(node.source) == 2 and node.source[0] == "\\" and not letter.isalnum()
    return letter if is_plain or is_escaped else None
