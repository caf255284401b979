r"""Reads a regular expression into a tree, as far as it must be understood to judge it.

What one character of the text must be is not understood at all: such a piece, ``x`` or ``\d`` or
``[^a-z]``, becomes an `Atom` with its source, and `re` itself says later which characters it
matches. So there is nothing here that could disagree with `re` about letters and cases; only the
structure is ours.

The parser expects an expression that `re.compile` has accepted, and does not look for errors.

Source: the syntax of the standard library's `re`, of Python 3.11 to 3.14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

Node: TypeAlias = "Atom | Anchor | Sequence | Choice | Repeat | Aside | Reference"


@dataclass(frozen=True, slots=True)
class Atom:
    """One character.

    Attributes:
        source: What it must be, as a regular expression.
        flags: The flags under which that is meant.
    """

    source: str
    flags: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place between two characters.

    Attributes:
        kind: ``^``, ``$``, or the letter behind the backslash.
        flags: The flags under which that is meant.
    """

    kind: str
    flags: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """One thing after the other; nothing at all, if there are none."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A thing several times.

    Attributes:
        item: The thing.
        least: How often at least.
        most: How often at most, None for any number.
        possessive: Whether it never gives back what it has taken.
    """

    item: Node
    least: int
    most: int | None
    possessive: bool = False


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that is matched on its own, once: looking ahead or behind, or an atomic group."""

    item: Node


@dataclass(frozen=True, slots=True)
class Reference:
    """The text of an earlier group once more."""


NOTHING = Sequence(())

_TYPES = {"a": re.ASCII, "u": re.UNICODE, "L": re.LOCALE}
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
_KEPT_BY_ATOMS = re.IGNORECASE | re.DOTALL | re.ASCII

_QUANTIFIER = re.compile(r"[*+?]|\{(?!\})([0-9]*)(,?)([0-9]*)\}")
_GROUP = re.compile(
    r"""\((?:
        \?P=[^)]*(?P<back>\))       # the text of a named group
      | \?\#[^)]*(?P<comment>\))
      | \?(?P<aside><?[=!]|>)
      | \?\((?P<condition>[^)]*)\)
      | \?P<[^>]*>
      | \?(?P<on>[aiLmsux]*)(?:-(?P<off>[imsx]+))?(?P<end>[:)])
    )?""",
    re.VERBOSE,
)
_BACK_REFERENCE = re.compile(r"\\(?![0-7]{3})[1-9][0-9]?")
_ATOM = re.compile(
    r"""\\(?: x[0-9a-fA-F]{2} | u[0-9a-fA-F]{4} | U[0-9a-fA-F]{8} | N\{[^}]*\}
            | 0[0-7]{0,2} | [0-7]{3} | . )
      | \[ \^? \]? (?: [^\]\\] | \\. )* \]
      | .""",
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"[ \t\n\r\v\f]+|#[^\n]*")


def parse(regex: str, flags: int) -> Node:
    """Return the tree of an expression.

    Args:
        regex: An expression that `re.compile` takes.
        flags: The flags of the compiled expression, which include those it sets itself.

    Raises:
        RecursionError: Its groups are too deep in each other.
    """
    return _Parser(regex).alternatives(flags)


class _Parser:
    """Walks through the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def alternatives(self, flags: int) -> Node:
        """Read up to the bracket that closes the group we are in, or to the end."""
        branches = [self._sequence(flags)]
        while self._take("|"):
            branches.append(self._sequence(flags))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self, flags: int) -> Node:
        items: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            if flags & re.VERBOSE and (blank := _BLANK.match(self._text, self._at)):
                self._at = blank.end()
            elif items and (quantifier := _QUANTIFIER.match(self._text, self._at)):
                items[-1] = self._repeat(items[-1], quantifier)
            else:
                items += self._item(flags)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeat(self, item: Node, quantifier: re.Match[str]) -> Node:
        self._at = quantifier.end()
        possessive = self._take("+")
        if not possessive:
            self._take("?")  # in which order it tries makes no difference to us
        sign, (low, comma, high) = quantifier[0], quantifier.groups()
        if sign in "*+?":
            return Repeat(item, int(sign == "+"), 1 if sign == "?" else None, possessive)
        most = high if comma else low
        return Repeat(item, int(low or 0), int(most) if most else None, possessive)

    def _item(self, flags: int) -> list[Node]:
        character = self._text[self._at]
        if character == "(":
            return self._group(flags)
        if character in "^$":
            self._at += 1
            return [Anchor(character, flags)]
        if character == "\\" and self._text[self._at + 1] in "AZzbB":
            self._at += 2
            return [Anchor(self._text[self._at - 1], flags)]
        if back := _BACK_REFERENCE.match(self._text, self._at):
            self._at = back.end()
            return [Reference()]
        return [self._atom(flags)]

    def _atom(self, flags: int) -> Atom:
        atom = _ATOM.match(self._text, self._at)
        assert atom is not None
        self._at = atom.end()
        source = atom[0]
        # Blanks and "#" mean themselves here, also where the whole expression is verbose.
        if len(source) == 1 and source != ".":
            source = re.escape(source)
        return Atom(source, flags & _KEPT_BY_ATOMS)

    def _group(self, flags: int) -> list[Node]:
        head = _GROUP.match(self._text, self._at)
        assert head is not None
        self._at = head.end()
        if head["back"]:
            return [Reference()]
        if head["comment"] or head["end"] == ")":
            return []  # flags for the whole expression: they are in *flags* already
        inside = self.alternatives(_changed(flags, head["on"], head["off"]))
        self._take(")")
        if head["condition"] is not None:  # only a back reference would say which branch it is
            return [Sequence((Reference(), Choice((inside, NOTHING))))]
        return [Aside(inside) if head["aside"] else inside]

    def _take(self, character: str) -> bool:
        found = self._text.startswith(character, self._at)
        self._at += found
        return found


def _changed(flags: int, on: str | None, off: str | None) -> int:
    for letter in on or "":
        if letter in _TYPES:
            flags = flags & ~(re.ASCII | re.UNICODE) | _TYPES[letter]
        else:
            flags |= _FLAGS[letter]
    for letter in off or "":
        flags &= ~_FLAGS[letter]
    return flags
