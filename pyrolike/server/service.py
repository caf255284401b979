"""What a daemon's sessions share: its objects, how calls to them are answered, and its settings.

It stands between `Daemon`, which has Pyro's names and the hooks that programs override, and the
sessions, which have neither. Programs see nothing of it.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike._forking import tell_of_forks
from pyrolike.authentication import RefusedError
from pyrolike.callcontext import get_state
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import SecurityError
from pyrolike.objects import Dispatcher, ObjectTable, StreamTable
from pyrolike.protocol import DIALECTS, V48, Pyro4Dialect

from .base import is_loopback
from .oneway import Backlog
from .settings import ServingSettings
from .stats import DaemonStats, ThreadCount

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pyrolike.authentication import Authenticator
    from pyrolike.objects.members import Members
    from pyrolike.protocol import Dialect
    from pyrolike.transport import SocketConnection

    from .base import Server
    from .daemon import Daemon
    from .session import Session

log = logging.getLogger("pyrolike.server")

HARMLESS = frozenset(
    {"ping", "get_metadata", "get_next_stream_item", "get_stream_items", "close_stream"}
)
"""What of the daemon's own object needs no permission: proxies need it, and a stream is its
client's alone."""


def is_known_client() -> bool:
    """Whether the client that is being served is no stranger.

    It is on this machine, has a certificate that TLS has verified, or has logged in.
    """
    state = get_state()
    connection, address = state.client, state.client_sock_addr
    if connection is None:
        return False
    if connection.user is not None or connection.peer_names:
        return True
    return not isinstance(address, tuple) or is_loopback(address[0])


def _choose_dialects(accepted: Collection[int], key: bytes | None) -> Mapping[int, Dialect]:
    """Return what clients may speak, by version.

    Args:
        accepted: The versions that the settings allow.
        key: What messages must be signed with, or None.
    """
    if key is None:
        return {version: dialect for version, dialect in DIALECTS.items() if version in accepted}
    if V48.version not in accepted:
        raise ValueError(
            f"messages are signed in protocol {V48.version} only, which PROTOCOLS_ACCEPTED does "
            "not have"
        )
    return {V48.version: Pyro4Dialect(key)}


