"""The daemon: objects offered to the network.

It joins the parts: a table of objects, a dispatcher for calls to them, a server type that owns
connections and threads; and it is where programs plug in, by overriding its hooks. The hooks keep
Pyro's names, and the internals call them by these.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from pyrolike.callcontext import get_state
from pyrolike.client import Proxy
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME, HELLO
from pyrolike.errors import DaemonError, PyroError
from pyrolike.objects import DaemonObject, Interrupted
from pyrolike.protocol import key_bytes
from pyrolike.serializers import SerializerBase, register_pyro_class
from pyrolike.transport import family_str
from pyrolike.uri import URI

from .building import Wishes, check_wishes, make_server, take_place
from .service import Service
from .signals import until_interrupted

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping
    from ssl import SSLContext
    from types import TracebackType

    from pyrolike.authentication import Authenticator
    from pyrolike.transport import SocketConnection

    from .base import Server
    from .building import Host
    from .stats import DaemonStats

log = logging.getLogger("pyrolike.server")


def always() -> bool:
    """Say that a request loop is to go on: the condition of who has none."""
    return True


class Daemon:
    """Offers objects to remote callers.

    Register objects, pass their uris on, and run `requestLoop`. As a context manager it closes at
    the end.

    Args:
        host: Name or address to listen on; None for the setting HOST, empty for all interfaces.
        port: Port to listen on; 0 for a free one, chosen by the system.
        unixsocket: Path of a Unix socket to listen on instead.
        nathost: Host that the published uris show instead, behind an address translation.
        natport: Port that they show; 0 for the internal one's number.
        interface: Class of the object ``Pyro.Daemon``; called with the daemon.
        connected_socket: Serve exactly this connected socket, which stays the program's; there is
            no handshake. All other arguments but *interface* are ignored then. It may be an
            `ssl.SSLSocket`, and must be one if the setting SSL is on.
        ssl: Serve with TLS, by this context, whatever the setting SSL says.
        authenticator: Lets in only whom it knows; see `pyrolike.authentication`.

    Raises:
        SecurityError: A serializer that runs code would be accepted from strangers; see the setting
            PICKLE_WITHOUT_AUTHENTICATION.
        OSError: The address cannot be listened on: in use, not ours, not allowed; or
            *connected_socket* is not connected; or a file that TLS needs is missing or wrong.
        ValueError: The arguments or the thread-pool sizes contradict each other, or TLS is wanted
            without a certificate.
        PyroError: The setting SSL is on, and *connected_socket* has no TLS.
        TypeError: *connected_socket* is no socket.
        SerializeError: The setting SERIALIZERS_ACCEPTED names an unknown serializer.

    Attributes:
        locationStr: Where it listens, "host:port" or "./u:path".
        natLocationStr: What is published instead, or None.
        transportServer: The server type, None after `close`.
        methodcall_error_handler: Called with (daemon, client address, method, args, kwargs,
            exception) when a remote method raised, before the reply.
    """

    # Source: the API page of the reference, A5.3.

    def __init__(
        self,
        host: Host | None = None,
        port: int = 0,
        unixsocket: str | None = None,
        nathost: Host | None = None,
        natport: int | None = None,
        interface: Callable[[Daemon], object] = DaemonObject,
        connected_socket: socket.socket | None = None,
        *,
        ssl: SSLContext | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        if authenticator is not None and connected_socket is not None:
            raise ValueError(
                "a connected_socket has no handshake: an authenticator would never be asked"
            )
        self._pyroIsInherited = False  # in a forked child, from the parent
        # Until when calls may go on because of a signal that has ended the request loop.
        self._pyroSignalEnd: float | None = None
        wishes = Wishes(host, port, unixsocket, nathost, natport, connected_socket, ssl)
        check_wishes(wishes)
        self._pyroService = Service(self, Daemon, authenticator)
        # Held while the daemon closes; re-entrant, because what is closed may close the daemon.
        self._pyroClosing = threading.RLock()
        self.methodcall_error_handler: Callable[..., None] = default_methodcall_error_handler
        place = self._pyroPlace = take_place(wishes)
        self.locationStr, self.natLocationStr = place.location, place.nat_location
        self.transportServer: Server | None = make_server(self._pyroService, place)
        # In which calls may go on after the closing: those that have closed it, or wait for them.
        self._pyroClosedServer: Server | None = None
        self._pyroService.server = self.transportServer
        self.transportServer.shown_host = self.locationStr.rpartition(":")[0].strip("[]")
        try:
            self.register(interface(self), DAEMON_NAME)
        except BaseException:
            self.close()
            raise

    @property
    def _pyroHmacKey(self) -> bytes | None:
        """The key that every client must sign its messages with, or None; a str is taken as UTF-8.

        Only Pyro4's protocol knows signing. A daemon with a key refuses who speaks Pyro5's. It
        hides nothing, and nothing keeps old messages from being sent again: prefer TLS.
        """
        return self._pyroService.hmac_key

    @_pyroHmacKey.setter
    def _pyroHmacKey(self, key: bytes | str | None) -> None:
        self._pyroService.hmac_key = key_bytes(key)

    # -- objects ----------------------------------------------------------------------------------

    @property
    def objectsById(self) -> dict[str, Any]:
        """Object id to object, class or weak reference. To look at: `register` changes it."""
        return self._pyroService.table.by_id

    def register(
        self,
        obj_or_class: object,
        objectId: str | None = None,
        force: bool = False,
        weak: bool = False,
    ) -> URI:
        """Offer an object, or a class whose instances are made as its instance mode says.

        The object gets two attributes: ``_pyroId``, and ``_pyroDaemon``, a weak proxy of the
        daemon. Wherever it is passed to or returned from a remote method from now on, a proxy is
        sent in its place.

        Args:
            obj_or_class: What to offer.
            objectId: The id it shall have; None or empty makes one up.
            force: Replace what is registered under that id, and allow to register an object twice.
            weak: Do not keep the object alive; it is unregistered when it is gone.

        Returns:
            The uri under which clients reach it.

        Raises:
            DaemonError: The id is taken, or the object is registered in this daemon already.
            TypeError: The id is no text, a class shall be held weakly, or the object cannot have
                attributes.
            PyroError: The id does not fit in a uri.
        """
        table = self._pyroService.table
        object_id = table.add(obj_or_class, objectId, weakref.proxy(self), force=force, weak=weak)
        clazz = obj_or_class if isinstance(obj_or_class, type) else type(obj_or_class)
        SerializerBase.register_type_replacement(clazz, replace_by_proxy)
        return self.uriFor(object_id)

    def unregister(self, objectOrId: object) -> None:
        """Offer an object no longer. Unknown ids, and the daemon's own object, are ignored.

        Raises:
            ValueError: None was given.
            DaemonError: An object was given that is not registered here.
        """
        if objectOrId is None:
            raise ValueError("an object or its id is needed, not None")
        object_id = self._pyroGetId(objectOrId)
        if object_id != DAEMON_NAME:
            self._pyroService.table.remove(object_id)

    def uriFor(self, objectOrId: object, nat: bool = True) -> URI:
        """Return the uri under which clients reach an object.

        Args:
            objectOrId: A registered object or class, or an id; an id need not be registered.
            nat: Show the address outside of the address translation, if there is one.

        Raises:
            DaemonError: The object is not registered here.
        """
        object_id = self._pyroGetId(objectOrId)
        location = self.natLocationStr if nat and self.natLocationStr else self.locationStr
        return URI(f"PYRO:{object_id}@{location}")

    def proxyFor(self, objectOrId: object, nat: bool = True) -> Proxy:
        """Return a proxy for a registered object that knows already what the object exposes.

        Raises:
            DaemonError: It is not registered here.
            PyroError: It exposes nothing.
        """
        uri = self.uriFor(objectOrId, nat)
        service = self._pyroService
        require_expose = service.get_settings().policy.require_expose
        members = service.table.get(str(uri.object)).get_members(require_expose)
        proxy = Proxy(uri)
        proxy._pyroGetMetadata(known_metadata=members.as_metadata())
        return proxy

    def resetMetadataCache(self, objectOrId: object, nat: bool = True) -> None:
        """Find out anew what an object exposes, because its class has changed.

        Raises:
            DaemonError: It is not registered here.
        """
        self._pyroService.table.reset_members(self._pyroGetId(objectOrId))

    def _pyroGetId(self, objectOrId: object) -> str:
        if isinstance(objectOrId, str):
            return objectOrId
        object_id = self._pyroService.table.find_id(objectOrId)
        if object_id is None:
            raise DaemonError(f"{objectOrId!r:.200} is not registered in this daemon")
        return object_id

    # -- serving ----------------------------------------------------------------------------------

    def requestLoop(self, loopCondition: Callable[[], bool] = always) -> None:
        """Serve until *loopCondition* is false, `shutdown` is called, or Ctrl-C is pressed.

        The condition is looked at every POLLTIMEOUT seconds at least. When it ends the loop,
        nothing is closed: the loop may be entered again. A daemon on a connected socket also ends
        its loop when the client has gone, or has sent what is no message.

        With the multiplex server, and on a connected socket, the calls run in this thread, one
        after the other. Ctrl-C interrupts a method that is running then: its caller gets a
        CommunicationError, and the loop ends.

        In the main thread, and where the program has no handler of its own for SIGINT, there is one
        while the loop runs: so the loop ends whatever a method makes of its KeyboardInterrupt.

        Raises:
            PyroError: The daemon is closed, or was made before the process was forked.
        """
        server = self._pyroGetServer()
        log.info("daemon %s entering requestloop", self.locationStr)
        if not server.is_inside:  # else a method runs it once more
            self._pyroSignalEnd = None
        with (
            contextlib.suppress(Interrupted),
            until_interrupted(self, loopCondition) as condition,
        ):
            server.loop(condition)
        log.debug("daemon exits requestloop")

    def events(self, eventsockets: Iterable[Any]) -> None:
        """Serve the events that a foreign event loop has seen on some of `sockets`.

        Raises:
            PyroError: The daemon is closed, or is on a connected socket.
        """
        self._pyroGetServer().events(eventsockets)

    def combine(self, daemon: Any) -> None:
        """Serve another daemon in this one's loop: only the multiplex server can do that.

        Run the request loop of this daemon only. The other one stays a daemon of its own: what
        closes one of them does not close the other.

        Args:
            daemon: Of the same server type; or any object that has ``sockets``, a list read before
                each wait, and ``events``, called with those of them that can be read. Pyro5's
                daemons and broadcast servers will do.

        Raises:
            TypeError: It is not fit to be combined, or this daemon's server type is not.
            PyroError: A daemon is closed, this one is on a connected socket, or the other one's
                request loop is running.
        """
        server = self._pyroGetServer()
        server.combine_loop(daemon._pyroGetServer() if isinstance(daemon, Daemon) else daemon)

    @property
    def sock(self) -> socket.socket:
        """The listening socket, or the connected one."""
        return self._pyroGetServer().sock

    @property
    def sockets(self) -> list[Any]:
        """What a foreign event loop has to watch for reading, before each wait; see `events`."""
        return self._pyroGetServer().sockets

    @property
    def selector(self) -> Any:
        """The server's selector; only the multiplex server has one to show."""
        return self._pyroGetServer().selector

    @property
    def streaming_responses(self) -> dict[str, tuple[Any, float, float, Any]]:
        """A copy of the item streams: id to (owner or None, created, linger start, iterator)."""
        return self._pyroService.streams.as_dict()

    def stats(self) -> DaemonStats:
        """Return what the daemon is doing just now, and has done so far.

        Any thread may ask, at any time: nothing that is busy is waited for. Clients cannot ask.
        """
        return self._pyroService.take_stats()

    def shutdown(self, grace: float | None = None) -> None:
        """End the request loop, whichever thread it is in, and close the daemon; see `close`.

        Any thread may call it, a signal handler, and a remote method too: that call still gets its
        answer out.
        """
        if grace is None:
            self.close()  # a subclass may know no grace
        else:
            self.close(grace)

    def close(self, grace: float | None = None) -> None:
        """Close the listening socket and all connections, and forget the objects. Twice is fine.

        When it returns nothing is served any more. A connected socket that the program has given
        stays open. Ends the request loop too, if it runs in another thread.

        Args:
            grace: Seconds to wait for calls that run, and one-way calls that have arrived, to be
                done and get their answers out; None for the setting SHUTDOWN_GRACE, or if a signal
                has ended the request loop for what is left of SIGNAL_GRACE. What takes longer loses
                its connection, and one-way calls that have not begun are dropped. The call that
                closes the daemon has no limit, and is not waited for; but by whoever closes it
                again, as the end of a ``with`` block behind the request loop does.
        """
        seconds = self._pyroGetGrace() if grace is None else max(0.0, grace)
        # Who closes waits for the loop and running calls; so these must not wait for who closes.
        server = self.transportServer or self._pyroClosedServer
        is_awaited = get_state().client is not None or (
            server is not None and server.is_serving_here
        )
        if not self._pyroClosing.acquire(blocking=not is_awaited):
            return
        try:
            closed, self.transportServer = self.transportServer, None
            if closed is None:
                server = self._pyroClosedServer
                if server is not None and not is_awaited:
                    server.wait_for_calls(seconds)
            else:
                if self._pyroPlace.file is not None:
                    self._pyroPlace.file.remove()
                try:
                    self._pyroEndCalls(closed, seconds)
                finally:
                    self._pyroClosedServer = closed
                    self._pyroService.streams.clear()
                    self._pyroService.table.clear()
        finally:
            self._pyroClosing.release()

    def _pyroGetGrace(self) -> float:
        """Return how long calls may go on if nobody says anything about it."""
        end = self._pyroSignalEnd
        return config.SHUTDOWN_GRACE if end is None else max(0.0, end - monotonic())

    def _pyroEndCalls(self, server: Server, grace: float) -> None:
        """Close *server*; calls that run or wait may go on for *grace* seconds."""
        deadline = monotonic() + grace
        server.close(grace)
        dropped = self._pyroService.backlog.close(deadline)
        if dropped:
            log.warning(
                "%d one-way calls were dropped: the daemon has closed before their turn came",
                dropped,
            )

    def _pyroBecomeInherited(self) -> None:
        """Let go of the parent's things, in a forked child."""
        self._pyroIsInherited = True
        self._pyroClosing = threading.RLock()
        self.transportServer = self._pyroClosedServer = None
        if not self._pyroPlace.is_connected:
            self._pyroPlace.sock.close()

    def _pyroGetServer(self) -> Server:
        if self.transportServer is None:
            if self._pyroIsInherited:
                raise PyroError(
                    "this daemon cannot be served in a forked child, because its threads and "
                    "clients are the parent's: make a new daemon in the child, after the fork"
                )
            raise PyroError("this daemon is closed: make a new one to serve again")
        return self.transportServer

    def __enter__(self) -> Self:
        self._pyroGetServer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        clazz = type(self)
        start = f"<{clazz.__module__}.{clazz.__qualname__} at {id(self):#x}; "
        if "_pyroService" not in vars(self):
            return f"{start}unusable: it came over the network>"
        if self.transportServer is None:
            return f"{start}{self.locationStr} - closed>"
        family = family_str(self.transportServer.sock)
        return f"{start}{self.locationStr} - {family}; {len(self.objectsById)} objects>"

    @staticmethod
    def serveSimple(
        objects: Mapping[Any, str | None],
        host: Host | None = None,
        port: int = 0,
        daemon: Daemon | None = None,
        ns: bool = True,
        verbose: bool = True,
    ) -> None:
        """Do what `pyrolike.server.serve` does; its older form."""
        from .serving import serve  # which needs this class

        serve(objects, host, port, daemon, ns, verbose)

    # -- hooks: override them ---------------------------------------------------------------------

    def validateHandshake(self, conn: SocketConnection, data: Any) -> Any:
        """Look at a new client before it may call anything. Override it.

        Called for each new connection, with `current_context` describing it: in a worker thread,
        or with the multiplex server in the request loop. Never on a connected socket. If the daemon
        has an *authenticator*, that was asked before: ``conn.user`` is who it has found.

        Args:
            conn: The client's connection.
            data: The proxy's ``_pyroHandshake``.

        Returns:
            Any serializable value, for the proxy's ``_pyroValidateHandshake``.

        Raise anything to refuse the client; it gets the exception's text as the reason.
        """
        return HELLO

    def permit_call(self, conn: SocketConnection, objectId: str, member: str, access: str) -> bool:
        """Say whether a client may use a member of an object. Override it.

        Called before each call, for each call of a batch before the first is made, and before an
        attribute is read or written: in the thread that serves the request, and before it is known
        whether there is such an object or member. What proxies need of the object ``Pyro.Daemon``
        (``ping``, metadata, items of the client's own streams) is not asked for; the rest of it,
        such as ``registered``, is. As long as nobody overrides it, it is not called.

        Args:
            conn: The client's connection; ``conn.user`` is who the *authenticator* has found.
            objectId: The object.
            member: The name of the method or attribute.
            access: ``"call"``, ``"read"`` or ``"write"``.

        Returns:
            True to permit it. Anything false is a SecurityError at the client; so is whatever you
            raise, as itself.
        """
        return True

    def clientDisconnect(self, conn: SocketConnection) -> None:
        """Take note that a client is gone. Override it.

        Called before the connection is closed and its tracked resources are: in a worker thread,
        or with the other server types in the request loop. What it raises is logged.
        """

    def annotations(self) -> Mapping[str, Any]:
        """Return annotations for every reply: 4 ASCII letters to bytes. Override it.

        Called in the thread that serves the request. They win over those of `current_context`.
        """
        return {}

    def housekeeping(self) -> None:
        """Do what must be done every few seconds. Override it.

        Called in a worker thread, or with the other server types in the request loop; never twice
        at the same time. What it raises is logged.
        """


def default_methodcall_error_handler(
    daemon: Daemon,
    client_sock_addr: Any,
    method: Any,
    vargs: Any,
    kwargs: Mapping[str, Any],
    exception: BaseException,
) -> None:
    """Log that a remote method raised: what a daemon does if the program says nothing else."""
    log.debug(
        "method %s called by %s raised %s", method, client_sock_addr, exception, exc_info=exception
    )


def replace_by_proxy(obj: Any) -> Any:
    """Return a proxy for an object that is registered in a daemon, else the object itself."""
    daemon = getattr(obj, "_pyroDaemon", None)
    if daemon is None or not config.AUTOPROXY:
        return obj
    try:
        return daemon.proxyFor(obj)
    except (ReferenceError, DaemonError):
        return obj  # the daemon is gone, or this instance of a registered class is not registered


def _from_state(state: Any) -> Daemon:
    """Make what a daemon is at the other end of the network: something to print, not to use."""
    return Daemon.__new__(Daemon)


register_pyro_class(
    Daemon, "Pyro5.server.Daemon", "Pyro4.core.Daemon", lambda daemon: (), _from_state
)
