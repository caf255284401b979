"""Auto-clean with real servers, dead and alive, on every kind of address."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import pytest

from pyrolike.api import Daemon, Proxy, expose
from pyrolike.naming import AutoCleaner, NameServer, NameServerDaemon
from tests.support.daemon import PATIENCE, changed_settings, running_daemon
from tests.support.nameservers import full_backlog, nowhere
from tests.support.processes import Program


@expose
class Thing:
    """Says hello."""

    def hello(self) -> str:
        return "hello"


SERVER = """
import sys
from pyrolike.api import Daemon, Proxy, expose
@expose
class Thing:
    def hello(self): return "hello"
daemon = Daemon(host="127.0.0.1")
with Proxy(sys.argv[1]) as names:
    names.register("other.process", daemon.register(Thing()))
print("READY", flush=True)
daemon.requestLoop()
"""


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become hundredths."""
    monkeypatch.setattr(AutoCleaner, "override_autoclean_min", True)
    monkeypatch.setattr(AutoCleaner, "loop_delay", 0.02)
    monkeypatch.setattr(AutoCleaner, "max_unreachable_time", 0.1)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server that cleans, on loopback."""
    with (
        changed_settings(NS_AUTOCLEAN=0.05, COMMTIMEOUT=0.2),
        running_daemon(daemon_class=NameServerDaemon, host="127.0.0.1", port=0) as running,
    ):
        assert isinstance(running.daemon, NameServerDaemon)
        yield running.daemon.nameserver


def wait_for(names: NameServer, expected: set[str]) -> None:
    """Wait until just these names are left, and a while longer to see that they stay."""
    end = monotonic() + PATIENCE
    while set(names.list()) != {"Pyro.NameServer", *expected}:
        assert monotonic() < end, sorted(names.list())
        sleep(0.01)


@pytest.mark.slow
def test_of_all_kinds_of_addresses_the_dead_go_and_the_living_stay(
    names: NameServer, tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone.sock")
    with ExitStack() as closing:
        alive = {"tcp": Daemon(host="127.0.0.1"), "unix": Daemon(unixsocket=str(tmp_path / "a"))}
        alive["nat"] = Daemon(host="127.0.0.1", nathost="localhost", natport=0)
        if socket.has_ipv6:
            alive["six"] = Daemon(host="::1")
        for name, daemon in alive.items():
            closing.enter_context(daemon)
            names.register(name, daemon.register(Thing()))
        port = closing.enter_context(full_backlog())
        names.register("busy", f"PYRO:x@127.0.0.1:{port}")
        names.register("alias", "PYRONAME:tcp")
        names.register("tags", "PYROMETA:a,b")
        names.register("relative", "PYRO:x@./u:somewhere.sock")
        staying = {*alive, "busy", "alias", "tags", "relative"}
        names.register("dead.tcp", f"PYRO:x@127.0.0.1:{nowhere()}")
        names.register("dead.six", f"PYRO:x@[::1]:{nowhere()}")
        names.register("dead.unix", f"PYRO:x@./u:{gone}")
        names.register("dead.port", "PYRO:x@127.0.0.1:70000")
        names.register("dead.socket", "PYRO:x@<<connected-socket>>:0")
        for number in range(300):
            names.register(f"dead.{number}", f"PYRO:x@127.0.0.{number % 250 + 1}:{nowhere()}")
        wait_for(names, staying)
        sleep(0.5)  # several times what a dead one has
        assert set(names.list()) == {"Pyro.NameServer", *staying}


@pytest.mark.slow
def test_a_server_that_is_killed_goes_and_one_that_is_stopped_stays(names: NameServer) -> None:
    uri = str(names.lookup("Pyro.NameServer"))
    with Program(["-c", SERVER, uri], ready="READY") as program:
        wait_for(names, {"other.process"})
        program.send(signal.SIGSTOP)
        sleep(0.5)
        assert "other.process" in names.list()
        program.send(signal.SIGCONT)
        with Proxy(names.lookup("other.process")) as proxy:
            assert proxy.hello() == "hello"
        program.send(signal.SIGKILL)
        program.wait()
    wait_for(names, set())


@pytest.mark.slow
def test_who_registers_again_and_again_is_never_lost(names: NameServer) -> None:
    """The place is dead, but its registration is always newer than what a dead one has."""
    uri = f"PYRO:x@127.0.0.1:{nowhere()}"
    end = monotonic() + 1.0
    while (start := monotonic()) < end:
        names.register("x", uri)
        sleep(0.01)
        is_there = "x" in names.list()
        # On a busy machine this thread may have had no turn for as long as the dead are given.
        assert is_there or monotonic() - start > AutoCleaner.max_unreachable_time
    wait_for(names, set())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_no_cleaner_and_can_close_its_copy() -> None:
    with changed_settings(NS_AUTOCLEAN=3.0), NameServerDaemon("127.0.0.1", 0) as daemon:
        cleaner = daemon.cleaner_thread
        assert cleaner is not None
        child = os.fork()
        if child == 0:
            status = 1
            try:
                daemon.close()
                status = 0 if cleaner.stop and not cleaner.is_alive() else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert cleaner.is_alive()


@pytest.mark.slow
def test_a_program_with_the_setting_cleans_and_ends_at_once() -> None:
    environment = {"PYRO_NS_AUTOCLEAN": "3"}
    with Program(
        ["-W", "error", "-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", "0"],
        ready=r"^URI = (\S+)$",
        environment=environment,
        ends_by_interrupt=True,
    ) as program:
        start = monotonic()
        program.interrupt()
        assert program.wait() == 0
        assert monotonic() - start < 2.0
    with Program(
        ["-W", "error", "-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", "0"],
        ready=r"NS_AUTOCLEAN must be",
        environment={"PYRO_NS_AUTOCLEAN": "1"},
    ) as program:
        assert program.wait() == 1
        assert "Traceback" not in program.output
