"""One pyrolike daemon between Pyro4 and Pyro5, and what only Pyro4's protocol has: keys."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pyrolike.api import Proxy, current_context, expose
from pyrolike.errors import CommunicationError
from tests.support.daemon import PATIENCE, changed_settings, running_daemon
from tests.support.peers.objects import Calculator
from tests.support.peers.starting import peer_environment, server_peer
from tests.support.processes import Program

pytestmark = pytest.mark.interop

KIND_OF_ERROR = """
def outcome(call, *args):
    try:
        return call(*args)
    except Exception as error:
        return type(error).__name__
"""


def program(library: str, text: str, *arguments: str, ready: str = r"^FOUND (.*)$") -> Program:
    """Return a program that runs with a library; *ready* is what it says first."""
    head = f"import sys\nfrom tests.support.peers.library import api\n{KIND_OF_ERROR}"
    return Program(
        ["-c", head + text + "\nsys.stdin.read()\n", *arguments],
        ready=ready,
        environment=peer_environment(library),
    )


def found_by(library: str, text: str, *arguments: str) -> Any:
    """Run a client program with a library and return what it says that it has found."""
    with program(library, text, *arguments) as running:
        assert running.ready_match is not None
        return ast.literal_eval(running.ready_match[1])


# -- one of them only

CALLER = """
def call():
    with api.Proxy(sys.argv[1]) as calc:
        return calc.add(3, 4)
print("FOUND", repr(outcome(call)), flush=True)
"""


@pytest.mark.parametrize("server_type", ["thread", "multiplex"])
@pytest.mark.parametrize(("accepted", "refused"), [(502, "pyro4"), (48, "pyro5")])
def test_a_daemon_can_be_closed_to_one_protocol(
    server_type: str, accepted: int, refused: str
) -> None:
    with (
        changed_settings(SERVERTYPE=server_type, PROTOCOLS_ACCEPTED={accepted}),
        running_daemon({"calc": Calculator()}) as running,
    ):
        uri = str(running.uri())
        libraries = "pyro4", "pyro5"
        found = {library: found_by(library, CALLER, uri) for library in libraries}
        assert found.pop(refused) in ("ProtocolError", "CommunicationError")
        assert list(found.values()) == [7]
        with Proxy(uri) as ours:  # finds out which it is
            assert ours.add(3, 4) == 7
        with Proxy(uri) as wrong:
            wrong._pyroProtocolVersion = 550 - accepted
            with pytest.raises(CommunicationError, match="is not spoken here"):
                wrong.add(3, 4)


# -- at the same moment

WAITER = """
calc = api.Proxy(sys.argv[1])
print("CONNECTED", calc.add(1, 1), flush=True)
print("FOUND", calc.wait_gate("gate", ["waited", 7]), calc.add(2, 2), flush=True)
"""

OPENER = """
with api.Proxy(sys.argv[1]) as calc:
    calc.open_gate("gate")
    print("FOUND", calc.add(3, 4), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("waiting", "opening"), [("pyro4", "pyro5"), ("pyro5", "pyro4")])
def test_a_daemon_serves_clients_of_both_kinds_at_the_same_moment(
    waiting: str, opening: str
) -> None:
    with running_daemon({"calc": Calculator()}) as running:
        uri = str(running.uri())
        with program(waiting, WAITER, uri, ready=r"^CONNECTED 2$") as waiter:
            assert found_by(opening, OPENER, uri) == 7
            assert waiter.wait_for_line(r"^FOUND (.*)$", PATIENCE)[1] == "['waited', 7] 4"


# -- through a dispatcher


