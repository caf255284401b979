"""Long strings, taken out of a text before it is parsed and put back afterwards.

Parsers look at each character of a string. For one of a megabyte it is much quicker to find its
end, and to see that nothing in it has a meaning, with a few searches in C. So a long string is
replaced by a short token, the text that remains is parsed as usual, and in the value the token is
replaced by the string. Whatever is not quite simple (escapes, other quotes) is left to the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONG = 20_000
"""Characters of a string that is worth it. Measured: from about half of that on it is quicker."""

MOST = 100
"""Long strings of one text: looking for tokens takes a moment for each."""


def read_around(
    text: str, quote: str, forbidden: str, parse: Callable[[str], Any]
) -> tuple[Any, str] | None:
    """Return the value of a text with long strings, and the text without them.

    None if this way is not possible.

    Args:
        text: What to read.
        quote: The character around its strings.
        forbidden: Characters that no string may contain as they are.
        parse: Reads what remains.
    """
    if "\\" in text:
        return None
    pieces = text.split(quote)
    strings = [piece for piece in pieces[1::2] if len(piece) >= LONG]
    if not 0 < len(strings) <= MOST or len(pieces) % 2 == 0:
        return None
    if any(has_any(string, forbidden) for string in strings):
        return None
    tokens = {f"long string {number}": string for number, string in enumerate(strings)}
    waiting = iter(tokens)
    pieces[1::2] = [next(waiting) if len(piece) >= LONG else piece for piece in pieces[1::2]]
    rest = quote.join(pieces)
    if any(rest.count(token) != 1 for token in tokens):
        return None
    return _put_back(parse(rest), tokens), rest


def write_around(
    values: Sequence[Any], escaped: str, write: Callable[[Sequence[Any]], str]
) -> str | None:
    """Return the text of something with long strings in it; None if this way is not possible.

    The strings must be written between double quotes.

    Args:
        values: Some of them may be long strings.
        escaped: Characters that cannot stand in a string as they are.
        write: Returns the text, given *values* with tokens for the long strings among them.
    """
    strings = [value for value in values if type(value) is str and len(value) >= LONG]
    if not 0 < len(strings) <= MOST or any(has_any(string, escaped) for string in strings):
        return None
    tokens = [f"long string {number}" for number in range(len(strings))]
    waiting = iter(tokens)
    text = write([next(waiting) if type(v) is str and len(v) >= LONG else v for v in values])
    if any(text.count(token) != 1 for token in tokens):
        return None
    for token, string in zip(tokens, strings, strict=True):
        text = text.replace(token, string)
    return text


def has_any(text: str, characters: str) -> bool:
    """Say whether one of *characters* is in *text*. A search for each: quicker than a pattern."""
    return any(map(text.__contains__, characters))


def _put_back(value: Any, tokens: dict[str, str]) -> Any:
    kind = type(value)
    if kind is str:
        return tokens.get(value, value)
    if kind is dict:
        return {tokens.get(key, key): _put_back(item, tokens) for key, item in value.items()}
    if kind in (list, tuple, set):
        return kind(_put_back(item, tokens) for item in value)
    return value
