"""Serpent text to values, token by token: what cannot be read by way of JSON.

Python's own parser builds a tree of the whole text first, takes about a kilobyte for each value,
and lets no other thread run meanwhile. This one does neither, and is quicker. It knows the literals
that the serpent library and its relatives write: numbers, complex ones too, strings, bytes, tuples,
lists, dicts and sets, with spaces, line breaks and comments between them. What it does not know it
refuses; what it reads is what Python reads.
"""

from __future__ import annotations

import ast
import re
from typing import Any

_tokens = re.compile(
    r"""(?P<space>[ \t\n\r]++ | \#[^\n\r]*+)
    | (?P<string>(?:[bB][rR]?|[rR][bB]?|[uU])? (?:'(?!'')[^'\\\n\r]*+(?:\\[^\n\r][^'\\\n\r]*+)*+'
                                             |"(?!"")[^"\\\n\r]*+(?:\\[^\n\r][^"\\\n\r]*+)*+"))
    | (?P<open>[(\[{]) | (?P<close>[)\]}]) | (?P<comma>,) | (?P<colon>:)
    | (?P<atom>[\w.+-]++)
    | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
).finditer
_match_beginning = re.compile(r"[ \t]*+(?:[ \t]*+\#[^\n\r]*+\n|\n)*+").match
_match_end = re.compile(r"[ \t]*+(?:\#[^\n\r]*+)?+(?:\n(?:\#[^\n\r]*+)?+)*+\Z").match
"""What may be in front of it all, and behind. Spaces behind a line break are wrong to Python."""

_NUMBER = r"(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"
_match_int = re.compile(r"[+-]?+(?:0|[1-9][0-9]*+)", re.ASCII).fullmatch
_match_float = re.compile(rf"[+-]?+{_NUMBER}", re.ASCII).fullmatch
_match_complex = re.compile(rf"(?:([+-]?+{_NUMBER})(?=[+-]))?+([+-]?+)({_NUMBER})[jJ]").fullmatch
_match_leading_zeros = re.compile(r"[+-]?+0[0-9]++").fullmatch
_WORDS = {"None": None, "True": True, "False": False}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class UnreadableError(ValueError):
    """The text is no literal, or one of a kind that is not known here."""


class _Container:
    """A bracket that is open, and what has come in it so far."""

    __slots__ = ("bracket", "has_comma", "has_key", "has_value", "items", "key", "pairs", "value")

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.items: list[Any] = []
        self.pairs: dict[Any, Any] = {}
        self.has_comma = self.has_key = self.has_value = False
        self.key = self.value = None

    def add(self, value: Any) -> None:
        if self.has_value:
            raise UnreadableError("two values without a comma between them")
        self.value, self.has_value = value, True

    def end_item(self) -> None:
        if not self.has_value or (self.items if self.has_key else self.pairs):
            raise UnreadableError("a comma or a bracket is not where it should be")
        if self.has_key:
            self.pairs[self.key] = self.value
        else:
            self.items.append(self.value)
        self.has_key = self.has_value = False

    def end_key(self) -> None:
        if self.bracket != "{" or self.has_key or not self.has_value:
            raise UnreadableError("a colon is not where it should be")
        self.key, self.has_key, self.has_value = self.value, True, False

    def close(self, bracket: str) -> Any:
        """Return the value that the whole is."""
        if bracket != _CLOSING[self.bracket]:
            raise UnreadableError("the brackets do not match")
        if self.has_value or self.has_key:
            self.end_item()
        items = self.items
        if self.bracket == "[":
            return items
        if self.bracket == "{":
            return set(items) if items else self.pairs
        return items[0] if len(items) == 1 and not self.has_comma else tuple(items)


def read_literal(text: str) -> Any:
    """Return the value of a literal, however many values are in it.

    How deep its brackets are is for the caller to see.

    Raises:
        ValueError, TypeError, OverflowError: It is no literal, or of a form that is not known here;
            something is a key that cannot be one; or a number is too large.
    """
    outermost = _Container("(")
    innermost, stack = outermost, []
    beginning = _match_beginning(text)
    assert beginning is not None  # it may be empty
    for token in _tokens(text, beginning.end()):
        kind, content = token.lastgroup, token[0]
        if kind == "atom":
            innermost.add(_read_atom(content))
        elif kind == "string":
            innermost.add(_read_string(content))
        elif kind == "open":
            stack.append(innermost)
            innermost = _Container(content)
        elif kind == "close" and stack:
            value = innermost.close(content)
            innermost = stack.pop()
            innermost.add(value)
        elif kind == "comma" and stack:
            innermost.end_item()
            innermost.has_comma = True
        elif kind == "colon":
            innermost.end_key()
        elif kind != "space" or not stack:
            raise UnreadableError(f"{content!r} belongs to no literal")
        if outermost.has_value:
            if _match_end(text, token.end()):
                return outermost.value
            raise UnreadableError("there is something behind the end of the value")
    raise UnreadableError("it ends inside of a value")


def _read_string(token: str) -> Any:
    if token[0] in "'\"" and "\\" not in token:
        return token[1:-1]
    try:
        return ast.literal_eval(token)
    except SyntaxError as fault:
        raise UnreadableError(fault.msg) from fault


def _read_atom(token: str) -> Any:
    if _match_int(token):
        return int(token)
    if token in _WORDS:
        return _WORDS[token]
    if _match_float(token) and not _match_leading_zeros(token):
        return float(token)
    match = _match_complex(token)
    if match is None:
        raise UnreadableError(f"{token:.40} belongs to no literal that is known here")
    real, sign, imaginary = match.groups()
    value = complex(0, float(imaginary))
    if real is None:
        return -value if sign == "-" else value
    # As Python reckons it: with a sum, in which a zero may lose its sign.
    left = _read_atom(real)
    return left - value if sign == "-" else left + value
