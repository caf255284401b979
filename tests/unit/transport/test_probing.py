"""What is known of a place after knocking at it."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pyrolike.transport import listen_unix_socket, probing
from pyrolike.transport.probing import (
    AT_ONCE,
    Place,
    Prober,
    Resolver,
    Verdict,
    connect_all,
    is_cut_off,
    is_loopback,
    look_up,
)
from tests.support.nameservers import full_backlog, nowhere

PATIENCE = 20.0
ALIVE, DEAD, UNSURE, NO_WAY = Verdict.ALIVE, Verdict.DEAD, Verdict.UNSURE, Verdict.NO_WAY


def never() -> bool:
    return False


def probe(*places: Place, seconds: float = PATIENCE) -> list[Verdict]:
    found = Prober().probe(places, seconds, never)
    return [found[place] for place in places]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What connecting comes to, for a test that sets it; one number for all."""
    codes: list[int] = []

    def connect(targets: Any, seconds: float, is_stopped: Any) -> dict[Any, int]:
        return dict.fromkeys(targets, codes[0])

    monkeypatch.setattr(probing, "connect_all", connect)
    monkeypatch.setattr(probing, "is_cut_off", lambda: False)
    return codes


# -- tcp


def test_who_listens_is_alive_and_who_does_not_is_dead(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    places = ("127.0.0.1", port), ("localhost", port), ("127.0.0.1", nowhere())
    assert probe(*places) == [ALIVE, ALIVE, DEAD]


def test_ipv6_is_looked_at_too() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        port = listener.getsockname()[1]
        assert probe(("::1", port), ("::1", nowhere())) == [ALIVE, DEAD]


def test_nothing_is_said_to_who_is_there(listener: socket.socket) -> None:
    assert probe(listener.getsockname()) == [ALIVE]
    sock, _ = listener.accept()
    with sock:
        sock.settimeout(PATIENCE)
        assert sock.recv(1) == b""


def test_a_server_that_is_too_busy_to_take_connections_is_not_dead() -> None:
    with full_backlog() as port:
        assert probe(("127.0.0.1", port), seconds=0.1) == [UNSURE]


def test_a_machine_that_never_answers_is_dead(code: list[int]) -> None:
    code.append(errno.ETIMEDOUT)
    assert probe(("192.0.2.99", 1), ("fd00::99", 1)) == [DEAD, DEAD]


@pytest.mark.parametrize(
    ("number", "verdict"),
    [
        (errno.ECONNREFUSED, DEAD),
        (errno.EHOSTUNREACH, DEAD),
        (errno.ENETUNREACH, NO_WAY),
        (errno.ENETDOWN, NO_WAY),
        (errno.EADDRNOTAVAIL, NO_WAY),
        (errno.EMFILE, UNSURE),
        (errno.ENFILE, UNSURE),
        (errno.ENOBUFS, UNSURE),
        (errno.EACCES, UNSURE),
        (errno.ECONNRESET, UNSURE),
    ],
)
def test_what_an_error_says_about_the_place(code: list[int], number: int, verdict: Verdict) -> None:
    code.append(number)
    assert probe(("192.0.2.99", 1)) == [verdict]


def test_of_several_addresses_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without IPv6 still knows that nobody listens on the IPv4 address."""
    both = [(socket.AF_INET6, ("fd00::99", 0, 0, 0)), (socket.AF_INET, ("192.0.2.99", 0))]
    codes = {both[0][0]: errno.ENETUNREACH, both[1][0]: errno.ECONNREFUSED}
    monkeypatch.setattr(probing, "look_up", lambda *arguments: both)
    monkeypatch.setattr(
        probing, "connect_all", lambda targets, *_: {each: codes[each[0]] for each in targets}
    )
    assert probe(("both", 1)) == [DEAD]
    codes[both[0][0]] = 0
    assert probe(("both", 1)) == [ALIVE]


@pytest.mark.parametrize("port", [0, 65536, 10**30])
def test_a_port_that_cannot_be_one_is_dead(port: int) -> None:
    assert probe(("127.0.0.1", port)) == [DEAD]


def test_a_socket_that_is_connected_to_itself_has_found_nobody(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    monkeypatch.setattr(probing, "is_connected_to_itself", lambda sock: True)
    assert probe(listener.getsockname()) == [DEAD]


def test_who_goes_at_once_was_there(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    def gone(sock: object) -> bool:
        raise OSError(errno.ENOTCONN, "gone")

    monkeypatch.setattr(probing, "is_connected_to_itself", gone)
    assert probe(listener.getsockname()) == [ALIVE]


def test_many_are_looked_at_but_not_too_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    begin = probing._begin

    def count(target: Any, selector: Any, end: float) -> int | None:
        nonlocal most
        code = begin(target, selector, end)
        most = max(most, len(selector.get_map()))
        return code

    monkeypatch.setattr(probing, "AT_ONCE", 10)
    monkeypatch.setattr(probing, "_begin", count)
    with full_backlog() as port:
        targets = [(socket.AF_INET, (f"127.0.0.{number}", port)) for number in range(1, 40)]
        codes = connect_all(targets, 0.05, never)
    assert len(codes) == 39
    assert set(codes.values()) <= {errno.ETIMEDOUT, errno.ECONNREFUSED}
    assert 1 <= most <= 10 < AT_ONCE


def test_being_stopped_ends_it_at_once() -> None:
    with full_backlog() as port:
        looks = iter([False, False])
        start = monotonic()
        found = Prober().probe([("127.0.0.1", port)], 60.0, lambda: next(looks, True))
    assert found == {}
    assert monotonic() - start < 10.0


def test_without_descriptors_nothing_is_known(listener: socket.socket) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    prober = Prober()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        found = prober.probe([listener.getsockname(), ("127.0.0.1", 1)], PATIENCE, never)
        assert sys.platform != "linux" or is_cut_off()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert set(found.values()) == {UNSURE}


# -- our own network


def test_a_machine_whose_cable_is_out_knows_nothing_about_others(
    monkeypatch: pytest.MonkeyPatch, code: list[int]
) -> None:
    code.append(errno.EHOSTUNREACH)
    monkeypatch.setattr(probing, "is_cut_off", lambda: True)
    assert probe(("192.0.2.99", 1), ("127.0.0.1", 1)) == [NO_WAY, DEAD]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_linux_tells_if_there_is_a_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (7, "no-such-thing")])
    assert is_cut_off()
    monkeypatch.setattr(probing, "_has_carrier", lambda sock, name: True)
    assert not is_cut_off()


def test_elsewhere_it_is_never_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing.sys, "platform", "darwin")
    assert not is_cut_off()


def test_which_targets_are_this_machine() -> None:
    assert is_loopback((socket.AF_INET, ("127.9.9.9", 1)))
    assert is_loopback((socket.AF_INET6, ("::1", 1, 0, 0)))
    assert not is_loopback((socket.AF_INET6, ("fe80::1%eth0", 1, 0, 2)))


# -- unix sockets


def test_unix_sockets_are_looked_at_too(tmp_path: Path) -> None:
    alive, gone, plain = (str(tmp_path / name) for name in ("alive", "gone", "plain"))
    Path(plain).write_text("no socket")
    with listen_unix_socket(alive):
        listen_unix_socket(gone).close()  # the file is still there
        places = alive, gone, plain, str(tmp_path / "none"), f"{plain}/below", "/" + "x" * 200
        assert probe(*places) == [ALIVE, DEAD, DEAD, DEAD, DEAD, DEAD]


def test_a_busy_unix_socket_is_alive(tmp_path: Path) -> None:
    path = str(tmp_path / "busy")
    with contextlib.ExitStack() as closing:
        closing.enter_context(listen_unix_socket(path, backlog=0))
        for _ in range(3):
            sock = closing.enter_context(socket.socket(socket.AF_UNIX))
            sock.setblocking(False)
            sock.connect_ex(path)
        assert probe(path) == [ALIVE]


def test_a_path_in_a_folder_of_somebody_else_may_be_in_another_than_ours() -> None:
    assert probe("some.sock") == [UNSURE]


def test_without_unix_sockets_nothing_is_known_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    assert probe(os.path.abspath("some.sock")) == [UNSURE]


# -- names


def test_a_name_that_does_not_exist_is_dead_and_one_that_may_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults: list[OSError] = []

    def resolve(*arguments: object) -> None:
        raise faults[0]

    monkeypatch.setattr(probing, "resolve_tcp", resolve)
    for fault, verdict in [
        (socket.gaierror(socket.EAI_NONAME, ""), DEAD),
        (socket.gaierror(socket.EAI_AGAIN, ""), UNSURE),
        (OSError(errno.EMFILE, ""), UNSURE),
    ]:
        faults[:] = [fault]
        assert look_up("name", 0) == verdict
        assert probe(("name", 1)) == [verdict]


@pytest.mark.parametrize("host", ["", "x" * 300, "no\0name", "..", "<<connected-socket>>"])
def test_whatever_is_registered_as_a_host_is_no_error(host: str) -> None:
    assert probe((host, 1))[0] in Verdict


def test_a_name_that_takes_for_ever_keeps_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    asked: list[str] = []

    def look(host: str, ip_version: int) -> Verdict:
        asked.append(host)
        if host == "stuck":
            go_on.wait(PATIENCE)
        return DEAD

    monkeypatch.setattr(probing, "look_up", look)
    resolver = Resolver()
    try:
        for _ in range(2):
            found = resolver.resolve({"stuck", "quick"}, 0.2, never)
            assert found == {"stuck": UNSURE, "quick": DEAD}
    finally:
        go_on.set()
    # What comes late is there the next time.
    assert resolver.resolve({"stuck"}, PATIENCE, never) == {"stuck": DEAD}
    assert asked.count("stuck") == 1


def test_where_there_are_no_more_threads_names_are_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert resolver.resolve({"name", "127.0.0.1"}, 0.01, never) == {
            "name": UNSURE,
            "127.0.0.1": [(socket.AF_INET, ("127.0.0.1", 0))],
        }
    monkeypatch.setattr(probing, "look_up", lambda *arguments: DEAD)
    assert resolver.resolve({"name"}, PATIENCE, never) == {"name": DEAD}
