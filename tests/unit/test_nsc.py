"""The remote control's commands, on a name server of this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from pyrolike import nsc
from pyrolike.client import Proxy
from tests.support.commands import Outcome, name_server_here, run_here
from tests.support.daemon import RunningDaemon, changed_settings

URI = "PYRO:x@h:1"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningDaemon]:
    with name_server_here() as running:
        yield running


class Control:
    """Runs commands on the shared name server."""

    def __init__(self, running: RunningDaemon, capsys: pytest.CaptureFixture[str]) -> None:
        self.location = running.location
        self._capsys = capsys

    def __call__(self, *words: str) -> Outcome:
        host, _, port = self.location.rpartition(":")
        return run_here(nsc.main, ["-n", host, "-p", port, *words], self._capsys)

    def says(self, *words: str) -> str:
        """Run a command that works; return what it printed."""
        outcome = self(*words)
        assert (outcome.status, outcome.err) == (0, "")
        return outcome.out


@pytest.fixture
def control(server: RunningDaemon, capsys: pytest.CaptureFixture[str]) -> Control:
    with Proxy(f"PYRO:Pyro.NameServer@{server.location}") as names:
        names.remove(regex=".*")
    return Control(server, capsys)


def test_ping(control: Control) -> None:
    assert control.says("ping") == "Name server ping ok.\n"
    uri = f"PYRO:Pyro.NameServer@{control.location}"
    assert control("ping", "--json").data == {"ping": "ok", "uri": uri}


def test_a_registration_lives_through_all_its_stages(control: Control) -> None:
    assert control.says("register", "a.b", URI) == "Registered a.b\n"
    assert control.says("lookup", "a.b") == f"{URI}\n"
    assert control.says("setmeta", "a.b", "two", "one") == "Metadata updated\n"
    assert control.says("lookup", "a.b") == f"{URI}\nmetadata: {{'one', 'two'}}\n"
    assert control.says("setmeta", "a.b") == "Metadata cleared\n"
    assert control.says("lookup", "a.b") == f"{URI}\n"
    assert control.says("remove", "a.b") == "Removed a.b\n"
    assert control.says("remove", "a.b") == "Nothing removed\n"


def test_the_same_in_json(control: Control) -> None:
    assert control("--json", "register", "a", URI).data == {"registered": "a", "uri": URI}
    assert control("setmeta", "a", "t", "t", "--json").data == {"name": "a", "metadata": ["t"]}
    entry = {"name": "a", "uri": URI, "metadata": ["t"]}
    assert control("lookup", "a", "--json").data == entry
    assert control("list", "a", "--json").data == [entry]
    assert control("remove", "a", "--json").data == {"removed": 1}


def test_listings_are_pyros_letter_for_letter(control: Control) -> None:
    control("register", "a.b", URI)
    control("setmeta", "a.b", "tag")
    control("register", "a.a", URI)
    own = f"Pyro.NameServer --> PYRO:Pyro.NameServer@{control.location}\n    metadata: {{"
    everything = control.says("list")
    assert everything.startswith(f"--------START LIST \n{own}")
    assert everything.endswith(
        f"a.a --> {URI}\na.b --> {URI}\n    metadata: {{'tag'}}\n--------END LIST \n"
    )
    assert control.says("list", "a.a") == (
        f"--------START LIST - prefix 'a.a'\na.a --> {URI}\n--------END LIST - prefix 'a.a'\n"
    )
    assert control.says("listmatching", ".*b") == (
        f"--------START LIST - regex '.*b'\na.b --> {URI}\n    metadata: {{'tag'}}\n"
        "--------END LIST - regex '.*b'\n"
    )


@pytest.mark.parametrize("command", ["yplookup", "listmeta"])
def test_tags_are_searched_by_the_words_of_both_pyros(control: Control, command: str) -> None:
    control("register", "a", URI)
    control("setmeta", "a", "one", "two")
    found = f"a --> {URI}\n    metadata: {{'one', 'two'}}\n"
    title = "LIST  - searched by metadata\n"
    full, empty = (
        f"--------START {title}{found}--------END {title}",
        (f"--------START {title}--------END {title}"),
    )
    assert control.says(f"{command}_all", "one", "two") == full
    assert control.says(f"{command}_all", "one", "three") == empty
    assert control.says(f"{command}_any", "one", "three") == full
    assert control.says(f"{command}_any", "three") == empty


@pytest.mark.parametrize(
    ("answer", "removed"), [("y\n", 2), ("Y\n", 2), (" y \n", 2), ("n\n", 0), ("yes\n", 0)]
)
def test_removing_many_asks(
    control: Control, answer: str, removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.1", "a.2", "b"):
        control("register", name, URI)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    question = r"Names that match 'a\.': 2. Remove them all (y/n)? "
    assert control.says("removematching", r"a\.") == f"{question}{removed} items removed.\n"
    assert len(control("list", "--json").data) == 4 - removed


def test_with_json_the_question_is_not_in_the_output(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    control("register", "a", URI)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    outcome = control("--json", "removematching", "a")
    assert (outcome.data, "Remove them all" in outcome.err) == ({"removed": 1}, True)


@pytest.mark.parametrize("stdin", [io.StringIO(""), None])
def test_removing_many_does_nothing_when_nobody_answers(
    control: Control, stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    control("register", "a", URI)
    monkeypatch.setattr(sys, "stdin", stdin)
    outcome = control("removematching", "a")
    assert outcome.status == 1
    assert "--yes removes without asking" in outcome.err
    assert control.says("removematching", "nothing") == "0 items removed.\n"
    assert control.says("-y", "removematching", "a") == "1 items removed.\n"


def test_verbose_tells_what_is_done(control: Control) -> None:
    uri = f"PYRO:Pyro.NameServer@{control.location}"
    lines = ["Locating name server...", f"Name server found: {uri}"]
    assert control.says("-v", "ping").splitlines() == [*lines, "Name server ping ok.", "Done."]
    outcome = control("ping", "-v", "--json")
    assert outcome.data["ping"] == "ok"
    assert outcome.err.splitlines() == [*lines, "Done."]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["lookup", "zz"], "NamingError - unknown name: zz"),
        (["setmeta", "zz", "t"], "NamingError - unknown name: zz"),
        (["register", "Pyro.NameServer", URI], "NamingError - name already registered: "),
        (["register", "a", "nonsense"], "PyroError - invalid uri 'nonsense': "),
        (["listmatching", "("], "NamingError - invalid regex: "),
        (["removematching", "("], "NamingError - invalid regex: "),
    ],
)
def test_what_the_name_server_refuses_is_one_line(
    control: Control, words: list[str], complaint: str
) -> None:
    outcome = control(*words)
    assert outcome.status == 1
    assert outcome.complaint.startswith(complaint)


def test_verbose_shows_the_traceback_of_a_refusal(control: Control) -> None:
    outcome = control("-v", "lookup", "zz")
    assert outcome.status == 1
    assert "Error: unknown name: zz\nTraceback" in outcome.err
    assert "Remote traceback" in outcome.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["lookup"], "lookup requires one argument: name"),
        (["lookup", "a", "b"], "lookup requires one argument: name"),
        (["register", "a"], "register requires two arguments: name uri"),
        (["remove"], "remove requires one argument: name"),
        (["removematching"], "removematching requires one argument: pattern"),
        (["setmeta"], "setmeta requires arguments: name and zero or more metadata tags"),
        (["yplookup_any"], "yplookup_any requires at least one metadata tag argument"),
        (["ping", "x"], "ping takes no arguments"),
        (["list", "a", "b"], "list takes one prefix"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        ([], "required: command\n"),
        (["ping", "-p", "x"], "a port is a number from 0 to 65535, not 'x'"),
    ],
)
def test_a_wrong_command_line_is_status_2(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = run_here(nsc.main, words, capsys)
    assert (outcome.status, outcome.out) == (2, "")
    assert complaint in outcome.err


def test_no_name_server_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_here(nsc.main, ["-n", "127.0.0.1", "-p", "1", "list"], capsys)
    assert outcome.status == 1
    assert outcome.complaint.startswith("failed to locate the name server: ")


def test_without_options_the_settings_say_where_it_is(
    control: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    host, _, port = control.location.rpartition(":")
    with changed_settings(NS_HOST=host, NS_PORT=int(port)):
        assert run_here(nsc.main, ["ping"], capsys).out == "Name server ping ok.\n"


def test_names_cannot_write_into_the_terminal(server: RunningDaemon, control: Control) -> None:
    # Nobody can register such a name with ours; Pyro5's name server takes it, also into a file.
    server.daemon.nameserver.storage["evil\x1b[2J"] = URI, None  # type: ignore[attr-defined]  # it is a NameServerDaemon
    assert f"evil\\x1b[2J --> {URI}\n" in control.says("list")
    assert {"name": "evil\x1b[2J", "uri": URI, "metadata": []} in control("list", "--json").data
