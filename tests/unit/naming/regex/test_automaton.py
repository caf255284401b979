"""The automaton matches exactly what `re` matches, in a time that the expression cannot stretch."""

import random
import re
import time

import pytest
from hypothesis import given, settings, strategies as st

from pyrolike.naming.regex import automaton
from pyrolike.naming.regex.automaton import Automaton, TooComplicated
from pyrolike.naming.regex.parser import parse


def make(regex: str) -> Automaton:
    return Automaton(parse(regex, re.compile(regex).flags), lambda: None)


ATOMS = [
    "a", "b", "A", ".", r"\w", r"\W", r"\d", r"\.", "[ab]", "[^a]", "[]a]", r"\x61", r"\141", "\n",
    " ", "^", "$", r"\A", r"\Z", r"\b", r"\B", "(?#x)", "#",
]  # fmt: skip
QUANTIFIERS = ["*", "+", "?", "{2}", "{,2}", "{1,}", "{1,3}", "*?", "??", "{,}", "{", "{a}"]
GROUPS = ["(", "(?:", "(?i:", "(?s:", "(?m:", "(?a:", "(?x:", "(?-i:"]


def extend(smaller: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    grouped = st.tuples(st.sampled_from(GROUPS), smaller, st.just(")")).map("".join)
    return st.one_of(
        st.lists(smaller, min_size=1, max_size=3).map("".join),
        st.tuples(st.just("("), smaller, st.just("|"), smaller, st.just(")")).map("".join),
        st.tuples(grouped, st.sampled_from(QUANTIFIERS)).map("".join),
        grouped,
    )


EXPRESSIONS = st.tuples(
    st.sampled_from(["", "(?i)", "(?m)", "(?s)", "(?x)", "(?a)"]),
    st.recursive(st.sampled_from(ATOMS), extend, max_leaves=8),
).map("".join)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    regex=EXPRESSIONS, texts=st.lists(st.text("abA.1é \n#{", max_size=7), min_size=5, max_size=9)
)
def test_it_agrees_with_re(regex: str, texts: list[str]) -> None:
    try:
        match = re.compile(regex).match
    except re.error:
        return
    ours = make(regex)
    for text in ["", *texts]:
        assert ours.matches(text) == (match(text) is not None), (regex, text)


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n", "a\nb", "a\n\n", "-a", "a-", "é"])
@pytest.mark.parametrize(
    "regex",
    ["a$", "$", r"a\Z", "(?m)a$", "(?m).\n^b", "^a", r"\ba\b", r"\B", r"(?a)\b", r".\b", "(?s)..$"],
)
def test_anchors_agree_with_re(regex: str, text: str) -> None:
    assert make(regex).matches(text) == (re.match(regex, text) is not None)


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        ("(a+)+$", "a" * 1000 + "!"),
        ("(a|a|b)*$", "a" * 1000 + "!"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 1000),
        ("(?:a?){100}a{100}", "a" * 99),
        ("(x+x+)+y", "x" * 1000),
        (r"(.*[a-z0-9]+)*\.com", "abc123" * 160),
    ],
)
def test_the_worst_expressions_take_no_time(regex: str, text: str) -> None:
    ours = make(regex)
    begin = time.perf_counter()
    assert not ours.matches(text)
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("regex", "why"),
    [
        (r"(a)\1", "refers back"),
        ("(?=a)", "looks around"),
        ("a*+", "possessive"),
        ("(a{0,1000}){0,1000}", "repeats too much"),
        ("(?:(?:){65535}){65535}", "repeats too much"),
    ],
)
def test_what_it_cannot_do_is_refused(regex: str, why: str) -> None:
    with pytest.raises(TooComplicated, match=why):
        make(regex)


def test_what_it_keeps_is_bounded_and_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "_ROOM", 100)
    ours, letters = make("(.*[ab].{6})*x"), random.Random(5)
    for _ in range(50):
        text = "".join(letters.choices("abc", k=40))
        assert ours.matches(text + "x") == (re.match("(.*[ab].{6})*x", text + "x") is not None)
        assert len(ours._states) <= 101


def test_each_step_that_is_new_may_be_the_last() -> None:
    def give_up() -> None:
        raise TimeoutError

    ours = Automaton(parse("ab", 0), give_up)
    with pytest.raises(TimeoutError):
        ours.matches("ab")
