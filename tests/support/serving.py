"""The inner side of a daemon without the daemon: for tests of sessions and server types."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from pyrolike.callcontext import get_state, set_state
from pyrolike.server.service import Service
from pyrolike.server.session import Session
from pyrolike.transport import SocketConnection
from tests.support.daemon import PATIENCE
from tests.support.rawpeer import RawPeer
from tests.support.wire import RawMessage

log = logging.getLogger("tests.serving")

LINGER = 0.02
"""Seconds a session waits for more bytes when nothing comes."""


class Hooks:
    """Stands for the daemon: has its hooks, and remembers who called them."""

    methodcall_error_handler: Callable[..., None]

    def __init__(self) -> None:
        self.shaken: list[Any] = []
        self.left: list[Any] = []
        self.houses_kept = 0
        self.reported: list[tuple[Any, ...]] = []
        self.methodcall_error_handler = lambda *report: self.reported.append(report)

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        self.shaken.append((conn, data))
        return "hello"

    def clientDisconnect(self, conn: Any) -> None:
        self.left.append(conn)

    def annotations(self) -> Mapping[str, Any]:
        return {}

    def permit_call(self, conn: Any, objectId: str, member: str, access: str) -> bool:
        return True

    def housekeeping(self) -> None:
        self.houses_kept += 1


def make_service(objects: Mapping[str, object] | None = None, daemon: Any = None) -> Service:
    """Return the inner side of a daemon that has *objects* and the hooks of *daemon*."""
    hooks: Any = daemon or Hooks()
    service = Service(hooks, Hooks)
    for object_id, thing in (objects or {}).items():
        service.table.add(thing, object_id, None, force=False, weak=False)
    return service


class Serving:
    """A session, its client, and what a server type would do with the session.

    Attributes:
        session: The session.
        peer: Its client.
    """

    def __init__(self, session: Session, peer: RawPeer) -> None:
        self.session = session
        self.peer = peer

    def work(self) -> None:
        """Answer what has arrived, as a worker does."""
        before = get_state()
        set_state(self.session.state)
        try:
            while (message := self.session.take_message()) is not None:
                self.session.process(message)
        except BaseException:
            self.session.is_finished = True
            log.exception("the session ended by an unexpected error")
        finally:
            set_state(before)

    def finish(self) -> None:
        """Answer what has arrived, and end the session if that is due."""
        self.work()
        if self.session.is_finished:
            self.session.end()


@contextmanager
def serving(
    service: Service, *, pair: Any = socket.socketpair, **options: Any
) -> Iterator[Serving]:
    """Give a session of *service* and its client, joined by a pair of sockets."""
    ours, theirs = pair()
    connection = SocketConnection(ours)
    connection.limit_waiting(LINGER, 1.0)
    session = Session(service, connection, None, options.pop("deadline", None), **options)
    with RawPeer(theirs) as peer:
        try:
            yield Serving(session, peer)
        finally:
            connection.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that are connected by TCP, the accepted one first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return listener.accept()[0], client


class HeldTask:
    """A task that says when it runs, and ends when it is told to."""

    def __init__(self) -> None:
        self.is_running = threading.Event()
        self.may_end = threading.Event()
        self.has_ended = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> None:
        self.thread = threading.current_thread()
        self.is_running.set()
        assert self.may_end.wait(PATIENCE)
        self.has_ended.set()


def run_bounded(call: Callable[[], object], seconds: float = 5.0) -> bool:
    """Run *call* in a thread; say whether it came back in time. What is stuck is left behind."""
    thread = threading.Thread(target=call, name="bounded", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def settle(before: set[threading.Thread], seconds: float = 5.0) -> list[str]:
    """Wait for the threads that were not there *before*; return the names of those that stay."""
    new = [thread for thread in threading.enumerate() if thread not in before]
    end = monotonic() + seconds
    for thread in new:
        thread.join(max(0.0, end - monotonic()))
    return [thread.name for thread in new if thread.is_alive()]


def count_descriptors() -> int:
    """Return how many descriptors this process has open; 0 if the system does not tell."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def settle_descriptors(before: int, seconds: float = 5.0) -> int:
    """Wait until there are no more descriptors than *before*; return how many there are then.

    A thread that was about to close one may not have come to it yet.
    """
    end = monotonic() + seconds
    while count_descriptors() > before and monotonic() < end:
        sleep(0.001)
    return count_descriptors()


def exchange(pair: Serving, data: bytes) -> RawMessage:
    """Send bytes, let the session work, and return its answer."""
    pair.peer.send(data)
    pair.finish()
    return pair.peer.read_message()
