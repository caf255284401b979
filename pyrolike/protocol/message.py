"""A message, and the words for its parts: the same for every dialect.

A message is what crosses the wire in one piece: who it is for is in the payload, which this floor
never opens. Flags and serializers are numbered as in protocol 502; a dialect that numbers them
otherwise translates on its way in and out.
"""

from __future__ import annotations

from typing import TypeAlias

from pyrolike.errors import ProtocolError

Bytes: TypeAlias = "bytes | bytearray | memoryview"
"""What a payload may be made of."""


class MessageType:
    """What a message is for. Plain integers, because every message is compared with them."""

    CONNECT = 1
    CONNECTOK = 2
    CONNECTFAIL = 3
    INVOKE = 4
    RESULT = 5
    PING = 6


class Flag:
    """The bits of a message's flags. Plain integers, because every message is tested for them."""

    EXCEPTION = 0x01
    """The result is an exception."""
    COMPRESSED = 0x02
    """The payload is zlib-compressed; see `pyrolike.protocol.compression`."""
    ONEWAY = 0x04
    """No result will be sent, whatever happens."""
    BATCH = 0x08
    """The request, or the result, is a list of calls, or of results."""
    ITEMSTREAMRESULT = 0x10
    """The result is an iterator: its items are fetched one by one. EXCEPTION is set too."""
    KEEPSERIALIZED = 0x20
    """The payload belongs to a SerializedBlob and is not for this daemon to open."""
    CORR_ID = 0x40
    """The correlation id field means something."""
    META_ON_CONNECT = 0x10000
    """The handshake asks for the object's metadata. Only protocol 48 has to ask; in 502 the bit is
    beyond the field, so that no peer can set it."""


def _names_of(numbers: type) -> dict[int, str]:
    return {number: name for name, number in vars(numbers).items() if name.isupper()}


TYPE_NAMES = _names_of(MessageType)
FLAG_NAMES = _names_of(Flag)

PING_SERIALIZER = 42
"""The serializer number that Pyro's own pings carry; nobody decodes their payload."""


class Message:
    """One message as it was read from the wire.

    Attributes:
        type: One of `MessageType`.
        serializer_id: The serializer's number in protocol 502, whatever the message came in.
        flags: Bits of `Flag`.
        seq: Sequence number, 0..65535.
        payload: The serialized part, compressed as long as Flag.COMPRESSED is set.
        annotations: 4-letter id to value, or None where the message carries none.
        correlation_id: 16 bytes, or None where the message carries none.
    """

    __slots__ = (
        "annotations",
        "correlation_id",
        "flags",
        "payload",
        "seq",
        "serializer_id",
        "type",
    )

    def __init__(
        self,
        type: int,
        serializer_id: int,
        flags: int,
        seq: int,
        payload: Bytes,
        annotations: dict[str, memoryview] | None = None,
        correlation_id: bytes | None = None,
    ) -> None:
        self.type = type
        self.serializer_id = serializer_id
        self.flags = flags
        self.seq = seq
        self.payload = payload
        self.annotations = annotations
        self.correlation_id = correlation_id

    @property
    def data(self) -> Bytes:
        """The payload, under the name that Pyro's received messages have for it."""
        return self.payload

    def __repr__(self) -> str:
        flags = "|".join(name for bit, name in FLAG_NAMES.items() if self.flags & bit) or "0"
        return (
            f"<Message {TYPE_NAMES.get(self.type, self.type)} seq={self.seq} flags={flags} "
            f"serializer={self.serializer_id} payload={len(self.payload)} bytes "
            f"annotations={sorted(self.annotations or ())}>"
        )


class UnexpectedTypeError(ProtocolError):
    """A message of a kind that has no place here, recognised from its header alone.

    Attributes:
        pyroMsg: The message, without its body.
    """

    def __init__(self, message: Message, accepted: frozenset[int]) -> None:
        names = " or ".join(TYPE_NAMES.get(number, str(number)) for number in sorted(accepted))
        found = TYPE_NAMES.get(message.type, f"type {message.type}")
        super().__init__(f"invalid message: {found} received where only {names} is possible")
        self.pyroMsg = message
