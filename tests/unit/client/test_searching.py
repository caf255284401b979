"""Looking for a name server: the order, the second chances, and answers from strangers."""

from __future__ import annotations

import gc
import ipaddress
import re
import sys
import weakref
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from pyrolike import errors
from pyrolike.client import searching
from pyrolike.client.searching import (
    NameServerLine,
    find_name_server,
    name_server_places,
    name_server_uri,
    read_answer,
)
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import CommunicationError, ConnectionClosedError, NamingError, PyroError
from pyrolike.naming import NameServer
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.nameservers import answering, host_and_port, name_server, nowhere
from tests.support.rawpeer import RawPeer, scripted_server
from tests.support.wire import RawMessage

NS = f"PYRO:{NAMESERVER_NAME}@"


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """Look nowhere else than a test says, and not for ever."""
    with changed_settings(COMMTIMEOUT=PATIENCE, BROADCAST_ADDRS=[]):
        yield


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    with running_daemon({NAMESERVER_NAME: NameServer()}, host="127.0.0.1") as running:
        yield running


def find(host: str = "", port: int | None = None, broadcast: bool = True) -> str:
    """Return the location of the name server that is found."""
    with closing(find_name_server(host, port, broadcast=broadcast)) as line:
        assert line.ask("ping") is None
        return str(line.uri.location)


def soon() -> float:
    return monotonic() + 0.2


# -- the line


def test_a_line_can_be_asked_several_things_and_hung_up_twice() -> None:
    with scripted_server(name_server(1, 2)) as location:
        line = NameServerLine(name_server_uri(*host_and_port(location)))
        assert [line.ask("count"), line.ask("count")] == [1, 2]
        line.close()
        line.close()
        with pytest.raises(ConnectionClosedError):
            line.ask("count")


@pytest.mark.parametrize(("setting", "number"), [("json", 3), ("marshal", 2), ("pickle", 1)])
def test_a_name_server_is_asked_in_a_safe_serializer(setting: str, number: int) -> None:
    requests: list[RawMessage] = []

    def script(peer: RawPeer) -> None:
        requests.append(peer.read_message())

    with changed_settings(SERIALIZER=setting), scripted_server(script) as location:
        with pytest.raises(NamingError) as caught:
            find_name_server(*host_and_port(location))
        assert isinstance(caught.value.__cause__, ConnectionClosedError)
    assert requests[0].serializer == number


def test_all_questions_end_with_the_deadline() -> None:
    """The settings would give each of them ages."""
    with (
        scripted_server(name_server(1, None)) as location,
        closing(NameServerLine(name_server_uri(*host_and_port(location)), soon())) as line,
    ):
        assert line.ask("count") == 1
        with pytest.raises(errors.TimeoutError, match="receiving"):
            line.ask("count")
        # Nobody is called any more: this server would not pick up a second time.
        with pytest.raises(errors.TimeoutError, match="connecting"):
            line.ask("count")


def test_a_name_server_that_does_not_pick_up_is_waited_for_until_the_deadline() -> None:
    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with scripted_server(silent) as location, pytest.raises(NamingError) as caught:
        find_name_server(*host_and_port(location), soon())
    assert isinstance(caught.value.__cause__, errors.TimeoutError)


# -- one place


def test_a_host_that_is_given_is_the_only_one(running: RunningDaemon) -> None:
    host, port = host_and_port(running.location)
    with answering(f"{NS}{running.location}"), changed_settings(NS_HOST=host, NS_PORT=port):
        assert find(host) == running.location
        with pytest.raises(NamingError, match="failed to locate"):
            find("127.0.0.1", nowhere())


def test_if_nobody_answers_the_error_says_where_and_what_to_do() -> None:
    port = nowhere()
    with pytest.raises(NamingError, match="failed to locate the name server") as caught:
        find_name_server("127.0.0.1", port)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "python -m pyrolike.naming" in str(caught.value)
    assert isinstance(caught.value.__cause__, CommunicationError)


