import pytest

from pyrolike.serializers.serpent_text import (
    GAP,
    HEADER,
    has_unusual_brace,
    hide_escapes,
    is_deeper,
    split,
)


@pytest.mark.parametrize(
    ("text", "pieces", "quote"),
    [
        ("[1]", ["[1]"], "'"),
        ("{'a':'b, c'}", ["{", "a", ":", "b, c", "}"], "'"),
        ("'a", ["", "a"], "'"),
        ("['a',\"it's\"]", ["[", "'a'", ",", '"it\'s"', "]"], ""),
        ("['say \"x\"']", ["[", "'say \"x\"'", "]"], ""),
        ('"a', ["", '"a', ""], ""),
        ('"a" "', ["", '"a"', " ", '"', ""], ""),
    ],
)
def test_strings_are_taken_out_of_a_text(text: str, pieces: list[str], quote: str) -> None:
    assert split(text) == (pieces, quote)
    assert quote.join(pieces) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (r"'it\'s'", "'it\2s'"),
        (r"'a\\'", "'a\1'"),
        (r"'a\\\'b'", "'a\1\2b'"),
        (r"'\n\\n'", r"'\n" + "\1n'"),
        (r"'\"'", "'\3'"),
    ],
)
def test_a_hidden_escape_cannot_be_taken_for_the_end_of_a_string(text: str, hidden: str) -> None:
    assert hide_escapes(text) == hidden


def test_text_of_many_unmatched_quotes_is_split_in_linear_time() -> None:
    # A pattern that fails at every quote would take minutes.
    pieces, _ = split("\"'" * 200_000 + "'")
    assert "".join(pieces) == "\"'" * 200_000 + "'"


@pytest.mark.parametrize(
    ("structure", "depth"),
    [
        ("", 0),
        ("1,2", 0),
        ("[]", 1),
        ("[[],(),{}]", 2),
        ("({[1]},1,[2])", 3),
        ("[1" * 250 + "]" * 250, 250),
        ("[],[],[]" * 300, 1),
    ],
)
def test_the_depth_of_a_structure_is_known(structure: str, depth: int) -> None:
    assert not is_deeper(structure, depth)
    assert depth == 0 or is_deeper(structure + " " * 600, depth - 1)


def test_brackets_that_are_never_closed_are_deep() -> None:
    assert is_deeper("[" * 1_000_000, 200)
    assert not is_deeper("]" * 1_000_000, 200)


@pytest.mark.parametrize("structure", ["{}", f"{{{GAP}:1}}", f"[{{{GAP}:{{}}}}]", "[]"])
def test_these_braces_are_usual(structure: str) -> None:
    assert not has_unusual_brace(structure)


@pytest.mark.parametrize("structure", ["{1}", "{1:2}", f"{{{GAP}}}", "{ }", "{None:1}", "{"])
def test_these_braces_are_not(structure: str) -> None:
    assert has_unusual_brace(structure)


def test_the_header_is_what_every_peer_writes() -> None:
    assert HEADER == "# serpent utf-8 python3.2\n"
    assert len(HEADER) == 26
