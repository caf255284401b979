"""The echo server, started in this process and run by the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from pyrolike.client import Proxy
from pyrolike.configure import config
from pyrolike.errors import CommunicationError, NamingError
from pyrolike.naming import locate_ns
from pyrolike.uri import URI
from pyrolike.utils import echoserver
from tests.support.commands import name_server_here, run_here
from tests.support.daemon import PATIENCE, changed_settings

Capture = pytest.CaptureFixture[str]


@contextmanager
def started(words: Sequence[str]) -> Iterator[Proxy]:
    """Run an echo server in a thread, and give a proxy for its object."""
    daemon, echo, uri = echoserver.main(["-q", *words], True)
    thread = threading.Thread(
        target=daemon.requestLoop, args=[lambda: not echo._must_shutdown], daemon=True
    )
    thread.start()
    try:
        with Proxy(uri) as proxy:
            yield proxy
    finally:
        daemon.shutdown()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(echoserver, "SLOW_SECONDS", 0.0)
    with started([]) as proxy:
        yield proxy


def test_it_offers_what_pyros_does(echo: Proxy) -> None:
    echo._pyroBind()
    assert echo._pyroUri.object == "test.echoserver"
    assert echo._pyroAttrs == {"verbose"}
    assert echo._pyroOneway == {"oneway_echo", "oneway_slow"}
    assert echo._pyroMethods == echo._pyroOneway | {
        *("echo", "error", "error_with_text", "slow", "generator", "nan", "inf", "shutdown"),
        "__dunder__",
    }


def test_its_methods_do_what_they_are_called(echo: Proxy) -> None:
    assert echo.echo({"a": [1, None]}) == {"a": [1, None]}
    assert list(echo.generator()) == ["one", "two", "three"]
    assert echo.nan() != echo.nan()
    assert echo.inf() == float("inf")
    assert isinstance(echo.slow(), str)
    assert isinstance(echo.__dunder__(), str)
    assert echo.oneway_echo("x") is None
    assert echo.oneway_slow() is None
    with pytest.raises(ValueError, match="this error is what error"):
        echo.error()
    with pytest.raises(ValueError, match="the message of the error"):
        echo.error_with_text()


@pytest.mark.parametrize("name", ["_private", "_EchoServer__private", "_tell"])
def test_private_names_are_private(echo: Proxy, name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(echo, name)
    with pytest.raises(AttributeError):
        echo._pyroInvoke(name, (), {})


def test_verbose_can_be_switched_from_afar(echo: Proxy, capsys: Capture) -> None:
    assert echo.verbose is False
    echo.echo("unseen")
    echo.verbose = True
    echo.echo("seen\x1b")
    assert echo.verbose is True
    echo.verbose = False
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" - ")[2] for line in lines] == [r"echo: 'seen\x1b'"]


def test_it_always_has_the_multiplex_server_and_leaves_the_setting_alone() -> None:
    with started([]) as proxy, Proxy(f"PYRO:Pyro.Daemon@{proxy._pyroUri.location}") as daemon:
        assert "Servertype: multiplex" in daemon.info()
    assert config.SERVERTYPE == "thread"


def test_what_prevents_it_from_starting_is_raised_without_the_loop() -> None:
    with (
        changed_settings(NS_HOST="127.0.0.1", NS_PORT=1, BROADCAST_ADDRS=[]),
        pytest.raises(NamingError),
    ):
        echoserver.main(["-q", "-n"], True)
    with pytest.raises(OSError, match="no such address"):
        echoserver.main(["-q", "-H", "203.0.113.9"], True)


def test_with_a_name_server_it_registers_and_takes_the_name_back() -> None:
    with name_server_here(), locate_ns() as names:
        with started(["-n"]) as proxy:
            assert names.lookup("test.echoserver") == proxy._pyroUri
        assert names.count() == 1
        with started(["-n"]):
            names.register("test.echoserver", "PYRO:another@h:1")
        assert names.lookup("test.echoserver") == URI("PYRO:another@h:1")


def test_a_name_server_that_has_gone_does_not_keep_it_from_ending() -> None:
    with name_server_here() as running, started(["-n"]):
        running.daemon.shutdown()
        running.join()


def test_it_can_run_a_name_server_itself(capsys: Capture) -> None:
    with changed_settings(NS_PORT=0):
        daemon, _, uri = echoserver.main(["-N", "-v"], True)
    with daemon:
        lines = capsys.readouterr().out.splitlines()
        where = lines[1].rpartition(" ")[2]
        assert lines == [
            "Starting Pyro's built-in test echo server.",
            f"using name server at {where}",
            "not using a broadcast server",
            "object name: test.echoserver",
            f"echo uri: {uri}",
        ]
        with Proxy(where) as names:
            assert names.lookup("test.echoserver") == uri
    with Proxy(where) as names, pytest.raises(CommunicationError):
        names.ping()


def test_its_name_server_answers_broadcasts_where_it_can_be_reached(capsys: Capture) -> None:
    with changed_settings(NS_PORT=0, NS_BCPORT=0, NS_BCHOST="127.0.0.1"):
        daemon, _, _ = echoserver.main(["-N", "-v", "-H", "0.0.0.0"], True)
    daemon.close()
    assert "broadcast server running at 127.0.0.1:" in capsys.readouterr().out


class TestTheProgram:
    @pytest.fixture(autouse=True)
    def loop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the request loop end at once."""
        monkeypatch.setattr(echoserver.EchoDaemon, "requestLoop", lambda *args: None)

    @pytest.mark.parametrize(
        ("words", "middle"), [([], []), (["-v"], ["not using a name server."]), (["-qv"], ...)]
    )
    def test_it_prints_pyros_lines(self, words: list[str], middle: object, capsys: Capture) -> None:
        middle = ["not using a name server."] if middle is ... else middle
        outcome = run_here(echoserver.main, words, capsys)
        first, *rest, name, uri, last = outcome.out.splitlines()
        assert (outcome.status, outcome.err) == (0, "")
        assert first == "Starting Pyro's built-in test echo server."
        assert rest == middle
        assert name == "object name: test.echoserver"
        assert uri.startswith("echo uri: PYRO:test.echoserver@localhost:")
        assert last == "echoserver running."

    def test_quiet_prints_nothing(self, capsys: Capture) -> None:
        outcome = run_here(echoserver.main, ["-q"], capsys)
        assert (outcome.status, outcome.out, outcome.err) == (0, "", "")

    def test_with_a_foreign_name_server_it_tells_which(self, capsys: Capture) -> None:
        with name_server_here() as running:
            out = run_here(echoserver.main, ["-n", "-v"], capsys).out
        assert f"using name server at PYRO:Pyro.NameServer@{running.location}\n" in out

    def test_what_goes_wrong_is_one_line(self, capsys: Capture) -> None:
        outcome = run_here(echoserver.main, ["-q", "-H", "203.0.113.9"], capsys)
        assert outcome.status == 1
        assert "no such address" in outcome.complaint

    def test_ctrl_c_while_it_starts_is_its_end(
        self, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*args: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(echoserver, "_start", interrupt)
        assert run_here(echoserver.main, [], capsys).status == 0


def test_shutdown_ends_the_loop() -> None:
    daemon, echo, uri = echoserver.main(["-q"], True)
    thread = threading.Thread(
        target=daemon.requestLoop, args=[lambda: not echo._must_shutdown], daemon=True
    )
    with daemon, Proxy(uri) as proxy:
        thread.start()
        proxy.shutdown()
        thread.join(PATIENCE)
        assert not thread.is_alive()