def test_an_error_that_does_not_say_where_it_was_is_told_with_the_place() -> None:
    with (
        scripted_server(lambda peer: peer.sock.sendall(b"220 mail.example.org\r\n")) as location,
        pytest.raises(NamingError, match=f": {location}: invalid data"),
    ):
        find_name_server(*host_and_port(location))
    with (
        scripted_server(lambda peer: peer.sock.sendall(b"220 mail.example.org\r\n")) as location,
        changed_settings(NS_HOST=f"127.0.0.1:{nowhere()}, {location}"),
        pytest.raises(NamingError, match=rf"\(\d\) {location}: invalid data"),
    ):
        find()


def test_a_daemon_that_is_no_name_server_is_not_taken_for_one() -> None:
    with running_daemon({}) as running, pytest.raises(NamingError, match="unknown object"):
        find_name_server(*host_and_port(running.location))


@pytest.mark.parametrize("host", ["no host:at all", "example.org:9090", "[::1"])
def test_a_host_that_cannot_be_one_is_reported_as_such(host: str) -> None:
    with pytest.raises(PyroError, match=re.escape(host)):
        find_name_server(host, 1)


def test_an_address_may_be_an_object(running: RunningDaemon) -> None:
    host, port = host_and_port(running.location)
    with closing(find_name_server(ipaddress.ip_address(host), port)) as line:
        assert line.uri.location == running.location


# -- the hosts of the setting


def places(port: int | None = None) -> list[str]:
    return [uri.location or "" for uri in name_server_places(port)]


@pytest.mark.skipif(sys.platform != "linux", reason="a habit of Debian")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_on_linux_the_machines_own_address_is_tried_too(host: str) -> None:
    with changed_settings(NS_HOST=host, NS_PORT=9090):
        assert places() == [f"{host}:9090", "127.0.1.1:9090"]
        assert places(port=1) == [f"{host}:1", "127.0.1.1:1"]


def test_there_may_be_several_each_with_its_own_port() -> None:
    hosts = "ns.example.org, other.example.org:1,[fe80::1%2]:2,[::2],::3,./u:/run/ns"
    with changed_settings(NS_HOST=hosts, NS_PORT=9090):
        assert places(port=7) == [
            "ns.example.org:7",
            "other.example.org:1",
            "[fe80::1%2]:2",
            "[::2]:7",
            "[::3]:7",
            "./u:/run/ns",
        ]
        assert places()[0] == "ns.example.org:9090"


def test_a_single_one_has_all_the_time_there_is(tmp_path: Path) -> None:
    path = str(tmp_path / "ns.sock")
    with (
        running_daemon({NAMESERVER_NAME: NameServer()}, unixsocket=path),
        changed_settings(NS_HOST=f"./u:{path}"),
    ):
        assert find() == f"./u:{path}"


def test_no_place_is_tried_beyond_the_deadline() -> None:
    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with (
        scripted_server(silent) as location,
        changed_settings(NS_HOST=f"{location}, 127.0.0.1:{nowhere()}"),
        pytest.raises(NamingError, match=r"\(2\) \S+: connecting: timeout"),
    ):
        find_name_server(deadline=soon())


def test_the_next_one_is_taken_when_one_is_dead(running: RunningDaemon) -> None:
    dead = f"127.0.0.1:{nowhere()}"
    with changed_settings(NS_HOST=f"{dead}, {running.location}"):
        assert find() == running.location


def test_one_that_says_nothing_is_not_waited_for_as_long_as_there_are_others(
    running: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FIRST_SECONDS", 0.05)

    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with (
        scripted_server(silent) as location,
        changed_settings(NS_HOST=f"{location}, {running.location}"),
    ):
        assert find() == running.location


def test_but_it_gets_a_second_chance_with_all_the_time_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "FIRST_SECONDS", 0.05)

    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    dead = nowhere()
    with (
        scripted_server(silent, name_server()) as location,
        changed_settings(NS_HOST=f"{location}, 127.0.0.1:{dead}"),
        closing(find_name_server()) as line,
    ):
        assert line.uri.location == location
        assert line.deadline is None


