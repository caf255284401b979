"""Programs that fork, for ``tests/integration/test_forks.py``: one function for each story.

Run as ``python -m tests.support.peers.forks story [argument]``. A story raises if anything is
wrong; a forked child that fails ends with status 1, and prints why. Whatever is stuck is ended
after a while: the program with the stacks of its threads, a child, where faulthandler's own thread
is missing, by a plain alarm.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyrolike.api import Daemon, Proxy, config, expose, locate_ns
from pyrolike.client.locating import find_name_server
from pyrolike.errors import ConnectionClosedError, PyroError
from pyrolike.futures import Future
from pyrolike.naming import start_ns
from pyrolike.server import building

PATIENCE = 25
"""Seconds a story, or a child of it, may take before it counts as stuck."""

CHILD_SECONDS = 10.0
"""The time a child's call gets: the machine may be busy, but nothing may hang."""

# Python 3.12 and later warn of exactly what these programs are about.
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)


@expose
class Service:
    """Answers with what it was asked, and in other ways."""

    def echo(self, value: object) -> object:
        return value

    def items(self, count: int) -> Iterator[int]:
        yield from range(count)


@contextmanager
def serving(**options: object) -> Iterator[Daemon]:
    """Serve a service under the id "service"."""
    with Daemon(**options) as daemon:  # type: ignore[arg-type]
        daemon.register(Service(), "service")
        thread = threading.Thread(target=daemon.requestLoop, daemon=True)
        thread.start()
        try:
            yield daemon
        finally:
            daemon.shutdown()
            thread.join(PATIENCE)


def connect(daemon: Daemon | str) -> Proxy:
    """Return a proxy for the service, connected."""
    location = daemon if isinstance(daemon, str) else daemon.locationStr
    proxy = Proxy(f"PYRO:service@{location}")
    proxy._pyroTimeout = CHILD_SECONDS
    proxy._pyroBind()
    return proxy


def fork(work: Callable[[], None]) -> int:
    """Run *work* in a forked child, and nothing else there; return the child's process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(PATIENCE)
        work()
        status = 0
    except BaseException:  # noqa: BLE001  the child must not go on as the parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def expect_success(pid: int) -> None:
    """Wait for a child, and see that it did well."""
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"a child ended with status {status}"


def call_many(proxy: Proxy, mark: str, count: int = 1000) -> None:
    """Make calls, and see that each gets its own answer."""
    for number in range(count):
        text = f"{mark} {number}"
        assert proxy.echo(text) == text


def refuses(action: Callable[[], object], words: str) -> None:
    """See that *action* raises a PyroError with these words."""
    try:
        action()
    except PyroError as fault:
        said = str(fault)
    else:
        said = "nothing"
    assert words in said, said


# -- stories --------------------------------------------------------------------------------------


def both_call(location: str) -> None:
    """Parent and child use the same proxy, at the same time."""
    proxy = connect(location)
    before = proxy._pyroLocalSocket

    def child() -> None:
        assert proxy._pyroConnection is None
        call_many(proxy, "child")
        assert proxy._pyroLocalSocket != before

    pid = fork(child)
    call_many(proxy, "parent")
    expect_success(pid)
    call_many(proxy, "parent again", 10)
    assert proxy._pyroLocalSocket == before, "the parent has lost its connection"


def child_lets_go(location: str) -> None:
    """A child drops, releases or leaves alone what it has inherited; the parent sees nothing."""

    def drop() -> None:
        nonlocal proxy
        del proxy

    proxy = connect(location)
    before = proxy._pyroLocalSocket
    for work in (drop, lambda: proxy._pyroRelease(), lambda: None):
        expect_success(fork(work))
        call_many(proxy, "parent", 5)
        assert proxy._pyroLocalSocket == before


def grandchild_calls(location: str) -> None:
    """A child's child has a connection of its own, too."""
    proxy = connect(location)

    def child() -> None:
        call_many(proxy, "child", 5)
        expect_success(fork(lambda: call_many(proxy, "grandchild", 5)))
        call_many(proxy, "child again", 5)

    expect_success(fork(child))


def descriptors_are_closed(location: str) -> None:
    """The child keeps no copy of a connection: only its own end must keep one open."""
    proxy = connect(location)
    number = proxy._pyroConnection.fileno()  # type: ignore[union-attr]

    def child() -> None:
        try:
            os.fstat(number)
        except OSError:
            return
        raise AssertionError("the descriptor is open")

    expect_success(fork(child))


def futures(location: str) -> None:
    """Results of the parent come in the parent; the child knows, and makes calls of its own."""
    proxy = connect(location)._pyroAsync()
    delayed = Future(lambda: "late")
    delayed.delay(3600)
    late = delayed()
    results = [proxy.echo(number) for number in range(300)]

    def child() -> None:
        for number, result in enumerate([*results, late]):
            with suppress(RuntimeError):  # it says that it is the parent's
                assert result.value == number
            assert result.ready
        assert late.ready
        assert [proxy.echo(number).then(str).value for number in range(20)] == [
            str(number) for number in range(20)
        ]
        assert Future(sum)([1, 2]).value == 3

    pid = fork(child)
    assert [result.value for result in results] == list(range(300))
    assert proxy.echo("parent").value == "parent"
    expect_success(pid)
    assert not late.ready
    assert delayed.cancel()


