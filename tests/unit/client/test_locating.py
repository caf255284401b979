"""Finding a name server, and what names stand for; with scripted ones and a real one."""

from __future__ import annotations

import gc
import ipaddress
import re
import socket
import sys
import weakref
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.client import locating
from pyrolike.client.locating import (
    NameServerLine,
    find_name_server,
    locate_uri,
    name_server_uri,
    patiently,
    resolve_uri,
)
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import CommunicationError, ConnectionClosedError, NamingError, PyroError
from pyrolike.naming import NameServer
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
from tests.support import wire
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.rawpeer import RawPeer, Script, scripted_server, serpent
from tests.support.wire import RawMessage

CALC = "PYRO:calc@somewhere:1"
PRINTER = "PYRO:printer@somewhere:2"


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """Look nowhere else than a test says, and not for ever."""
    with changed_settings(COMMTIMEOUT=PATIENCE, NS_LOOKUP_DELAY=0.0):
        yield


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    names = NameServer()
    names.register("calc", CALC, metadata={"number", "fast"})
    names.register("printer", PRINTER, metadata={"paper", "fast"})
    names.register("alias", "PYRONAME:calc")
    with running_daemon({NAMESERVER_NAME: names}, host="127.0.0.1") as running:
        yield running


def host_and_port(location: str) -> tuple[str, int]:
    host, _, port = location.rpartition(":")
    return host, int(port)


def nowhere() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def uri_for(text: str, running: RunningDaemon) -> URI:
    return URI(f"{text}@{running.location}")


# -- resolving


def test_a_real_uri_stays_as_it_is() -> None:
    uri = URI("PYRO:calc@nowhere.invalid:1")
    assert resolve_uri(uri) is uri


def test_a_name_is_looked_up(running: RunningDaemon) -> None:
    assert resolve_uri(uri_for("PYRONAME:calc", running)) == URI(CALC)


def test_an_unknown_name_is_an_error(running: RunningDaemon) -> None:
    with pytest.raises(NamingError, match=r"no\.such"):
        resolve_uri(uri_for("PYRONAME:no.such", running))


def test_all_tags_must_fit(running: RunningDaemon) -> None:
    assert resolve_uri(uri_for("PYROMETA:fast,number", running)) == URI(CALC)
    found = {str(resolve_uri(uri_for("PYROMETA:fast", running))) for _ in range(40)}
    assert found == {CALC, PRINTER}
    with pytest.raises(NamingError, match="number, paper"):
        resolve_uri(uri_for("PYROMETA:paper,number", running))


def test_a_name_for_a_name_is_not_followed(running: RunningDaemon) -> None:
    with pytest.raises(NamingError, match="PYRONAME:calc"):
        resolve_uri(uri_for("PYRONAME:alias", running))


def test_a_name_server_on_a_unix_socket_is_found(tmp_path: Path) -> None:
    names = NameServer()
    names.register("calc", CALC)
    path = str(tmp_path / "ns.sock")
    with running_daemon({NAMESERVER_NAME: names}, unixsocket=path):
        assert resolve_uri(URI(f"PYRONAME:calc@./u:{path}")) == URI(CALC)
        assert locate_uri(f"./u:{path}") == URI(f"PYRO:{NAMESERVER_NAME}@./u:{path}")


def test_without_a_location_the_settings_say_where(running: RunningDaemon) -> None:
    host, port = host_and_port(running.location)
    with changed_settings(NS_HOST=host, NS_PORT=port):
        assert resolve_uri(URI("PYRONAME:calc")) == URI(CALC)
        assert locate_uri() == URI(f"PYRO:{NAMESERVER_NAME}@{running.location}")


# -- a name server that answers as it is told


