"""Protocol 502: how Pyro5 speaks.

::

    0x00  4s  tag "PYRO"
    0x04  u16 protocol version, 502
    0x06  u8  message type
    0x07  u8  serializer number
    0x08  u16 flags
    0x0a  u16 sequence number
    0x0c  u32 size of the payload as sent
    0x10  u32 size of all annotation chunks, their headers included
    0x14  16s correlation id, zeros without Flag.CORR_ID
    0x24  u16 reserved: 0 when written, ignored when read
    0x26  u16 magic 0x4dc5
    0x28      annotation chunks (4s id, u32 size, value), then the payload

Big-endian. There is no checksum. Source: the wire page of the reference, sections 2 to 2.8.
"""

from __future__ import annotations

from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyrolike.constants import PROTOCOL_VERSION
from pyrolike.errors import ProtocolError

from .annotations import read_chunks, write_chunks
from .dialect import TAG, Dialect
from .message import Flag, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyrolike._pieces import Payload

    from .message import Bytes

MAGIC = 0x4DC5

# What is always the same is one piece, and what is looked at seldom is left out: each field costs.
_START = TAG + PROTOCOL_VERSION.to_bytes(2)
_END = bytes(2) + MAGIC.to_bytes(2)
_USUAL_END = bytes(16) + _END  # without a correlation id
_CORRELATION_ID = slice(0x14, 0x24)
_HEADER = Struct("!6sBBHHII20s")
_pack_header = _HEADER.pack
_unpack_header = Struct("!6sBBHHII18xH").unpack_from
_CHUNK_HEADER = Struct("!4sI")
_CORR_ID = Flag.CORR_ID
_make = object.__new__

# 200 and above are ours: 502 has no number for serializers that can execute code, and a stock peer
# refuses what it does not know.
_SERIALIZERS = {
    "serpent": 1,
    "marshal": 2,
    "json": 3,
    "msgpack": 4,
    "pickle": 200,
    "dill": 201,
    "cloudpickle": 202,
}


class Pyro5Dialect(Dialect):
    """Pyro5's wire protocol. It has no state: `V502` is the one instance."""

    version = PROTOCOL_VERSION
    header_size = _HEADER.size
    tags = "Pyro5"
    serializer_numbers = MappingProxyType(_SERIALIZERS)
    serializer_names = MappingProxyType({number: name for name, number in _SERIALIZERS.items()})
    compression_level = 4

    def read_header(self, data: Bytes) -> tuple[Message, int, int]:
        start, type, serializer_id, flags, seq, size, chunks, magic = _unpack_header(data)
        if start != _START or magic != MAGIC:
            raise ProtocolError(_fault(start, magic))
        # What the constructor does, without its call: 2 % of a small call.
        message = _make(Message)
        message.type = type
        message.serializer_id = serializer_id
        message.flags = flags
        message.seq = seq
        message.payload = b""
        message.annotations = None
        message.correlation_id = bytes(data[_CORRELATION_ID]) if flags & _CORR_ID else None
        return message, chunks, size

    def add_annotations(self, message: Message, chunks: memoryview) -> None:
        message.annotations = read_chunks(chunks, _CHUNK_HEADER)

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
        chunks = write_chunks(annotations, _CHUNK_HEADER) if annotations else b""
        end = _USUAL_END
        if correlation_id is not None:
            flags |= _CORR_ID
            end = correlation_id + _END
        header = _pack_header(
            _START, type, serializer_id, flags, seq, len(payload), len(chunks), end
        )
        return header + chunks if chunks else header

    def is_worth_compressing(self, size: int) -> bool:
        return size > 100


def _fault(start: bytes, magic: int) -> str:
    tag, version = start[:4], int.from_bytes(start[4:])
    if tag != TAG:
        return f"invalid data: a message begins with {TAG!r}, not with {tag!r}"
    if version != PROTOCOL_VERSION:
        return f"protocol version changed to {version} within a connection that speaks 502"
    return f"invalid data: the header's magic number is {magic:#06x}, expected {MAGIC:#06x}"


V502 = Pyro5Dialect()