@expose
class Bridge:
    """Passes on, to a server of another Pyro, what a client of one Pyro sends, and its answers."""

    def __init__(self, location: str) -> None:
        self._location = location

    def _calc(self) -> Proxy:
        return Proxy(f"PYRO:calc@{self._location}")

    def same(self, value: Any) -> Any:
        with self._calc() as calc:
            return calc.same(value)

    def describe(self, value: Any) -> str:
        """Return what the other server makes of a value."""
        with Proxy(f"PYRO:factory@{self._location}") as factory:
            return str(factory.describe(value))

    def divide(self, a: int, b: int) -> Any:
        with self._calc() as calc:
            return calc.div(a, b)

    def fail_naming(self) -> None:
        with self._calc() as calc:
            calc.fail_naming()

    def count_to(self, number: int) -> Iterator[int]:
        with self._calc() as calc:
            yield from calc.count_to(number)

    def count_and_fail(self, number: int) -> Iterator[int]:
        with self._calc() as calc:
            yield from calc.count_and_fail(number)

    def passed_context(self) -> list[Any]:
        """Return the correlation id here, and what the other server sees of the context."""
        with Proxy(f"PYRO:witness@{self._location}") as witness:
            current_context.annotations = {"MORE": b"more"}
            seen = [witness.correlation_id(), witness.annotations()["MORE"]]
            return [str(current_context.correlation_id), *seen]


CROSSING = """
import uuid
bridge, own = api.Proxy(sys.argv[1]), api.URI(sys.argv[1])
proxy = api.Proxy(own)
proxy._pyroBind()
bridge._pyroSerializer = sys.argv[2]
back = bridge.same(proxy)
numbers = bridge.count_and_fail(2)
api.current_context.correlation_id = uuid.UUID(int=7)
print("FOUND", [
    bridge.same(own) == own,
    [type(back).__name__, str(back._pyroUri) == str(own), back.same(5)],
    bridge.describe(proxy).partition(" ")[0],
    bridge.describe(own),
    outcome(bridge.divide, 1, 0),
    outcome(bridge.fail_naming),
    list(bridge.count_to(3)),
    [next(numbers), next(numbers), outcome(next, numbers)],
    bridge.passed_context(),
], flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("serializer", ["serpent", "json"])
@pytest.mark.parametrize(("client", "server"), [("pyro4", "pyro5"), ("pyro5", "pyro4")])
def test_values_of_one_pyro_cross_to_the_other_and_come_back(
    client: str, server: str, serializer: str
) -> None:
    with server_peer(server) as location:
        bridge = Bridge(location)
        with running_daemon({"bridge": bridge}) as running:
            uri = str(running.uri("bridge"))
            found = found_by(client, CROSSING, uri, serializer)
    number = "00000000-0000-0000-0000-000000000007"
    assert found == [
        True,
        ["Proxy", True, 5],
        "Proxy",
        f"URI {uri}",
        "ZeroDivisionError",
        "NamingError",
        [1, 2, 3],
        [1, 2, "ValueError"],
        [number, number, "more"],
    ]


# -- keys

KEYS = (None, "key", "other key")

KEYED_SERVER = """
import os, threading
from tests.support.peers.objects import Calculator
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
key = sys.argv[1] or None
with api.Daemon(host="localhost") as daemon:
    if key:
        daemon._pyroHmacKey = key
    print("FOUND", daemon.register(Calculator(), "calc"), flush=True)
    daemon.requestLoop()
"""

KEYED_CLIENT = """
import ast
def add(uri, key):
    with api.Proxy(uri) as calc:
        if key:
            calc._pyroHmacKey = key
        return calc.same(sum(calc.count_to(3)) + calc.add(0, 1))
