"""For how long a text `re` can be trusted with an expression."""

import re
import time

import pytest

from pyrolike.naming.regex.cost import find_harmless_length
from pyrolike.naming.regex.parser import parse


def harmless_length(regex: str) -> int:
    return find_harmless_length(parse(regex, re.compile(regex).flags), lambda: None)


@pytest.mark.parametrize(
    "regex",
    [
        "",
        "Pyro",
        r"printer\..*",
        ".*",
        r".*\.(laser|ink)$",
        "^[a-z]+-[0-9]",
        r"(?!Pyro\.).*",
        r"(?i)(area|zone)\d+\.machine",
        "(ab)*c",
        r"(a|b)\1",
        "(?:abc){3,7}x?",
        "a*+b*+c*+d*+e",
        "(?>a*)(?>b*)(?>a*)(?>b*)x",
    ],
)
def test_what_people_write_is_harmless_for_every_name_that_can_be_registered(regex: str) -> None:
    assert harmless_length(regex) >= 1000


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a|ab)*c",
        "(.*)*x",
        r"(\w+\.)*\w+",
        "(?:a?){30}a{30}",
        "(x+x+)+y",
        "(?=(a+)+$)",
        "(?<!b)(a*)*",
        "(?:(?:){65535}){65535}",
        "(?:" * 60 + "a" + ")*" * 60,
    ],
)
def test_what_explodes_is_trusted_with_nothing(regex: str) -> None:
    begin = time.perf_counter()
    assert harmless_length(regex) == -1
    assert time.perf_counter() - begin < 5


def test_each_repeat_that_takes_anything_shortens_what_is_harmless() -> None:
    lengths = [harmless_length(".*a" * count) for count in range(1, 7)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == 4096
    assert lengths[-1] == -1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("regex", "text"),
    [(".*a.*b", "a"), (".*a.*a.*b", "a"), ("(ab|a)?(ab|a)?(ab|a)?.*x", "ab"), ("(?:aa?){5}x", "a")],
)
def test_what_it_calls_harmless_takes_a_few_milliseconds(regex: str, text: str) -> None:
    length = harmless_length(regex)
    assert length > 0
    subject = (text * length)[:length]
    match = re.compile(regex).match
    begin = time.perf_counter()
    for _ in range(5):
        assert match(subject) is None
    assert (time.perf_counter() - begin) / 5 < 0.2  # a hundredth of that on an idle machine
