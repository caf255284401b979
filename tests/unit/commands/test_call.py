"""One remote call, from words to JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pyrolike.commands import call
from tests.support.commands import Outcome, name_server_here, run_here
from tests.support.daemon import RunningDaemon, changed_settings

Call = Callable[..., Outcome]


@pytest.fixture
def do(shop: RunningDaemon, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return what runs ``pyrolike call`` with the shop."""
    return lambda *words: run_here(call.main, [shop.uri("shop"), *words], capsys)


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["order", "pens"], ["pens", 1, False]),
        (["order", "pens", "12"], ["pens", 12, False]),
        (["order", '"12"', "null"], ["12", None, False]),
        (["order", "-3", "-k", "express=true"], [-3, 1, True]),
        (["order", "--kw", "express=now", "pens"], ["pens", 1, "now"]),
        (["order", "--kw", 'count={"a": [1]}', "pens"], ["pens", {"a": [1]}, False]),
        (["order", "--text", "3", "null", "-k", "express=1"], ["3", "null", "1"]),
        (["order", "--", "--text", "-k"], ["--text", "-k", False]),
        (["order", "pens", "--serializer", "json", "--timeout", "9"], ["pens", 1, False]),
        (["sizes"], {"sizes": [1, 3], "inside": [1, {"data": "eA==", "encoding": "base64"}]}),
        (["note", "x"], None),
    ],
)
def test_the_result_is_one_line_of_json(do: Call, words: list[str], result: object) -> None:
    outcome = do(*words)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.count("\n") == 1
    assert outcome.data == result


def test_a_stream_is_one_line_for_each_item(do: Call) -> None:
    assert do("count", "3").out == "0\n1\n2\n"
    assert do("count", "0").out == ""


def test_attributes_are_read_and_set(do: Call) -> None:
    assert do("owner").data == "Grace"
    assert do("owner", "--set", "Ada").data is None
    assert do("owner").data == "Ada"
    assert do("owner", "--set", "3", "--text").status == 0
    assert do("owner").data == "3"
    do("owner", "--set", "Grace")


@pytest.mark.parametrize("option", ["--traceback", "-v"])
def test_a_remote_error_is_a_sentence_and_on_request_a_traceback(do: Call, option: str) -> None:
    sentence = "the remote side raised KeyError: 'no such\\x1b thing'"
    outcome = do("fail")
    assert (outcome.status, outcome.complaint) == (1, sentence)
    first, *rest = do("fail", option).err.splitlines()
    assert first == f"Error: {sentence}"
    assert any("in fail" in line for line in rest)


def test_a_server_that_keeps_its_tracebacks_is_told_of(do: Call) -> None:
    with changed_settings(REMOTE_TRACEBACKS=False):
        assert "keeps its tracebacks to itself" in do("fail", "--traceback").err


def test_an_error_in_a_stream_comes_after_its_items(do: Call) -> None:
    outcome = do("break_off")
    assert (outcome.status, outcome.out) == (1, "1\n")
    assert outcome.err == "Error: the remote side raised ValueError: no more\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["ordr"], "exposes no 'ordr'; did you mean order?"),
        (["zzz"], "exposes no 'zzz'; it has break_off, count, fail, note, "),
        (["owner", "1"], "owner is an attribute and takes no arguments; --set changes it"),
        (["owner", "-k", "a=1"], "owner is an attribute and takes no arguments"),
        (["order", "--set", "1"], "order is a method: call it, without --set"),
        (["order", "--serializer", "nope"], "there is no serializer 'nope'"),
        (["unsendable"], "Unsendable"),
        (["order"], "the remote side raised TypeError: "),
    ],
)
def test_what_does_not_work_is_one_line(do: Call, words: list[str], complaint: str) -> None:
    outcome = do(*words)
    assert outcome.status == 1
    assert complaint in outcome.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["order", "[1,"], "'[1,' begins like JSON, but is none"),
        (["order", "-k", "express"], "--kw needs NAME=JSON"),
        (["order", "-k", "a b=1"], "--kw needs NAME=JSON"),
        (["order", "-k", "express={"], "begins like JSON, but is none"),
        (["owner", "1", "--set", "2"], "--set is for an attribute, which takes no arguments"),
        ([], "the following arguments are required: member\n"),
        (["order", "--timeout", "x"], "a number of seconds, 0 or more, is needed, not 'x'"),
    ],
)
def test_a_wrong_command_line_is_status_2(do: Call, words: list[str], complaint: str) -> None:
    outcome = do(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert complaint in outcome.err


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("PYRO:shop@127.0.0.1:1", "nobody is listening there"),
        ("shop", "failed to locate the name server"),
    ],
)
def test_who_is_not_there_is_one_line(
    uri: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with changed_settings(NS_HOST="127.0.0.1", NS_PORT=1, BROADCAST_ADDRS=[]):
        outcome = run_here(call.main, [uri, "order"], capsys)
    assert outcome.status == 1
    assert complaint in outcome.complaint


def test_names_and_daemons_can_be_called_too(
    shop: RunningDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    with name_server_here() as running, running.proxy("Pyro.NameServer") as ns:
        ns.register("example.shop", shop.uri("shop"))
        assert run_here(call.main, ["example.shop", "order", "1"], capsys).data == [1, 1, False]
        found = run_here(call.main, ["Pyro.NameServer", "lookup", "example.shop"], capsys)
        assert found.data == str(shop.uri("shop"))
    outcome = run_here(call.main, [shop.location, "registered"], capsys)
    assert json.loads(outcome.out) == ["Pyro.Daemon", "shop"]