print("FOUND", [outcome(add, uri, key) for uri, key in ast.literal_eval(sys.argv[1])], flush=True)
"""


def add_with_key(uri: str, key: str | None) -> Any:
    """Call an object with a key and return the result, or the kind of error."""
    with Proxy(uri) as calc:
        calc._pyroTimeout = PATIENCE
        calc._pyroHmacKey = key
        try:
            return calc.same(sum(calc.count_to(3)) + calc.add(0, 1))
        except CommunicationError as error:
            return type(error).__name__


@pytest.mark.slow
@pytest.mark.parametrize("server", ["pyro4", "pyrolike"])
def test_only_who_has_the_same_key_is_understood(server: str) -> None:
    with ExitStack() as stack:
        uris = {}
        for key in KEYS:
            running = stack.enter_context(program(server, KEYED_SERVER, key or ""))
            assert running.ready_match is not None
            uris[key] = running.ready_match[1]
        pairs = [(key, uris[of]) for key, of in itertools.product(KEYS, KEYS)]
        ours = [add_with_key(uri, key) for key, uri in pairs]
        theirs = found_by("pyro4", KEYED_CLIENT, repr([(uri, key) for key, uri in pairs]))
        deaf = found_by("pyro5", KEYED_CLIENT, repr([(uris["key"], None)]))
    allowed = [key == of for key, of in itertools.product(KEYS, KEYS)]
    assert [result == 7 for result in ours] == allowed
    assert [result == 7 for result in theirs] == allowed
    assert {result for result in ours if result != 7} <= {"SignatureError", "CommunicationError"}
    assert {result for result in theirs if result != 7} == {"CommunicationError"}
    assert deaf == ["CommunicationError" if server == "pyrolike" else "ProtocolError"]


@pytest.mark.slow
def test_a_key_is_used_with_the_name_server_too() -> None:
    """Pyro4 does so, and a key that only one side has helps nobody."""
    with running_daemon({"Pyro.NameServer": Calculator(), "calc": Calculator()}) as running:
        running.daemon._pyroHmacKey = "key"
        keyed = Proxy(f"PYRONAME:calc@{running.location}")
        keyed._pyroHmacKey = "key"
        with pytest.raises(AttributeError, match="lookup"):  # it was asked, and understood
            keyed._pyroBind()
        with pytest.raises(Exception, match="failed to locate"):
            Proxy(f"PYRONAME:calc@{running.location}")._pyroBind()


# -- without metadata

BLIND = """
api.config.METADATA = False
calc = api.Proxy(sys.argv[1])
print("FOUND", [calc.add(3, 4), list(calc.count_to(3)), outcome(calc.missing)], flush=True)
"""


@pytest.mark.slow
def test_a_pyro4_client_may_want_no_metadata() -> None:
    with running_daemon({"calc": Calculator()}) as running:
        found = found_by("pyro4", BLIND, str(running.uri()))
    assert found == [7, [1, 2, 3], "AttributeError"]


@pytest.mark.slow
def test_our_client_may_want_no_metadata_of_a_pyro4_daemon() -> None:
    with (
        changed_settings(METADATA=False),
        server_peer("pyro4") as location,
        Proxy(f"PYRO:calc@{location}") as calc,
    ):
        assert calc.add(3, 4) == 7
        assert list(calc.count_to(3)) == [1, 2, 3]
        with pytest.raises(AttributeError):
            calc.missing()
        assert calc._pyroMethods == set()


# -- which protocol


@pytest.mark.slow
def test_what_a_daemon_speaks_is_found_out_once_or_said() -> None:
    with server_peer("pyro4") as location, Proxy(f"PYRO:calc@{location}") as calc:
        assert calc._pyroProtocolVersion is None
        for _ in range(2):
            assert calc.add(3, 4) == 7
            calc._pyroRelease()
        calc._pyroProtocolVersion = 502
        with pytest.raises(CommunicationError, match="version 48 is not spoken here"):
            calc.add(3, 4)
        calc._pyroProtocolVersion = 48
        assert calc.add(3, 4) == 7


@pytest.mark.slow
def test_a_pyro5_daemon_is_not_spoken_to_in_pyro4s() -> None:
    with server_peer("pyro5") as location, Proxy(f"PYRO:calc@{location}") as calc:
        calc._pyroProtocolVersion = 48
        with pytest.raises(CommunicationError, match="version 502 is not spoken here"):
            calc.add(3, 4)
        calc._pyroProtocolVersion = None
        assert calc.add(3, 4) == 7
