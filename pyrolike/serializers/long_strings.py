"""Long strings, taken out of a text before it is parsed and put back afterwards.

(Writing goes around long values in a similar way: see `long_values`.)

Parsers look at each character of a string. For one of a megabyte it is much quicker to find its
end, and to see that nothing in it has a meaning, with a few searches in C. So a long string is
replaced by a short token, the text that remains is parsed as usual, and in the value the token is
replaced by the string. Whatever is not quite simple (escapes, other quotes) is left to the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .long_values import LONG

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Buffer

SPACING = 5000
"""Bytes of text for each string, on average: where there are more, their parser is as quick."""

FEW = 20
"""Strings that are looked at in any case."""


def read_around(
    data: Buffer, quote: bytes, unfit: bytes, forbidden: bytes, parse: Callable[[str], Any]
) -> tuple[Any, str] | None:
    """Return the value of a text with long strings, and the text without them.

    None if this way is not possible; for the usual way to find out, too, what is wrong with it.

    Args:
        data: The text in UTF-8.
        quote: The character around its strings.
        unfit: Characters that must not be in the text at all.
        forbidden: Characters that no string may contain as they are.
        parse: Reads what remains.
    """
    places = _find_strings(bytes(data), quote, unfit, forbidden)
    if not places:
        return None
    view = memoryview(data)
    pieces: list[str] = []
    end = 0
    for number, (start, stop) in enumerate(places):
        pieces += str(view[end:start], "utf-8"), _token(number)
        end = stop
    rest = "".join([*pieces, str(view[end:], "utf-8")])
    if any(rest.count(_token(number)) != 1 for number in range(len(places))):
        return None
    value = parse(rest)
    # Only now: of a megabyte that is here twice, the system would take the memory back each time.
    strings = {
        _token(number): str(view[start:stop], "utf-8")
        for number, (start, stop) in enumerate(places)
    }
    value = _put_back(value, strings)
    # What is left stood for less than a string: a part of one, or bytes; or was lost.
    return None if strings else (value, rest)


def _token(number: int) -> str:
    return f"long string {number:02}"


def _find_strings(
    text: bytes, quote: bytes, unfit: bytes, forbidden: bytes
) -> list[tuple[int, int]] | None:
    """Return from where to where the long strings are; None if that is not certain."""
    if any(map(text.__contains__, unfit)):
        return None
    places: list[tuple[int, int]] = []
    stop = -1
    for _ in range(FEW + len(text) // SPACING):
        start = text.find(quote, stop + 1)
        if start < 0:
            return places
        start += 1
        stop = text.find(quote, start)
        if stop < 0:
            return None
        if stop - start >= LONG:
            if any(text.find(byte, start, stop) >= 0 for byte in forbidden):
                return None
            places.append((start, stop))
    return None


def find_naming(text: str) -> str:
    """Return as much of a long text as may name a class; from behind that is found quicker."""
    return text if text.rfind("__class__") >= 0 else ""


def has_any(text: str, characters: str) -> bool:
    """Say whether one of *characters* is in *text*. A search for each: quicker than a pattern."""
    return any(map(text.__contains__, characters))


def _put_back(value: Any, strings: dict[str, str]) -> Any:
    """Return a value with *strings* in the place of their tokens; they are taken out of there."""
    kind = type(value)
    if kind is str:
        return strings.pop(value, value)
    if kind is dict:
        return {_put_back(key, strings): _put_back(item, strings) for key, item in value.items()}
    if kind in (list, tuple, set):
        return kind(_put_back(item, strings) for item in value)
    return value
