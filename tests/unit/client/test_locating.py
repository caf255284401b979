"""What names stand for, told by scripted name servers and a real one."""

from __future__ import annotations

import gc
import weakref
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.client import locating
from pyrolike.client.locating import locate_uri, patiently, resolve_uri
from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import NamingError
from pyrolike.naming import NameServer
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
from tests.support import wire
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.nameservers import host_and_port, name_server, nowhere
from tests.support.rawpeer import RawPeer, scripted_server, serpent
from tests.support.wire import RawMessage

CALC = "PYRO:calc@somewhere:1"
PRINTER = "PYRO:printer@somewhere:2"


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """Look nowhere else than a test says, and not for ever."""
    with changed_settings(COMMTIMEOUT=PATIENCE, NS_LOOKUP_DELAY=0.0, BROADCAST_ADDRS=[]):
        yield


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    names = NameServer()
    names.register("calc", CALC, metadata={"number", "fast"})
    names.register("printer", PRINTER, metadata={"paper", "fast"})
    names.register("alias", "PYRONAME:calc")
    with running_daemon({NAMESERVER_NAME: names}, host="127.0.0.1") as running:
        yield running


@pytest.mark.parametrize(
    ("uri", "expected"), [("PYROMETA:fast,paper", PRINTER), ("PYRONAME:calc", CALC)]
)
def test_a_name_server_is_asked_in_pyro4s_way_if_it_speaks_pyro4s_protocol(
    running: RunningDaemon, uri: str, expected: str
) -> None:
    running.daemon._pyroHmacKey = "key"
    found = resolve_uri(URI(f"{uri}@{running.location}"), hmac_key=b"key")
    assert str(found) == expected
    with pytest.raises(NamingError, match="this end speaks 48"):
        resolve_uri(URI(f"{uri}@{running.location}"))


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


def test_an_unknown_name_is_told_with_the_name_server_that_was_asked(
    running: RunningDaemon,
) -> None:
    for text in ("PYRONAME:nothing", "PYROMETA:nothing"):
        with pytest.raises(NamingError, match=rf"name server at {running.location} was asked"):
            resolve_uri(uri_for(text, running))


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


def test_a_name_server_that_says_nothing_is_given_up() -> None:
    with (
        changed_settings(COMMTIMEOUT=0.05),
        scripted_server(name_server(None)) as location,
        pytest.raises(errors.TimeoutError),
    ):
        resolve_uri(URI(f"PYRONAME:calc@{location}"))


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
    assert clock.pauses == [1.0, 1.0, 1.0]


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


def soon() -> float:
    return monotonic() + 0.2


def test_a_name_server_that_does_not_answer_is_waited_for_until_the_deadline() -> None:
    with (
        scripted_server(name_server(None)) as location,
        pytest.raises(errors.TimeoutError),
    ):
        resolve_uri(URI(f"PYRONAME:calc@{location}"), deadline=soon())


def test_a_deadline_in_the_past_asks_nobody(hasty: Hasty) -> None:
    with pytest.raises(NamingError) as caught:
        resolve_uri(URI("PYRONAME:calc@127.0.0.1:1"), 5.0, deadline=monotonic() - 1.0)
    assert isinstance(caught.value.__cause__, errors.TimeoutError)
    assert hasty.pauses == []


def test_patience_ends_with_the_deadline(hasty: Hasty) -> None:
    """And what was said last is told: the name is unknown, which is more than that time is up."""

    def script(peer: RawPeer) -> None:
        peer.accept_handshake()
        with suppress(EOFError, ConnectionError):  # asked no more
            while True:
                seq = peer.read_message().seq
                peer.send(UNKNOWN.replace(b"SQ", seq.to_bytes(2, "big")))

    with scripted_server(script) as location, pytest.raises(NamingError, match="unknown name"):
        # On a busy machine it takes a while until something is said at all.
        resolve_uri(URI(f"PYRONAME:calc@{location}"), 1000.0, deadline=monotonic() + 1.0)
    assert hasty.pauses
    assert max(hasty.pauses) <= 1.0  # no pause goes beyond it


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


# -- name servers that come and go


def hang_up(peer: RawPeer) -> None:
    """Be a name server that ends when it is asked."""
    peer.accept_handshake()
    peer.read_message()


def test_a_name_server_that_is_started_anew_is_asked_anew(hasty: Hasty) -> None:
    with scripted_server(hang_up, lambda peer: None, name_server(CALC)) as location:
        assert resolve_uri(URI(f"PYRONAME:calc@{location}"), delay=100.0) == URI(CALC)
    assert hasty.pauses == [1.0, 1.0]


def test_without_patience_a_lost_name_server_is_an_error() -> None:
    with scripted_server(hang_up) as location, pytest.raises(errors.ConnectionClosedError):
        resolve_uri(URI(f"PYRONAME:calc@{location}"))


def test_a_name_server_may_appear_later(hasty: Hasty, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(name_server(CALC)) as location:
        places = [f"127.0.0.1:{nowhere()}", location]

        def come(seconds: float) -> None:
            config.NS_HOST = places.pop(0)

        monkeypatch.setattr(hasty, "sleep", come)
        with changed_settings(NS_HOST=f"127.0.0.1:{nowhere()}", NS_LOOKUP_DELAY=10.0):
            assert resolve_uri(URI("PYRONAME:calc")) == URI(CALC)
    assert places == []


def test_what_breaks_the_rules_is_not_asked_again(hasty: Hasty) -> None:
    def look_up() -> None:
        raise errors.ProtocolError("no")

    with pytest.raises(errors.ProtocolError):
        patiently(look_up, 10.0)
    assert hasty.pauses == []


def test_the_next_host_is_asked_when_the_first_is_lost(hasty: Hasty) -> None:
    with (
        scripted_server(hang_up, lambda peer: None) as first,
        scripted_server(name_server(CALC)) as second,
        changed_settings(NS_HOST=f"{first}, {second}"),
    ):
        assert resolve_uri(URI("PYRONAME:calc"), delay=10.0) == URI(CALC)
    assert hasty.pauses == [1.0]