def locks_are_held(location: str) -> None:
    """Fork again and again from one thread while 8 others call, connect and iterate."""
    proxy = connect(location)
    again = connect(location)
    stop = threading.Event()
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            while not stop.is_set():
                call_many(proxy, f"thread {number}", 10)
                if number % 4 == 0:
                    again._pyroRelease()  # so that somebody is always connecting
                    config.MAX_RETRIES = 0  # and holds the lock of the settings
                elif number % 4 == 1:
                    assert sum(proxy.items(5)) == 10
                elif number % 4 == 2:
                    with Proxy(f"PYRO:service@{location}") as own:
                        call_many(own, "own", 2)
                else:
                    with suppress(ConnectionClosedError):
                        call_many(again, "again", 5)
        except BaseException as fault:  # noqa: BLE001  raised again below
            faults.append(fault)

    def child() -> None:
        call_many(proxy, "child", 3)
        call_many(again, "child", 3)
        with connect(location) as new:
            call_many(new, "child", 3)
        assert sum(proxy.items(5)) == 10

        class Fresh(Service):
            pass

        with serving() as daemon, connect(daemon) as mine:
            daemon.register(Fresh(), "fresh")
            call_many(mine, "child", 3)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            expect_success(fork(child))
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    if faults:
        raise faults[0]


def fork_in_a_signal_handler(location: str) -> None:
    """The forking thread is itself in the middle of a call, and goes on in both processes."""
    proxy = connect(location)
    children: list[int] = []
    is_forking = threading.Lock()

    def fork_now(*_: object) -> None:
        # On a slow machine the next signal comes while this one's fork is under way, and Python's
        # own hooks for logging do not bear a fork within a fork.
        if len(children) < 5 and is_forking.acquire(False):
            children.append(os.fork())
            is_forking.release()

    signal.signal(signal.SIGALRM, fork_now)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        number = 0
        while len(children) < 5 and 0 not in children:
            number += 1
            try:
                assert proxy.echo(number) == number
            except PyroError:
                if 0 not in children:
                    raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if 0 in children:
        try:
            call_many(proxy, "child", 3)
        except BaseException:  # noqa: BLE001  the child must not go on as the parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    for pid in children:
        expect_success(pid)
    call_many(proxy, "parent", 10)


def streams(location: str) -> None:
    """A child gets none of the parent's items, and does not close the parent's stream either."""
    for window in (1, 3):
        proxy = connect(location)
        proxy._pyroStreamWindow = window
        items = proxy.items(10)
        forgotten = proxy.items(10)
        assert next(items) == 0
        next(forgotten)
        identity = forgotten.streamId
        del forgotten

        def child(proxy: Proxy = proxy, items: Iterator[int] = items) -> None:
            refuses(lambda: next(items), "parent")
            items.close()  # type: ignore[attr-defined]
            assert list(proxy.items(4)) == [0, 1, 2, 3]

        expect_success(fork(child))
        assert list(proxy._pyroLink.forgotten_streams) == [identity]
        assert list(items) == list(range(1, 10))
        proxy._pyroRelease()


def name_server_lines(_: str) -> None:
    """What asks a name server does so on a connection of its own."""
    uri, daemon, _ = start_ns(host="localhost", port=0, enableBroadcast=False)  # type: ignore[misc]
    with daemon:
        thread = threading.Thread(target=daemon.requestLoop, daemon=True)
        thread.start()
        line = find_name_server("localhost", uri.port)
        name_server = locate_ns("localhost", uri.port)

        def child() -> None:
            for _ in range(50):
                assert name_server.lookup("Pyro.NameServer") == uri
                assert line.ask("lookup", "Pyro.NameServer") == uri

        pid = fork(child)
        for _ in range(50):
            assert line.ask("lookup", "Pyro.NameServer") == uri
        expect_success(pid)
        assert line.ask("lookup", "Pyro.NameServer") == uri
        line.close()
        name_server._pyroRelease()
        daemon.shutdown()
        thread.join(PATIENCE)


def connected_sockets(_: str) -> None:
    """A socket of the program's is left open, and a child makes a new proxy for it."""
    config.METADATA = False  # nobody is there yet who could tell it
    ours, theirs = socket.socketpair()
    proxy = Proxy("service", connected_socket=ours)

    def child() -> None:
        refuses(lambda: proxy.echo(1), "of a parent process")
        assert proxy._pyroConnection is None
        with Daemon(connected_socket=theirs) as daemon:
            daemon.register(Service(), "service")
            ours.close()
            daemon.requestLoop()

    pid = fork(child)
    theirs.close()
    call_many(proxy, "parent", 10)
    proxy._pyroRelease()
    ours.close()
    expect_success(pid)


