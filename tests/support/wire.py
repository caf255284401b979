"""Messages of protocol 502 made and taken apart by hand, independently of the package.

Tests that play a peer themselves use these, so that a mistake in the package's own reader or writer
cannot hide itself.

Source: the wire page of the reference, section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HEADER = struct.Struct("!4sHBBHHII16sHH")
HEADER_SIZE = HEADER.size
MAGIC = 0x4DC5

CONNECT, CONNECTOK, CONNECTFAIL, INVOKE, RESULT, PING = range(1, 7)
EXCEPTION, COMPRESSED, ONEWAY, BATCH, ITEMSTREAM, KEEPSERIALIZED, CORR_ID = (
    1 << bit for bit in range(7)
)
SERPENT, MARSHAL, JSON, MSGPACK = range(1, 5)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message, taken apart."""

    type: int
    serializer: int
    flags: int
    seq: int
    annotations: dict[str, bytes]
    payload: bytes
    correlation_id: bytes


def chunks(annotations: Mapping[str, bytes]) -> bytes:
    """Return the annotation chunks of a message."""
    return b"".join(
        struct.pack("!4sI", name.encode("ascii"), len(value)) + value
        for name, value in annotations.items()
    )


def header(
    type: int,
    *,
    data_size: int,
    annotations_size: int = 0,
    serializer: int = SERPENT,
    flags: int = 0,
    seq: int = 0,
    correlation_id: bytes = bytes(16),
    tag: bytes = b"PYRO",
    version: int = 502,
    reserved: int = 0,
    magic: int = MAGIC,
) -> bytes:
    """Return a header, as wrong as wanted."""
    return HEADER.pack(
        tag,
        version,
        type,
        serializer,
        flags,
        seq,
        data_size,
        annotations_size,
        correlation_id,
        reserved,
        magic,
    )


def message(
    type: int,
    payload: bytes = b"",
    *,
    annotations: Mapping[str, bytes] | None = None,
    serializer: int = SERPENT,
    flags: int = 0,
    seq: int = 0,
    correlation_id: bytes = bytes(16),
) -> bytes:
    """Return a well-formed message."""
    extra = chunks(annotations or {})
    head = header(
        type,
        data_size=len(payload),
        annotations_size=len(extra),
        serializer=serializer,
        flags=flags,
        seq=seq,
        correlation_id=correlation_id,
    )
    return head + extra + payload


def read_message(receive: Callable[[int], bytes]) -> RawMessage:
    """Read one message with a function that returns exactly as many bytes as it is asked for."""
    tag, version, kind, serializer, flags, seq, size, extra, corr, _, magic = HEADER.unpack(
        receive(HEADER_SIZE)
    )
    assert (tag, version, magic) == (b"PYRO", 502, MAGIC)
    body = receive(size + extra)
    return RawMessage(kind, serializer, flags, seq, split(body[:extra]), body[extra:], corr)


def split(data: bytes) -> dict[str, bytes]:
    """Return the annotations in chunks that are well-formed."""
    annotations = {}
    while data:
        name, size = struct.unpack("!4sI", data[:8])
        annotations[name.decode("ascii")] = data[8 : 8 + size]
        data = data[8 + size :]
    return annotations
