"""Command line tools of either library, with servers of the other; all in their own processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.commands import Outcome, run_command
from tests.support.peers.starting import name_server_peer
from tests.support.processes import Program

pytestmark = [pytest.mark.interop, pytest.mark.slow]

NSC = {"pyro5": "Pyro5.nsc", "pyro4": "Pyro4.nsc", "pyrolike": "pyrolike.nsc"}
ECHO = {"pyro5": "Pyro5.utils.echoserver", "pyrolike": "pyrolike.utils.echoserver"}
PAIRS = [("pyrolike", "pyro5"), ("pyro5", "pyrolike"), ("pyro5", "pyro5")]
"""Client and server. The last pair keeps the expectations honest."""


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, str]]:
    """Where the name servers of either library are."""
    with name_server_peer("pyro5", "-n", "127.0.0.1") as stock:  # noqa: SIM117 - one is enough
        with name_server_peer("pyrolike", "-n", "127.0.0.1") as ours:
            yield {"pyro5": stock, "pyrolike": ours}


def control(library: str, place: str, *words: str, stdin: str | None = None) -> Outcome:
    """Run an nsc of *library* on the name server at *place*."""
    host, _, port = place.rpartition(":")
    # Pyro4's tools warn of every key.
    warnings = "ignore" if library == "pyro4" else "error"
    where = "-n", host, "-p", port
    return run_command(*where, *words, module=NSC[library], stdin=stdin, warnings=warnings)


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_name_server_is_controlled(places: dict[str, str], client: str, server: str) -> None:
    place, name, uri = places[server], f"by.{client}.one", "PYRO:x@h:1"

    def says(*words: str, stdin: str | None = None) -> str:
        outcome = control(client, place, *words, stdin=stdin)
        assert outcome.status == 0, outcome.err
        return outcome.out

    assert says("ping") == "Name server ping ok.\n"
    assert says("register", name, uri) == f"Registered {name}\n"
    assert says("setmeta", name, "tag") == "Metadata updated\n"
    entry = f"{name} --> {uri}\n    metadata: {{'tag'}}\n"
    title = f"LIST - prefix '{name}'\n"
    assert says("list", name) == f"--------START {title}{entry}--------END {title}"
    title = f"LIST - regex '{name}'\n"
    assert says("listmatching", name) == f"--------START {title}{entry}--------END {title}"
    title = "LIST  - searched by metadata\n"
    assert says("yplookup_all", "tag") == f"--------START {title}{entry}--------END {title}"
    assert says("yplookup_any", "tag", "x") == f"--------START {title}{entry}--------END {title}"
    assert says("lookup", name) in (f"{uri}\nmetadata: {{'tag'}}\n", f"{uri}\n{entry}")
    refusal = control(client, place, "register", name, uri)
    assert refusal.status == 1
    assert (refusal.err if client == "pyrolike" else refusal.out).startswith(
        f"Error: NamingError - name already registered: {name}\n"
    )
    assert says("setmeta", name) == "Metadata cleared\n"
    assert says("lookup", name) == f"{uri}\n"
    assert says("removematching", name, stdin="y\n").endswith("1 items removed.\n")
    assert says("remove", name) == "Nothing removed\n"


@pytest.mark.parametrize(
    ("client", "server"), [("pyrolike", "pyro4"), ("pyro4", "pyrolike"), ("pyro4", "pyro4")]
)
def test_a_name_server_with_a_key_is_controlled_by_who_has_it(client: str, server: str) -> None:
    with name_server_peer(server, "-n", "127.0.0.1", "-x", "-k", "sesame") as place:
        outcome = control(client, place, "-k", "sesame", "register", "one", "PYRO:x@h:1")
        assert (outcome.status, outcome.out) == (0, "Registered one\n")
        for key in ["-k", "wrong"], []:
            refused = control(client, place, *key, "remove", "one")
            assert "removed" not in refused.out
        assert "PYRO:x@h:1" in control(client, place, "-k", "sesame", "lookup", "one").out


CLIENT = """
import sys
from {library}.api import Proxy
with Proxy(sys.argv[1]) as echo:
    assert echo.echo([1, "two", None]) == [1, "two", None]
    assert echo.oneway_echo("x") is None
    assert list(echo.generator()) == ["one", "two", "three"]
    assert echo.nan() != echo.nan() and echo.inf() == float("inf")
    assert isinstance(echo.__dunder__(), str)
    for method in (echo.error, echo.error_with_text):
        try:
            method()
        except ValueError as error:
            assert str(error)
        else:
            raise AssertionError(method)
    for name in ("_private", "_EchoServer__private"):
        try:
            getattr(echo, name)
        except AttributeError:
            pass
        else:
            raise AssertionError(name)
    before, echo.verbose = echo.verbose, True
    assert before is False and echo.verbose is True
    echo.verbose = False
    print(sorted(echo._pyroMethods), sorted(echo._pyroAttrs), sorted(echo._pyroOneway))
    echo.shutdown()
print("DONE", flush=True)
"""


def test_echo_servers_are_the_same_for_clients_of_either_library() -> None:
    offered = set()
    for client, server in PAIRS:
        words = ["-m", ECHO[server], "-H", "127.0.0.1"]
        with Program(words, ready=r"^echo uri: (\S+)$") as program:
            assert program.ready_match is not None
            library = {"pyro5": "Pyro5", "pyrolike": "pyrolike"}[client]
            script = ["-c", CLIENT.format(library=library), program.ready_match[1]]
            with Program(script, ready=None) as visitor:
                assert visitor.wait() == 0, visitor.output
                offered.add(visitor.output)
            assert program.wait() == 0
            lines = program.output.splitlines()
            assert lines[0] == "Starting Pyro's built-in test echo server."
            assert [lines[1], lines[-1]] == ["object name: test.echoserver", "echoserver running."]
    assert len(offered) == 1


def test_our_commands_work_with_a_stock_server() -> None:
    with Program(["-m", ECHO["pyro5"], "-H", "127.0.0.1"], ready=r"^echo uri: (\S+)$") as program:
        assert program.ready_match is not None
        uri = program.ready_match[1]
        assert run_command("call", uri, "echo", "[1, null]").data == [1, None]
        assert run_command("call", uri, "generator").out == '"one"\n"two"\n"three"\n'
        assert run_command("call", uri, "verbose").data is False
        assert run_command("ls", uri, "--json").data["attributes"] == ["verbose"]
        assert run_command("ls", uri.partition("@")[2]).status == 0
        assert run_command("ping", "-c", "1", uri).status == 0
        assert run_command("bench", uri, "--seconds", "0.1", "--json").data["calls"] > 0
        assert run_command("call", uri, "shutdown").data is None
        assert program.wait() == 0
