"""The wire in Pyro5's words: SendingMessage, ReceivingMessage, recv_stub.

Programs that reach below the proxy (a ping over an open connection, a relay, a test) were written
against these. They are a thin face on the dialect and the reader; the library itself does not use
them.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Protocol

from pyrolike.errors import MessageTooLargeError, ProtocolError

from .compression import inflate, squeeze
from .dialect import RECOGNISABLE_SIZE, TAG
from .message import PING_SERIALIZER, Flag, Message, MessageType, UnexpectedTypeError
from .reader import recognise
from .v502 import V502
from .wiredump import describe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .dialect import Dialect
    from .message import Bytes

MSG_CONNECT = MessageType.CONNECT
MSG_CONNECTOK = MessageType.CONNECTOK
MSG_CONNECTFAIL = MessageType.CONNECTFAIL
MSG_INVOKE = MessageType.INVOKE
MSG_RESULT = MessageType.RESULT
MSG_PING = MessageType.PING

FLAGS_EXCEPTION = Flag.EXCEPTION
FLAGS_COMPRESSED = Flag.COMPRESSED
FLAGS_ONEWAY = Flag.ONEWAY
FLAGS_BATCH = Flag.BATCH
FLAGS_ITEMSTREAMRESULT = Flag.ITEMSTREAMRESULT
FLAGS_KEEPSERIALIZED = Flag.KEEPSERIALIZED
FLAGS_CORR_ID = Flag.CORR_ID

LARGEST = 1 << 30
"""Most bytes `recv_stub` accepts in one message, as Pyro5's default setting has it."""

_ONLY = {V502.version: V502}


class Connection(Protocol):
    """What these functions need of a connection; `pyrolike.socketutil.SocketConnection` is one."""

    def send(self, data: bytes) -> None:
        """Send all of *data*."""

    def recv(self, size: int) -> bytes:
        """Receive exactly *size* bytes."""


class SendingMessage:
    """A message to be sent.

    Args:
        msgtype: One of MSG_*.
        flags: Bits of FLAGS_*; FLAGS_COMPRESSED is decided here and ignored in the argument.
        seq: Sequence number, 0..65535.
        serializer_id: Number of the payload's serializer.
        payload: The serialized value.
        annotations: 4-letter id to bytes.
        compress_payload: Compress it where that makes it smaller.
        corr_id: Correlation id, or None.

    Attributes:
        data: The complete message.

    Raises:
        ProtocolError: An annotation is malformed.
    """

    def __init__(
        self,
        msgtype: int,
        flags: int,
        seq: int,
        serializer_id: int,
        payload: Bytes,
        annotations: Mapping[str, Bytes] | None = None,
        *,
        compress_payload: bool = False,
        corr_id: uuid.UUID | None = None,
    ) -> None:
        flags &= ~Flag.COMPRESSED
        if compress_payload:
            flags, payload = squeeze(flags, payload, V502)
        self.type = msgtype
        self.seq = seq
        self.serializer_id = serializer_id
        self.corr_id = corr_id
        self.flags = flags | Flag.CORR_ID if corr_id else flags
        head = V502.write_head(
            msgtype,
            serializer_id,
            flags,
            seq,
            payload,
            annotations,
            corr_id.bytes if corr_id else None,
        )
        self.data = head + payload

    def __repr__(self) -> str:
        return f"<SendingMessage type={self.type} seq={self.seq} {len(self.data)} bytes>"

    @staticmethod
    def ping(connection: Connection) -> None:
        """Send a ping over an open connection and wait for its answer.

        A proxy's connection is spoken to in the protocol that it speaks. No call may be waiting for
        its result on the connection meanwhile.

        Raises:
            ProtocolError: The answer is something else.
            ConnectionClosedError: The connection is gone.
            TimeoutError: No answer within the connection's timeout.
        """
        ping(connection, getattr(connection, "dialect", None) or V502)