def test_what_takes_as_long_as_the_settings_allow_gets_no_second_chance() -> None:
    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    with (
        scripted_server(silent) as location,
        changed_settings(NS_HOST=f"{location}, 127.0.0.1:{nowhere()}", COMMTIMEOUT=0.05),
        pytest.raises(NamingError, match=r"\(1\) .*timeout; \(2\) cannot connect"),
    ):
        find()


@pytest.mark.slow
def test_the_error_lists_all_that_was_tried_in_order() -> None:
    first, second = nowhere(), nowhere()
    with (
        changed_settings(NS_HOST=f"127.0.0.1:{first}, nowhere.invalid:{second}"),
        answering(settings=False) as udp,
        changed_settings(BROADCAST_ADDRS=["127.0.0.1"], NS_BCPORT=udp),
        pytest.raises(NamingError) as caught,
    ):
        find()
    text = str(caught.value)
    tried = [f"127.0.0.1:{first}", "127.0.1.1:", f"nowhere.invalid:{second}", f"UDP, port {udp}"]
    if sys.platform != "linux":
        del tried[1]
    found = [text.index(f"({number}) ") for number in range(1, len(tried) + 1)]
    assert found == sorted(found)
    assert [text.index(each) for each in tried] == sorted(text.index(each) for each in tried)
    assert f"127.0.0.1:{first}" in str(caught.value.__cause__)


def test_a_port_stands_for_both_and_the_usual_one_is_tried_in_the_end(
    running: RunningDaemon,
) -> None:
    host, port = host_and_port(running.location)
    with (
        answering(f"{NS}{running.location}", settings=False) as udp,
        changed_settings(NS_HOST=host, NS_PORT=nowhere(), BROADCAST_ADDRS=["127.0.0.1"]),
    ):
        assert find(port=udp) == running.location
    with changed_settings(NS_HOST=host, NS_PORT=port):
        assert find(port=nowhere()) == running.location


def test_with_nowhere_to_look_the_error_says_so() -> None:
    with changed_settings(NS_HOST=""), pytest.raises(NamingError, match="NS_HOST is empty"):
        find()


def test_a_search_that_fails_leaves_nothing_to_the_garbage_collector() -> None:
    class Mark:
        pass

    def look() -> weakref.ref[Mark]:
        mark = Mark()
        with pytest.raises(NamingError), changed_settings(NS_HOST=f"127.0.0.1:{nowhere()}"):
            find()
        return weakref.ref(mark)

    gc.disable()
    try:
        assert look()() is None
    finally:
        gc.enable()


# -- broadcasts


def test_who_answers_and_is_a_name_server_is_found(running: RunningDaemon) -> None:
    with answering(f"{NS}{running.location}"):
        assert find() == running.location


def test_a_host_of_the_settings_comes_first(running: RunningDaemon) -> None:
    with (
        running_daemon({NAMESERVER_NAME: NameServer()}, host="127.0.0.1") as other,
        answering(f"{NS}{other.location}"),
        changed_settings(NS_HOST=running.location),
    ):
        assert find() == running.location


@pytest.mark.parametrize("how", ["argument", "setting"])
def test_it_can_be_switched_off(running: RunningDaemon, how: str) -> None:
    with answering(f"{NS}{running.location}"):
        if how == "argument":
            with pytest.raises(NamingError):
                find(broadcast=False)
        else:
            with changed_settings(BROADCAST_ADDRS=[]), pytest.raises(NamingError):
                find()


