"""Serpent text to values, without building a syntax tree where that can be avoided.

Most text that arrives differs from JSON only in its quotes, in the words for None, True and False,
and in tuples and sets, for which JSON objects with a mark can stand. Translated so, it is parsed in
C by the json module. Everything else (comments, complex numbers, bytes, tuples as keys) is read
token by token (`serpent_parser`), and what is really unusual is left to Python's own parser, as the
serpent library does with all text.

The translation is exact: text that is no valid literal never becomes valid JSON, and what the json
module refuses is given to Python's parser. Nothing is ever evaluated.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from pyrolike.errors import SerializeError

from .long_strings import read_around
from .recreation import TOO_DEEP
from .serpent_text import (
    GAP,
    HEADER,
    MAX_DEPTH,
    has_unusual_brace,
    hide_escapes,
    is_deeper,
    split,
    split_encoded,
)
from .serpent_whole import MANY, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base import Buffer

    Parse = Callable[[str], tuple[Any, int]]
    Replacements = Sequence[tuple[str, str]]


class _NotTranslatableError(ValueError):
    """The short way cannot handle the text, or it is not valid at all."""


NOT_IN_STRINGS = b"\0\r\n"
"""Characters that cannot be inside of a string as they are."""

_NOT_THIS_WAY = (ValueError, TypeError, LookupError, SyntaxError, RecursionError)


def read(text: str) -> Any:
    """Return the value of a serpent text.

    Raises:
        SerializeError: It is not valid, or nested too deeply.
    """
    if text.startswith(HEADER):
        scalar = _match_scalar(text, len(HEADER))
        try:
            if scalar is not None:
                return _read_scalar(scalar)
            return _read_container(text[len(HEADER) :])
        except _NOT_THIS_WAY:
            pass
    return _read_anything(text)


def read_long(data: Buffer) -> tuple[Any, str] | None:
    """Return the value of a long serpent text, and as much of the text as may name a class.

    None if it is not of a kind that is read in a shorter way than others.

    Raises:
        SerializeError: As for :func:`read`.
    """
    return read_around(data, b"'", b'\\"', NOT_IN_STRINGS, read)


def read_call(text: str) -> Any:
    """Return the value of a serpent text that should be a call, and so a tuple of four.

    Raises:
        SerializeError: As for :func:`read`.
    """
    call = _match_simple_call(text)
    try:
        if call is not None:
            return _read_simple_call(call)
        if len(text) >= MANY and (whole := _read_whole_call(text)) is not None:
            return whole
    except _NOT_THIS_WAY:
        pass
    return read(text)


# ── scalars, and calls with nothing but scalars ──────────────────────────────────────────────────

_match_scalar = re.compile(
    r"(-?(?:0|[1-9][0-9]*+))|'([^'\\\x00\n\r]*+)'|(-?[0-9]++\.[0-9]++)|None|True|False"
).fullmatch
_WORDS = {"None": None, "True": True, "False": False}
_WORDS_IN_JSON: Replacements = (("None", "null"), ("True", "true"), ("False", "false"))

# Whether numbers and commas are in order is for the json module to say.
_NAME = r"'([^'\"\\\x00-\x1f]*+)'"
_STRING = r"'[^'\"\\\x00-\x1f]*+'"
_VALUE = rf"(?:-?[0-9][0-9.e+\-]*+|{_STRING}|(None|True|False))"
_match_simple_call = re.compile(
    re.escape(HEADER)
    + rf"\({_NAME},{_NAME},\(((?:{_VALUE},?+)*+)\),(?:None|\{{((?:{_STRING}:{_VALUE},?+)*+)\}})\)"
).fullmatch


_match_call_head = re.compile(re.escape(HEADER) + rf"\({_NAME},{_NAME},\(").match
_NO_KWARGS, _NONE_KWARGS = "),{})", "),None)"
"""How a call without keyword arguments ends."""


def _read_scalar(match: re.Match[str]) -> Any:
    kind = match.lastindex
    if kind == 1:
        return int(match[1])
    if kind == 2:
        return match[2]
    return _WORDS[match[0]] if kind is None else float(match[3])


def _read_simple_call(match: re.Match[str]) -> Any:
    obj, method, args, args_word, kwargs, kwargs_word = match.groups()
    if args:
        items = _read_simple(f"[{args.removesuffix(',')}]", args_word)
        if len(items) == 1 and args[-1] != ",":
            raise _NotTranslatableError  # "(1)" is not a tuple
        args = tuple(items)
    else:
        args = ()
    if kwargs:
        return obj, method, args, _read_simple(f"{{{kwargs}}}", kwargs_word)
    return obj, method, args, None if kwargs is None else {}


def _read_simple(text: str, word: str | None) -> Any:
    """Read a list or dict of scalars; *word* is a None, True or False that is in it, if any is."""
    if word is None:
        translated = text.replace("'", '"')
    else:
        pieces = text.split("'")
        pieces[::2] = _translate_words(GAP.join(pieces[::2])).split(GAP)
        translated = '"'.join(pieces)
    return _parse(translated)[0]  # all of it, because scalars have no bracket that could end it


def _translate_words(structure: str) -> str:
    return _replace_all(structure, _WORDS_IN_JSON)


def _replace_all(structure: str, replacements: Replacements) -> str:
    for old, new in replacements:
        structure = structure.replace(old, new)
    return structure


# ── containers, by way of JSON ───────────────────────────────────────────────────────────────────
#
#   serpent   JSON
#   ( )       {"\0":[ ],"\1":0}    Both marks are needed. A mismatched bracket, such as in "(1]}",
#                                  gives an object with one of them, or with other keys beside them.
#   ,)        ,"\0"],"\1":0}       The comma that makes a tuple of one, and that others may have.
#   {1,2}     {"\2":[1,2]}         A set; of scalars only.
#   {1:2}     {"\0031":2}          An integer as key.
#
# Strings in serpent text hold no control characters, or hold them escaped, and those with a mark in
# them are not translated. So nothing a peer writes can be taken for one.

_TUPLE, _TUPLE_END, _SET, _INTEGER = "\0\1\2\3"

_MARKS: Replacements = (
    ("(", '{"\\u0000":['), (",)", ',"\\u0000")'), (")", '],"\\u0001":0}'),
)  # fmt: skip
_CALL = f"({GAP},{GAP},("

_FOREIGN_WORDS = ("null", "true", "false")
_mark_sets = re.compile(r"\{([^\s:(){}[\]][^:(){}[\]]*+)\}").sub
_mark_integer_keys = re.compile(r"([{,])(-?(?:0|[1-9][0-9]*+)):").sub


def _read_container(text: str) -> Any:
    has_escapes = "\\" in text
    if GAP in text or (has_escapes and _has_mark(text)):
        raise _NotTranslatableError
    if has_escapes:
        text = hide_escapes(text)
    elif len(text) >= MANY and '"' not in text:
        whole = _read_whole(text, MAX_DEPTH)
        if whole is not None:
            return whole
        if (simple := _translate_simple(text)) is not None:
            return _parse_all(*simple)
    pieces, quote = split(text)
    if len(pieces) % 2 == 0:
        raise _NotTranslatableError  # the last string does not end
    structure, parse = _translate_structure(GAP.join(pieces[::2]))
    pieces[::2] = structure.split(GAP)
    if not quote or (has_escapes and _has_foreign_escape(text)):
        pieces[1::2] = [_to_json_string(quote + string + quote) for string in pieces[1::2]]
        quote = ""
    translated = (quote and '"').join(pieces)
    if has_escapes:
        translated = translated.replace("\1", r"\\").replace("\2", "'").replace("\3", r"\"")
    return _parse_all(translated, parse)


def _read_whole(text: str, limit: int) -> Any:
    """Return the value of a container, which must not be deeper; None if this way is not for it."""
    translated = to_json(text, limit)
    if translated is None:
        return None
    with suppress(ValueError):
        return _parse_all(translated, _parse)


def _read_whole_call(text: str) -> Any:
    """Return a call without keyword arguments in whose arguments are no tuples; None if it is none.

    To translate its two tuples, as those elsewhere, would take as long as all the rest.
    """
    head = _match_call_head(text)
    tail = _NO_KWARGS if text.endswith(_NO_KWARGS) else _NONE_KWARGS
    if head is None or not text.endswith(tail):
        return None
    end = len(text) - len(tail)
    has_comma = text[end - 1] == ","
    args = _read_whole(f"[{text[head.end() : end - has_comma]}]", MAX_DEPTH - 1)
    if not args or (len(args) == 1 and not has_comma):
        return None  # "(1)" is not a tuple
    return head[1], head[2], tuple(args), {} if tail == _NO_KWARGS else None


def _parse_all(translated: str, parse: Parse) -> Any:
    value, end = parse(translated)
    if end != len(translated):
        raise _NotTranslatableError
    return value


def _translate_simple(text: str) -> tuple[str, Parse] | None:
    """Return a whole text as JSON, and what parses it; None if strings would be changed by that.

    No pieces need be put together then, which saves a third of the time for a thousand records. A
    word or a bracket is in no string if it is as often in the text as in the structure.

    Args:
        text: Has only single quotes in it, and no escapes.
    """
    pieces, _ = split_encoded(text)
    structure = GAP.encode().join(pieces[::2]).decode()
    if len(pieces) % 2 == 0 or has_unusual_brace(structure):
        return None
    _check_structure(structure)
    replacements = [pair for pair in _WORDS_IN_JSON if pair[0] in structure]
    if any(text.count(old) != structure.count(old) for old, _ in replacements):
        return None
    parse: Parse = _parse
    opening, closing = text.count("("), text.count(")")
    if opening or closing:
        if (structure.count("("), structure.count(")")) != (opening, closing):
            return None
        is_call = structure.startswith(_CALL) and opening == closing == 2
        parse = _parse_call if is_call else _parse_marked
        replacements += _MARKS
    return _replace_all(text.replace("'", '"'), replacements), parse


def _check_structure(structure: str) -> None:
    if any(map(structure.__contains__, _FOREIGN_WORDS)) or is_deeper(structure, MAX_DEPTH):
        raise _NotTranslatableError


def _translate_structure(structure: str) -> tuple[str, Parse]:
    """Return a structure as JSON, and what parses it."""
    _check_structure(structure)
    parse = _parse
    if "(" in structure or has_unusual_brace(structure):
        structure = _mark(structure)
        parse = _parse_integer_keys if '"\\u0003' in structure else _parse_marked
    return _translate_words(structure), parse


def _mark(structure: str) -> str:
    if has_unusual_brace(structure):
        structure = _mark_sets(r'{"\\u0002":[\1]}', structure)
        structure = _mark_integer_keys(r'\1"\\u0003\2":', structure)
    return _replace_all(structure, _MARKS)


def _open_marks(data: dict[str, Any]) -> Any:
    """Return what a JSON object stands for."""
    if _TUPLE_END in data:
        if len(data) != 2:
            raise _NotTranslatableError
        return _open_tuple(data[_TUPLE])
    if _TUPLE in data:
        raise _NotTranslatableError
    if _SET in data:
        return set(data[_SET])
    return data


def _open_tuple(items: list[Any]) -> Any:
    if len(items) == 1:
        return items[0]  # no comma: these were mere parentheses
    if items and items[-1] == _TUPLE:
        items.pop()
    return tuple(items)


def _open_marks_and_keys(data: dict[str, Any]) -> Any:
    value = _open_marks(data)
    if value is not data:
        return value
    return {int(key[1:]) if key[:1] == _INTEGER else key: item for key, item in data.items()}


def _refuse(text: str) -> Any:
    raise _NotTranslatableError(text)  # NaN and its like: names, to Python


def _parse_call(text: str) -> tuple[Any, int]:
    """Parse a call in which nothing else is a tuple than the call itself and its arguments.

    So nobody need ask each dict whether it stands for one.
    """
    value, end = _parse(text)
    items = value[_TUPLE]
    items[2] = _open_marks(items[2])
    return _open_marks(value), end


_parse = json.JSONDecoder(parse_constant=_refuse).raw_decode
_parse_marked = json.JSONDecoder(parse_constant=_refuse, object_hook=_open_marks).raw_decode
_parse_integer_keys = json.JSONDecoder(
    parse_constant=_refuse, object_hook=_open_marks_and_keys
).raw_decode


# ── strings that JSON writes in another way ──────────────────────────────────────────────────────


def _has_mark(text: str) -> bool:
    return any(map(text.__contains__, "\0\1\2\3"))


def _has_foreign_escape(text: str) -> bool:
    """Say whether there are escapes, besides those hidden, that JSON does not have."""
    return text.count("\\") != text.count(r"\n") + text.count(r"\r") + text.count(r"\t")


def _to_json_string(token: str) -> str:
    """Translate a string with its quotes, which may be of either kind, and with hidden escapes."""
    if len(token) < 2 or token[0] != token[-1]:
        raise _NotTranslatableError  # it does not end
    if not _has_foreign_escape(token):
        return '"' + token[1:-1].replace('"', r"\"") + '"'
    import ast  # few programs need it

    value = ast.literal_eval(token.replace("\1", r"\\").replace("\2", r"\'").replace("\3", r"\""))
    if _has_mark(value):
        raise _NotTranslatableError
    return encode_basestring(value)


# ── everything else, token by token, or by Python's parser ───────────────────────────────────────

# Compiled when they are needed: few programs read such text.
_STRINGS_AND_COMMENTS = (
    r"""\#[^\n]*+
    |\'\'\'(?:[^'\\]++|\\.|'(?!''))*+(?:\'\'\'|\\?\Z) | '(?:[^'\\\n]++|\\.)*+(?:'|\\?\Z|(?=\n))
    |\"\"\"(?:[^"\\]++|\\.|"(?!""))*+(?:\"\"\"|\\?\Z) | "(?:[^"\\\n]++|\\.)*+(?:"|\\?\Z|(?=\n))""",
    re.DOTALL | re.VERBOSE,
)
_NO_PART_OF_A_LITERAL = (
    r"""(?<![\w.])(?!(?:None|True|False|set|[rRuUbB]{1,2}(?=\x00))(?!\w))[^\W\d]
    |if|in|is|or|and|for|not | [-+~][\s\\\x00]*[-+~] | [*/%@&|^<>=!]""",
    re.VERBOSE,
)
MOST_PARTS = 20_000
"""Values, as far as they can be counted quickly, that Python's parser is given.

It takes about a kilobyte for each, and meanwhile lets no other thread run: with so many, less than
a twentieth of a second. It is for forms that ours does not know, and for saying what is wrong.
"""

_BETWEEN_PARTS = ",:([{+-"
_REFUSALS = (SyntaxError, ValueError, TypeError, OverflowError, MemoryError, RecursionError)


_compiled = cache(re.compile)


def _read_anything(text: str) -> Any:
    """Read a literal in any of the forms that Python allows.

    The parser's memory and stack are at stake, so it is not given what cannot be a literal anyway:
    names and operators, most of which nest without brackets; nor more brackets than it can take.
    """
    if GAP in text:
        raise SerializeError("invalid serpent data: it contains a zero byte")
    structure = _compiled(*_STRINGS_AND_COMMENTS).sub(
        GAP, text.replace("\r\n", "\n").replace("\r", "\n")
    )
    if is_deeper(structure, MAX_DEPTH):
        raise SerializeError(f"invalid serpent data: {TOO_DEEP}")
    found = _compiled(*_NO_PART_OF_A_LITERAL).search(structure)
    if found is not None:
        raise SerializeError(f"invalid serpent data: {found[0]!r} belongs to no literal")
    import ast

    from .serpent_parser import read_literal  # both are seldom needed

    try:
        return read_literal(text)
    except _REFUSALS as exc:
        if sum(map(structure.count, _BETWEEN_PARTS)) > MOST_PARTS:
            raise SerializeError(f"invalid serpent data: {exc}") from exc
    try:
        return ast.literal_eval(text)
    except _REFUSALS as exc:
        text = exc.msg if isinstance(exc, SyntaxError) else str(exc)
        raise SerializeError(f"invalid serpent data: {text or type(exc).__name__}") from exc
