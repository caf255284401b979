"""A pyrolike daemon in a thread of the test's own process, and settings changed for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pyrolike.api import URI, Daemon, Proxy, config

PATIENCE = 20.0
"""Seconds anything may take before it counts as stuck."""


@dataclass(frozen=True, slots=True)
class RunningDaemon:
    """A daemon whose request loop runs in a thread.

    Attributes:
        daemon: The daemon.
        thread: The thread of its request loop.
    """

    daemon: Daemon
    thread: threading.Thread

    @property
    def location(self) -> str:
        """Where it listens: ``host:port``, ``[v6]:port`` or ``./u:path``."""
        return self.daemon.locationStr

    def uri(self, object_id: str = "calc") -> URI:
        """Return the URI of an object; it need not exist."""
        return URI(f"PYRO:{object_id}@{self.location}")

    def proxy(self, object_id: str = "calc", serializer: str | None = None) -> Proxy:
        """Return a new proxy that gives up, instead of blocking the test run, when it is stuck."""
        proxy = Proxy(self.uri(object_id))
        proxy._pyroTimeout = PATIENCE
        proxy._pyroSerializer = serializer
        return proxy

    def join(self) -> None:
        """Wait until the request loop has ended."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the request loop did not end"


@contextmanager
def running_daemon(
    objects: Mapping[str, object] | None = None,
    *,
    daemon_class: type[Daemon] = Daemon,
    **options: Any,
) -> Iterator[RunningDaemon]:
    """Run a daemon while the block runs, and see that it ends.

    Args:
        objects: What it serves, by object id.
        daemon_class: The class of the daemon.
        options: Further arguments of the daemon.
    """
    with daemon_class(**options) as daemon:
        for object_id, thing in (objects or {}).items():
            daemon.register(thing, object_id)
        thread = threading.Thread(target=daemon.requestLoop, name="request-loop", daemon=True)
        thread.start()
        running = RunningDaemon(daemon, thread)
        try:
            yield running
        finally:
            daemon.shutdown()
            running.join()


@contextmanager
def changed_settings(**items: Any) -> Iterator[None]:
    """Change configuration items while the block runs."""
    before = {item: getattr(config, item) for item in items}
    try:
        for item, value in items.items():
            setattr(config, item, value)
        yield
    finally:
        for item, value in before.items():
            setattr(config, item, value)


class Threads:
    """Threads that a test starts, waits for, and whose failures are the test's failures.

    Use it as a context manager: leaving waits for all of them, and raises what one of them raised.
    """

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: BaseException | None, where: object) -> None:
        self._join()
        if value is None:
            self._check()

    def start(self, target: Any, *args: Any) -> threading.Thread:
        """Run ``target(*args)`` in a new thread."""
        thread = threading.Thread(target=self._run, args=(target, *args), daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def wait(self) -> None:
        """Wait until all have ended; raise what one of them raised."""
        self._join()
        self._check()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)

    def _check(self) -> None:
        if self._failures:
            raise self._failures[0]
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        assert not stuck, f"still running: {stuck}"

    def _run(self, target: Any, *args: Any) -> None:
        try:
            target(*args)
        except BaseException as failure:  # noqa: BLE001  # raised again in the test's own thread
            self._failures.append(failure)
