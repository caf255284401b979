"""One name server for Pyro4 and Pyro5: what either registers, the other finds, and can call.

The tables have a stock Pyro4 on one side, or on both to keep the expectations honest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pyrolike.api import Proxy, start_ns
from tests.support.peers.cells import cells, check_cell
from tests.support.peers.scenarios_names import NAME_SCENARIOS
from tests.support.peers.starting import (
    ClientPeer,
    name_server_peer,
    peer_environment,
    server_peer,
)
from tests.support.processes import Program

pytestmark = pytest.mark.interop

ACCEPTED = ("serpent", "json", "marshal")
"""What a Pyro4 name server accepts by default."""

LIBRARIES = ("pyro4", "pyro5", "pyrolike")

REGISTRAR = """
from tests.support.peers.library import api, name
import sys
with api.locate_ns("localhost", int(sys.argv[1])) as names:
    names.register(f"calc.of.{name}", sys.argv[2])
    names.register(f"tagged.by.{name}", api.URI(sys.argv[2]), metadata=[f"by:{name}"])
    print("DONE", names.count(), flush=True)
sys.stdin.read()
"""

CALLER = """
from tests.support.peers.library import api, name
import sys
location = sys.argv[1]
found = []
for other in sys.argv[2:]:
    with api.Proxy(f"PYRONAME:calc.of.{other}@{location}") as calc:
        found.append(calc.add(3, 4))
    with api.Proxy(f"PYROMETA:by:{other}@{location}") as calc:
        found.append(calc.add(3, 4))
print("FOUND", found, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def stock_name_server() -> Iterator[str]:
    """A Pyro4 name server that knows an object of our daemon."""
    with name_server_peer("pyro4") as where, server_peer("pyrolike") as server:
        with Proxy(f"PYRO:Pyro.NameServer@{where}") as names:
            names.register("server.calc", f"PYRO:calc@{server}")
        yield where


@pytest.fixture(scope="module")
def our_name_server() -> Iterator[str]:
    """A pyrolike name server that knows an object of a Pyro4 daemon."""
    with name_server_peer("pyrolike") as where, server_peer("pyro4") as server:
        with Proxy(f"PYRO:Pyro.NameServer@{where}") as names:
            names.register("server.calc", f"PYRO:calc@{server}")
        yield where


@pytest.fixture(scope="module")
def stock_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyro4") as peer:
        yield peer


@pytest.fixture(scope="module")
def our_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyrolike") as peer:
        yield peer


@pytest.mark.parametrize(
    ("name", "serializer"), cells("pyro4", "pyrolike", NAME_SCENARIOS, ACCEPTED)
)
def test_a_pyro4_client_uses_our_name_server(
    stock_client: ClientPeer, our_name_server: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, our_name_server, name, serializer)


@pytest.mark.parametrize(
    ("name", "serializer"), cells("pyrolike", "pyro4", NAME_SCENARIOS, ACCEPTED)
)
def test_our_client_uses_a_pyro4_name_server(
    our_client: ClientPeer, stock_name_server: str, name: str, serializer: str
) -> None:
    check_cell(our_client, stock_name_server, name, serializer)


@pytest.mark.parametrize(("name", "serializer"), cells("pyro4", "pyro4", NAME_SCENARIOS, ACCEPTED))
def test_the_table_says_what_a_pyro4_client_finds_in_a_pyro4_name_server(
    stock_client: ClientPeer, stock_name_server: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, stock_name_server, name, serializer)


def run(library: str, text: str, *arguments: str, ready: str) -> str:
    """Run a program with a library and return what it has said."""
    with Program(
        ["-c", text, *arguments], ready=ready, environment=peer_environment(library)
    ) as program:
        assert program.ready_match is not None
        return program.ready_match[1]


@pytest.mark.slow
def test_what_each_registers_with_our_name_server_the_others_can_call() -> None:
    with ExitStack() as stack:
        names = stack.enter_context(name_server_peer("pyrolike"))
        servers = {name: stack.enter_context(server_peer(name)) for name in LIBRARIES}
        port = names.rpartition(":")[2]
        for library, server in servers.items():
            run(library, REGISTRAR, port, f"PYRO:calc@{server}", ready=r"^DONE (\d+)$")
        understood = {
            "pyro4": ("pyro4", "pyrolike"),
            "pyro5": ("pyro5", "pyrolike"),
            "pyrolike": LIBRARIES,
        }
        for library, others in understood.items():
            found = run(library, CALLER, names, *others, ready=r"^FOUND (.*)$")
            assert found == str([7] * (2 * len(others)))


LISTER = """
import Pyro4, sys
with Pyro4.Proxy(f"PYRO:Pyro.NameServer@{sys.argv[1]}") as names:
    names.register("one", "PYRO:a@b:1", metadata={"x", "y"})
    names.register("two", "PYRO:a@b:2", metadata={"y"})
    print("FOUND", [
        sorted(names.list("o")), sorted(names.list(None, "t")),
        names.list(None, None, ["x", "y"]), names.list(None, None, None, ["x"]),
        sorted(names.list(None, None, [], ["y"])), names.list("one", None, None, None, True),
        names.list(metadata_any=["x"], return_metadata=True),
        names.lookup("two", return_metadata=True)[1],
    ], flush=True)
sys.stdin.read()
"""


def test_arguments_of_a_list_may_come_in_pyro4s_order(our_name_server: str) -> None:
    found = run("pyro4", LISTER, our_name_server, ready=r"^FOUND (.*)$")
    one, entry = {"one": "PYRO:a@b:1"}, {"one": ("PYRO:a@b:1", ["x", "y"])}
    assert found == str([["one"], ["two"], one, one, ["one", "two"], entry, entry, ["y"]])


ASKER = """
import Pyro4, sys
Pyro4.config.NS_HOST, Pyro4.config.NS_BCPORT = "nowhere.invalid", int(sys.argv[1])
Pyro4.config.BROADCAST_ADDRS = "127.0.0.1"
with Pyro4.locateNS() as names:
    print("FOUND", names._pyroUri.location, flush=True)
sys.stdin.read()
"""


def test_a_pyro4_client_finds_our_name_server_by_broadcast() -> None:
    uri, daemon, broadcaster = start_ns("0.0.0.0", 0, bchost="127.0.0.1", bcport=0)
    assert broadcaster is not None
    with daemon, broadcaster:
        broadcaster.runInThread()
        threading.Thread(target=daemon.requestLoop, daemon=True).start()
        found = run("pyro4", ASKER, str(broadcaster.getPort()), ready=r"^FOUND (\S+)$")
        assert found == f"127.0.0.1:{uri.port}"
