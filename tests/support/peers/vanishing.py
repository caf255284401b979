"""Two machines and a cable that is cut, for ``tests/integration/test_dead_peers.py``.

The machines are two network namespaces of Linux, so this needs root, ``ip``, ``unshare`` and
``nsenter``. Run it as ``unshare -n python -m tests.support.peers.vanishing``: it is the client, and
starts the server, in a namespace of its own. To cut the cable each side is told a wrong hardware
address of the other: what is sent is lost from then on, and nobody is told.
"""

from __future__ import annotations

import faulthandler
import fcntl
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from time import monotonic, sleep

from pyrolike.api import Daemon, Proxy, config, expose
from pyrolike.errors import ConnectionClosedError
from pyrolike.transport import wait_readable

PATIENCE = 40
"""Seconds after which all of it counts as stuck."""

KEEPALIVE = 2.0
"""The setting in both: the cable is short."""

NOTICED = 15.0
"""Seconds within which everybody must have noticed: four are expected, hours without the setting.
The system's timers and a busy machine take their time, too."""

CLIENT, SERVER = "10.98.7.1", "10.98.7.2"
NOWHERE = "02:00:00:00:00:99"


def run(*command: str) -> None:
    """Run a command of the system."""
    subprocess.run(command, check=True)


def cut(other: str) -> None:
    """Send to *other* what nobody receives."""
    run("ip", "neigh", "replace", other, "lladdr", NOWHERE, "dev", "cable", "nud", "permanent")


@expose
class Service:
    """Answers, or does not."""

    def echo(self, value: object) -> object:
        return value

    def wait(self) -> None:
        print("called", flush=True)
        threading.Event().wait(PATIENCE)


class Watchful(Daemon):
    """Says when a client is gone."""

    def clientDisconnect(self, conn: object) -> None:
        print("gone", flush=True)


def serve() -> None:
    """Be the server: does what the lines of its input say."""
    print("here", flush=True)
    sys.stdin.readline()  # the cable is there
    with Watchful(host=SERVER) as daemon:
        daemon.register(Service(), "service")
        threading.Thread(target=daemon.requestLoop, daemon=True).start()
        print(daemon.uriFor("service"), flush=True)
        sys.stdin.readline()
        cut(CLIENT)
        print("cut", flush=True)
        sys.stdin.readline()


def lay_cable(pid: int) -> None:
    """Connect this machine to that of the process *pid*."""
    inside = ("nsenter", "-t", str(pid), "-n")
    run("ip", "link", "set", "lo", "up")
    names = ("name", "cable", "type", "veth", "peer", "name", "cable", "netns", str(pid))
    run("ip", "link", "add", *names)
    for where, address in ((), CLIENT), (inside, SERVER):
        run(*where, "ip", "addr", "add", f"{address}/24", "dev", "cable")
        run(*where, "ip", "link", "set", "cable", "up")


def wait_until_received(number: int) -> None:
    """Wait until the other side has confirmed what was sent; else it is sent again and again."""
    end = monotonic() + NOTICED
    while fcntl.ioctl(number, termios.TIOCOUTQ, b"\0" * 4) != b"\0" * 4:
        assert monotonic() < end
        sleep(0.001)


def call(read: Callable[[], str], tell: Callable[[str], None]) -> None:
    """Be the client."""
    uri = read()
    idle, busy = Proxy(uri), Proxy(uri)
    assert (idle.echo(1), busy.echo(2)) == (1, 2)
    connection = idle._pyroConnection
    assert connection is not None
    faults: list[BaseException] = []

    def wait() -> None:
        try:
            busy.wait()
        except BaseException as fault:  # noqa: BLE001  looked at below
            faults.append(fault)

    thread = threading.Thread(target=wait)
    thread.start()
    assert read() == "called"
    assert busy._pyroConnection is not None
    wait_until_received(busy._pyroConnection.fileno())
    tell("cut")
    assert read() == "cut"
    cut(SERVER)
    start = monotonic()
    assert wait_readable(connection.sock, NOTICED), "an idle client has not noticed it"
    thread.join(NOTICED)
    assert faults, "a client that waits for a reply has not noticed it"
    assert isinstance(faults[0], ConnectionClosedError), faults
    assert read() == "gone", "the server has not noticed it"
    seconds = monotonic() - start
    assert KEEPALIVE / 2 < seconds < NOTICED, seconds


def main() -> None:
    """Be both."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    config.KEEPALIVE_SECONDS = KEEPALIVE
    if "serve" in sys.argv:
        serve()
        return
    command = ["unshare", "-n", sys.executable, "-m", "tests.support.peers.vanishing", "serve"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        out, into = server.stdout, server.stdin

        def tell(line: str) -> None:
            into.write(line + "\n")
            into.flush()

        try:
            assert out.readline() == "here\n"
            lay_cable(server.pid)
            tell("cable")
            call(lambda: out.readline().strip(), tell)
        finally:
            server.kill()
    print("well done")


if __name__ == "__main__":
    main()
