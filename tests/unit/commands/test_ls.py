"""What a name server knows, and what an object exposes."""

from __future__ import annotations

import pytest

from pyrolike.commands import ls
from tests.support.commands import name_server_here, run_here
from tests.support.daemon import RunningDaemon, changed_settings

Capture = pytest.CaptureFixture[str]


def test_names_stand_in_columns(capsys: Capture) -> None:
    with name_server_here() as running, running.proxy("Pyro.NameServer") as names:
        names.register("b", "PYRO:b@h:1", metadata=["two", "one"])
        names.register("a" * 50, "PYRO:a@h:1")
        outcome = run_here(ls.main, [], capsys)
        host, _, port = running.location.rpartition(":")
        with changed_settings(NS_PORT=1):
            found = run_here(ls.main, ["-n", host, "-p", port, "--prefix", "b", "--json"], capsys)
    lines = outcome.out.splitlines()
    assert lines[1] == f"{'a' * 50}  PYRO:a@h:1"
    assert lines[2].split() == ["b", "PYRO:b@h:1", "one,", "two"]
    assert lines[2].index("PYRO:") == lines[0].index("PYRO:") == 42
    assert lines[2].index("one") == lines[0].index("class:")
    assert found.data == [{"name": "b", "uri": "PYRO:b@h:1", "metadata": ["one", "two"]}]


def test_no_names_are_no_lines(capsys: Capture) -> None:
    with name_server_here():
        outcome = run_here(ls.main, ["--prefix", "nothing"], capsys)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")


def test_an_object_shows_its_members(shop: RunningDaemon, capsys: Capture) -> None:
    uri = str(shop.uri("shop"))
    methods = ["break_off", "count", "fail", "note", "order", "sizes", "unsendable"]
    kinds = [f"  {'oneway' if name == 'note' else 'method':<9}  {name}" for name in methods]
    lines = run_here(ls.main, [uri], capsys).out.splitlines()
    assert lines == [uri, *kinds, "  attribute  owner"]
    assert run_here(ls.main, [uri, "--json"], capsys).data == {
        "uri": uri,
        "methods": methods,
        "oneway": ["note"],
        "attributes": ["owner"],
    }


def test_a_daemon_shows_its_objects(shop: RunningDaemon, capsys: Capture) -> None:
    out = run_here(ls.main, [shop.location], capsys).out
    assert "  object  shop\n" in out
    assert "Servertype: thread" in out
    data = run_here(ls.main, [shop.location, "--json"], capsys).data
    assert data["objects"] == ["Pyro.Daemon", "shop"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "failed to locate the name server"),
        (["nobody"], "failed to locate the name server"),
        (["127.0.0.1:1"], "nobody is listening there"),
    ],
)
def test_who_is_not_there_is_one_line(words: list[str], complaint: str, capsys: Capture) -> None:
    with changed_settings(NS_HOST="127.0.0.1", NS_PORT=1, BROADCAST_ADDRS=[]):
        outcome = run_here(ls.main, words, capsys)
    assert outcome.status == 1
    assert complaint in outcome.complaint


def test_an_unknown_name_is_one_line(capsys: Capture) -> None:
    with name_server_here():
        outcome = run_here(ls.main, ["nobody"], capsys)
    assert outcome.status == 1
    assert outcome.complaint.startswith("unknown name: nobody (the name server at ")
    assert outcome.complaint.endswith(" was asked)")
