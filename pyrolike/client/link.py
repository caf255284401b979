"""What a proxy knows and does, without the magic of a proxy.

A `Link` is a `Binding` that makes calls. `Proxy` is attribute access on top of it. The two are
apart because each attribute of a class with a ``__getattr__`` is slower to reach, and because
remote methods and iterators must keep the connection alive without keeping the proxy.

The way of a usual call is `Link.call`, `Link.invoke`, then `Channel.exchange`; everything else here
is for special cases.
"""

from __future__ import annotations

import contextlib
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike._pieces import join
from pyrolike.callcontext import get_state, this_thread
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import CommunicationError, SerializeError, TimeoutError
from pyrolike.objects.calls import CLOSING_ERRORS, pack_blob, raise_remote
from pyrolike.protocol import (
    STAYS_OPEN,
    STREAM_ID,
    STREAM_WINDOW,
    Flag,
    Message,
    MessageType,
    inflate,
    squeeze,
)
from pyrolike.serializers import SerializedBlob
from pyrolike.serializers.long_values import LONG, SHORT

from .binding import Binding
from .channel import UnsentError
from .connecting import (
    WireSettings,
    check_size,
    codec_of,
    get_deadline,
    log_message,
    log_received,
)
from .methods import repeat

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Mapping

    from pyrolike._pieces import Payload
    from pyrolike.protocol.message import Bytes
    from pyrolike.uri import URI

    from .asynchronous import Courier
    from .channel import Channel
    from .iterator import StreamResultIterator
    from .pending import Ticket

SPECIAL_REPLY = Flag.EXCEPTION | Flag.COMPRESSED | Flag.ITEMSTREAMRESULT

MOST_DIGITS = 18
"""Of the number of items that a daemon says it gives at once."""


