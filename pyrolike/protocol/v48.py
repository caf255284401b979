"""Protocol 48: how Pyro4 speaks.

::

    0x00  4s  tag "PYRO"
    0x04  u16 protocol version, 48
    0x06  u16 message type
    0x08  u16 flags
    0x0a  u16 sequence number
    0x0c  i32 size of the payload as sent
    0x10  u16 serializer number
    0x12  u16 size of all annotation chunks, their headers included
    0x14  u16 reserved: 0 when written, ignored when read
    0x16  u16 checksum of the header's numbers
    0x18      annotation chunks (4s id, u16 size, value), then the payload

Big-endian. Three of its flags and most serializer numbers mean something else in protocol 502; they
are translated here, both ways, and nobody above sees Pyro4's. The correlation id travels as the
annotation CORR, and HMAC is a signature over payload and annotations. Source: the wire page of the
reference, section 12.
"""

from __future__ import annotations

from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyrolike._pieces import join
from pyrolike.constants import PYRO4_PROTOCOL_VERSION
from pyrolike.errors import MessageTooLargeError, ProtocolError, SecurityError

from .annotations import read_chunks, write_chunks
from .dialect import TAG, Dialect
from .message import Flag, Message
from .v502 import V502

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyrolike._pieces import Payload

    from .message import Bytes

CORRELATION = "CORR"
SIGNATURE = "HMAC"

CHECKSUM_BASE = 0x34E9
MOST_ANNOTATIONS = 0xFFFF
"""Bytes of all annotation chunks together: their size is a 16-bit number."""
MOST_DATA = 0x7FFFFFFF

_HEADER = Struct("!4sHHHHiHHHH")
_CHUNK_HEADER = Struct("!4sH")

_SERIALIZERS = {
    "serpent": 1,
    "json": 2,
    "marshal": 3,
    "pickle": 4,
    "dill": 5,
    "msgpack": 6,
    "cloudpickle": 7,
}
_TO_OURS = {number: V502.serializer_numbers[name] for name, number in _SERIALIZERS.items()}
_TO_THEIRS = {ours: number for number, ours in _TO_OURS.items()}
_UNKNOWN = 0x100
"""Added to a serializer number that is none here: 502's have eight bits, so that no two meet."""

_SAME = Flag.EXCEPTION | Flag.COMPRESSED | Flag.ONEWAY | Flag.BATCH
_META_ON_CONNECT = 0x10
_FLAGS = {
    _META_ON_CONNECT: Flag.META_ON_CONNECT,
    0x20: Flag.ITEMSTREAMRESULT,
    0x40: Flag.KEEPSERIALIZED,
}


def _translate(flags: int, pairs: Iterable[tuple[int, int]]) -> int:
    translated = flags & _SAME
    for bit, meaning in pairs:
        if flags & bit:
            translated |= meaning
    return translated


_FLAGS_READ = [_translate(flags, _FLAGS.items()) for flags in range(0x80)]
_FLAGS_WRITTEN = [
    _translate(flags, ((meaning, bit) for bit, meaning in _FLAGS.items())) for flags in range(0x80)
]


class SignatureError(SecurityError, ProtocolError):
    """A message is not signed with the key that was agreed on, or one side has none."""


