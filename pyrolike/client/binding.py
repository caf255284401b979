"""To which object a proxy is bound: its uri, what it exposes, and its connection.

This is the half of a `Link` that makes and ends connections; the calls are in the other half. Here
everything happens once per connection.

All of it is measured against one deadline: that of the call which needs the connection, or of the
connecting itself. Waiting for another thread that is connecting, asking the name server, connecting
and shaking hands share it.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike._forking import tell_of_forks
from pyrolike.callcontext import this_thread
from pyrolike.configure import config
from pyrolike.constants import HELLO
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    ProtocolError,
    PyroError,
    SecurityError,
    TimeoutError,
)
from pyrolike.protocol import DIALECTS, V48, V502, Pyro4Dialect
from pyrolike.transport import check_socket
from pyrolike.uri import PROTOCOLS, URI

from .channel import seconds_until
from .connecting import WireSettings, adopt_socket, get_deadline, open_channel

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Collection, Mapping

    from pyrolike.protocol import Dialect
    from pyrolike.transport import SocketConnection

    from .channel import Channel

log = logging.getLogger("pyrolike.client")

ReentrantLock: Callable[[], Any] = type(threading.RLock())
"""Makes a lock as `threading.RLock` does, which is a function around it."""

CONNECTED_SOCKET = "<<connected-socket>>"
"""Host in the uri of a proxy that was given a connected socket; Pyro's words."""

URI_BEGINNINGS = tuple(f"{protocol}:" for protocol in PROTOCOLS)


