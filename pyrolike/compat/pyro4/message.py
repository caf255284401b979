"""The module ``Pyro4.message``: messages of protocol 48, for programs that reach below the proxy.

The class is a face on the dialect, as `pyrolike.protocol.classic` is on the other one. Its flags
and serializer numbers are Pyro4's; the dialect has them as protocol 502 numbers them. Source: the
API page of the reference, B9.
"""

from __future__ import annotations

import hmac as signing
from typing import TYPE_CHECKING, Any

from pyrolike.protocol import (
    V48,
    V502,
    Flag,
    Message as Received,
    MessageType,
    Pyro4Dialect,
    inflate,
    key_bytes,
)
from pyrolike.protocol.classic import LARGEST, ping, receive
from pyrolike.protocol.v48 import CHECKSUM_BASE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyrolike.protocol.classic import Connection
    from pyrolike.protocol.message import Bytes

MSG_CONNECT = MessageType.CONNECT
MSG_CONNECTOK = MessageType.CONNECTOK
MSG_CONNECTFAIL = MessageType.CONNECTFAIL
MSG_INVOKE = MessageType.INVOKE
MSG_RESULT = MessageType.RESULT
MSG_PING = MessageType.PING

FLAGS_EXCEPTION = 0x01
FLAGS_COMPRESSED = 0x02
FLAGS_ONEWAY = 0x04
FLAGS_BATCH = 0x08
FLAGS_META_ON_CONNECT = 0x10
FLAGS_ITEMSTREAMRESULT = 0x20
FLAGS_KEEPSERIALIZED = 0x40

_FLAGS = {
    FLAGS_EXCEPTION: Flag.EXCEPTION,
    FLAGS_COMPRESSED: Flag.COMPRESSED,
    FLAGS_ONEWAY: Flag.ONEWAY,
    FLAGS_BATCH: Flag.BATCH,
    FLAGS_META_ON_CONNECT: Flag.META_ON_CONNECT,
    FLAGS_ITEMSTREAMRESULT: Flag.ITEMSTREAMRESULT,
    FLAGS_KEEPSERIALIZED: Flag.KEEPSERIALIZED,
}

_UNKNOWN = 0x100  # as the dialect marks serializer numbers that are none of Pyro4's

__all__ = [
    "FLAGS_BATCH",
    "FLAGS_COMPRESSED",
    "FLAGS_EXCEPTION",
    "FLAGS_ITEMSTREAMRESULT",
    "FLAGS_KEEPSERIALIZED",
    "FLAGS_META_ON_CONNECT",
    "FLAGS_ONEWAY",
    "MSG_CONNECT",
    "MSG_CONNECTFAIL",
    "MSG_CONNECTOK",
    "MSG_INVOKE",
    "MSG_PING",
    "MSG_RESULT",
    "Message",
    "secure_compare",
]


