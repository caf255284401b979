"""What of a module can be offered, and how it is refused when it cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolike.commands import serve
from pyrolike.naming import NameServerDaemon, locate_ns
from pyrolike.server import Daemon
from pyrolike.uri import URI
from tests.support.commands import Outcome, name_server_here, run_here
from tests.support.daemon import changed_settings

Capture = pytest.CaptureFixture[str]

MODULE = """
from functools import partial
from pyrolike.api import expose, oneway

@expose
class Stock:
    def size(self): return 3

class Bare:
    def hello(self): return "hi"

stock, bare, plain = Stock(), Bare(), {}

def double(number): return 2 * number
two = partial(double, 1)

@expose
@oneway
def note(text): pass

async def later(): pass
def _hidden(): pass
"""


class Program:
    """Runs ``pyrolike serve`` in a folder, and does something while it serves."""

    def __init__(self, capsys: Capture) -> None:
        self._capsys = capsys
        self.seen: Any = None
        self.visit: Any = lambda daemon: None

    def loop(self, daemon: Daemon) -> None:
        """Stand in for the request loop."""
        self.seen = self.visit(daemon)

    def __call__(self, *words: str) -> Outcome:
        return run_here(serve.main, ["--host", "127.0.0.1", *words], self._capsys)


@pytest.fixture
def program(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    (tmp_path / "served_shop.py").write_text(MODULE, "utf-8")
    (tmp_path / "served_broken.py").write_text("1 / 0\n", "utf-8")
    (tmp_path / "served_ending.py").write_text("raise SystemExit(4)\n", "utf-8")
    (tmp_path / "served_needy.py").write_text("import served_nothing\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    made, loop = Program(capsys), Daemon.requestLoop

    def visit(daemon: Daemon, condition: Any = lambda: True) -> None:
        if isinstance(daemon, NameServerDaemon):
            loop(daemon, condition)
        else:
            made.loop(daemon)

    monkeypatch.setattr(Daemon, "requestLoop", visit)
    with changed_settings(REQUIRE_EXPOSE=True):
        yield made
    for name in [name for name in sys.modules if name.startswith("served_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("words", "object_id", "members"),
    [
        (["served_shop:Stock"], "Stock", "size"),
        (["served_shop:stock"], "stock", "size"),
        (["served_shop:stock", "--name", "x", "--no-ns"], "x", "size"),
        (["served_shop:Bare", "--expose-all"], "Bare", "hello"),
        (["served_shop:double"], "double", "double"),
        (["served_shop:two"], "two", "two"),
        (["served_shop:stock.size"], "stock.size", "size"),
        (["served_shop"], "served_shop", "note"),
        (["served_shop", "--expose-all"], "served_shop", "double, note"),
        (["math:hypot"], "hypot", "hypot"),
    ],
)
def test_it_says_what_is_offered_and_where(
    program: Program, words: list[str], object_id: str, members: str
) -> None:
    outcome = program(*words)
    assert (outcome.status, outcome.err) == (0, "")
    first, uri, last = outcome.out.splitlines()
    assert first == f"Object {words[0]}: {members}"
    assert uri.startswith(f"    uri = PYRO:{object_id}@127.0.0.1:")
    assert last == "Pyro daemon running."


def test_marks_of_a_function_are_kept(program: Program) -> None:
    program.visit = lambda daemon: daemon.proxyFor("served_shop")._pyroOneway
    program("served_shop")
    assert program.seen == {"note"}


def test_in_json_everything_is_in_one_line(program: Program) -> None:
    data = program("served_shop:Stock", "--json").data
    assert data.pop("uri").startswith("PYRO:Stock@127.0.0.1:")
    assert data == {"name": None, "methods": ["size"], "attributes": []}


def test_with_a_name_it_is_registered_until_the_end(program: Program) -> None:
    with name_server_here(), locate_ns() as names:
        program.visit = lambda daemon: names.lookup("x.stock", return_metadata=True)
        outcome = program("served_shop:stock", "--name", "x.stock", "--tag", "a", "--tag", "b")
        assert "\n    name = x.stock\n" in outcome.out
        uri, tags = program.seen
        assert (uri.object, tags) == ("x.stock", {"a", "b"})
        assert names.count() == 1


def test_a_name_that_another_one_has_taken_is_left_alone(program: Program) -> None:
    with name_server_here(), locate_ns() as names:
        program.visit = lambda daemon: names.register("x", "PYRO:y@h:1")
        program("served_shop:stock", "--name", "x")
        assert names.lookup("x") == URI("PYRO:y@h:1")


def test_a_name_server_that_has_gone_does_not_keep_it_from_ending(program: Program) -> None:
    with name_server_here() as running:
        program.visit = lambda daemon: running.daemon.shutdown()
        assert program("served_shop:stock", "--name", "x").status == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["served_shop:Bare"], "exposes nothing"),
        (["served_shop:Bare"], "--expose-all offers all that is public"),
        (["served_shop:plain"], "served_shop:plain cannot be offered: "),
        (["served_shop:later"], "later is a coroutine function"),
        (["served_shop:_hidden"], "'_hidden' is private"),
        (["served_shop:nothing"], "served_shop has no 'nothing'"),
        (["textwrap"], "textwrap has no functions to offer: mark them with @expose"),
        (["served_nothing"], "there is no module 'served_nothing', here ("),
        (["served_nothing.deeper:x"], "there is no module 'served_nothing', here ("),
        (["served_needy"], "importing served_needy failed: No module named 'served_nothing'"),
        (["served_broken"], "importing served_broken failed with ZeroDivisionError: division"),
        (["served_ending:x"], "importing served_ending failed with SystemExit: 4"),
        (["served_shop.py"], "names no module; write module:object"),
        (["./served_shop:x"], "names no module"),
        (["served_shop:"], "names no module"),
        ([":x"], "names no module"),
        (["served_shop:stock", "--host", "203.0.113.9"], "this machine has no such address"),
        (["served_shop:stock", "--name", "two words"], "two words"),
        (["served_shop:stock", "--name", "x"], "failed to locate the name server"),
    ],
)
def test_what_does_not_work_is_one_line(program: Program, words: list[str], complaint: str) -> None:
    with changed_settings(NS_HOST="127.0.0.1", NS_PORT=1, BROADCAST_ADDRS=[]):
        outcome = program(*words)
    assert outcome.status == 1
    assert complaint in outcome.complaint


@pytest.mark.parametrize("words", [["served_shop:stock", "--name", "a b"], ["served_shop:plain"]])
def test_what_exposing_more_does_not_help_comes_without_that_hint(
    program: Program, words: list[str]
) -> None:
    complaint = program(*words).complaint
    assert "cannot be offered" in complaint
    assert "--expose-all" not in complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["x:y", "--tag", "a"], "--tag is for the name server, and needs a --name"),
        (["x:y", "--tag", "a", "--name", "x", "--no-ns"], "--tag is for the name server"),
        (["x:y", "--ns"], "--ns needs a --name to register"),
        (["x:y", "--unixsocket", "s"], "--unixsocket excludes --host and --port"),
        (["x:y", "--port", "x"], "a port is a number"),
        ([], "arguments are required"),
    ],
)
def test_a_wrong_command_line_is_status_2(
    program: Program, words: list[str], complaint: str
) -> None:
    outcome = program(*words)
    assert outcome.status == 2
    assert complaint in outcome.err


def test_ctrl_c_is_its_end(program: Program) -> None:
    def interrupt(daemon: Daemon) -> None:
        raise KeyboardInterrupt

    program.visit = interrupt
    assert program("served_shop:Stock").status == 0


def test_a_unix_socket_can_be_chosen(program: Program, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "s"
    outcome = run_here(serve.main, ["served_shop:Stock", "--unixsocket", path], capsys)
    assert f"    uri = PYRO:Stock@./u:{path}\n" in outcome.out
