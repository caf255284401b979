import re
import warnings

import pytest

from pyrolike.errors import NamingError
from pyrolike.naming.regex import LONGEST_REGEX, Pattern


def test_it_matches_from_the_start_and_not_to_the_end() -> None:
    pattern = Pattern("Pyro")
    assert pattern.matches("Pyro.NameServer")
    assert not pattern.matches("my.Pyro")


@pytest.mark.parametrize("regex", ["a", "(a+)+$", r"(?!b)a", "(a|b)*c|a"])
def test_harmless_or_not_the_answer_is_that_of_re(regex: str) -> None:
    pattern = Pattern(regex)
    for name in ("", "a", "b", "aaa", "abc", "ab!", "caa"):
        assert pattern.matches(name) == (re.match(regex, name) is not None)


def test_a_name_that_is_too_long_for_re_is_matched_by_the_automaton() -> None:
    pattern = Pattern(".*a.*b.*c$")
    assert pattern.matches("abc")
    assert pattern._automaton is None
    assert pattern.matches("x" * 500 + "abc")
    assert not pattern.matches("abc" * 300 + "!")
    assert pattern._automaton is not None


@pytest.mark.parametrize(
    ("regex", "why"),
    [
        (r"(a*)*\1", "refers back"),
        ("(?=(a+)+$)x", "looks around"),
        ("(a{0,1000}){0,1000}b", "repeats too much"),
    ],
)
def test_what_could_take_for_ever_is_refused(regex: str, why: str) -> None:
    with pytest.raises(NamingError, match=f"could take for ever: .*{why}"):
        Pattern(regex).matches("a" * 50)


@pytest.mark.parametrize(
    "regex",
    ["(", "a{999999999999999}", "*", "(?L)a", "(" * 400 + ")" * 400, r"\1", "(?z)", "[b-a]"],
)
def test_a_bad_regex_is_a_naming_error(regex: str) -> None:
    with pytest.raises(NamingError, match="invalid regex"):
        Pattern(regex)


def test_one_that_python_warns_of_is_bad_where_warnings_are_errors() -> None:
    with pytest.raises(NamingError, match="nested set"):
        Pattern("[[a]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        re.purge()  # Python warns once per expression
        assert Pattern("[[a]").matches("[")


def test_the_longest_regex_is_accepted_and_one_more_character_is_not() -> None:
    assert not Pattern("x" * LONGEST_REGEX).matches("x")
    with pytest.raises(NamingError, match="1001 characters, at most 1000"):
        Pattern("x" * (LONGEST_REGEX + 1))


@pytest.mark.parametrize(
    ("regex", "prefix"),
    [
        ("", ""),
        ("x", "x"),
        (r"area\.1\-x.*", "area.1-x"),
        ("ab*", "a"),
        ("ab?c", "a"),
        ("(ab)c", ""),
        ("ab|ac", ""),
        ("^ab", ""),
        ("(?i)ab", ""),
        (r"a\d", "a"),
        (r"a\n", "a"),
        ("a[b]", "a"),
        ("a.", "a"),
        (".*", ""),
        ("a b#", "a b#"),
    ],
)
def test_the_prefix_is_what_every_match_begins_with(regex: str, prefix: str) -> None:
    assert Pattern(regex).prefix == prefix
