"""Serpent text to JSON as a whole, without taking its strings out: quicker than any other way.

It is possible where strings stand between single quotes, without escapes, and there are no tuples
and sets. What has a meaning in the text could also be in its strings, where it must not be changed.
So each word that is replaced brings a line break with it. Outside of strings that is white space;
inside of one the json module refuses it, and the text is read in another way.
"""

from __future__ import annotations

from .serpent_text import GAP, is_deeper

MANY = 1500
"""Characters of a text from which on it pays to look whether it can be translated as a whole."""

_WORDS = (("None", "\nnull"), ("True", "\ntrue"), ("False", "\nfalse"))
_FOREIGN_WORDS = ("null", "true", "false")
_UNFIT = f'"\\{GAP}'
_NEITHER_BRACKETS_NOR_QUOTES = bytes(set(range(256)) - set(b'"()[]{}'))


def to_json(text: str, limit: int) -> str | None:
    """Return a text as JSON, for a strict parser; None if that is not possible in this way.

    What the parser refuses may still be valid serpent text.

    Args:
        text: A container, without header.
        limit: How many containers may sit inside each other.
    """
    # From behind all but single characters are found in half of the time.
    if any(map(text.__contains__, _UNFIT)) or _contains_any(text, _FOREIGN_WORDS):
        return None
    text = text.replace("'", '"')
    # Without all other characters a string is a pair of quotes, if there is no bracket in it.
    brackets = text.encode().translate(None, _NEITHER_BRACKETS_NOR_QUOTES).replace(b'""', b"")
    if any(map(brackets.__contains__, b'"()')) or is_deeper(brackets.decode(), limit):
        return None
    for word, replacement in _WORDS:
        if text.rfind(word) >= 0:
            text = text.replace(word, replacement)
    return text


def _contains_any(text: str, words: tuple[str, ...]) -> bool:
    return any(text.rfind(word) >= 0 for word in words)
