import ast
from typing import Any

import pytest
import serpent

from pyrolike.errors import SerializeError
from pyrolike.serializers import serpent_reader
from pyrolike.serializers.serpent_reader import read, read_call
from pyrolike.serializers.serpent_text import HEADER


def check(text: str) -> None:
    """Check that we read *text* as the library does, or refuse it as the library does."""
    try:
        expected = serpent.loads(text.encode())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        for load in (read, read_call):
            with pytest.raises(SerializeError, match="invalid serpent data"):
                load(text)
    else:
        for load in (read, read_call):
            value = load(text)
            assert repr(value) == repr(expected)


VALID = [
    "None", "True", "False", "0", "-0", "5", "-17", "1208925819614629174706176", "1.5", "-0.0",
    "007.5", "1e30000", "-1e30000", "1e+22", "1E5", "1.", ".5", "''", "'text'", "'é€😀'",
    "'\x7f\x85\u2028'", '"text"', '"it\'s"', "'say \"x\"'", r"'it\'s \"x\"'", r"'\\'",
    r"'a\\\'b\n\r\t'", r"'\b\f\a\v'", r"'\x41\u00e9\U0001f600'", r"'\ud83d\ude00'", r"'\ud800'",
    r"'\x00\x01\x02\x03'", r"'\0'", r"'\101'", r"'\N{DASH}'".replace("DASH", "EN DASH"), "'a' 'b'",
    "'a''b'", "r'a'", "u'a'", "b'a'", r"b'\xff'", "'''a'b'''", '"""a"b\n"""', "'a\\\nb'",
    "'a\\\r\nb'", "()", "(1)", "(1,)", "(1,2)", "(1,2,)", "((1))", "([1])", "((),)", "('a',)",
    "('a')", "[]", "[1,]", "[1, 2]", "[\n1,\r\n2\t]", "[[],[()]]", "{}", "{ }", "{'a':1}",
    "{'a': 1, 'b': [None]}", "{'a':1,'a':2}", "{1:2}", "{-1:2,0:3,-0:4}", "{1:{2:3},'a':4,5:'x'}",
    "{'a':1,2:3}", "{1.5:2}", "{True:1}", "{None:1}", "{(1,2):3}", "{1}", "{1,2,1.0}", "{'a','b'}",
    "{(1,2)}", "{None}", "{True,1}", "set()", "...", "1j", "(1+2j)", "-1-2j", "0x1F", "0b11",
    "0o17", "1_000", "+1", "- 1", "[1,'a, b: (c) {d} [e]',None]",
    "{'None':None,'True':True,'null':'null'}", "['\"',\"'\"]", r"['\\',\"\\\"]".replace('\\"', '"'),
    "{'': 1}", "[1] # comment", "[ # it's\n1]", "1 # 'x'", "('calc','add',(3,4),{})",
    "('calc','add',(),{})", "('calc','add',('a',-1.5e3,None),{'k':True})",
    "('calc','add',(1,),None)", "('calc','add',[1],{})", "('calc','add',(1),{})",
    "('a','b',('None',),{})", "('a','b',(1,2,),{'k':1,})", "('a','b',('it',),{'None':None})",
    "('a','b',(-0,),{})", "{'data': 'AP9hYg==', 'encoding': 'base64'}",
    "[True,False,{'a':(None,)}]",
    # Calls in which only the call and its arguments are tuples, and nearly such.
    "('o','m',([1],{'a':[2,{}]}),{'k':[None,True,False]})", "('o','m',([1],),None)",
    "('o','m',([1]),{})", "('o','m',([1],),{},)", "('o','m',([],),{},1)", "('o','m',([],))",
    "('o','m',('(',[1]),{})", "('o','m',(')',[1]),{})", "('o','m',(',)',[1]),{})",
    "('True','None',('False',[None,True,False],),{'null':'true'})", "('o','m',(\"'\",[1]),{})",
    r"('o','m',('\n',[1]),{})", "('o','m',([(1,2)],),{})", "('o','m',({1:2},[1]),{})",
    "('o','m',({1,2},[1]),{})", "('o','m',([1,2],[3]),{'k':(4,)})", "['None',None]",
    "['a','True',{'b':True}]", "['(',1]", "['(',(1,)]", "[')(',(1,),'x']",
]  # fmt: skip