class Link(Binding):
    """Calls to one remote object.

    Any thread may use it, several at once.

    Args:
        uri: Where the object is; PYRONAME and PYROMETA are resolved at each connect.

    Attributes:
        max_retries: How often a call is repeated after its connection was lost or it timed out.
        is_plain: Whether remote methods may come here at once: the proxy's class overrides nothing
            on the way of a call, and calls are not asynchronous.
        is_asynchronous: Whether remote methods give a `FutureResult`.
        courier: Sends the asynchronous calls, once there were some; or None.
        owner: Weak reference to the proxy; None where there is none.
        stream_window: Items of a stream fetched at once; None follows the setting.
        forgotten_streams: Ids of item streams that were garbage collected, or closed without a
            connection: told to the daemon with the next call, because a destructor must not send.
    """

    __slots__ = (
        "_needs_care",
        "_wants_raw_replies",
        "courier",
        "forgotten_streams",
        "is_asynchronous",
        "is_plain",
        "max_retries",
        "owner",
        "stream_window",
    )

    def __init__(self, uri: URI) -> None:
        super().__init__(uri)
        self.max_retries: int = config.MAX_RETRIES
        self.is_plain = True
        self.is_asynchronous = False
        self.courier: Courier | None = None
        self.owner: Callable[[], Any] | None = None
        self.stream_window: int | None = None
        self.forgotten_streams: list[str] = []
        self._wants_raw_replies = False
        # Whether something about this link makes no call a usual one: all that those look at.
        self._needs_care = False

    def after_fork(self) -> None:
        """Be without a connection, in a forked child; the next use makes one."""
        super().after_fork()
        self.courier = None
        self.forgotten_streams.clear()  # the parent tells the daemon of them

    @property
    def wants_raw_replies(self) -> bool:
        """Whether `invoke` returns the reply's message instead of its value."""
        return self._wants_raw_replies

    @wants_raw_replies.setter
    def wants_raw_replies(self, wanted: bool) -> None:
        self._wants_raw_replies = wanted
        self._look_for_specials()

    @property
    def codec_name(self) -> str:
        """Name of the serializer that calls are made in."""
        settings = self._settings
        if settings.validity.is_over:
            settings = self._refresh_settings()
        return settings.codec.name

    def set_annotation_hooks(
        self,
        get_annotations: Callable[[], Mapping[str, Any]] | None,
        on_annotations: Callable[[Mapping[str, Any], int], None] | None,
    ) -> None:
        """Have annotations added to each message, and those of each answer looked at."""
        self.get_annotations, self.on_annotations = get_annotations, on_annotations
        self._look_for_specials()

    def _look_for_specials(self) -> None:
        hooks = self.get_annotations, self.on_annotations
        self._needs_care = self._wants_raw_replies or hooks != (None, None)

    def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a remote method, repeat the call after a lost connection, and return its result.

        Args:
            method: Its name.
            args: Positional arguments.
            kwargs: Keyword arguments.

        Raises:
            Exception: What `invoke` raises.
        """
        if self.max_retries:
            return repeat(self.max_retries, partial(self.invoke, method, args, kwargs))
        return self.invoke(method, args, kwargs)

    def invoke(
        self,
        method: str,
        vargs: Any,
        kwargs: dict[str, Any] | None,
        flags: int = 0,
        object_id: str | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Call a remote method and return its result.

        Args:
            method: Its name.
            vargs: Positional arguments, a tuple or list.
            kwargs: Keyword arguments; None for batches and attribute access.
            flags: Flags of the request.
            object_id: Another object of the same daemon; the metadata then does not apply to it.
            deadline: Moment on the monotonic clock until which the reply must be there; None for
                the timeout from now on.

        Returns:
            The result, or None at once for oneway calls; an iterator where the result is a stream.

        Raises:
            CommunicationError: The daemon cannot be reached, or the exchange failed.
            Exception: Whatever the remote method raised.
        """
        # What `_invoke_carefully` does for the usual call, with all left out that need not be
        # looked at then: a twentieth of a small call. Whatever is not usual goes there, or, in the
        # reply, to where that reads it.
        channel, settings, state = self.channel, self._settings, this_thread.state
        if (
            flags
            or channel is None
            or not channel.is_usable
            or settings.needs_care
            or settings.validity.is_over
            or self._needs_care
            or self.forgotten_streams
            or state.outgoing
            or state.client is not None
            or deadline is not None
            or (object_id is None and method in self.oneway)
        ):
            return self._invoke_carefully(method, vargs, kwargs, flags, object_id, deadline)
        for value in vargs:
            if type(value) not in SHORT and (type(value) is not str or len(value) >= LONG):
                return self._invoke_carefully(method, vargs, kwargs, 0, object_id, None)
        codec, number = settings.codec, settings.number
        target = self._object_id if object_id is None else object_id
        if kwargs:
            payload = codec.pack_call(target, method, vargs, kwargs)
        else:
            payload = codec.dumpsCall(target, method, vargs, kwargs)
        if len(payload) > settings.max_size:
            return self._invoke_carefully(method, vargs, kwargs, 0, object_id, None)
        state.response = state.response_received = None
        try:
            reply = channel.exchange(number, 0, payload, None, state.correlation, self.timeout)
        except UnsentError as fault:
            # Another thread's call gave the channel up between our look at it and our sending.
            return self.invoke(method, vargs, kwargs, 0, object_id, fault.deadline)
        state.response_received = reply.annotations
        if reply.flags & SPECIAL_REPLY or reply.serializer_id != number:
            return self._read_reply(channel, settings, number, reply)
        try:
            return codec.loads(reply.payload)
        except CLOSING_ERRORS:
            retire_behind(channel, reply)
            raise

    def _invoke_carefully(
        self,
        method: str,
        vargs: Any,
        kwargs: dict[str, Any] | None,
        flags: int,
        object_id: str | None,
        deadline: float | None,
    ) -> Any:
        """Do what `invoke` does, for any call."""
        channel, timeout = self.channel, self.timeout
        if (
            channel is None
            or not channel.is_usable
            or self.forgotten_streams
            or deadline is not None
        ):
            channel, timeout = self._get_ready(deadline)
        settings = self._settings
        if settings.validity.is_over:
            settings = self._refresh_settings()
        target: Any = object_id
        if target is None:
            target = self._object_id
            if method in self.oneway:
                flags |= Flag.ONEWAY
        try:
            if len(vargs) == 1 and type(vargs[0]) is SerializedBlob:
                return self._pass_blob(
                    channel, settings, target, method, vargs[0], kwargs, flags, timeout
                )
            payload = settings.codec.pack_call(target, method, vargs, kwargs)
            return self._transact(channel, settings, settings.number, flags, payload, timeout)
        except UnsentError as fault:
            # Another thread's call gave the channel up between our look at it and our sending.
            return self.invoke(method, vargs, kwargs, flags, object_id, fault.deadline)

    def begin(
        self,
        ticket: Ticket,
        method: str,
        vargs: Any,
        kwargs: dict[str, Any] | None,
        flags: int = 0,
    ) -> bool:
        """Send a call whose reply *ticket* gets; connects first where there is no connection.

        Other arguments and errors are those of `invoke`.

        Returns:
            Whether there will be a reply: none comes to a one-way call.

        Raises:
            UnsentError: The connection ended between our look at it and our sending: try again.
        """
        channel, timeout = self.channel, self.timeout
        if channel is None or not channel.is_usable or self.forgotten_streams:
            channel, timeout = self._get_ready(None)
        settings = self._settings
        if settings.validity.is_over:
            settings = self._refresh_settings()
        if method in self.oneway:
            flags |= Flag.ONEWAY
        number, more_annotations = settings.number, None
        if len(vargs) == 1 and type(vargs[0]) is SerializedBlob:
            flags |= Flag.KEEPSERIALIZED
            number, payload, more_annotations = self._pack_blob(
                settings, self._object_id, method, vargs[0], kwargs
            )
        else:
            payload = settings.codec.pack_call(self._object_id, method, vargs, kwargs)
        flags, payload, annotations, correlation_id = self._prepare(
            channel, settings, number, flags, payload, more_annotations
        )
        if flags & Flag.ONEWAY:
            channel.post(number, flags, payload, annotations, correlation_id, timeout)
            return False
        ticket.read = partial(self._take_reply, channel, settings, number)
        channel.begin(number, flags, payload, annotations, correlation_id, timeout, ticket)
        return True

    def _transact(
        self,
        channel: Channel,
        settings: WireSettings,
        number: int,
        flags: int,
        payload: Payload,
        timeout: float | None,
        extra_annotations: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send one serialized call and return the value of its reply."""
        state = get_state()
        flags, payload, annotations, correlation_id = self._prepare(
            channel, settings, number, flags, payload, extra_annotations
        )
        if flags & Flag.ONEWAY:
            with state.waiting():
                channel.post(number, flags, payload, annotations, correlation_id, timeout)
            return None
        state.check_callee(channel.connection.sock.getpeername)
        with state.waiting():
            reply = channel.exchange(number, flags, payload, annotations, correlation_id, timeout)
        return self._take_reply(channel, settings, number, reply)

    def _prepare(
        self,
        channel: Channel,
        settings: WireSettings,
        number: int,
        flags: int,
        payload: Payload,
        extra_annotations: Mapping[str, Any] | None,
    ) -> tuple[int, Payload, Mapping[str, Any] | None, bytes | None]:
        """Return flags, payload, annotations and correlation id of a call as they are to be sent.

        The calling thread's context forgets what came with its last reply.
        """
        state = get_state()
        annotations: Mapping[str, Any] | None = state.outgoing
        if self.get_annotations is not None:
            annotations = {**(annotations or {}), **self.get_annotations()}
        if extra_annotations is not None:
            annotations = {**(annotations or {}), **extra_annotations}
        state.response_received = None
        if state.client is None:
            state.response = None
            correlation_id = state.correlation
        else:
            correlation_id = state.get_correlation()
        if settings.needs_care or annotations or len(payload) > settings.max_size:
            if settings.compress:
                flags, payload = squeeze(flags, join(payload), settings.dialect)
            check_size("the call", payload, annotations, settings.max_size)
            if settings.log_wire:
                next_seq = (channel.seq + 1) & 0xFFFF  # if no other thread is quicker
                parts = number, flags, next_seq, join(payload), annotations, correlation_id
                log_message("sending", MessageType.INVOKE, *parts)
        return flags, payload, annotations, correlation_id

    def _take_reply(
        self, channel: Channel, settings: WireSettings, number: int, reply: Message
    ) -> Any:
        """Show the annotations of a reply to all who want them, and return its value."""
        get_state().response_received = reply.annotations
        if self.on_annotations is not None and reply.annotations:
            self.on_annotations(reply.annotations, reply.type)
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
                or self._needs_care
            ):
                return self._open_special(settings, number, reply)
            return settings.codec.loads(reply.payload)
        except CLOSING_ERRORS:
            retire_behind(channel, reply)
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
        if self._wants_raw_replies:
            reply.payload = bytes(reply.payload)  # it may be kept, and a large one's room is not
            return reply
        if reply.flags & Flag.ITEMSTREAMRESULT and reply.annotations:
            stream_id = reply.annotations.get(STREAM_ID)
            if stream_id is not None:
                return self._make_iterator(stream_id, reply.annotations.get(STREAM_WINDOW))
        # A call that went in another serializer was a blob, and the answer to it comes like that.
        # This program may have received it by accepting a serializer that could run code; then, and
        # only then, it reads that in the answer too.
        codec = codec_of(reply, settings, allowed=config.SERIALIZERS_ACCEPTED)
        if reply.flags & Flag.EXCEPTION:
            # In no variable here: the traceback would hold it, and it the traceback.
            raise_remote(codec.loads(reply.payload))
        return codec.loads(reply.payload)

    def _make_iterator(self, stream_id: Bytes, most: Bytes | None) -> StreamResultIterator:
        """Return the client's end of an item stream.

        Args:
            stream_id: Its id, from the reply.
            most: How many items the daemon gives at once, in digits, and a token to come back
                with; None from a stock daemon.
        """
        from .iterator import StreamResultIterator  # for those who get one

        window = self.stream_window or config.ITER_STREAM_WINDOW
        digits, _, token = bytes(most or b"").partition(b" ")
        # More digits than a count of items has are rubbish; and int() would refuse thousands.
        is_counted = digits.isdigit() and len(digits) <= MOST_DIGITS
        if is_counted:
            window = max(1, min(window, int(digits)))
        text = bytes(stream_id).decode("ascii", "replace")
        proxy = self.owner() if self.owner is not None else None
        invoke = self.invoke if proxy is None or proxy._pyroIsPlain else proxy._pyroInvoke
        return StreamResultIterator(
            text,
            self,
            window,
            is_counted=is_counted,
            token=token.decode("ascii", "replace"),
            invoke=invoke,
        )

    def _pass_blob(
        self,
        channel: Channel,
        settings: WireSettings,
        object_id: str,
        method: str,
        blob: SerializedBlob,
        kwargs: dict[str, Any] | None,
        flags: int,
        timeout: float | None,
    ) -> Any:
        """Call a method with a blob, which is not opened; in the serializer it was written with."""
        number, payload, annotations = self._pack_blob(settings, object_id, method, blob, kwargs)
        return self._transact(
            channel, settings, number, flags | Flag.KEEPSERIALIZED, payload, timeout, annotations
        )

    @staticmethod
    def _pack_blob(
        settings: WireSettings,
        object_id: str,
        method: str,
        blob: SerializedBlob,
        kwargs: dict[str, Any] | None,
    ) -> tuple[int, Payload, Mapping[str, Any]]:
        """Return serializer number, payload and annotation of a call with a blob."""
        if kwargs:
            raise SerializeError("a SerializedBlob must be the only argument of a call")
        return pack_blob(settings.codec, settings.number, object_id, method, blob)

    # -- before a call ----------------------------------------------------------------------------

    def set_metadata(self, metadata: Mapping[str, Collection[str]]) -> None:
        """Take over what a daemon says about the object; the proxy forgets what it has made of it.

        Raises:
            PyroError: It exposes nothing.
            ProtocolError: It is no metadata.
        """
        before = self.methods
        super().set_metadata(metadata)
        if before and before != self.methods:
            proxy = self.owner() if self.owner is not None else None
            if proxy is not None:
                proxy._pyroForgetMethods()

    def ensure_metadata(self) -> None:
        """Connect, and ask for the metadata if it is not known."""
        if not self.has_metadata:
            self.connect()
            if not self.has_metadata:
                self.set_metadata(self.fetch_metadata())

    def fetch_metadata(
        self, object_id: str | None = None, deadline: float | None = None
    ) -> Mapping[str, Collection[str]]:
        """Ask the daemon what an object exposes; connects if needed.

        Args:
            object_id: Of which; None for this one.
            deadline: As for `invoke`.
        """
        if object_id is None:
            self.connect(deadline)  # only then a logical uri has an object id
        target = object_id or self._object_id
        metadata: Mapping[str, Collection[str]] = self.invoke(
            "get_metadata", [target], {}, object_id=DAEMON_NAME, deadline=deadline
        )
        return metadata

    def adopt(self, sock: socket.socket) -> None:
        """Use a socket that somebody else connected, and ask over it for the metadata.

        Raises:
            TimeoutError: Nobody has answered within the timeout, or CONNECT_TIMEOUT.
        """
        super().adopt(sock)
        if config.METADATA:
            deadline = get_deadline(self.timeout or config.CONNECT_TIMEOUT)
            self.set_metadata(self.fetch_metadata(deadline=deadline))

    def _get_ready(self, deadline: float | None) -> tuple[Channel, float | None]:
        """Return a channel for a call, and the seconds that are left for it.

        Streams that nobody iterates any more are closed on the way.
        """
        if deadline is None and self.timeout is not None:
            deadline = monotonic() + self.timeout
        forgotten = self.forgotten_streams
        channel = self.connect(deadline)
        with contextlib.suppress(IndexError, CommunicationError):  # others may do it, or it is late
            while forgotten:
                self.close_stream(channel, forgotten.pop(0))
        if not channel.is_usable:
            channel = self.connect(deadline)
        if deadline is None:
            return channel, None
        timeout = deadline - monotonic()
        if timeout <= 0:
            raise TimeoutError("connecting: timeout, the call was not made")
        return channel, timeout

    def close_stream(self, channel: Channel, stream_id: str) -> None:
        """Tell the daemon that a stream's items are not wanted any more."""
        settings = self._settings
        payload = settings.codec.dumpsCall(DAEMON_NAME, "close_stream", [stream_id], {})
        self._transact(channel, settings, settings.number, Flag.ONEWAY, payload, None)


def retire_behind(channel: Channel, reply: Message) -> None:
    """Let a channel take no further calls because of an error in a reply, or of the reply.

    A stock daemon closes its side behind such a reply; not to find that out by the failure of the
    next call, we do the same, unless our daemon says that it does not.
    """
    if not reply.annotations or STAYS_OPEN not in reply.annotations:
        channel.retire()