class Pyro4Dialect(Dialect):
    """Pyro4's wire protocol. `V48` is the usual instance, which signs nothing.

    Args:
        key: Signs every message, and must have signed every message that comes; None for neither.
    """

    version = PYRO4_PROTOCOL_VERSION
    header_size = _HEADER.size
    tags = "Pyro4"
    serializer_numbers = MappingProxyType(_SERIALIZERS)
    serializer_names = MappingProxyType({number: name for name, number in _SERIALIZERS.items()})
    compression_level = 6

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key

    def __str__(self) -> str:
        return super().__str__() + ("" if self._key is None else " signed with a key")

    def read_header(self, data: Bytes) -> tuple[Message, int, int]:
        tag, version, type, flags, seq, size, serializer_id, chunks, _, checksum = (
            _HEADER.unpack_from(data)
        )
        expected = _checksum(type, flags, seq, size, serializer_id, chunks)
        if tag != TAG or version != self.version or checksum != expected or size < 0:
            raise ProtocolError(_fault(tag, version, checksum, expected, size))
        if self._key is not None and not chunks:
            raise SignatureError(_UNSIGNED)
        number = _TO_OURS.get(serializer_id, serializer_id + _UNKNOWN)
        return Message(type, number, _FLAGS_READ[flags & 0x7F], seq, b""), chunks, size

    def add_annotations(self, message: Message, chunks: memoryview) -> None:
        annotations = read_chunks(chunks, _CHUNK_HEADER)
        self._check_signature(message.payload, annotations)
        correlation_id = annotations.pop(CORRELATION, None)
        if correlation_id is not None and len(correlation_id) == 16:
            message.correlation_id = bytes(correlation_id)
        message.annotations = annotations or None

    def _check_signature(self, payload: Bytes, annotations: dict[str, memoryview]) -> None:
        signature = annotations.pop(SIGNATURE, None)
        if self._key is None:
            if signature is not None:
                raise SignatureError(_NO_KEY)
            return
        if signature is None:
            raise SignatureError(_UNSIGNED)
        import hmac

        if not hmac.compare_digest(bytes(signature), _sign(self._key, payload, annotations)):
            raise SignatureError("the message is not signed with the key of this side")

    def write_head(
        self,
        type: int,
        serializer_id: int,
        flags: int,
        seq: int,
        payload: Payload,
        annotations: Mapping[str, Bytes] | None = None,
        correlation_id: bytes | None = None,
    ) -> bytes:
        if correlation_id is not None and not flags & Flag.EXCEPTION:
            annotations = {**(annotations or {}), CORRELATION: correlation_id}
        if self._key is not None:
            signature = _sign(self._key, join(payload), annotations or {})
            annotations = {**(annotations or {}), SIGNATURE: signature}
        chunks = _write_chunks(annotations) if annotations else b""
        size = len(payload)
        if size > MOST_DATA:
            raise MessageTooLargeError(
                f"protocol 48 has no messages of {size:,} bytes", announced=size, limit=MOST_DATA
            )
        number = self.number_on_wire(serializer_id)
        wants_metadata = flags & Flag.META_ON_CONNECT
        flags = _FLAGS_WRITTEN[flags & 0x7F] | (_META_ON_CONNECT if wants_metadata else 0)
        checksum = _checksum(type, flags, seq, size, number, len(chunks))
        header = _HEADER.pack(
            TAG, self.version, type, flags, seq, size, number, len(chunks), 0, checksum
        )
        return header + chunks

    def number_on_wire(self, serializer_id: int) -> int:
        number = _TO_THEIRS.get(serializer_id)
        if number is None:
            return serializer_id - _UNKNOWN if serializer_id >= _UNKNOWN else serializer_id
        return number

    def is_worth_compressing(self, size: int) -> bool:
        return size >= 200


def key_bytes(key: object) -> bytes | None:
    """Return the bytes of a key as programs give it: bytes, or a str taken as UTF-8.

    Raises:
        TypeError: It is something else.
        ValueError: It is empty.
    """
    if key is None:
        return None
    if not isinstance(key, (str, bytes, bytearray)):
        raise TypeError(f"a key is bytes or str, not {key.__class__.__name__}")
    if not key:
        raise ValueError("an empty key protects nothing; None means no key")
    return key.encode() if isinstance(key, str) else bytes(key)


def _checksum(type: int, flags: int, seq: int, size: int, serializer_id: int, chunks: int) -> int:
    total = type + PYRO4_PROTOCOL_VERSION + size + chunks + serializer_id + flags + seq
    return (total + CHECKSUM_BASE) & 0xFFFF


def _write_chunks(annotations: Mapping[str, Bytes]) -> bytes:
    size = sum(_CHUNK_HEADER.size + memoryview(value).nbytes for value in annotations.values())
    if size > MOST_ANNOTATIONS:
        raise ProtocolError(
            f"the annotations take {size:,} bytes, and protocol 48 has room for "
            f"{MOST_ANNOTATIONS:,}; send less, or send it as an argument"
        )
    return write_chunks(annotations, _CHUNK_HEADER)


def _sign(key: bytes, payload: Bytes, annotations: Mapping[str, Bytes]) -> bytes:
    """Return the signature; of the annotations it covers the values only, as Pyro4 has it."""
    import hmac  # only on demand: it loads much, and hardly anybody signs

    signer = hmac.new(key, payload, "sha1")
    for name in sorted(annotations):
        signer.update(annotations[name])
    return signer.digest()


_NO_KEY = "the other side signs its messages with a key, and this side has none (_pyroHmacKey)"
_UNSIGNED = "this side has a key (_pyroHmacKey), and the other side does not sign its messages"


def _fault(tag: bytes, version: int, checksum: int, expected: int, size: int) -> str:
    if tag != TAG:
        return f"invalid data: a message begins with {TAG!r}, not with {tag!r}"
    if version != PYRO4_PROTOCOL_VERSION:
        return f"protocol version changed to {version} within a connection that speaks 48"
    if checksum != expected:
        return f"invalid data: the header's checksum is {checksum:#06x}, expected {expected:#06x}"
    return f"invalid data: {size} is no size of a payload"


V48 = Pyro4Dialect()
