"""The server's side of one connection: messages in, replies out.

A session is used by one thread at a time: the parking thread while nothing whole has arrived, then
the worker it was dispatched to. It knows the order of things (handshake first, then calls), what a
bad message deserves, and how a reply is written. It does not know threads: who runs it, and when,
is the server type's business.

States: *new*, until the handshake is accepted; *open*; *finished*, when nothing more may be read:
`end` then tells the daemon and closes.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from pyrolike._pieces import JOINABLE, join
from pyrolike.callcontext import ContextState
from pyrolike.constants import PYRO4_PROTOCOL_VERSION
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    MessageTooLargeError,
    ProtocolError,
    SerializeError,
    TimeoutError,
)
from pyrolike.protocol import (
    V502,
    Flag,
    Message,
    MessageType,
    describe,
    inflate,
    squeeze,
)
from pyrolike.serializers import get_serializer, serializers
from pyrolike.transport import CHUNK, DONT_WAIT, send_available, transfer_fault

from .greeting import read_greeting, write_welcome
from .inbox import HANDSHAKE_SIZE, Inbox
from .oneway import OnewayQueue
from .outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sized

    from pyrolike.protocol import Dialect
    from pyrolike.serializers import SerializerBase
    from pyrolike.transport import SocketConnection

    from .service import Service
    from .settings import ServingSettings

log = logging.getLogger("pyrolike.server")

PONG = b"pong"
INVOKE, RESULT = MessageType.INVOKE, MessageType.RESULT
AFTERWARDS = frozenset({MessageType.INVOKE, MessageType.PING})
UNUSUAL = Flag.ONEWAY | Flag.COMPRESSED

BUSY = "no free workers, increase server threadpool size"
"""Pyro's words; clients look for the first three and try again later."""

READ_BY = {"dill": "pickle", "cloudpickle": "pickle"}
"""Which serializer writes the refusal of another one, that can read it.

No stranger shall have us import a package, and do all that it does then, by a byte in a header.
"""