def daemons(kind: str) -> None:
    """A daemon that was made before the fork says so in the child; the parent's goes on."""
    config.SERVERTYPE = kind
    path = f"{os.environ['PYROLIKE_TEST_FOLDER']}/s"
    idle = Daemon()  # whose loop does not run
    with serving() as daemon, serving(unixsocket=path) as local, idle:
        proxy, near = connect(daemon), connect(local)

        def child() -> None:
            for inherited in (daemon, local, idle):
                refuses(inherited.requestLoop, "forked child")
                refuses(lambda: inherited.sock, "forked child")  # noqa: B023
                assert "closed" in repr(inherited)
                inherited.unregister("nothing")
                inherited.shutdown()
                inherited.close()
            call_many(proxy, "child", 5)
            call_many(near, "child", 5)
            with serving() as own, connect(own) as mine:
                call_many(mine, "child", 5)

        for _ in range(3):
            expect_success(fork(child))
            call_many(proxy, "parent", 5)
            call_many(near, "parent", 5)
            with connect(daemon) as new, connect(local) as new_near:
                call_many(new, "parent", 5)
                call_many(new_near, "parent", 5)
        assert os.path.exists(path)
    assert not os.path.exists(path)


def port_is_free_again(kind: str) -> None:
    """A child does not keep the parent's port: clients would wait for answers from nobody."""
    config.SERVERTYPE = kind
    reader, writer = os.pipe()
    ready_reader, ready_writer = os.pipe()

    def child() -> None:
        os.write(ready_writer, b"!")
        os.read(reader, 1)

    with serving() as daemon:
        client = connect(daemon)
        location = daemon.locationStr
        pid = fork(child)
        os.read(ready_reader, 1)  # it has done by now what every child does first
        call_many(client, "parent", 3)
    refuses(lambda: connect(location), "refused")
    refuses(lambda: client.echo(1), "")
    os.write(writer, b"!")
    expect_success(pid)


def open_door(kind: str) -> None:
    """Workers wait at the listening socket itself: the parent's go on doing so."""
    config.SERVERTYPE = kind
    building.DOOR_SECONDS = config.THREADPOOL_LINGER = float(PATIENCE)  # as long as that
    with serving() as daemon:
        server: Any = daemon.transportServer
        while not server._door.is_open:
            with connect(daemon) as proxy:
                call_many(proxy, "parent", 1)

        def child() -> None:
            assert not server._door.is_open
            refuses(daemon.requestLoop, "forked child")
            daemon.close()

        for _ in range(3):
            expect_success(fork(child))
            for _ in range(50):
                with connect(daemon) as proxy:
                    call_many(proxy, "parent", 1)
        assert server._door.is_open
        location = daemon.locationStr
    refuses(lambda: connect(location), "refused")


def fork_in_a_method(kind: str) -> None:
    """A method forks, and its child comes back from it: the client gets one answer."""
    config.SERVERTYPE = kind
    children: list[int] = []

    class Forking:
        @expose
        def split(self) -> str:
            pid = os.fork()
            if pid == 0:
                signal.alarm(PATIENCE)
                return "child"
            children.append(pid)
            return "parent"

    pid = os.getpid()
    with Daemon() as daemon:
        daemon.register(Forking(), "service")
        thread = threading.Thread(target=daemon.requestLoop, daemon=True)
        thread.start()
        proxy = connect(daemon)
        for _ in range(3):
            assert proxy.split() == "parent"
            assert os.getpid() == pid
        daemon.shutdown()
        thread.join(PATIENCE)
    for child in children:
        os.waitpid(child, 0)


def _call_from_a_process(proxy: Proxy, mark: str) -> None:
    signal.alarm(PATIENCE)
    proxy._pyroTimeout = CHILD_SECONDS
    call_many(proxy, mark, 100)


def processes(method: str) -> None:
    """Processes of multiprocessing get a proxy as an argument."""
    context = multiprocessing.get_context(method)
    config.SERVERTYPE = "thread"
    with serving() as daemon, connect(daemon) as proxy:
        before = proxy._pyroLocalSocket
        workers = [
            context.Process(target=_call_from_a_process, args=(proxy, f"process {number}"))  # type: ignore[attr-defined]
            for number in range(3)
        ]
        for worker in workers:
            worker.start()
        call_many(proxy, "parent", 100)
        for worker in workers:
            worker.join(PATIENCE)
            assert worker.exitcode == 0, worker
            worker.close()
        assert proxy._pyroLocalSocket == before


def main(story: str, argument: str = "") -> None:
    """Tell one story; with a location as its argument if none is given."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    if argument:
        globals()[story](argument)
    else:
        with serving() as daemon:
            globals()[story](daemon.locationStr)
    print("well done")


if __name__ == "__main__":
    main(*sys.argv[1:])
