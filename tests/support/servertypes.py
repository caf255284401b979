"""Daemons of each server type, with clients that do not care which one it is."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, behavior, current_context, expose, oneway
from tests.support import wire
from tests.support.daemon import (
    PATIENCE,
    RunningDaemon,
    Threads,
    changed_settings,
    running_daemon,
)
from tests.support.rawpeer import RawPeer, raw_client, serpent

LISTENING = ["thread", "multiplex"]
"""Server types that accept connections."""

ALL = [*LISTENING, "existing"]
"""And the one that is given its only one."""


def needs_threads(reason: str) -> pytest.MarkDecorator:
    """Run a test with the thread server only, in a file that uses the fixture ``server_type``.

    Args:
        reason: Why a server with one thread cannot do it.
    """
    assert reason
    return pytest.mark.parametrize("server_type", ["thread"], indirect=True)


HANDSHAKE = wire.message(wire.CONNECT, serpent({"handshake": "hello", "object": "calc"}))


class Served:
    """A running daemon of some server type, and ways to become its client.

    Attributes:
        running: The daemon and the thread of its loop.
        daemon: The daemon.
    """

    def __init__(self, running: RunningDaemon, end: socket.socket | None) -> None:
        self.running = running
        self.daemon = running.daemon
        self._end = end
        self._stack = ExitStack()

    def proxy(self, object_id: str = "calc") -> Proxy:
        """Return a proxy that is closed in the end; of an existing connection all share the one."""
        if self._end is None:
            proxy = self.running.proxy(object_id)
        else:
            proxy = Proxy(object_id, connected_socket=self._end)
        proxy._pyroTimeout = PATIENCE
        return self._stack.enter_context(proxy)

    def silent_peer(self) -> RawPeer:
        """Return a client that has said nothing yet."""
        if self._end is not None:
            return RawPeer(self._end)
        return self._stack.enter_context(raw_client(self.running.location))

    def peer(self) -> RawPeer:
        """Return a client that is ready to call."""
        peer = self.silent_peer()
        if self._end is None:
            assert peer.connect().type == wire.CONNECTOK
        return peer

    def leave(self) -> None:
        """Have all clients go away."""
        self._stack.close()
        if self._end is not None:
            self._end.close()


@contextmanager
def served(
    kind: str,
    objects: Mapping[str, object] | None = None,
    *,
    daemon_class: type[Daemon] = Daemon,
    **settings: Any,
) -> Iterator[Served]:
    """Run a daemon of the server type *kind* while the block runs; all are closed in the end."""
    with ExitStack() as stack:
        options: dict[str, Any] = {}
        end = None
        if kind == "existing":
            ours, end = (stack.enter_context(one) for one in socket.socketpair())
            options["connected_socket"] = ours
        else:
            settings["SERVERTYPE"] = kind
        with changed_settings(**settings):
            running = stack.enter_context(
                running_daemon(objects, daemon_class=daemon_class, **options)
            )
            result = Served(running, end)
            stack.callback(result.leave)
            yield result


class Watching(Daemon):
    """A daemon that remembers what its hooks were told."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.left: list[tuple[Any, bool, int]] = []
        self.has_left = threading.Semaphore(0)
        self.houses = threading.Semaphore(0)
        super().__init__(*arguments, **options)

    def clientDisconnect(self, conn: Any) -> None:
        self.left.append((conn, conn.fileno() >= 0, len(conn.tracked_resources)))
        self.has_left.release()

    def housekeeping(self) -> None:
        self.houses.release()


class Resource:
    """Something that must be closed when its client is gone."""

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def close(self) -> None:
        self.is_closed.set()


@expose
class Calc:
    """What a server type must be able to serve."""

    def __init__(self) -> None:
        self.resource = Resource()
        self.notes: list[Any] = []
        self.has_notes = threading.Condition()
        self.stop_now: Callable[[], None] = lambda: None
        self.is_held = threading.Event()
        self.held = threading.Semaphore(0)  # once for each call of `hold`
        self.may_go_on = threading.Event()
        self._level = 0

    @property
    def level(self) -> int:
        return self._level

    @level.setter
    def level(self, value: int) -> None:
        self._level = value

    def add(self, a: int, b: int) -> int:
        return a + b

    def repeat(self, text: str, count: int) -> str:
        return text * count

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    def fail(self) -> None:
        raise ValueError("failed")

    @oneway
    def fail_oneway(self) -> None:
        raise ValueError("failed")

    def answer_with_rubbish(self) -> None:
        current_context.response_annotations = {"TOO LONG": b""}

    def leave(self, kind: str) -> None:
        raise {"exit": SystemExit, "interrupt": KeyboardInterrupt, "generator": GeneratorExit}[
            kind
        ]("gone")

    def stop(self, size: int = 0) -> str:
        self.stop_now()
        return "x" * size or "stopped"

    def hold(self) -> str:
        self.held.release()
        self.is_held.set()
        assert self.may_go_on.wait(PATIENCE)
        return "held"

    def track(self) -> None:
        current_context.track_resource(self.resource)

    def thread(self) -> str:
        return threading.current_thread().name

    def call_back(self, proxy: Any) -> Any:
        proxy._pyroTimeout = PATIENCE
        return proxy.add(3, 4)

    @oneway
    def note(self, word: Any) -> None:
        with self.has_notes:
            self.notes.append(word)
            self.has_notes.notify_all()

    @oneway
    def stop_oneway(self) -> None:
        self.stop_now()

    @oneway
    def wait_oneway(self) -> None:
        self.is_held.set()
        assert self.may_go_on.wait(PATIENCE)

    def wait_noted(self, count: int) -> list[Any]:
        """Wait until there are *count* notes, and return them."""
        with self.has_notes:
            assert self.has_notes.wait_for(lambda: len(self.notes) >= count, PATIENCE)
            return list(self.notes)


class Counted:
    """An object that counts its calls, to see which instance it is."""

    def __init__(self) -> None:
        self._calls = 0

    @expose
    def call(self) -> int:
        self._calls += 1
        return self._calls


@behavior(instance_mode="session")
class PerSession(Counted):
    """An instance for each client."""


@behavior(instance_mode="single")
class Single(Counted):
    """One instance."""


@behavior(instance_mode="percall")
class PerCall(Counted):
    """An instance for each call."""


@contextmanager
def foreign_loop(daemon: Daemon, timeout: float | None = 0.1) -> Iterator[None]:
    """Serve the daemon in a loop of the program's own while the block runs."""
    ours, theirs = socket.socketpair()

    def loop() -> None:
        while True:
            ready, _, _ = select.select([*daemon.sockets, ours], [], [], timeout)
            if ours in ready:
                return
            daemon.events(ready)

    with ours, theirs, Threads() as threads:
        threads.start(loop)
        try:
            yield
        finally:
            theirs.send(b"!")