class Binding:
    """A remote object and the way to it.

    Any thread may use it, several at once.

    Args:
        uri: Where the object is; PYRONAME and PYROMETA are resolved at each connect.

    Attributes:
        uri: See above.
        methods, attrs, oneway: Names the object exposes, empty before the first connect.
        handshake: Sent when connecting, for the daemon's ``validateHandshake``.
        timeout: Seconds a call may take, or None. Change it by `set_timeout`.
        channel: The live channel, or None.
        connection: Its connection, or None.
        on_connected: Called with the daemon's handshake answer at each connect, or None. It may
            raise to refuse the connection.
        get_annotations: Returns annotations to send with each message, or None.
        on_annotations: Called with the annotations of an answer, if it has any, and the type of the
            message; or None.
        tls: The context to use TLS with; None does what the setting SSL says.
        version: The wire protocol to speak; None to find out. Change it by `speak`.
        hmac_key: What messages are signed with, in protocol 48; None for no signing. Likewise.
        is_received: A peer has sent it, and nobody here has bound it: it connects when it is used,
            but not to be looked at; and with the setting INERT_PROXIES not at all.
    """

    __slots__ = (
        "__weakref__",
        "_connect_lock",
        "_dialect",
        "_dialects",
        "_knows_forks",
        "_last_seq",
        "_object_id",
        "_serializer_name",
        "_settings",
        "_unproven",
        "attrs",
        "channel",
        "connection",
        "get_annotations",
        "handshake",
        "hmac_key",
        "is_received",
        "methods",
        "on_annotations",
        "on_connected",
        "oneway",
        "timeout",
        "tls",
        "uri",
        "version",
    )

    def __init__(self, uri: URI) -> None:
        self.channel: Channel | None = None
        self.connection: SocketConnection | None = None
        self.uri = uri
        self.methods: set[str] = set()
        self.attrs: set[str] = set()
        self.oneway: set[str] = set()
        self.handshake: Any = HELLO
        self.is_received = False
        self.timeout: float | None = config.COMMTIMEOUT or None
        self.tls: ssl.SSLContext | None = None
        self.version: int | None = None
        self.hmac_key: bytes | None = None
        self._dialects: Mapping[int, Dialect] = DIALECTS
        self._dialect: Dialect = V502  # in which the next connection is begun
        self.on_connected: Callable[[Any], None] | None = None
        self.get_annotations: Callable[[], Mapping[str, Any]] | None = None
        self.on_annotations: Callable[[Mapping[str, Any], int], None] | None = None
        self._object_id: Any = uri.object  # the text of a PYRO uri, once it is resolved
        self._last_seq = 0
        self._serializer_name: str | None = None
        self._settings = WireSettings.take(config, None)
        # Guards channel, connection and metadata while a connection is made. The one connecting
        # may come in again from `on_connected`, and then gets the channel that is not proven yet.
        self._connect_lock = ReentrantLock()
        self._unproven: Channel | None = None
        self._knows_forks = False

    def _learn_of_forks(self) -> None:
        """Be told of them from now on: who never connects has nothing that is the parent's."""
        self._knows_forks = True
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Be without a connection, in a forked child; the next use makes one."""
        channel, self.channel, self.connection = self.channel, None, None
        self._unproven = None
        self._connect_lock = ReentrantLock()
        if channel is not None:
            self._last_seq = channel.seq

    def __del__(self) -> None:
        # The last of the proxy, its methods and its iterators is gone. Nothing is sent here.
        channel = getattr(self, "channel", None)
        if channel is not None:
            channel.close()

    # -- settings ---------------------------------------------------------------------------------

    @property
    def serializer_name(self) -> str | None:
        """Overrides the setting SERIALIZER; None follows it."""
        return self._serializer_name

    @serializer_name.setter
    def serializer_name(self, name: str | None) -> None:
        settings = self._settings
        if name != settings.codec.name or settings.validity.is_over:
            self._settings = WireSettings.take(config, name, settings.dialect)
        self._serializer_name = name

    @property
    def protocol_version(self) -> int | None:
        """The one wire protocol that is spoken; None if what the daemon speaks is found out."""
        return self.version if self.hmac_key is None else V48.version

    def speak(self, version: int | None, hmac_key: bytes | None) -> None:
        """Choose a wire protocol, from the next connection on.

        Args:
            version: 48 or 502; None finds out what the daemon speaks.
            hmac_key: Signs all messages, which is possible in protocol 48 only; or None.

        Raises:
            ValueError: There is no such protocol, or it has no signing.
        """
        if version is not None and version not in DIALECTS:
            raise ValueError(f"protocol {version!r} is not spoken here; 48 and 502 are")
        if hmac_key is not None and version == V502.version:
            raise ValueError("protocol 502 knows no signing of messages; use TLS")
        if hmac_key is not None:
            self._dialects = {V48.version: Pyro4Dialect(hmac_key)}
        else:
            self._dialects = DIALECTS if version is None else {version: DIALECTS[version]}
        self.version, self.hmac_key = version, hmac_key
        self._dialect = next(iter(self._dialects.values()))

    def set_timeout(self, timeout: float | None) -> None:
        """Limit calls to *timeout* seconds from now on; None and 0 wait for ever.

        Raises:
            ValueError: It is no number of seconds.
        """
        seconds: Any = timeout  # whatever the program has assigned
        if timeout is not None and not (isinstance(seconds, (int, float)) and seconds >= 0):
            raise ValueError(f"a timeout is a number of seconds or None, not {timeout!r}")
        self.timeout = timeout or None

    def _refresh_settings(self) -> WireSettings:
        dialect = self._settings.dialect
        self._settings = settings = WireSettings.take(config, self._serializer_name, dialect)
        channel = self.channel
        if channel is not None:
            channel.set_max_message_size(settings.max_size)
        return settings

    # -- metadata ---------------------------------------------------------------------------------

    @property
    def has_metadata(self) -> bool:
        """Whether it is known what the object exposes."""
        return bool(self.methods or self.attrs)

    def set_metadata(self, metadata: Mapping[str, Collection[str]]) -> None:
        """Take over what a daemon says about the object.

        Raises:
            PyroError: It exposes nothing.
            ProtocolError: It is no metadata.
        """
        try:
            methods, attrs = set(metadata["methods"]), set(metadata["attrs"])
            oneway = set(metadata["oneway"])
        except (KeyError, TypeError) as fault:
            raise ProtocolError(
                f"metadata of {self.uri} is malformed: {metadata!r:.200}"
            ) from fault
        if not methods and not attrs:
            raise PyroError(
                f"the remote object at {self.uri} exposes nothing; is @expose missing on its class?"
            )
        self.methods, self.attrs, self.oneway = methods, attrs, oneway

    # -- connection -------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """The last sequence number used, 0 before the first call."""
        channel = self.channel
        return channel.seq if channel is not None else self._last_seq

    @last_seq.setter
    def last_seq(self, seq: int) -> None:
        self._last_seq = seq
        channel = self.channel
        if channel is not None:
            channel.seq = seq

    def connect(self, deadline: float | None = None, *, keeps_uri: bool = False) -> Channel:
        """Return the channel, connecting and shaking hands first where there is none.

        Args:
            deadline: Moment on the monotonic clock until which it must be there; None for the
                timeout from now on.
            keeps_uri: Have the resolved uri, if a connection is made, instead of a logical one.

        Raises:
            CommunicationError: The daemon cannot be reached or refuses.
            NamingError: The name cannot be resolved.
            TimeoutError: The deadline has passed.
            SecurityError: A peer has sent the proxy, and the setting INERT_PROXIES is on.
        """
        if self.is_received and config.INERT_PROXIES:
            raise SecurityError(
                f"this proxy came from a peer, who has chosen where it leads: to {self.uri}. With "
                "config.INERT_PROXIES it connects only after its _pyroBind was called"
            )
        if deadline is None and self.timeout is not None:
            deadline = monotonic() + self.timeout
        state = this_thread.state
        if state.host is None:
            return self._connect(deadline, keeps_uri)
        with state.waiting():
            return self._connect(deadline, keeps_uri)

    def _connect(self, deadline: float | None, keeps_uri: bool) -> Channel:
        if not self._knows_forks:
            self._learn_of_forks()
        lock = self._connect_lock  # this very one, also in a child that is forked now
        if not lock.acquire(False) and not lock.acquire(timeout=seconds_until(deadline)):
            raise TimeoutError("connecting: timeout, while another thread was connecting")
        try:
            if self._unproven is not None:
                return self._unproven
            channel = self.channel
            if channel is None or not channel.is_usable:
                uri = self.uri
                if uri.protocol != "PYRO":
                    uri = self._resolve(deadline)
                channel = self._open_channel(uri, deadline)
                if keeps_uri:
                    self.uri = uri
            return channel
        finally:
            lock.release()

    def bind(self) -> bool:
        """Connect, and keep the resolved uri instead of a logical one.

        Returns:
            Whether a connection was made; False if there was one.
        """
        self.is_received = False  # somebody wants it
        former = self.channel
        return self.connect(keeps_uri=True) is not former

    def adopt(self, sock: socket.socket) -> None:
        """Use a socket that somebody else connected: no handshake, and it is never closed here."""
        self._learn_of_forks()
        self._settings = WireSettings.take(config, self._serializer_name, self._dialect)
        self.channel, self.connection = adopt_socket(sock, self._object_id, self._settings)
        self.connection.settimeout(None)  # each call has its own

    def release(self) -> None:
        """Let go of the connection, if there is one. The next call connects anew.

        Calls in flight fail; if all of them are asynchronous, they go on until they are done.
        """
        channel, self.channel, self.connection = self.channel, None, None
        if channel is not None:
            self._last_seq = channel.seq
            channel.release()

    def _resolve(self, deadline: float | None) -> URI:
        from .locating import resolve_uri  # and all that looks for name servers

        return resolve_uri(self.uri, deadline=deadline, hmac_key=self.hmac_key)

    def _open_channel(self, uri: URI, deadline: float | None) -> Channel:
        """Make a new connection to *uri*, a resolved one. The connect lock is held."""
        if uri.host == CONNECTED_SOCKET:
            raise ConnectionClosedError(_why_unconnected(self.channel is not None))
        state = this_thread.state
        if state.host is not None:
            state.check_callee(lambda: uri.sockname or (uri.host, uri.port))
        former, self.channel, self.connection = self.channel, None, None
        if former is not None:
            self._last_seq = former.seq
            former.retire()  # not closed: other calls may still be in flight on it
        dialects, settings = self._dialects, self._settings
        if settings.validity.is_over or settings.dialect is not self._dialect:
            settings = WireSettings.take(config, self._serializer_name, self._dialect)
        try:
            opened = open_channel(
                uri,
                self.handshake,
                settings,
                deadline=deadline or get_deadline(config.CONNECT_TIMEOUT),
                seq=self._last_seq,
                annotations=self.get_annotations() if self.get_annotations is not None else None,
                on_annotations=self.on_annotations,
                tls=self.tls,
                dialects=dialects,
            )
        except CommunicationError as fault:
            _say_where(fault, uri)
            raise
        channel, connection, answer, meta, settings = opened
        try:
            self._object_id = uri.object
            self.connection = connection
            self._settings = settings
            if self._dialects is dialects:
                self._dialect = settings.dialect  # the next time at once
            if config.METADATA:
                self.set_metadata(meta)
            if self.on_connected is not None:
                self._unproven = channel
                self.on_connected(answer)
        except BaseException:
            self.connection = None
            channel.close()
            raise
        finally:
            self._unproven = None
        if log.isEnabledFor(logging.DEBUG):
            log.debug("connected to %s", uri)
        self.channel, self.connection = channel, connection
        return channel


def make_connected_uri(object_id: Any, sock: Any) -> URI:
    """Return the uri of an object at the other end of a connected socket.

    Raises:
        TypeError: *object_id* is no text, or *sock* no socket.
        ValueError: *object_id* is a whole uri: that says where to connect, which is done already.
    """
    check_socket(sock)
    if isinstance(object_id, URI) or str(object_id).upper().startswith(URI_BEGINNINGS):
        raise ValueError(
            f"with a connected_socket a proxy is given the object's id, not the uri {object_id}"
        )
    if not isinstance(object_id, str):
        raise TypeError(f"the id of an object is a text, not {type(object_id).__name__}")
    return URI(f"PYRO:{object_id}@{CONNECTED_SOCKET}:0")


def _say_where(fault: CommunicationError, uri: URI) -> None:
    """Put the place into the text of an error, if it does not say it itself."""
    text = str(fault)
    if str(uri.location) not in text:
        fault.args = (f"cannot connect to {uri.location}: {text}", *fault.args[1:])


def _why_unconnected(was_lost: bool) -> str:
    """Say why a proxy on a connected socket cannot be used.

    Args:
        was_lost: It was not released: a call on it was lost, or given up.
    """
    if was_lost:
        return (
            "the connected socket of this proxy was lost, or a call on it was given up, whose late "
            "answer may still come: make a new proxy on a new socket"
        )
    return (
        "this proxy was made on a connected socket and is released, or is a copy, or is that of a "
        "parent process: make a new one, Proxy(name, connected_socket=...), on the same socket"
    )