class Service:
    """The inner side of a daemon.

    Args:
        daemon: Whose hooks are called.
        plain: The class whose hooks do nothing: those that the daemon has from it are not called
            for each request.
        authenticator: Finds out who a client is, or None.

    Attributes:
        accepted: Names of the serializers that clients may use.
        checks_clients: Whether a client must pass something before it may call.
        table: The registered objects.
        streams: Iterators that clients fetch from.
        dispatcher: Answers calls.
        backlog: One-way calls that have not run yet.
        server: The server type; None before it is made.
        settings: The settings as they were at the last request.
        get_annotations: The daemon's hook for annotations of replies; None if it is not overridden.
        dialects: What new clients may speak, by version.
    """

    def __init__(
        self, daemon: Daemon, plain: type[Any], authenticator: Authenticator | None = None
    ) -> None:
        self._daemon = daemon
        self._hmac_key: bytes | None = None
        self._protocols = frozenset(config.PROTOCOLS_ACCEPTED)
        self.dialects = _choose_dialects(self._protocols, None)
        self._authenticator = authenticator
        own = type(daemon)
        self.checks_clients = (
            authenticator is not None or own.validateHandshake is not plain.validateHandshake
        )
        self.table = ObjectTable()
        self.streams = StreamTable(monotonic)
        self._failures = 0
        self._counting = threading.Lock()  # guards it
        self.dispatcher = Dispatcher(
            self.table,
            self.streams,
            self._report_error,
            self.count_failure,
            self._permit if own.permit_call is not plain.permit_call else None,
            is_known_client,
        )
        self.backlog = Backlog(self.count_failure)
        self._begin = monotonic()
        self.server: Server | None = None
        self.get_annotations: Callable[[], Mapping[str, Any]] | None = None
        if own.annotations is not plain.annotations:
            self.get_annotations = daemon.annotations
        self.accepted = frozenset(config.SERIALIZERS_ACCEPTED)
        self.settings = ServingSettings.take(config, self.accepted)
        self.dispatcher.policy = self.settings.policy
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Serve nothing more, in a forked child: threads, clients and the address are the parent's.

        Only descriptors are closed, and only the child's copies; what the clients have open, and a
        Unix socket's file, stay.
        """
        self._counting = threading.Lock()
        server, self.server = self.server, None
        self._daemon._pyroBecomeInherited()
        if server is not None:
            server.is_closed = True

    @property
    def hmac_key(self) -> bytes | None:
        """What clients must sign their messages with, which only protocol 48 knows; or None.

        Raises:
            ValueError: PROTOCOLS_ACCEPTED leaves that protocol out.
        """
        return self._hmac_key

    @hmac_key.setter
    def hmac_key(self, key: bytes | None) -> None:
        self.dialects = _choose_dialects(self._protocols, key)
        self._hmac_key = key

    @property
    def require_expose(self) -> bool:
        """Whether only exposed members are remote."""
        return self.settings.policy.require_expose

    @property
    def server_type(self) -> str:
        """What clients are told about the server type."""
        return self.server.kind if self.server is not None else "none"

    def get_settings(self) -> ServingSettings:
        """Return the settings as they are now."""
        settings = self.settings
        if settings.validity.is_over:
            fresh = ServingSettings.take(config, self.accepted)
            if fresh.policy.require_expose != settings.policy.require_expose:
                self.table.forget_members()
            self.dispatcher.policy = fresh.policy
            self.settings = settings = fresh
        return settings

    def shake_hands(
        self, connection: SocketConnection, handshake: Any, object_id: str | None
    ) -> tuple[Any, Members | None]:
        """Return the daemon's word, and what the object exposes; or raise what shall be told.

        Args:
            connection: The client's.
            handshake: What it says.
            object_id: The object it asks about; None if it does not.
        """
        login = None
        if self._authenticator is not None:
            try:
                login = self._authenticator.authenticate(connection, handshake)
            except SecurityError as fault:
                reason = fault.reason if isinstance(fault, RefusedError) else fault
                log.warning("a client at %s was refused: %s", get_state().client_sock_addr, reason)
                raise
            connection.user = login.user
        answer = self._daemon.validateHandshake(connection, handshake)
        members = None
        if object_id is not None:
            members = self.table.get(object_id).get_members(self.require_expose)
        return answer if login is None else login.complete(answer), members

    def _permit(
        self, connection: SocketConnection, object_id: str, member: str, access: str
    ) -> None:
        """Ask the daemon's hook; what it raises is told to the client."""
        if object_id == DAEMON_NAME and member in HARMLESS:
            return
        if not self._daemon.permit_call(connection, object_id, member, access):
            user = "" if connection.user is None else f" to {connection.user!r:.100}"
            raise SecurityError(f"not permitted{user}: {access} {member!r:.100}")

    def start_task(self, task: Callable[[], None]) -> bool:
        """Run *task* in another thread if one is free; say whether that is so."""
        return self.server is not None and self.server.start_task(task)

    def count_failure(self) -> None:
        """Take note that a call has failed; for any thread."""
        with self._counting:
            self._failures += 1

    def forget(self, session: Session, was_open: bool) -> None:
        """Take note that a session ends: call the hook, let go of its streams and resources."""
        connection = session.connection
        try:
            if was_open:
                self._daemon.clientDisconnect(connection)
        except BaseException:  # the hook is the program's; the connection ends all the same
            log.exception("clientDisconnect failed")
        self.streams.release(connection, config.ITER_STREAM_LINGER)
        if self.server is not None:
            self.server.forget(session)

    def take_stats(self) -> DaemonStats:
        """Return what the daemon is doing just now."""
        server = self.server
        threads = ThreadCount() if server is None else server.count_threads()
        connections, calls = (0, 0) if server is None else server.count_calls()
        owned, lingering = self.streams.count()
        return DaemonStats(
            server_type=self.server_type,
            uptime=monotonic() - self._begin,
            connections=connections,
            busy_threads=threads.busy,
            waiting_threads=threads.waiting,
            idle_threads=threads.idle,
            queued_requests=threads.queued,
            queued_oneways=len(self.backlog),
            owned_streams=owned,
            lingering_streams=lingering,
            calls=calls,
            errors=self._failures,
        )

    def keep_house(self) -> None:
        """Do what must be done every few seconds."""
        self.streams.expire(config.ITER_STREAM_LIFETIME, config.ITER_STREAM_LINGER)
        try:
            self._daemon.housekeeping()
        except BaseException:  # the hook is the program's; it is called again next time
            log.exception("housekeeping failed")

    def _report_error(
        self, client: Any, method: Any, vargs: Any, kwargs: Any, fault: BaseException
    ) -> None:
        """Tell the daemon's error handler that a method raised."""
        address = get_state().client_sock_addr
        try:
            self._daemon.methodcall_error_handler(
                self._daemon, address, method, vargs, kwargs or {}, fault
            )
        except BaseException:  # the handler is the program's; the caller gets the first error
            log.exception("methodcall_error_handler failed")