class ReceivingMessage:
    """A message that was received: first its header, then, by `add_payload`, the rest.

    Args:
        header: The header's 40 bytes.
        payload: Annotations and payload together, or None to add them later.

    Raises:
        ProtocolError: It is not a header, or the payload does not fit it.
    """

    header_size = V502.header_size

    def __init__(self, header: Bytes, payload: Bytes | None = None) -> None:
        self.validate(header)
        message, self.annotations_size, self.data_size = V502.read_header(header)
        self.type = message.type
        self.serializer_id = message.serializer_id
        self.flags = message.flags
        self.seq = message.seq
        self.corr_id = uuid.UUID(bytes=message.correlation_id) if message.correlation_id else None
        self.annotations: dict[str, memoryview] = {}
        self.data: Bytes = b""
        if payload is not None:
            self.add_payload(payload)

    def __repr__(self) -> str:
        return f"<ReceivingMessage type={self.type} seq={self.seq} {self.data_size} bytes>"

    @staticmethod
    def validate(data: Bytes) -> None:
        """Check as much of a header as *data* has.

        Raises:
            ValueError: There are fewer than 4 bytes.
            ProtocolError: Tag, version or magic are wrong.
        """
        if len(data) < len(TAG):
            raise ValueError("at least 4 bytes are needed to recognise a message")
        complete = len(data) >= RECOGNISABLE_SIZE
        recognise(data if complete else bytes(data[:4]) + V502.version.to_bytes(2, "big"), _ONLY)
        if len(data) >= V502.header_size:
            V502.read_header(data)

    def add_payload(self, payload: Bytes) -> None:
        """Add the bytes after the header: annotations, then the payload, which is inflated here.

        Raises:
            ProtocolError: They are not as many as the header announces, or malformed.
        """
        if len(payload) != self.data_size + self.annotations_size:
            raise ProtocolError(
                f"{self.data_size + self.annotations_size} bytes announced, {len(payload)} given"
            )
        view = memoryview(payload)
        message = Message(
            self.type, self.serializer_id, self.flags, self.seq, view[self.annotations_size :]
        )
        if self.annotations_size:
            V502.add_annotations(message, view[: self.annotations_size])
            self.annotations = message.annotations or {}
        if self.flags & Flag.COMPRESSED:
            inflate(message, LARGEST)
        self.data = (
            message.payload if self.annotations_size or self.flags != message.flags else payload
        )
        self.flags = message.flags
        self.data_size = len(self.data)


def recv_stub(
    connection: Connection, accepted_msgtypes: Collection[int] | None = None
) -> ReceivingMessage:
    """Receive one whole message from *connection*.

    Args:
        connection: Where to read. Nothing is read beyond the message.
        accepted_msgtypes: Refuse other types; None or empty accepts all.

    Raises:
        ProtocolError: It is not a message, is too large, or has another type (its attribute
            `pyroMsg` then is the message without its body).
        ConnectionClosedError: The connection ended before the message did.
        TimeoutError: The connection's timeout passed.
    """
    header = connection.recv(6)
    ReceivingMessage.validate(header)
    header += connection.recv(V502.header_size - 6)
    message = ReceivingMessage(header)
    size = message.annotations_size + message.data_size
    if size > LARGEST:
        raise MessageTooLargeError(
            f"{size:,} bytes announced, at most {LARGEST:,} are accepted",
            announced=size,
            limit=LARGEST,
        )
    if accepted_msgtypes and message.type not in accepted_msgtypes:
        stub = Message(message.type, message.serializer_id, message.flags, message.seq, b"")
        raise UnexpectedTypeError(stub, frozenset(accepted_msgtypes))
    message.add_payload(connection.recv(size) if size else b"")
    return message


def log_wiredata(logger: logging.Logger, text: str, msg: SendingMessage | ReceivingMessage) -> None:
    """Log a message at debug level, in one line.

    Args:
        logger: Where to.
        text: What to say before it.
        msg: The message.
    """
    if not logger.isEnabledFor(logging.DEBUG):
        return
    payload, annotations = msg.data, None
    if isinstance(msg, ReceivingMessage):
        annotations = msg.annotations
    corr_id = msg.corr_id.bytes if msg.corr_id else None
    logger.debug(
        "%s: %s",
        text,
        describe(msg.type, msg.serializer_id, msg.flags, msg.seq, payload, annotations, corr_id),
    )


def ping(connection: Connection, dialect: Dialect) -> None:
    """Send a ping in *dialect*, and wait for its answer; raises as `SendingMessage.ping`."""
    # Any number will do, but for each dialect it must be one that its header has room for.
    number = dialect.serializer_numbers["serpent"] if dialect is not V502 else PING_SERIALIZER
    connection.send(dialect.write_head(MSG_PING, number, 0, 0, b"ping") + b"ping")
    receive(connection, dialect, [MSG_PING])


def receive(
    connection: Connection, dialect: Dialect, accepted_msgtypes: Collection[int] | None = None
) -> Message:
    """Receive one whole message in *dialect*; its payload is not inflated.

    Raises:
        ProtocolError: As for `recv_stub`, like the others.
    """
    message, annotations_size, data_size = dialect.read_header(connection.recv(dialect.header_size))
    size = annotations_size + data_size
    if size > LARGEST:
        raise MessageTooLargeError(
            f"{size:,} bytes announced, at most {LARGEST:,} are accepted",
            announced=size,
            limit=LARGEST,
        )
    if accepted_msgtypes and message.type not in accepted_msgtypes:
        raise UnexpectedTypeError(message, frozenset(accepted_msgtypes))
    body = memoryview(connection.recv(size) if size else b"")
    message.payload = body[annotations_size:]
    if annotations_size:
        dialect.add_annotations(message, body[:annotations_size])
    return message
