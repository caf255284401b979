"""What a proxy knows and does, without the magic of a proxy.

A `Link` has the target's uri, its metadata, the settings of one proxy, and a channel while it is
connected. `Proxy` is attribute access on top of it. The two are apart because each attribute of a
class with a ``__getattr__`` is slower to reach, and because remote methods and iterators must keep
the connection alive without keeping the proxy.

The way of a call is `Link.invoke`, then `Channel.exchange`; everything else here happens once per
connection or in special cases.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from pyrolike.callcontext import get_state
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import (
    CommunicationError,
    ProtocolError,
    PyroError,
    SecurityError,
    SerializeError,
)
from pyrolike.objects.calls import pack_blob, raise_remote
from pyrolike.protocol import STREAM_ID, V502, Flag, Message, MessageType, compress, inflate
from pyrolike.serializers import SerializedBlob

from .channel import UnsentError
from .connecting import (
    WireSettings,
    adopt_socket,
    check_size,
    codec_of,
    log_message,
    log_received,
    open_channel,
)
from .iterator import StreamResultIterator
from .locating import resolve_uri

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Mapping

    from pyrolike.transport import SocketConnection
    from pyrolike.uri import URI

    from .channel import Channel

log = logging.getLogger("pyrolike.client")

SPECIAL_REPLY = Flag.EXCEPTION | Flag.COMPRESSED | Flag.ITEMSTREAMRESULT


class Link:
    """Calls to one remote object.

    Any thread may use it, several at once.

    Args:
        uri: Where the object is; PYRONAME and PYROMETA are resolved at each connect.

    Attributes:
        uri: See above.
        methods, attrs, oneway: Names the object exposes, empty before the first connect.
        handshake: Sent when connecting, for the daemon's ``validateHandshake``.
        serializer_name: Overrides the setting SERIALIZER, or None.
        timeout: Seconds a call may take, or None. Change it by `set_timeout`.
        max_retries: How often a call is repeated after its connection was lost or it timed out.
        is_plain: Whether remote methods may come here at once: the proxy's class overrides nothing
            on the way of a call.
        wants_raw_replies: Whether `invoke` returns the reply's message instead of its value.
        channel: The live channel, or None.
        connection: Its connection, or None.
        on_connected: Called with the daemon's handshake answer at each connect, or None. It may
            raise to refuse the connection.
        forgotten_streams: Ids of item streams that were garbage collected: told to the daemon with
            the next call, because a destructor must not send.
    """

    __slots__ = (
        "_connect_lock",
        "_last_seq",
        "_object_id",
        "_serializer_name",
        "_settings",
        "_unproven",
        "attrs",
        "channel",
        "connection",
        "forgotten_streams",
        "handshake",
        "is_plain",
        "max_retries",
        "methods",
        "on_connected",
        "oneway",
        "timeout",
        "uri",
        "wants_raw_replies",
    )

    def __init__(self, uri: URI) -> None:
        self.channel: Channel | None = None
        self.connection: SocketConnection | None = None
        self.uri = uri
        self.methods: set[str] = set()
        self.attrs: set[str] = set()
        self.oneway: set[str] = set()
        self.handshake: Any = "hello"
        self.timeout: float | None = config.COMMTIMEOUT or None
        self.max_retries: int = config.MAX_RETRIES
        self.wants_raw_replies = False
        self.is_plain = True
        self.on_connected: Callable[[Any], None] | None = None
        self.forgotten_streams: deque[str] = deque()
        self._object_id: Any = uri.object  # the text of a PYRO uri, once it is resolved
        self._last_seq = 0
        self._serializer_name: str | None = None
        self._settings = WireSettings.take(config, None)
        # Guards channel, connection and metadata while a connection is made. The one connecting
        # may come in again from `on_connected`, and then gets the channel that is not proven yet.
        self._connect_lock = threading.RLock()
        self._unproven: Channel | None = None

    def __del__(self) -> None:
        # The last of the proxy, its methods and its iterators is gone. Nothing is sent here.
        channel = getattr(self, "channel", None)
        if channel is not None:
            channel.close()

    def invoke(
        self,
        method: str,
        vargs: Any,
        kwargs: dict[str, Any] | None,
        flags: int = 0,
        object_id: str | None = None,
    ) -> Any:
        """Call a remote method and return its result.

        Args:
            method: Its name.
            vargs: Positional arguments, a tuple or list.
            kwargs: Keyword arguments; None for batches and attribute access.
            flags: Flags of the request.
            object_id: Another object of the same daemon; the metadata then does not apply to it.

        Returns:
            The result, or None at once for oneway calls; an iterator where the result is a stream.

        Raises:
            CommunicationError: The daemon cannot be reached, or the exchange failed.
            Exception: Whatever the remote method raised.
        """
        channel = self.channel
        if channel is None or not channel.is_usable or self.forgotten_streams:
            channel = self._get_ready()
        settings = self._settings
        if settings.revision != config.revision:
            settings = self._refresh_settings()
        target: Any = object_id
        if target is None:
            target = self._object_id
            if method in self.oneway:
                flags |= Flag.ONEWAY
        try:
            if len(vargs) == 1 and type(vargs[0]) is SerializedBlob:
                return self._pass_blob(channel, settings, target, method, vargs[0], kwargs, flags)
            payload = settings.codec.dumpsCall(target, method, vargs, kwargs)
            state = get_state()
            if (
                flags
                or settings.needs_care
                or self.wants_raw_replies
                or state.outgoing is not None
                or state.client is not None
                or len(payload) > settings.max_size
            ):
                return self._transact(channel, settings, settings.number, flags, payload)
            # `_transact` for the usual call, with all that it need not look at left out: 2 % of a
            # small call. Whatever is not usual in the reply goes on to `_read_reply` as there.
            state.response = state.response_received = None
            reply = channel.exchange(
                settings.number, 0, payload, None, state.correlation, self.timeout
            )
            state.response_received = reply.annotations
            return self._read_reply(channel, settings, settings.number, reply)
        except UnsentError:
            # Another thread's call gave the channel up between our look at it and our sending.
            return self.invoke(method, vargs, kwargs, flags, object_id)

    def _transact(
        self,
        channel: Channel,
        settings: WireSettings,
        number: int,
        flags: int,
        payload: bytes,
        extra_annotations: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send one serialized call and return the value of its reply."""
        state = get_state()
        annotations: Mapping[str, Any] | None = state.outgoing
        if extra_annotations is not None:
            annotations = {**(annotations or {}), **extra_annotations}
        if settings.needs_care or annotations or len(payload) > settings.max_size:
            flags, payload = _prepare(settings, number, flags, payload, annotations)
        state.response_received = None
        if state.client is None:
            state.response = None
            correlation_id = state.correlation
        else:
            correlation_id = state.get_correlation()
        if flags & Flag.ONEWAY:
            channel.post(number, flags, payload, annotations, correlation_id)
            return None
        reply = channel.exchange(number, flags, payload, annotations, correlation_id, self.timeout)
        state.response_received = reply.annotations
        return self._read_reply(channel, settings, number, reply)

    def _read_reply(
        self, channel: Channel, settings: WireSettings, number: int, reply: Message
    ) -> Any:
        """Return the value of a reply to a call in serializer *number*, or raise what is in it."""
        try:
            if (
                reply.flags & SPECIAL_REPLY
                or reply.serializer_id != settings.number
                or number != settings.number
                or settings.needs_care
                or self.wants_raw_replies
            ):
                return self._open_special(settings, number, reply)
            return settings.codec.loads(reply.payload)
        except (CommunicationError, SecurityError):
            # A stock daemon closes its side behind such a reply; not to find that out by the
            # failure of the next call, we do the same. So it is, too, when the reply itself is at
            # fault.
            self._give_up(channel)
            raise

    def _open_special(self, settings: WireSettings, number: int, reply: Message) -> Any:
        """Return or raise what is in a reply that is not just a value."""
        if settings.log_wire:
            log_received(reply)
        if reply.serializer_id != number:
            raise SerializeError(
                f"the reply came in serializer {reply.serializer_id}, the call went in {number}"
            )
        if reply.flags & Flag.COMPRESSED:
            inflate(reply, settings.max_size)
        if self.wants_raw_replies:
            return reply
        if reply.flags & Flag.ITEMSTREAMRESULT and reply.annotations:
            stream_id = reply.annotations.get(STREAM_ID)
            if stream_id is not None:
                return StreamResultIterator(bytes(stream_id).decode("ascii", "replace"), self)
        codec = codec_of(reply, settings)
        if reply.flags & Flag.EXCEPTION:
            # In no variable here: the traceback would hold it, and it the traceback.
            raise_remote(codec.loads(reply.payload))
        return codec.loads(reply.payload)

    def _pass_blob(
        self,
        channel: Channel,
        settings: WireSettings,
        object_id: str,
        method: str,
        blob: SerializedBlob,
        kwargs: dict[str, Any] | None,
        flags: int,
    ) -> Any:
        """Call a method with a blob, which is not opened; in the serializer it was written with."""
        if kwargs:
            raise SerializeError("a SerializedBlob must be the only argument of a call")
        number, payload, annotations = pack_blob(
            settings.codec, settings.number, object_id, method, blob
        )
        return self._transact(
            channel, settings, number, flags | Flag.KEEPSERIALIZED, payload, annotations
        )

    # -- settings ---------------------------------------------------------------------------------

    @property
    def serializer_name(self) -> str | None:
        """Overrides the setting SERIALIZER; None follows it."""
        return self._serializer_name

    @serializer_name.setter
    def serializer_name(self, name: str | None) -> None:
        self._settings = WireSettings.take(config, name)
        self._serializer_name = name

    def set_timeout(self, timeout: float | None) -> None:
        """Limit calls to *timeout* seconds from now on; None and 0 wait for ever."""
        self.timeout = timeout or None
        connection = self.connection
        if connection is not None and not connection.is_closed:
            connection.settimeout(self.timeout)

    def _refresh_settings(self) -> WireSettings:
        self._settings = settings = WireSettings.take(config, self._serializer_name)
        channel = self.channel
        if channel is not None:
            channel.set_max_message_size(settings.max_size)
        return settings

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
            methods, attrs, oneway = (set(metadata[key]) for key in ("methods", "attrs", "oneway"))
        except (KeyError, TypeError) as fault:
            raise ProtocolError(
                f"metadata of {self.uri} is malformed: {metadata!r:.200}"
            ) from fault
        if not methods and not attrs:
            raise PyroError(
                f"the remote object at {self.uri} exposes nothing; is @expose missing on its class?"
            )
        self.methods, self.attrs, self.oneway = methods, attrs, oneway

    def ensure_metadata(self) -> None:
        """Connect, and ask for the metadata if it is not known."""
        if not self.has_metadata:
            self.connect()
            if not self.has_metadata:
                self.set_metadata(self.fetch_metadata())

    def fetch_metadata(self, object_id: str | None = None) -> Mapping[str, Collection[str]]:
        """Ask the daemon what an object exposes; connects if needed."""
        if object_id is None:
            self.connect()  # only then a logical uri has an object id
        target = object_id or self._object_id
        metadata: Mapping[str, Collection[str]] = self.invoke(
            "get_metadata", [target], {}, object_id=DAEMON_NAME
        )
        return metadata

    def connect(self) -> Channel:
        """Return the channel, connecting and shaking hands first where there is none.

        Raises:
            CommunicationError: The daemon cannot be reached or refuses.
            NamingError: The name cannot be resolved.
        """
        with self._connect_lock:
            if self._unproven is not None:
                return self._unproven
            channel = self.channel
            if channel is None or not channel.is_usable:
                channel = self._open_channel(resolve_uri(self.uri))
            return channel

    def bind(self) -> bool:
        """Connect, and keep the resolved uri instead of a logical one.

        Returns:
            Whether a connection was made; False if there was one.
        """
        with self._connect_lock:
            if self.channel is not None and self.channel.is_usable:
                return False
            uri = resolve_uri(self.uri)
            self._open_channel(uri)
            self.uri = uri
            return True

    def adopt(self, sock: socket.socket) -> None:
        """Use a socket that somebody else connected: no handshake, and it is never closed here."""
        self.channel, self.connection = adopt_socket(sock, self._object_id, self._settings)
        self.connection.settimeout(self.timeout)
        self.set_metadata(self.fetch_metadata())

    def release(self) -> None:
        """Close the connection, if there is one. Calls in flight fail; the next connects anew."""
        channel, self.channel, self.connection = self.channel, None, None
        self.forgotten_streams.clear()
        if channel is not None:
            self._last_seq = channel.seq
            channel.close()

    def _open_channel(self, uri: URI) -> Channel:
        """Make a new connection to *uri*, a resolved one. The connect lock is held."""
        if self.channel is not None:
            self._give_up(self.channel)  # not closed: other calls may still be in flight on it
        channel, connection, answer = open_channel(
            uri,
            self.handshake,
            self._refresh_settings(),
            timeout=self.timeout or config.CONNECT_TIMEOUT,
            seq=self._last_seq,
        )
        try:
            connection.settimeout(self.timeout)
            self._object_id = uri.object
            self.connection = connection
            self.set_metadata(answer["meta"])
            if self.on_connected is not None:
                self._unproven = channel
                self.on_connected(answer.get("handshake"))
        except BaseException:
            self.connection = None
            channel.close()
            raise
        finally:
            self._unproven = None
        log.debug("connected to %s", uri)
        self.channel, self.connection = channel, connection
        return channel

    def _get_ready(self) -> Channel:
        """Return a channel for a call; streams that nobody iterates any more are closed on it."""
        forgotten = self.forgotten_streams
        channel = self.connect()
        with contextlib.suppress(IndexError, CommunicationError):  # others may do it, or it is late
            while forgotten:
                self.close_stream(channel, forgotten.popleft())
        return channel if channel.is_usable else self.connect()

    def close_stream(self, channel: Channel, stream_id: str) -> None:
        """Tell the daemon that a stream's items are not wanted any more."""
        settings = self._settings
        payload = settings.codec.dumpsCall(DAEMON_NAME, "close_stream", [stream_id], {})
        self._transact(channel, settings, settings.number, Flag.ONEWAY, payload)

    def _give_up(self, channel: Channel) -> None:
        """Let calls in flight finish on *channel*, and connect anew for the next."""
        if self.channel is channel:
            self.channel = self.connection = None
            self._last_seq = channel.seq
        channel.retire()


def _prepare(
    settings: WireSettings,
    number: int,
    flags: int,
    payload: bytes,
    annotations: Mapping[str, Any] | None,
) -> tuple[int, bytes]:
    """Compress and log an outgoing call as the settings say, and refuse one that is too large.

    Raises:
        MessageTooLargeError: It is; nothing was sent, and the connection stays.
    """
    if settings.compress:
        squeezed = compress(payload, V502)
        if squeezed is not payload:
            flags, payload = flags | Flag.COMPRESSED, bytes(squeezed)
    check_size("the call", payload, annotations, settings.max_size)
    if settings.log_wire:
        log_message("sending", MessageType.INVOKE, number, flags, 0, payload, annotations)
    return flags, payload
