r"""The tree of an expression.

That its meaning is right is seen in test_automaton, by comparison with `re`.
"""

import re

import pytest

from pyrolike.naming.regex.parser import (
    NOTHING,
    Anchor,
    Aside,
    Atom,
    Choice,
    Node,
    Reference,
    Repeat,
    Sequence,
    parse,
)

A, B, C = Atom("a", 0), Atom("b", 0), Atom("c", 0)


def tree(regex: str) -> Node:
    return parse(regex, re.compile(regex).flags)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        ("", NOTHING),
        ("a", A),
        ("ab", Sequence((A, B))),
        ("a|b|", Choice((A, B, NOTHING))),
        ("(a)(?:b)(?P<n>c)", Sequence((A, B, C))),
        ("a(?#what a letter)b", Sequence((A, B))),
        ("a*", Repeat(A, 0, None)),
        ("a+?", Repeat(A, 1, None)),
        ("a??", Repeat(A, 0, 1)),
        ("a{2}", Repeat(A, 2, 2)),
        ("a{2,}", Repeat(A, 2, None)),
        ("a{,3}?", Repeat(A, 0, 3)),
        ("a{,}", Repeat(A, 0, None)),
        ("a{2,3}+", Repeat(A, 2, 3, possessive=True)),
        ("a*+", Repeat(A, 0, None, possessive=True)),
        ("(?:ab)*", Repeat(Sequence((A, B)), 0, None)),
        ("a{}", Sequence((A, Atom(r"\{", 0), Atom(r"\}", 0)))),
        ("a{b", Sequence((A, Atom(r"\{", 0), B))),
        ("{a", Sequence((Atom(r"\{", 0), A))),
    ],
)
def test_structure(regex: str, expected: Node) -> None:
    assert tree(regex) == expected


@pytest.mark.parametrize(
    "source",
    [
        ".", r"\d", r"\W", r"\.", r"\n", r"\x41", r"\u0041", r"\U00000041", r"\N{BULLET}",
        r"\0", r"\07", r"\012", r"\141", "[a-z]", "[^a]", "[]a]", "[^]a]", r"[\]a]", r"[a\\]",
        "[(|]",
    ],
)  # fmt: skip
def test_a_piece_that_stands_for_one_character_is_one_atom(source: str) -> None:
    assert tree(source) == Atom(source, 0)
    assert tree(source + "a") == Sequence((Atom(source, 0), A))


@pytest.mark.parametrize("kind", ["^", "$", r"\A", r"\Z", r"\b", r"\B"])
def test_anchors(kind: str) -> None:
    assert tree(kind) == Anchor(kind[-1], re.UNICODE)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"(a)\1", Sequence((A, Reference()))),
        (r"(a)\1b", Sequence((A, Reference(), B))),
        ("(?P<n>a)(?P=n)", Sequence((A, Reference()))),
        ("(a)(?(1)b|c)", Sequence((A, Sequence((Reference(), Choice((Choice((B, C)), NOTHING))))))),
        ("(?=a)", Aside(A)),
        ("(?!a)b", Sequence((Aside(A), B))),
        ("(?<=a)", Aside(A)),
        ("(?<!a)", Aside(A)),
        ("(?>a|b)", Aside(Choice((A, B)))),
    ],
)
def test_what_no_automaton_can_do(regex: str, expected: Node) -> None:
    assert tree(regex) == expected


@pytest.mark.parametrize(
    ("regex", "flags"),
    [
        ("(?i)a", [re.IGNORECASE]),
        ("(?i:a)b", [re.IGNORECASE, 0]),
        ("(?i)(?-i:a)b", [0, re.IGNORECASE]),
        ("(?s-i:a)b", [re.DOTALL, 0]),
        ("(?a)a", [re.ASCII]),
        ("(?a:a)(?u:b)", [re.ASCII, 0]),
        ("(?a)(?u:a)b", [0, re.ASCII]),
    ],
)
def test_flags_hold_where_they_are_set(regex: str, flags: list[int]) -> None:
    found = tree(regex)
    atoms = found.items if isinstance(found, Sequence) else (found,)
    assert [atom.flags for atom in atoms if isinstance(atom, Atom)] == flags


def test_blanks_and_comments_of_verbose_expressions_are_none() -> None:
    assert tree("(?x) a # the first\n + b") == Sequence((Repeat(A, 1, None), B))
    assert tree(r"(?x) \  [ ] [#]") == Sequence(tuple(Atom(s, 0) for s in (r"\ ", "[ ]", "[#]")))
    assert tree("(?x: a ) b") == Sequence((A, Atom(r"\ ", 0), B))
    assert tree("# a") == Sequence((Atom(r"\#", 0), Atom(r"\ ", 0), A))