INVALID = [
    "", " 1", "[1", "1]", "(1]", "(1]}", "[1)", "{'a':[1)", "(1],'a':[2)", "[{(1}]", "{(1})",
    "{1]}", "(,)", "[,]", "{,}", "{1:}", "{:1}", "{1:2,3}", "{1,2:3}", "[1,2:3]", "(1 2)", "[1 2]",
    "['a' 1]", "'a", '"a', '"', "'", "'a\nb'", "'a\rb'", "null", "true", "[null]", "{'a':false}",
    "NaN", "[NaN]", "Infinity", "-Infinity", "[-Infinity]", "nan", "inf", "01", "[01]", "1_", "1e",
    "--1", "-'a'", "-None", "1+2", "1j+2", "~1", "not 1", "1 if 1 else 2", "1if 1else 2", "1or 2",
    "lambda:1", "a", "a.b", "f()", "set(1)", "list()", "[*[1]]", "{**{}}", "[x for x in ()]",
    "f'a'", "f'{1}'", "b'é'", "{[1]}", "{[1]:2}", "{{}}", "{{}:1}", "1;2", "1\n2", "(1",
    "('calc','add',(3 4),{})", "('calc','add',(3,4),{}", "('calc','add',(3'a'),{})",
    "('calc','add',(3,,4),{})", "('calc','add',(,),{})", "('calc','add',(01,),{})",
    "('a','b',(--1,),{})", "('a','b',(1,),{'k':1'l':2})", "('a','b',(1,),{'k'})x",
    "('a','b',(NoneTrue,),{})", r"[\'a\']", r"[\"]", "[1\\]", "[\\\\]", r"'abc\'", r"['abc\']",
    r"'\x4'", r"'\u12'", r"'\U00110000'", r"'\U0000002'", r"'\N{NO SUCH NAME}'", "1" * 5000,
    "[" + "1" * 5000 + "]", "import os", "__import__('os')", "[1]]", "\x00", "'\x00'", "['\x00']",
    "('o','m',(1]},{'k':[2),{})", "('o','m',(1],[2),{})", "('o','m',([1),{}])",
    "('o','m',([1)],{})", "('o','m',[(1],{}))", "('o','m',(,[1]),{})", "('o','m',([1],),{}))",
    "('o','m',([1],),{})1", "('o','m',([1],'x'),{}", "('o','m',([null],),{})", "['x',)]",
    "('o','m',({'a':[1),{'k':[2]})})", "['x',1)", "{'x':[1)}",
    "[\x00]", "[1]\x00", "{'a':'\x00'}", "!1", "1==1", "1 < 2",
]  # fmt: skip


@pytest.mark.parametrize("body", VALID)
def test_a_literal_is_read_as_the_library_reads_it(body: str) -> None:
    serpent.loads(body.encode())  # it is valid
    check(HEADER + body)
    check("# serpent utf-8 python2.6\n" + body)
    check(body)


@pytest.mark.parametrize("body", INVALID)
def test_what_the_library_refuses_is_refused(body: str) -> None:
    check(HEADER + body)
    check(body)


@pytest.mark.parametrize("body", [*VALID, *INVALID])
def test_the_same_inside_of_something_else(body: str) -> None:
    check(f"{HEADER}[{body}]")
    check(f"{HEADER}({body},'x')")
    check(f"{HEADER}{{'k':{body}}}")
    check(f"{HEADER}('o','m',({body},),{{}})")