def name_server(*replies: Any, requests: list[RawMessage] | None = None) -> Script:
    """Return a script that gives one reply after the other, as bytes or as value; None is none."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        for reply in replies:
            request = peer.read_message()
            if requests is not None:
                requests.append(request)
            if isinstance(reply, bytes):
                peer.send(reply.replace(b"SQ", request.seq.to_bytes(2, "big")))
            elif reply is not None:
                peer.answer(request, reply)
        peer.wait_closed()

    return script


UNKNOWN = wire.message(
    wire.RESULT,
    serpent(
        {
            "__class__": "Pyro5.errors.NamingError",
            "__exception__": True,
            "args": ("unknown name: calc",),
            "attributes": {},
        }
    ),
    flags=wire.EXCEPTION,
    seq=int.from_bytes(b"SQ", "big"),
)


@pytest.mark.parametrize(
    "answer", [CALC, {"__class__": "Pyro5.core.URI", "state": ("PYRO", "calc", None, "h", 1)}]
)
def test_a_name_server_may_answer_with_a_uri_or_its_text(answer: Any) -> None:
    requests: list[RawMessage] = []
    with scripted_server(name_server(answer, requests=requests)) as location:
        assert resolve_uri(URI(f"PYRONAME:calc@{location}")).object == "calc"
    object_id, method, vargs, kwargs = get_serializer("serpent").loadsCall(requests[0].payload)
    assert (object_id, method, list(vargs), kwargs) == (NAMESERVER_NAME, "lookup", ["calc"], {})


def test_tags_are_asked_for_as_a_list() -> None:
    """Sets do not pass through every serializer."""
    requests: list[RawMessage] = []
    script = name_server({"calc": CALC}, requests=requests)
    with scripted_server(script) as location:
        assert resolve_uri(URI(f"PYROMETA:b,a@{location}")) == URI(CALC)
    _, method, vargs, kwargs = get_serializer("serpent").loadsCall(requests[0].payload)
    assert (method, list(vargs)) == ("yplookup", [])
    assert kwargs == {"meta_all": ["a", "b"], "return_metadata": False}


def test_a_compressed_answer_is_opened() -> None:
    payload = zlib.compress(serpent(CALC))
    answer = wire.message(
        wire.RESULT, payload, flags=wire.COMPRESSED, seq=int.from_bytes(b"SQ", "big")
    )
    with scripted_server(name_server(answer)) as location:
        assert resolve_uri(URI(f"PYRONAME:calc@{location}")) == URI(CALC)


@pytest.mark.parametrize(("setting", "number"), [("json", 3), ("marshal", 2), ("pickle", 1)])
def test_a_name_server_is_asked_in_a_safe_serializer(setting: str, number: int) -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        requests.append(peer.read_message())

    with changed_settings(SERIALIZER=setting), scripted_server(script) as location:
        with pytest.raises(NamingError) as caught:
            locate_uri(*host_and_port(location))
        assert isinstance(caught.value.__cause__, ConnectionClosedError)
    assert requests[0].serializer == number


def test_a_name_server_that_says_nothing_is_given_up() -> None:
    with (
        changed_settings(COMMTIMEOUT=0.05),
        scripted_server(name_server(None)) as location,
        pytest.raises(errors.TimeoutError),
    ):
        resolve_uri(URI(f"PYRONAME:calc@{location}"))


def test_a_line_can_be_asked_several_things_and_hung_up_twice() -> None:
    with scripted_server(name_server(1, 2)) as location:
        line = NameServerLine(name_server_uri(*host_and_port(location)))
        assert [line.ask("count"), line.ask("count")] == [1, 2]
        line.close()
        line.close()
        with pytest.raises(ConnectionClosedError):
            line.ask("count")


# -- patience


class Attempts:
    """Fails as often as it is told to, and counts."""

    def __init__(self, failures: int, error: type[Exception] = NamingError) -> None:
        self.made = 0
        self._failures = failures
        self._error = error

    def __call__(self) -> str:
        self.made += 1
        if self.made <= self._failures:
            raise self._error("not yet")
        return "found"


class Clock:
    """Moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(locating, "time", clock)
    return clock


@pytest.mark.parametrize("error", [NamingError, errors.TimeoutError])
def test_without_patience_there_is_one_attempt(clock: Clock, error: type[Exception]) -> None:
    attempts = Attempts(1, error)
    with pytest.raises(error):
        patiently(attempts, 0.0)
    assert (attempts.made, clock.pauses) == (1, [])


def test_patience_is_rewarded(clock: Clock) -> None:
    assert patiently(Attempts(3), 10.0) == "found"
    assert clock.pauses == [2.0, 2.0, 2.0]