class Message:
    """A message of protocol 48.

    Args:
        msgType: One of MSG_*.
        databytes: The payload, compressed if the flags say so.
        serializer_id: Pyro4's number of its serializer.
        flags: Bits of FLAGS_*.
        seq: Sequence number, 0..65535.
        annotations: 4-letter id to bytes.
        hmac_key: Signs the message; None for no signing.

    Raises:
        TypeError, ValueError: The key is none.
    """

    header_format = "!4sHHHHiHHHH"
    header_size = V48.header_size
    checksum_magic = CHECKSUM_BASE

    def __init__(
        self,
        msgType: int,
        databytes: Bytes,
        serializer_id: int,
        flags: int,
        seq: int,
        annotations: Mapping[str, Bytes] | None = None,
        hmac_key: str | bytes | None = None,
    ) -> None:
        self.type = msgType
        self.data = databytes
        self.data_size = len(databytes)
        self.serializer_id = serializer_id
        self.flags = flags
        self.seq = seq
        self.annotations: dict[str, Any] = dict(annotations or {})
        self.annotations_size = sum(6 + len(value) for value in self.annotations.values())
        self.hmac_key = key_bytes(hmac_key)

    def __repr__(self) -> str:
        return f"<Message type={self.type} seq={self.seq} {self.data_size} bytes>"

    def to_bytes(self) -> bytes:
        """Return the whole message, signed if it has a key.

        Raises:
            ProtocolError: An annotation is malformed, or all together are too large.
        """
        name = V48.serializer_names.get(self.serializer_id)
        number = V502.serializer_numbers[name] if name else self.serializer_id + _UNKNOWN
        head = _dialect(self.hmac_key).write_head(
            self.type, number, _to_ours(self.flags), self.seq, self.data, self.annotations
        )
        return head + self.data

    def send(self, connection: Connection) -> None:
        """Send the message."""
        connection.send(self.to_bytes())

    def hmac(self) -> bytes:
        """Return the signature of payload and annotations.

        Raises:
            TypeError: There is no key.
        """
        if self.hmac_key is None:
            raise TypeError("a message without a key has no signature")
        signer = signing.new(self.hmac_key, self.data, "sha1")
        for name in sorted(self.annotations.keys() - {"HMAC"}):
            signer.update(self.annotations[name])
        return signer.digest()

    def decompress_if_needed(self) -> Message:
        """Open the payload if it is compressed; return the message itself.

        Raises:
            MessageTooLargeError: It opens to more than a gigabyte.
            ProtocolError: It is not compressed as it should be.
        """
        if self.flags & FLAGS_COMPRESSED:
            opened = Received(self.type, 0, Flag.COMPRESSED, self.seq, self.data)
            inflate(opened, LARGEST)
            self.flags &= ~FLAGS_COMPRESSED
            self.data, self.data_size = opened.payload, len(opened.payload)
        return self

    @classmethod
    def from_header(cls, headerData: Bytes) -> Message:
        """Return the message that a header announces: its sizes are known, its parts not there.

        Raises:
            ProtocolError: It is no header of protocol 48.
        """
        received, annotations_size, data_size = V48.read_header(headerData)
        message = cls(received.type, b"", _their_number(received), 0, received.seq)
        message.flags = _to_theirs(received.flags)
        message.data_size, message.annotations_size = data_size, annotations_size
        return message

    @classmethod
    def recv(
        cls,
        connection: Connection,
        requiredMsgTypes: Collection[int] | None = None,
        hmac_key: str | bytes | None = None,
    ) -> Message:
        """Receive one whole message.

        Args:
            connection: Where to read. Nothing is read beyond the message.
            requiredMsgTypes: Refuse other types; None or empty accepts all.
            hmac_key: What it must be signed with.

        Raises:
            ProtocolError: It is not a message, is too large, or has another type.
            SecurityError: It is not signed with that key, or signed though there is none.
            ConnectionClosedError: The connection ended before the message did.
        """
        key = key_bytes(hmac_key)
        received = receive(connection, _dialect(key), requiredMsgTypes)
        flags, number = _to_theirs(received.flags), _their_number(received)
        annotations = dict(received.annotations or {})
        if received.correlation_id:
            annotations["CORR"] = memoryview(received.correlation_id)
        return cls(received.type, received.payload, number, flags, received.seq, annotations, key)

    @staticmethod
    def ping(connection: Connection, hmac_key: str | bytes | None = None) -> None:
        """Send a ping over an open connection and wait for its answer.

        A proxy's connection is spoken to in the protocol that it speaks.
        No call may be waiting for its result on the connection meanwhile.

        Args:
            connection: Such as a proxy's ``_pyroConnection``.
            hmac_key: The key of both sides.

        Raises:
            ProtocolError: The answer is something else.
            ConnectionClosedError: The connection is gone.
            TimeoutError: No answer within the connection's timeout.
        """
        dialect = getattr(connection, "dialect", None) or _dialect(key_bytes(hmac_key))
        ping(connection, dialect)


def secure_compare(a: Any, b: Any) -> bool:
    """Compare two signatures in a time that does not depend on where they differ."""
    return signing.compare_digest(a, b)


def _dialect(key: bytes | None) -> Pyro4Dialect:
    return V48 if key is None else Pyro4Dialect(key)


def _to_ours(flags: int) -> int:
    return sum(ours for bit, ours in _FLAGS.items() if flags & bit)


def _to_theirs(flags: int) -> int:
    return sum(bit for bit, ours in _FLAGS.items() if flags & ours)


def _their_number(message: Received) -> int:
    for name, number in V48.serializer_numbers.items():
        if V502.serializer_numbers[name] == message.serializer_id:
            return number
    return message.serializer_id - _UNKNOWN
