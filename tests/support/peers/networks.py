"""A machine with two networks and a name server in each; ``test_networks.py`` runs it.

The machines are network namespaces of Linux, see ``vanishing``. Run it as ``unshare -n python -m
tests.support.peers.networks LIBRARY``: it is the machine in the middle, and starts the two others,
with the name server of that library.
"""

from __future__ import annotations

import contextlib
import faulthandler
import subprocess
import sys
import threading
from collections.abc import Iterator
from time import monotonic, sleep

from pyrolike.api import Daemon, config, expose, locate_ns, resolve
from pyrolike.errors import NamingError
from pyrolike.naming import AutoCleaner, NameServerDaemon
from tests.support.peers.starting import NAME_SERVER_MODULES
from tests.support.peers.vanishing import NOWHERE, run

PATIENCE = 50
"""Seconds after which all of it counts as stuck."""

FIRST, SECOND = "10.98.8.2", "10.98.9.2"
OURS = {FIRST: "10.98.8.1", SECOND: "10.98.9.1"}
CABLES = {FIRST: "first", SECOND: "second"}

STOCK_CLIENT = """
import Pyro5.api
Pyro5.api.config.NS_HOST = "192.0.2.1"  # asks the network first
with Pyro5.api.locate_ns() as names:
    print("found", names._pyroUri.host, names.count())
"""


@expose
class Thing:
    """Says hello."""

    def hello(self) -> str:
        return "hello"


@contextlib.contextmanager
def machine(other: str) -> Iterator[tuple[str, ...]]:
    """Have a machine called *other*, connected to this one; gives how commands begin there."""
    command = ["unshare", "-n", "sh", "-c", "ip link set lo up; echo here; cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"here\n"
        inside = ("nsenter", "-t", str(holder.pid), "-n")
        name = CABLES[other]
        peer = ("peer", "name", name, "netns", str(holder.pid))
        run("ip", "link", "add", "name", name, "type", "veth", *peer)
        for where, address in ((), OURS[other]), (inside, other):
            run(*where, "ip", "addr", "add", f"{address}/24", "brd", "+", "dev", name)
            run(*where, "ip", "link", "set", name, "up")
        yield inside


@contextlib.contextmanager
def name_server(inside: tuple[str, ...], library: str) -> Iterator[subprocess.Popen[str]]:
    """Run a name server on another machine, on all its addresses."""
    command = [*inside, sys.executable, "-m", NAME_SERVER_MODULES[library], "-n", "0.0.0.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            while not server.stdout.readline().startswith("URI"):
                assert server.poll() is None
            yield server
        finally:
            server.kill()


def hear_nothing_alone() -> None:
    """Be a machine without any network, not even its own."""
    begin = monotonic()
    with contextlib.suppress(NamingError):
        locate_ns()
        raise AssertionError("a name server was found where there is no network")
    assert monotonic() - begin < 1.0


def find(location: str) -> None:
    """See that the search ends at *location*, and that what is found there can be used."""
    with locate_ns() as names:
        assert names._pyroUri.location == location, names._pyroUri
        names.register("thing", "PYRO:thing@somewhere:1")
        assert str(resolve("PYRONAME:thing")) == "PYRO:thing@somewhere:1"


def find_by_broadcast(stock_too: bool) -> None:
    """Find the name server in the network of the default route, and then that in the other."""
    run("ip", "route", "add", "default", "dev", CABLES[FIRST])
    find(f"{FIRST}:9090")
    config.BROADCAST_ADDRS = ["10.98.9.255"]
    find(f"{SECOND}:9090")
    config.BROADCAST_ADDRS = ["<broadcast>", "0.0.0.0"]
    if stock_too:
        said = subprocess.run([sys.executable, "-c", STOCK_CLIENT], capture_output=True, text=True)
        assert said.stdout.split() == ["found", FIRST, "2"], said


def find_the_next(server: subprocess.Popen[str]) -> None:
    """Have two name servers in the settings, and lose the first one in all ways."""
    config.NS_HOST = f"{FIRST}, {SECOND}:9090"
    find(f"{FIRST}:9090")
    with locate_ns() as known:
        server.kill()
        server.wait()
        begin = monotonic()
        find(f"{SECOND}:9090")
        assert monotonic() - begin < 1.0
        with contextlib.suppress(Exception):
            known.ping()
    run(
        "ip", "neigh", "replace", FIRST, "lladdr", NOWHERE, "dev", CABLES[FIRST], "nud", "permanent"
    )
    begin = monotonic()
    find(f"{SECOND}:9090")  # the search, and the one for the name
    assert monotonic() - begin < 6.0


@contextlib.contextmanager
def cleaning_name_server() -> Iterator[NameServerDaemon]:
    """Run a name server here that cleans in a hurry."""
    AutoCleaner.override_autoclean_min = True
    AutoCleaner.loop_delay, AutoCleaner.max_unreachable_time = 0.05, 0.3
    config.NS_AUTOCLEAN, config.COMMTIMEOUT = 0.1, 0.3
    with NameServerDaemon("127.0.0.1", 0) as daemon:
        threading.Thread(target=daemon.requestLoop, daemon=True).start()
        yield daemon


def wait_for(daemon: NameServerDaemon, *names: str) -> None:
    """Wait until just these names are left."""
    end = monotonic() + 15
    while set(daemon.nameserver.list()) != {"Pyro.NameServer", *names}:
        assert monotonic() < end, daemon.nameserver.list()
        sleep(0.05)


def clean(second: tuple[str, ...]) -> None:
    """Forget what the network swallows, and keep everything while there is no network.

    By now the first machine cannot be reached.
    """
    with cleaning_name_server() as daemon, Daemon(host="127.0.0.1") as ours:
        names = daemon.nameserver
        names.register("here", ours.register(Thing()))
        names.register("there", f"PYRO:x@{SECOND}:9090")
        for number in range(150):
            names.register(f"swallowed.{number}", f"PYRO:x@{FIRST}:{9000 + number}")
        wait_for(daemon, "here", "there")
        names.register("there.dead", f"PYRO:x@{SECOND}:2")
        wait_for(daemon, "here", "there")
        # The other ends are out: there is no carrier any more, but the routes are still there.
        run(*second, "ip", "link", "set", CABLES[SECOND], "down")
        run("ip", "link", "set", CABLES[FIRST], "down")
        sleep(2.0)
        wait_for(daemon, "here", "there")
        # Now they are not, either.
        run("ip", "link", "set", CABLES[SECOND], "down")
        sleep(1.0)
        wait_for(daemon, "here", "there")


def main() -> None:
    """Be the machine in the middle."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    library = sys.argv[1]
    hear_nothing_alone()
    run("ip", "link", "set", "lo", "up")
    hear_nothing_alone()
    with (
        machine(FIRST) as first,
        machine(SECOND) as second,
        name_server(first, library) as server,
        name_server(second, library),
    ):
        find_by_broadcast(stock_too=library == "pyrolike")
        find_the_next(server)
        if library == "pyrolike":
            clean(second)
    print("well done")


if __name__ == "__main__":
    main()