@pytest.mark.parametrize("mark", ["\1", "\2", "\3", r"\x01", r"\x02", r"\x03", r"\x00", "'"])
def test_a_peer_cannot_write_our_marks(mark: str) -> None:
    for form in ("['x']", "{'x':[1]}", "('x',)", "{'x1':2,3:4}", "{'x'}"):
        body = form.replace("x", mark)
        check(HEADER + body)
        check(HEADER + body.replace("]", r",'\n']"))


OPEN_AND_CLOSE = [("[", "]"), ("(", ",)"), ("{1:", "}"), ("{'a':", "}"), ("(", ")"), ("[(", ",)]")]


@pytest.mark.parametrize(("left", "right"), OPEN_AND_CLOSE)
@pytest.mark.parametrize("inside", ["1", "'x'", r"'\x41'", "1j"])
@pytest.mark.parametrize("depth", [99, 100, 199, 200, 201, 5000, 100_000])
def test_nesting_is_bounded_where_the_library_bounds_it(
    left: str, right: str, inside: str, depth: int
) -> None:
    body = left * depth + inside + right * depth
    brackets = depth * (len(left) if left == "[(" else 1)
    if brackets <= 200:
        check(HEADER + body)
    else:
        with pytest.raises(SerializeError, match="nested too deeply"):
            read(HEADER + body)


@pytest.mark.parametrize(
    "body",
    [
        "-" * 100_000 + "1",
        "- " * 100_000 + "1",
        "not " * 100_000 + "1",
        "1if 1else " * 50_000 + "1",
        "1+" * 50_000 + "1j",
        "lambda:" * 50_000 + "1",
        "[" * 1_000_000,
        "'" * 300_001,
        "\"'" * 200_000 + "x",
        "'\\" * 200_000,
        "{" * 100_000 + "}" * 99_999,
        "# '" * 100_000,
    ],
    ids=lambda body: body[:12],
)
def test_hostile_text_is_refused_without_hurting_the_parser(body: str) -> None:
    with pytest.raises(SerializeError, match="invalid serpent data"):
        read(HEADER + body)


# -- what takes the short way


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the test fail where Python's parser would be asked."""

    def refuse(text: str) -> Any:
        raise AssertionError(text)

    monkeypatch.setattr(ast, "literal_eval", refuse)


SHORT = [
    7, -3.5, None, True, "text", "é", [1, "a"], {"a": [None, {"b": (1, ())}]}, {1: "x", -2: "y"},
    {1, 2}, {"methods": {"a"}, "oneway": ()}, ["it's", 'say "x"', "a\nb\\"], 2**80,
    float("inf"), ("calc", "add", (3, 4), {}), ("calc", "m", ("a", None, 1.5), {"k": True}),
    ("a", "__getattr__", ("b",), None), ("calc", "m", ([1, {"x": "y"}], (1,)), {"k": [1]}),
    {"__class__": "builtins.E", "args": ("x",), "attributes": {"_p": ["a\n", '  "b"\n']}},
]  # fmt: skip


@pytest.mark.parametrize("value", SHORT, ids=lambda value: repr(value)[:50])
@pytest.mark.usefixtures("no_parser")
def test_what_most_calls_are_made_of_never_meets_pythons_parser(value: object) -> None:
    text = serpent.dumps(value).decode()
    assert read(text) == value
    assert read_call(text) == value


def test_pythons_parser_is_not_given_more_parts_than_it_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serpent_reader, "MOST_PARTS", 20)
    assert read(f"{HEADER}[{'0x1,' * 15}]") == 15 * [1]
    with pytest.raises(SerializeError, match="0x1 belongs to no literal that is known"):
        read(f"{HEADER}[{'0x1,' * 30}]")
    assert read(f"{HEADER}[{'1j,' * 30}]") == 30 * [1j]  # for which it is not needed
    assert read(f"{HEADER}[{'1,' * 30}1]") == 31 * [1]  # in the usual way there is no limit
    assert read(f"{HEADER}[1j,'{'[,' * 30}']") == [1j, "[," * 30]
