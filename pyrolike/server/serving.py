"""A server in one call: `serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike.client import Proxy
from pyrolike.client.locating import await_name_server

from .daemon import Daemon
from .signals import until_terminated

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    In the main thread SIGTERM ends the loop too, unless the program has a handler of its own. Calls
    that run have SIGNAL_GRACE seconds then, as behind Ctrl-C.

    Args:
        objects: Object or class to name. With a name server it is registered there under the name,
            if that is not None, and has a made-up id; without, the name is its id.
        host: Where to listen, as for `Daemon`; not looked at if *daemon* is given.
        port: Likewise.
        daemon: Use this one. It is closed at the end too.
        use_ns: Register names with the name server; if that is not there yet, wait for it for
            ``config.NS_LOOKUP_DELAY`` seconds.
        verbose: Print what is offered where.
        ns: The older name of *use_ns*.

    Raises:
        TypeError: *objects* is no dictionary.
        NamingError: There is no name server.
        DaemonError: Without a name server: two objects have the same name.
        OSError: The address cannot be listened on.
    """
    if not hasattr(objects, "items"):
        raise TypeError(
            "what is to be served is a dictionary of objects or classes and their names, such as "
            f"{{Greeter: 'example.greeter'}}, not {objects!r:.100}"
        )
    with daemon or Daemon(host, port) as daemon:
        name_server = Proxy(await_name_server()) if (use_ns if ns is None else ns) else None
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
