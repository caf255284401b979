"""Name servers of either library, visited by clients of the other; all in their own processes.

The third pairing has a stock Pyro5 on both sides. It says nothing about pyrolike, it keeps the
expectations honest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pyrolike.api import Proxy, locate_ns, resolve, start_ns
from tests.support.daemon import changed_settings
from tests.support.peers.cells import cells, check_cell
from tests.support.peers.scenarios_names import NAME_SCENARIOS
from tests.support.peers.starting import (
    NAME_SERVER_MODULES,
    ClientPeer,
    name_server_peer,
    peer_environment,
    server_peer,
)
from tests.support.processes import Program

pytestmark = pytest.mark.interop


def register(name_server: str, name: str, uri: str) -> None:
    with Proxy(f"PYRO:Pyro.NameServer@{name_server}") as names:
        names.register(name, uri)


@pytest.fixture(scope="module")
def stock_name_server() -> Iterator[str]:
    """A Pyro5 name server that knows an object of our daemon."""
    with name_server_peer("pyro5") as where, server_peer("pyrolike") as server:
        register(where, "server.calc", f"PYRO:calc@{server}")
        yield where


@pytest.fixture(scope="module")
def our_name_server() -> Iterator[str]:
    """A pyrolike name server that knows an object of a Pyro5 daemon."""
    with name_server_peer("pyrolike") as where, server_peer("pyro5") as server:
        register(where, "server.calc", f"PYRO:calc@{server}")
        yield where


@pytest.fixture(scope="module")
def stock_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyro5") as peer:
        yield peer


@pytest.fixture(scope="module")
def our_client() -> Iterator[ClientPeer]:
    with ClientPeer("pyrolike") as peer:
        yield peer


@pytest.mark.parametrize(("name", "serializer"), cells("pyro5", "pyrolike", NAME_SCENARIOS))
def test_a_pyro5_client_uses_our_name_server(
    stock_client: ClientPeer, our_name_server: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, our_name_server, name, serializer)


@pytest.mark.parametrize(("name", "serializer"), cells("pyrolike", "pyro5", NAME_SCENARIOS))
def test_our_client_uses_a_pyro5_name_server(
    our_client: ClientPeer, stock_name_server: str, name: str, serializer: str
) -> None:
    check_cell(our_client, stock_name_server, name, serializer)


@pytest.mark.parametrize(("name", "serializer"), cells("pyro5", "pyro5", NAME_SCENARIOS))
def test_the_table_says_what_a_pyro5_client_finds_in_a_pyro5_name_server(
    stock_client: ClientPeer, stock_name_server: str, name: str, serializer: str
) -> None:
    check_cell(stock_client, stock_name_server, name, serializer)


def test_our_name_server_is_found_under_the_tags_of_both_pyros(our_name_server: str) -> None:
    with Proxy(f"PYRO:Pyro.NameServer@{our_name_server}") as names:
        for tag in ("class:Pyro5.nameserver.NameServer", "class:Pyro4.naming.NameServer"):
            assert list(names.yplookup(meta_all=[tag])) == ["Pyro.NameServer"]


def test_nobody_can_take_the_name_servers_own_name(our_name_server: str) -> None:
    with Proxy(f"PYRO:Pyro.NameServer@{our_name_server}") as names:
        own = names.lookup("Pyro.NameServer")
        with pytest.raises(Exception, match=r"Pyro\.NameServer"):
            names.register("Pyro.NameServer", "PYRO:impostor@localhost:1")
        assert names.lookup("Pyro.NameServer") == own


ASKER = """
import sys
import Pyro5.api
config = Pyro5.api.config
config.NS_HOST, config.NS_BCPORT = "nowhere.invalid", int(sys.argv[1])
config.BROADCAST_ADDRS = ["127.0.0.1"]
with Pyro5.api.locate_ns() as names:
    print("FOUND", names._pyroUri.location, names.count(), flush=True)
sys.stdin.read()
"""


def test_a_pyro5_client_finds_our_name_server_by_broadcast() -> None:
    uri, daemon, broadcaster = start_ns("0.0.0.0", 0, bchost="127.0.0.1", bcport=0)
    assert broadcaster is not None
    with daemon, broadcaster:
        broadcaster.runInThread()
        threading.Thread(target=daemon.requestLoop, daemon=True).start()
        asker = ["-c", ASKER, str(broadcaster.getPort())]
        with Program(asker, ready=r"^FOUND (\S+) 1$") as program:
            assert program.ready_match is not None
            assert program.ready_match[1] == f"127.0.0.1:{uri.port}"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.255.255"])
@pytest.mark.parametrize("library", ["pyro5", "pyrolike"])
def test_our_client_finds_a_name_server_by_broadcast(library: str, address: str) -> None:
    with Program(
        ["-m", NAME_SERVER_MODULES[library], "-n", "0.0.0.0", "-p", "0", "--bcport", "0"],
        ready=r"^Broadcast server running on 0\.0\.0\.0:(\d+)$",
        environment=peer_environment(library),
        ends_by_interrupt=True,
    ) as program:
        assert program.ready_match is not None
        port = int(program.wait_for_line(r"^URI = PYRO:Pyro\.NameServer@0\.0\.0\.0:(\d+)$")[1])
        with (
            changed_settings(
                NS_HOST="", BROADCAST_ADDRS=[address], NS_BCPORT=int(program.ready_match[1])
            ),
            locate_ns() as names,
        ):
            assert names._pyroUri.location == f"127.0.0.1:{port}"
            names.register("server.calc", "PYRO:calc@somewhere:1")
            assert str(resolve("PYRONAME:server.calc")) == "PYRO:calc@somewhere:1"