class Session(Inbox):
    """One client of a daemon.

    Args:
        service: The daemon's inner side.
        connection: Its connection; the session owns it.
        address: The client's socket address, or None.
        deadline: Moment on the monotonic clock until which the handshake must be complete, or None.
        needs_handshake: Whether it begins with a handshake at all.
        outbox: Where replies go if the thread that serves the session must not wait; None to send
            them.

    Attributes:
        connection: See above.
        deadline: Moment at which the session is to be ended if nothing happens; None for never.
        is_open: The handshake is done.
        is_finished: Nothing more will be read; `end` is due.
        is_busy: A message is being answered.
        is_closing: The daemon closes: the call that is running is the last one.
        state: What `current_context` shows to the calls of this client.
        calls: How many it has made.
        host: Where it comes from, if the server counts that.
        objection: Why the client is not welcome, which its handshake is answered with; or None.
        rest: What is not sent yet of a reply, and waits for the client to read; not to be changed.
        thread: Identity of the thread that serves it just now; only the thread-pool server tells.
    """

    __slots__ = (
        "_codecs",
        "_is_ended",
        "_oneway",
        "_send_parts",
        "_sendall",
        "_service",
        "_settings",
        "calls",
        "deadline",
        "host",
        "is_busy",
        "is_closing",
        "is_open",
        "objection",
        "rest",
        "state",
        "thread",
    )

    def __init__(
        self,
        service: Service,
        connection: SocketConnection,
        address: Any,
        deadline: float | None,
        *,
        needs_handshake: bool = True,
        outbox: Outbox | None = None,
    ) -> None:
        super().__init__(connection, service.dialects)
        self.deadline = deadline
        self.is_busy = False
        self.is_closing = False
        self.is_open = not needs_handshake
        self.state = ContextState(connection, address)
        self.state.reader = self._reader
        self.thread: int | None = None
        self.objection: str | None = None
        self.calls = 0
        self.host: str | None = None
        self._is_ended = False
        self._service = service
        self._settings: ServingSettings | None = None  # as they were at the last call
        self._codecs: Mapping[int, SerializerBase] = {}  # by number, from there
        self._oneway: OnewayQueue | None = None
        # Bound once, for each reply.
        self._sendall: Callable[[Any], object] = connection.sock.sendall
        self._send_parts: Callable[[bytes, Any], None] = connection.send_parts
        self.rest: Sized = ()
        if outbox is not None:
            self.rest = outbox.rest
            self._sendall, self._send_parts = outbox.sendall, outbox.send_parts
        if self.is_open:
            self._admit(service.get_settings())

    def __repr__(self) -> str:
        state = "finished" if self.is_finished else "open" if self.is_open else "new"
        return f"<Session {state}, {self.connection!r}>"

    @property
    def must_end(self) -> bool:
        """Whether `end` is due."""
        return self.is_finished or self.is_closing

    @property
    def is_clogged(self) -> bool:
        """Whether so many one-way calls wait that another one would have to be waited for."""
        return self._oneway is not None and self._oneway.is_full

    def expire(self) -> None:
        """Finish the session because its deadline has passed."""
        self.is_finished = True
        log.info("%s ended: %s", self, "idle too long" if self.is_open else "no handshake in time")

    # -- answering --------------------------------------------------------------------------------

    def process(self, message: Message) -> None:
        """Answer one message. Afterwards the session may be finished.

        Everything a client can do wrong ends here as a reply or as the end of its session.
        """
        self.state.begin_request(message)
        try:
            settings = self._service.settings
            if settings.validity.is_over:
                settings = self._service.get_settings()
            if settings.log_wire:
                _log_message("received", message)
            if message.type == INVOKE:
                self._answer_call(settings, message)
            elif message.type == MessageType.CONNECT:
                self._answer_connect(settings, message)
            else:
                self._answer_ping(settings, message)
        except CommunicationError as fault:
            self._fault = fault
            self.is_finished = True

    def _answer_call(self, settings: ServingSettings, message: Message) -> None:
        if settings is not self._settings:
            self._settings, self._codecs = settings, settings.codecs[self.dialect.tags]
        codec = self._codecs.get(message.serializer_id)
        if codec is None:
            self._refuse_serializer(settings, message)
            return
        self.calls += 1
        if message.flags & UNUSUAL and self._answer_unusual(settings, codec, message):
            return
        dispatcher = self._service.dispatcher
        flags, payload, annotations = dispatcher.answer(self.connection, codec, message)
        try:
            if self.state.response and not flags & Flag.EXCEPTION:
                annotations = {**self.state.response, **(annotations or {})}
            self._reply(settings, RESULT, message, flags, payload, annotations)
        except (ConnectionClosedError, TimeoutError):
            raise
        except Exception as fault:  # noqa: BLE001  of the program's annotations: the caller hears it
            self._service.count_failure()
            self._send(self._pack_failure(codec, message, fault))

    def _answer_ping(self, settings: ServingSettings, message: Message) -> None:
        try:
            self._reply(settings, MessageType.PING, message, 0, PONG, None)
        except (ConnectionClosedError, TimeoutError):
            raise
        except Exception:  # the hook for annotations is the program's; a ping is answered without
            log.exception("the daemon's annotations cannot be sent")
            self._send(self._pack_pong(message))

    def _answer_unusual(
        self, settings: ServingSettings, codec: SerializerBase, message: Message
    ) -> bool:
        """Prepare a compressed or one-way call; True if nothing is left to do for it."""
        if message.flags & Flag.COMPRESSED:
            try:
                inflate(message, settings.max_size)
            except ProtocolError as fault:
                self._service.count_failure()
                if not message.flags & Flag.ONEWAY:
                    self._send(self._pack_failure(codec, message, fault))
                return True
        if message.flags & Flag.ONEWAY:
            self._run_oneway(settings, codec, message)
            return True
        return False

    def _run_oneway(
        self, settings: ServingSettings, codec: SerializerBase, message: Message
    ) -> None:
        """Make a call that gets no reply, whatever happens."""
        dispatcher, client = self._service.dispatcher, self.connection
        is_batch = bool(message.flags & Flag.BATCH)
        job: Callable[[], object]
        try:
            # Here, not in the other thread: a session's instance is made by its session.
            if is_batch:
                job = partial(
                    dispatcher.run_batch, client, dispatcher.prepare_batch(client, codec, message)
                )
            else:
                job = partial(dispatcher.run, client, dispatcher.prepare(client, codec, message))
            # A batch is made before the client's next request is looked at, as stock daemons do;
            # but not before the one-way calls that came earlier.
            queue = self._oneway
            is_first = queue is None or not queue.is_at_work
            if not settings.oneway_threaded or (is_batch and is_first):
                job()
                return
        except BaseException:  # there is nobody to tell; the connection goes on
            self._service.count_failure()
            log.warning("a oneway call cannot be made, or failed", exc_info=True)
            return
        if self._oneway is None:
            self._oneway = OnewayQueue(self._service.start_task, self._service.backlog)
        self._oneway.run(self.state.copy(), job, len(message.payload))

    def _answer_connect(self, settings: ServingSettings, message: Message) -> None:
        """Shake hands, or refuse with the reason."""
        if self.objection is not None:
            self._refuse_connect(settings, message, serializers["marshal"], self.objection)
            return
        dialect = self.dialect
        codec = settings.codecs[dialect.tags].get(message.serializer_id)
        if codec is None:
            self._refuse_serializer(settings, message)
            return
        try:
            flags, payload = self._shake_hands(codec, dialect, message)
            response = self.state.response
            self._reply(settings, MessageType.CONNECTOK, message, flags, payload, response)
        except (ConnectionClosedError, TimeoutError):
            raise
        except BaseException as fault:  # noqa: BLE001  malformed, or refused by a hook: it is told why
            log.debug("handshake refused: %s", fault)
            self._refuse_connect(settings, message, codec, str(fault) or type(fault).__name__)
            return
        self._admit(settings)

    def _shake_hands(
        self, codec: SerializerBase, dialect: Dialect, message: Message
    ) -> tuple[int, bytes]:
        """Return flags and payload of the answer to a handshake, or raise what shall be told."""
        if message.flags & Flag.COMPRESSED:
            inflate(message, HANDSHAKE_SIZE)
        is_pyro4 = dialect.version == PYRO4_PROTOCOL_VERSION
        has_object = not is_pyro4 or bool(message.flags & Flag.META_ON_CONNECT)
        word, object_id = read_greeting(codec, bytes(message.payload), has_object)
        self.connection.objectId = object_id
        answer, members = self._service.shake_hands(self.connection, word, object_id)
        return write_welcome(codec, dialect, answer, members)

    def _admit(self, settings: ServingSettings) -> None:
        self.is_open = True
        self._reader.max_size = settings.max_size
        self._reader.accepted_types = AFTERWARDS

    def _codec_for(self, settings: ServingSettings, message: Message) -> SerializerBase | None:
        """Return the serializer of *message*, if it is one that the daemon accepts."""
        return settings.codecs[self.dialect.tags].get(message.serializer_id)

    # -- refusing ---------------------------------------------------------------------------------

    def refuse_busy(self) -> None:
        """Answer the waiting message with "no free workers"; never blocks.

        A client that is already connected may try again; a new one is turned away.
        """
        message, self._message = self._message, None
        settings = self._service.get_settings()
        if message is None or self.is_finished:
            self.is_finished = True
        elif not self.is_open:
            self._refuse_connect(settings, message, serializers["marshal"], BUSY)
        elif message.type == MessageType.PING:
            self._send_at_once(self._pack_pong(message))
        elif message.flags & Flag.ONEWAY:
            log.error("a oneway call was dropped: %s", BUSY)
        else:
            codec = self._codec_for(settings, message)
            if codec is None:
                self.is_finished = True
                return
            self._send_at_once(self._pack_failure(codec, message, CommunicationError(BUSY)))

    def _refuse_connect(
        self,
        settings: ServingSettings,
        message: Message | None,
        codec: SerializerBase,
        reason: str,
    ) -> None:
        """Send CONNECTFAIL; the session is finished."""
        self.is_finished = True
        payload = codec.dumps(reason)
        number = codec.serializer_id
        seq = message.seq if message is not None else 0
        correlation_id = message.correlation_id if message is not None else None
        head = self.dialect.write_head(
            MessageType.CONNECTFAIL, number, 0, seq, payload, None, correlation_id
        )
        if settings.log_wire:
            log.debug("sending CONNECTFAIL: %s", reason)
        self._send_at_once(head + payload)

    def _refuse_serializer(self, settings: ServingSettings, message: Message) -> None:
        """Refuse a message in a serializer that is not accepted; its payload is not looked at."""
        name = V502.serializer_names.get(message.serializer_id)
        number = self.dialect.number_on_wire(message.serializer_id)
        reason = (
            f"this daemon does not accept the serializer {name or f'number {number}'}; "
            "see its setting SERIALIZERS_ACCEPTED"
        )
        if message.type == MessageType.CONNECT:
            self._refuse_connect(settings, message, serializers["marshal"], reason)
            return
        self.is_finished = True
        if name is not None and name in serializers and not message.flags & Flag.ONEWAY:
            flags, payload, _ = self._service.dispatcher.fail(
                get_serializer(READ_BY.get(name, name), tags=self.dialect.tags),
                SerializeError(reason),
            )
            self._reply(settings, RESULT, message, flags, payload, None)

    # -- writing ----------------------------------------------------------------------------------

    def _reply(
        self,
        settings: ServingSettings,
        type: int,
        message: Message,
        flags: int,
        payload: Any,
        annotations: Mapping[str, Any] | None,
    ) -> None:
        """Send a reply to *message*."""
        get_annotations = self._service.get_annotations
        if get_annotations is not None:
            annotations = {**(annotations or {}), **get_annotations()}
        if settings.needs_care:
            flags, payload = self._prepare(settings, type, message, flags, payload, annotations)
        head = self._reader.dialect.write_head(  # type: ignore[union-attr]  # of what was read
            type,
            message.serializer_id,
            flags,
            message.seq,
            payload,
            annotations,
            self.state.correlation,
        )
        if len(payload) > JOINABLE:
            self._send_parts(head, payload)
            return
        send = self._sendall
        try:
            send(head + payload)
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault

    def _prepare(
        self,
        settings: ServingSettings,
        type: int,
        message: Message,
        flags: int,
        payload: Any,
        annotations: Mapping[str, Any] | None,
    ) -> tuple[int, Any]:
        """Compress and log an outgoing reply where the settings say so."""
        payload = join(payload)
        if settings.compress:
            flags, payload = squeeze(flags, payload, self.dialect)
        if settings.log_wire:
            number, correlation_id = message.serializer_id, message.correlation_id
            parts = type, number, flags, message.seq, payload, annotations, correlation_id
            log.debug("sending %s", describe(*parts))
        return flags, payload

    def _send(self, data: bytes) -> None:
        """Send a whole message that is not the usual reply."""
        try:
            self._sendall(data)
        except OSError as fault:
            raise transfer_fault(fault, "sending") from fault

    def _send_at_once(self, data: bytes) -> None:
        """Send a short message without waiting; who cannot take it in now loses the connection."""
        try:
            is_sent = send_available(self.connection.sock, data) == len(data)
        except OSError:
            is_sent = False
        if not is_sent:
            self.is_finished = True

    # -- ending -----------------------------------------------------------------------------------

    def end(self) -> None:
        """Close the connection and tell the daemon, whose hooks run. May be called twice."""
        self.is_finished = True
        if self._is_ended:
            return
        self._is_ended = True
        if isinstance(self._fault, ProtocolError):
            self._tell_fault(self._fault)
        self._service.forget(self, self.is_open)
        if not self.is_deserted:
            self._drain()
        self.connection.close(is_used=not self.is_deserted)

    def _tell_fault(self, fault: ProtocolError) -> None:
        """Tell the client why it is cut off, as far as it can be told."""
        log.warning("%s ended by a protocol error: %s", self, fault)
        settings = self._service.get_settings()
        if not self.is_open:
            self._refuse_connect(settings, None, serializers["marshal"], str(fault))
            return
        if not isinstance(fault, MessageTooLargeError):
            return
        message, fault.pyroMsg = fault.pyroMsg, None  # it is not for the wire
        if message is None or message.type != MessageType.INVOKE or message.flags & Flag.ONEWAY:
            return
        codec = self._codec_for(settings, message)
        if codec is not None:
            self._send_at_once(self._pack_failure(codec, message, fault))

    def _pack_failure(self, codec: SerializerBase, message: Message, fault: Exception) -> bytes:
        """Make the whole reply for a call that was not made."""
        flags, payload, _ = self._service.dispatcher.fail(codec, fault)
        number, seq = message.serializer_id, message.seq
        head = self.dialect.write_head(
            MessageType.RESULT, number, flags, seq, payload, None, message.correlation_id
        )
        return bytes(head + payload)

    def _pack_pong(self, message: Message) -> bytes:
        """Return the whole answer to a ping, without annotations of the program's."""
        number, seq = message.serializer_id, message.seq
        return self.dialect.write_head(MessageType.PING, number, 0, seq, PONG) + PONG

    def _drain(self) -> None:
        """Read away what was sent to us in vain: closing over it would take our last words back."""
        if self.connection.keep_open:
            return  # it is somebody else's, and goes on
        with contextlib.suppress(OSError, ValueError):
            self.connection.sock.shutdown(socket.SHUT_WR)
            self.connection.sock.setblocking(False)
            for _ in range(16):
                if not self.connection.sock.recv(CHUNK, DONT_WAIT):
                    break


def _log_message(direction: str, message: Message) -> None:
    log.debug(
        "%s %s",
        direction,
        describe(
            message.type,
            message.serializer_id,
            message.flags,
            message.seq,
            message.payload,
            message.annotations,
            message.correlation_id,
        ),
    )
