"""Literals, token by token: the values that Python reads, or an error."""

from __future__ import annotations

import ast
import random
import time
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import SerpentSerializer
from pyrolike.serializers.serpent_parser import read_literal
from pyrolike.serializers.serpent_reader import MOST_PARTS
from pyrolike.serializers.serpent_text import HEADER

REFUSED = (ValueError, TypeError, OverflowError)

KNOWN = [
    "0", "-0", "+7", "-12", "9" * 50, "1.5", "-.5", "5.", "1e5", "01.5", "-0.0", "1e999", "2j",
    "-2J", "1+2j", "-1.5e3-0j", "1e2+.5j", "(1+2j)", "None", "True", "False", "''", "'a'", '"b"',
    "'it\\'s'", "'\\x41\\n'", "b'x\\x00'", "u'ü'", "Rb'\\n'", "'# no comment'", "()", "(1)",
    "((1))", "(1,)", "(1, 2)", "[]", "[1,]", "{}", "{1}", "{1,2,}", "{1: 2}",
    "{'a': [], (1, 'b'): {2: 3},}", "[ 1 ,\n\t2 # and\n]", "  (1,)", "{1: 2, 1: 3}", "{(): {()}}",
    "{1.0, 1, True}",
]  # fmt: skip

UNKNOWN = [
    "", " ", "# nothing", "1 2", "(1 2)", "'a' 'b'", "(", ")", "(]", "[1", "[1}", "{1:}", "{:1}",
    "{1:2:3}", "{1,2:3}", "{1:2,3}", "[,]", "(,)", "[1,,2]", "[1:2]", "1:2", "1,2", "1,", "{[]}",
    "{[]: 1}", "{{}}", "0x1", "1_0", "007", "set()", "...", "nan", "inf", "-nan", "none", "1j+2",
    "1j-2j", "--1", "-(1)", "-'a'", "+ 1", "- 1", "1 + 2j", "f'x'", "'a", "'a\nb'", "'''a'''",
    '"""b"""', "b'ü'", "'\\x4'", "'\\N{nothing}'", "(*[1],)", "{**{}}", "[i for i in ()]",
    "lambda: 0", "a", "a.b", "'a'.join", "1if 1else 2", "\u0661", "[1\u00a0]", "9" * 5000,
    "1" + 400 * "0" + "+1j", "# a\n  (1)", "\r\n (1)", "(1)\\\n", "{1, [], 2}", "r'\\'", "\x0c1",
]  # fmt: skip


def alike(one: Any, other: Any) -> bool:
    """Compare with types, signs of zeros, and the order of dictionaries."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("text", KNOWN)
def test_it_reads_what_python_reads(text: str) -> None:
    value = ast.literal_eval(text)
    for around in ("{}", "# begin\n\n# go on\n{} \n# end\n"):
        assert alike(read_literal(around.format(text.strip())), value)
    assert alike(read_literal(text), value)
    assert alike(read_literal(f"[{text},\n]"), [value])


@pytest.mark.parametrize("text", UNKNOWN, ids=lambda text: repr(text)[:40])
def test_what_it_does_not_know_it_refuses(text: str) -> None:
    with pytest.raises(REFUSED):
        read_literal(text)


def test_whatever_it_reads_python_reads_too() -> None:
    pieces = [
        *"()[]{}:,'\"#+-jeJ.01 \n\t\r\\", "1", "'a'", "(1,)", "{1:2}", "None", "b'x'", "1.5", "2j",
    ]  # fmt: skip
    draw = random.Random(7)
    known = 0
    for _ in range(20_000):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 9)))
        try:
            value = read_literal(text)
        except REFUSED:
            continue
        known += 1
        assert alike(value, ast.literal_eval(text)), text
    assert known > 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "value",
    [
        {(number, number + 1): complex(number, -number) for number in range(MOST_PARTS)},
        [complex(number, 1) for number in range(MOST_PARTS)],
        [{(number, "x")} for number in range(MOST_PARTS)],
    ],
    ids=["tuples as keys", "complex numbers", "sets of tuples"],
)
def test_there_may_be_very_many_values(value: Any) -> None:
    codec = SerpentSerializer()
    assert codec.loads(codec.dumps(value)) == value


def test_very_many_values_that_are_wrong_are_refused_quickly() -> None:
    begin = time.process_time()
    with pytest.raises(SerializeError, match="invalid serpent data: it ends inside of a value"):
        SerpentSerializer().loads(f"{HEADER}[{'1j,' * 30_000}".encode())
    assert time.process_time() - begin < 2


def test_a_number_that_is_too_large_for_a_sum_is_an_error_like_others() -> None:
    with pytest.raises(SerializeError, match="too large"):
        SerpentSerializer().loads(f"{HEADER}1{400 * '0'}+1j".encode())
