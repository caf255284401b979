"""A server in one call: `serve`, and what a server program owes its system: to end when told to."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

from pyrolike.client import Proxy
from pyrolike.client.locating import locate_uri

from .daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .building import Host


def serve(
    objects: Mapping[Any, str | None],
    host: Host | None = None,
    port: int = 0,
    daemon: Daemon | None = None,
    use_ns: bool = True,
    verbose: bool = True,
    *,
    ns: bool | None = None,
) -> None:
    """Offer objects and run the request loop until it ends; then the daemon is closed.

    In the main thread SIGTERM ends the loop too, unless the program has a handler of its own.

    Args:
        objects: Object or class to name. With a name server it is registered there under the name,
            if that is not None, and has a made-up id; without, the name is its id.
        host: Where to listen, as for `Daemon`; not looked at if *daemon* is given.
        port: Likewise.
        daemon: Use this one. It is closed at the end too.
        use_ns: Register names with the name server.
        verbose: Print what is offered where.
        ns: The older name of *use_ns*.

    Raises:
        NamingError: There is no name server.
        DaemonError: Without a name server: two objects have the same name.
        OSError: The address cannot be listened on.
    """
    with daemon or Daemon(host, port) as daemon:
        name_server = Proxy(locate_uri()) if (use_ns if ns is None else ns) else None
        for obj, name in objects.items():
            uri = daemon.register(obj, None if name_server is not None else name)
            if name_server is not None and name:
                name_server.register(name, uri)
            if verbose:
                print(f"Object {obj!r}:\n    uri = {uri}")
                if name_server is not None and name:
                    print(f"    name = {name}")
        if name_server is not None:
            name_server._pyroRelease()
        with until_terminated(daemon) as condition:
            if verbose:
                print("Pyro daemon running.", flush=True)
            daemon.requestLoop(condition)


@contextlib.contextmanager
def until_terminated(
    daemon: Daemon, condition: Callable[[], bool] = lambda: True
) -> Iterator[Callable[[], bool]]:
    """Give a loop condition that SIGTERM makes false, while the block runs.

    Nothing is changed in other threads than the main one, and where the program has its own idea of
    SIGTERM. A second one does what it would do without us: it ends the process.

    Args:
        daemon: Whose loop is to look at the condition at once.
        condition: Must be true as well.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield condition
        return
    is_over = False

    def end(number: int, frame: object) -> None:
        nonlocal is_over
        is_over = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if daemon.transportServer is not None:
            daemon.transportServer.wakeup()

    signal.signal(signal.SIGTERM, end)
    try:
        yield lambda: not is_over and condition()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