def test_patience_ends(clock: Clock) -> None:
    attempts = Attempts(1000)
    with pytest.raises(NamingError, match="not yet"):
        patiently(attempts, 0.5)
    assert sum(clock.pauses) == pytest.approx(0.5)
    assert attempts.made == len(clock.pauses) + 1


def test_other_errors_need_no_patience(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        patiently(Attempts(1, ZeroDivisionError), 10.0)
    assert clock.pauses == []


@pytest.mark.parametrize("by_setting", [False, True])
def test_a_name_that_appears_in_time_is_found(clock: Clock, by_setting: bool) -> None:
    requests: list[RawMessage] = []
    script = name_server(UNKNOWN, UNKNOWN, CALC, requests=requests)
    with scripted_server(script) as location:
        uri = URI(f"PYRONAME:calc@{location}")
        with changed_settings(NS_LOOKUP_DELAY=5.0 if by_setting else 0.0):
            assert resolve_uri(uri, 0.0 if by_setting else 5.0) == URI(CALC)
    assert len(requests) == 3


class Hasty:
    """The real time, but nobody sleeps."""

    monotonic = staticmethod(monotonic)

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Hasty:
    hasty = Hasty()
    monkeypatch.setattr(locating, "time", hasty)
    return hasty


def test_a_name_server_that_was_too_slow_once_may_answer_the_next_time(hasty: Hasty) -> None:
    """A channel whose call was given up takes no other: the next attempt needs a new line."""

    def silent(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()
        peer.wait_closed()

    with (
        changed_settings(COMMTIMEOUT=0.1),
        scripted_server(silent, name_server(CALC)) as location,
    ):
        assert resolve_uri(URI(f"PYRONAME:calc@{location}"), delay=5.0) == URI(CALC)
    assert hasty.pauses == [1.0]


def test_a_name_server_may_take_for_ever_if_no_setting_says_otherwise() -> None:
    """The one that is asked has no limit, either; it answers here."""
    with (
        changed_settings(COMMTIMEOUT=0.0, CONNECT_TIMEOUT=0.0),
        scripted_server(name_server(CALC)) as location,
    ):
        assert resolve_uri(URI(f"PYRONAME:calc@{location}")) == URI(CALC)


# -- deadlines


def test_all_questions_end_with_the_deadline() -> None:
    """The settings would give each of them ages."""
    with (
        scripted_server(name_server(CALC, None)) as location,
        closing(NameServerLine(name_server_uri(*host_and_port(location)), soon())) as line,
    ):
        assert line.ask("lookup", "calc") == CALC
        with pytest.raises(errors.TimeoutError, match="receiving"):
            line.ask("lookup", "calc")
        # Nobody is called any more: this server would not pick up a second time.
        with pytest.raises(errors.TimeoutError, match="connecting"):
            line.ask("lookup", "calc")


def soon() -> float:
    return monotonic() + 0.2


def test_a_name_server_that_does_not_pick_up_is_waited_for_until_the_deadline() -> None:
    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with scripted_server(silent) as location, pytest.raises(NamingError) as caught:
        find_name_server(*host_and_port(location), soon())
    assert isinstance(caught.value.__cause__, errors.TimeoutError)


def test_a_name_server_that_does_not_answer_is_waited_for_until_the_deadline() -> None:
    with (
        scripted_server(name_server(None)) as location,
        pytest.raises(errors.TimeoutError),
    ):
        resolve_uri(URI(f"PYRONAME:calc@{location}"), deadline=soon())


def test_a_deadline_in_the_past_asks_nobody(clock: Clock) -> None:
    with pytest.raises(NamingError) as caught:
        resolve_uri(URI("PYRONAME:calc@127.0.0.1:1"), 5.0, deadline=monotonic() - 1.0)
    assert isinstance(caught.value.__cause__, errors.TimeoutError)
    assert clock.pauses == []


def test_patience_ends_with_the_deadline(hasty: Hasty) -> None:
    """And what was said last is told: the name is unknown, which is more than that time is up."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        with suppress(EOFError, ConnectionError):  # asked no more
            while True:
                seq = peer.read_message().seq
                peer.send(UNKNOWN.replace(b"SQ", seq.to_bytes(2, "big")))

    with scripted_server(script) as location, pytest.raises(NamingError, match="unknown name"):
        resolve_uri(URI(f"PYRONAME:calc@{location}"), 1000.0, deadline=soon())
    assert hasty.pauses
    assert max(hasty.pauses) <= 0.2  # no pause goes beyond it


def test_the_last_answer_tells_more_than_that_the_time_is_up(clock: Clock) -> None:
    failures = [NamingError("unknown"), errors.TimeoutError("late"), errors.TimeoutError("late")]

    def look_up() -> None:
        raise failures.pop(0)

    with pytest.raises(NamingError, match="unknown") as caught:
        patiently(look_up, 0.3)
    assert failures == []
    assert caught.value.__cause__ is None
    assert len(clock.pauses) == 2


def test_an_answer_that_is_told_later_needs_no_garbage_collector(clock: Clock) -> None:
    class Mark:
        pass

    def look() -> weakref.ref[Mark]:
        mark = Mark()
        attempts = Attempts(1000, NamingError)
        with pytest.raises(NamingError):
            patiently(lambda: (attempts(), mark), 0.5)
        return weakref.ref(mark)

    gc.disable()
    try:
        assert look()() is None
    finally:
        gc.enable()


# -- locating


def test_the_first_place_that_answers_is_taken(
    running: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = host_and_port(running.location)
    places = [name_server_uri("127.0.0.1", nowhere()), name_server_uri(host, port)]
    monkeypatch.setattr(locating, "_candidates", lambda host, port: iter(places))
    assert locate_uri() == places[1]


def test_if_nobody_answers_the_error_says_where_and_what_to_do() -> None:
    port = nowhere()
    with pytest.raises(NamingError, match="failed to locate the name server") as caught:
        find_name_server("127.0.0.1", port)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "python -m pyrolike.naming" in str(caught.value)
    assert isinstance(caught.value.__cause__, CommunicationError)


def test_a_daemon_that_is_no_name_server_is_not_taken_for_one() -> None:
    with running_daemon({}) as running, pytest.raises(NamingError, match="unknown object"):
        find_name_server(*host_and_port(running.location))


@pytest.mark.parametrize("host", ["no host:at all", "example.org:9090", "[::1"])
def test_a_host_that_cannot_be_one_is_reported_as_such(host: str) -> None:
    with pytest.raises(PyroError, match=re.escape(host)):
        find_name_server(host, 1)


def test_an_address_may_be_an_object(running: RunningDaemon) -> None:
    host, port = host_and_port(running.location)
    assert locate_uri(ipaddress.ip_address(host), port).location == running.location


def places(host: str = "", port: int | None = None) -> list[str]:
    return [uri.location or "" for uri in locating._candidates(host, port)]


@pytest.mark.skipif(sys.platform != "linux", reason="a habit of Debian")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_on_linux_the_machines_own_address_is_tried_too(host: str) -> None:
    with changed_settings(NS_HOST=host, NS_PORT=9090):
        assert places() == [f"{host}:9090", "127.0.1.1:9090"]
        assert places(port=1) == [f"{host}:1", "127.0.1.1:1"]


def test_a_host_that_is_given_is_the_only_one() -> None:
    with changed_settings(NS_HOST="localhost", NS_PORT=9090):
        assert places("elsewhere") == ["elsewhere:9090"]
        assert places("127.0.0.1", 1) == ["127.0.0.1:1"]
        assert places("./u:/run/ns") == ["./u:/run/ns"]


def test_elsewhere_there_is_one_place() -> None:
    with changed_settings(NS_HOST="ns.example.org", NS_PORT=9090):
        assert places() == ["ns.example.org:9090"]


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("h", "h:1"),
        ("::1", "[::1]:1"),
        ("[::1]", "[::1]:1"),
        ("./u:/run/ns", "./u:/run/ns"),
    ],
)
def test_the_uri_of_a_name_server(host: str, location: str) -> None:
    assert str(name_server_uri(host, 1)) == f"PYRO:{NAMESERVER_NAME}@{location}"
