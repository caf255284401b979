"""A stock Pyro5 and we read and write the same SQLite file, in turns and at the same time."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyrolike.naming import NameServer
from pyrolike.uri import URI
from tests.support.processes import Program

pytestmark = pytest.mark.interop

PEER = """
import json, sys
from Pyro5.nameserver import NameServer, SqlStorage

def plain(value):
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)

storage = SqlStorage(sys.argv[1])
nameserver = NameServer(storage)
print("READY", flush=True)
for line in sys.stdin:
    method, arguments = json.loads(line)
    answer = getattr(nameserver, method)(**arguments)
    print("ANSWER", json.dumps(answer, default=plain), flush=True)
storage.close()
"""


class Peer(Program):
    """Pyro5's own name server object on a file, in its own process, without a network."""

    def __init__(self, file: Path) -> None:
        super().__init__(["-c", PEER, str(file)], ready="^READY")

    def ask(self, method: str, **arguments: Any) -> Any:
        self.say(json.dumps([method, arguments]))
        return json.loads(self.wait_for_line("^ANSWER (.*)$")[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "names.db"


@pytest.fixture
def ours(file: Path) -> Iterator[NameServer]:
    made = NameServer(f"sql:{file}")
    with closing(made.storage):
        yield made


@pytest.fixture
def theirs(file: Path) -> Iterator[Peer]:
    with Peer(file) as peer:
        yield peer


def test_pyro5_reads_what_we_wrote(ours: NameServer, theirs: Peer) -> None:
    ours.register("x", "PYRO:a@h:1", metadata=["tag", "other"])
    ours.register("y", "PYRO:b@h:1")
    assert theirs.ask("list", return_metadata=True) == {
        "x": ["PYRO:a@h:1", ["other", "tag"]],
        "y": ["PYRO:b@h:1", []],
    }
    assert theirs.ask("lookup", name="x") == "PYRO:a@h:1"
    assert set(theirs.ask("yplookup", meta_all=["tag", "other"])) == {"x"}
    assert set(theirs.ask("yplookup", meta_any=["tag"])) == {"x"}


def test_we_read_what_pyro5_wrote(theirs: Peer, ours: NameServer) -> None:
    theirs.ask("register", name="x", uri="PYRO:a@h:1", metadata=["tag", "other"])
    theirs.ask("register", name="y", uri="PYRO:b@h:1")
    assert ours.list(return_metadata=True) == {
        "x": ("PYRO:a@h:1", {"tag", "other"}),
        "y": ("PYRO:b@h:1", set()),
    }
    assert ours.lookup("y") == URI("PYRO:b@h:1")
    assert set(ours.yplookup(["tag", "other"])) == {"x"}


def test_both_may_change_it_in_turns(ours: NameServer, theirs: Peer) -> None:
    for number in range(5):
        ours.register("x", f"PYRO:a@h:{number}", metadata=[f"ours{number}"])
        assert theirs.ask("lookup", name="x") == f"PYRO:a@h:{number}"
        theirs.ask("set_metadata", name="x", metadata=[f"theirs{number}"])
        assert ours.lookup("x", True) == (URI(f"PYRO:a@h:{number}"), {f"theirs{number}"})
        theirs.ask("register", name="z", uri="PYRO:z@h:1", metadata=["z"])
        assert ours.remove("z") == 1
        assert theirs.ask("count") == 1
    assert theirs.ask("remove", name="x") == 1
    assert ours.count() == 0
    ours.register("x", "PYRO:a@h:9")
    assert theirs.ask("lookup", name="x", return_metadata=True) == ["PYRO:a@h:9", []]


def test_pyro5_reads_what_we_left_when_we_were_killed(file: Path) -> None:
    program = """
import os, signal, sys
from pyrolike.naming import NameServer
nameserver = NameServer("sql:" + sys.argv[1])
for number in range(50):
    nameserver.register(f"x{number}", f"PYRO:a@h:{number}", metadata=["tag"])
os.kill(os.getpid(), signal.SIGKILL)
"""
    with Program(["-c", program, str(file)], ready=None) as killed:
        assert killed.wait() == -signal.SIGKILL
    with Peer(file) as peer:
        assert peer.ask("count") == 50
        assert peer.ask("lookup", name="x49") == "PYRO:a@h:49"
        assert len(peer.ask("yplookup", meta_any=["tag"])) == 50
        peer.ask("register", name="theirs", uri="PYRO:b@h:1")
    nameserver = NameServer(f"sql:{file}")
    with closing(nameserver.storage):
        assert nameserver.count() == 51
        assert nameserver.lookup("theirs") == URI("PYRO:b@h:1")


@pytest.mark.parametrize("we_are_first", [True, False])
def test_who_made_the_file_does_not_matter(file: Path, we_are_first: bool) -> None:
    def use_ours() -> None:
        nameserver = NameServer(f"sql:{file}")
        with closing(nameserver.storage):
            nameserver.register("ours", "PYRO:a@h:1", metadata=["tag"])

    def use_theirs() -> None:
        with Peer(file) as peer:
            peer.ask("register", name="theirs", uri="PYRO:b@h:1", metadata=["tag"])

    for use in (use_ours, use_theirs) if we_are_first else (use_theirs, use_ours):
        use()
    with closing(sqlite3.connect(file)) as connection:
        columns = connection.execute(
            "SELECT m.name, c.name, c.type, c.[notnull], c.pk FROM sqlite_master AS m"
            " JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' ORDER BY m.name, c.cid"
        ).fetchall()
        foreign_keys = connection.execute("PRAGMA foreign_key_list(pyro_metadata)").fetchall()
        rows = connection.execute(
            "SELECT name, metadata FROM pyro_names JOIN pyro_metadata ON id = object ORDER BY name"
        ).fetchall()
    assert columns == [
        ("pyro_metadata", "object", "INTEGER", 1, 0),
        ("pyro_metadata", "metadata", "nvarchar", 1, 0),
        ("pyro_names", "id", "INTEGER", 0, 1),
        ("pyro_names", "name", "nvarchar", 1, 0),
        ("pyro_names", "uri", "nvarchar", 1, 0),
    ]
    assert [key[2:5] for key in foreign_keys] == [("pyro_names", "object", "id")]
    assert rows == [("ours", "tag"), ("theirs", "tag")]