@pytest.mark.slow
def test_wrong_answers_are_passed_over(
    running: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The true answer comes last, and is found."""
    monkeypatch.setattr(searching, "PROOF_SECONDS", 0.4)
    monkeypatch.setattr(searching, "BROADCAST_SECONDS", PATIENCE)

    def swindler(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.read_message()
        peer.wait_closed()  # it never answers

    with running_daemon({}, host="127.0.0.1") as other, scripted_server(swindler) as trap:
        wrong = [
            b"",
            b"\xff" * 5000,
            b"nonsense",
            "PYRONAME:Pyro.NameServer",
            f"PYRO:something@{running.location}",
            "PYRO:Pyro.NameServer@./u:/run/secret",
            f"{NS}127.0.0.1:{nowhere()}",
            f"{NS}{other.location}",
            f"{NS}{trap}",
        ]
        with answering(*wrong, f"{NS}{running.location}"):
            assert find() == running.location


@pytest.mark.slow
def test_an_error_names_the_wrong_answers() -> None:
    port = nowhere()
    with (
        answering(f"{NS}127.0.0.1:{port}"),
        pytest.raises(NamingError, match=f"only wrong answers came: .*127.0.0.1:{port}"),
    ):
        find()


@pytest.mark.slow
def test_when_nothing_is_there_that_is_known_within_a_second() -> None:
    def measure() -> float:
        start = monotonic()
        with pytest.raises(NamingError, match="no answer"):
            find()
        return monotonic() - start

    with answering(), changed_settings(NS_HOST="localhost", NS_PORT=nowhere()):
        # A busy machine may make one try longer, but hardly each of five.
        assert any(0.6 < measure() < 1.0 for _ in range(5))


def test_a_deadline_ends_the_waiting_for_answers() -> None:
    start = monotonic()
    with answering(), pytest.raises(NamingError):
        find_name_server(deadline=soon())
    assert monotonic() - start < 0.6
    with answering(), pytest.raises(NamingError):
        find_name_server(deadline=monotonic() - 1.0)


@pytest.mark.parametrize(
    ("answer", "sender", "location"),
    [
        ("10.0.0.1:9090", "10.0.0.1", "10.0.0.1:9090"),
        ("ns.example.org:9090", "10.0.0.1", "ns.example.org:9090"),
        ("0.0.0.0:9090", "10.0.0.1", "10.0.0.1:9090"),
        ("[::]:9090", "fe80::1", "[fe80::1]:9090"),
        ("127.0.0.1:9090", "127.0.0.1", "127.0.0.1:9090"),
        ("127.0.0.1:9090", "10.0.0.1", None),
        ("localhost:9090", "10.0.0.1", None),
        ("[::1]:9090", "10.0.0.1", None),
        ("./u:/run/ns", "127.0.0.1", None),
        ("\x1b[2J10.0.0.1:9090", "10.0.0.1", None),
        ("10.0.0.1:65536", "10.0.0.1", None),
        ("10.0.0.1:0", "10.0.0.1", None),
        ("*:9090", "10.0.0.1", None),
        ("127.1:9090", "10.0.0.1", None),
        ("0x7f000001:9090", "10.0.0.1", None),
        ("[::ffff:7f00:1]:9090", "10.0.0.1", None),
        ("localhost.:9090", "10.0.0.1", None),
        ("x.LOCALHOST:9090", "10.0.0.1", None),
        ("0:9090", "10.0.0.1", "10.0.0.1:9090"),
        ("[::0]:9090", "10.0.0.1", "10.0.0.1:9090"),
        ("[::ffff:0:0]:9090", "10.0.0.1", "10.0.0.1:9090"),
        ("mylocalhost:9090", "10.0.0.1", "mylocalhost:9090"),
    ],
)
def test_what_an_answer_tells(answer: str, sender: str, location: str | None) -> None:
    uri = read_answer(f"{NS}{answer}".encode(), sender)
    assert (uri and uri.location) == location


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


@pytest.mark.parametrize("host", ["localhost:9090", "PYRO:Pyro.NameServer"])
def test_a_port_belongs_into_its_own_argument(host: str) -> None:
    name, _, port = host.partition(":")
    with pytest.raises(PyroError, match=rf"{host}.*locate_ns\('{name}', {port}\)"):
        name_server_uri(host, 9090)
