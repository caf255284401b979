"""Messages of protocol 48 made and taken apart by hand, independently of the package.

The words are those of `tests.support.wire`; where a number is another one here, it is below.

Source: the wire page of the reference, section 12.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Mapping

from tests.support.wire import RawMessage

HEADER = struct.Struct("!4sHHHHiHHHH")
HEADER_SIZE = HEADER.size

META_ON_CONNECT, ITEMSTREAM, KEEPSERIALIZED = 0x10, 0x20, 0x40
SERPENT, JSON, MARSHAL, PICKLE, DILL, MSGPACK, CLOUDPICKLE = range(1, 8)


def chunks(annotations: Mapping[str, bytes]) -> bytes:
    """Return the annotation chunks of a message."""
    return b"".join(
        struct.pack("!4sH", name.encode("ascii"), len(value)) + value
        for name, value in annotations.items()
    )


def signature(key: bytes, payload: bytes, annotations: Mapping[str, bytes]) -> bytes:
    """Return what the annotation HMAC must be."""
    values = b"".join(value for _, value in sorted(annotations.items()))
    return hmac.new(key, payload + values, hashlib.sha1).digest()


def header(
    type: int,
    *,
    data_size: int,
    annotations_size: int = 0,
    serializer: int = SERPENT,
    flags: int = 0,
    seq: int = 0,
    tag: bytes = b"PYRO",
    version: int = 48,
    reserved: int = 0,
    error: int = 0,
) -> bytes:
    """Return a header, as wrong as wanted; *error* is added to the checksum."""
    numbers = type, version, data_size, annotations_size, serializer, flags, seq, 0x34E9, error
    return HEADER.pack(
        tag,
        version,
        type,
        flags,
        seq,
        data_size,
        serializer,
        annotations_size,
        reserved,
        sum(numbers) & 0xFFFF,
    )


def message(
    type: int,
    payload: bytes = b"",
    *,
    annotations: Mapping[str, bytes] | None = None,
    serializer: int = SERPENT,
    flags: int = 0,
    seq: int = 0,
    key: bytes | None = None,
) -> bytes:
    """Return a well-formed message."""
    annotations = dict(annotations or {})
    if key is not None:
        annotations["HMAC"] = signature(key, payload, annotations)
    extra = chunks(annotations)
    head = header(
        type,
        data_size=len(payload),
        annotations_size=len(extra),
        serializer=serializer,
        flags=flags,
        seq=seq,
    )
    return head + extra + payload


def read_message(receive: Callable[[int], bytes]) -> RawMessage:
    """Read one message with a function that returns exactly as many bytes as it is asked for."""
    tag, version, kind, flags, seq, size, serializer, extra, _, checksum = HEADER.unpack(
        receive(HEADER_SIZE)
    )
    assert (tag, version) == (b"PYRO", 48)
    assert checksum == (kind + version + size + extra + serializer + flags + seq + 0x34E9) & 0xFFFF
    body = receive(size + extra)
    annotations = split(body[:extra])
    correlation_id = annotations.get("CORR", bytes(16))
    return RawMessage(kind, serializer, flags, seq, annotations, body[extra:], correlation_id)


def split(data: bytes) -> dict[str, bytes]:
    """Return the annotations in chunks that are well-formed."""
    annotations = {}
    while data:
        name, size = struct.unpack("!4sH", data[:6])
        annotations[name.decode("ascii")] = data[6 : 6 + size]
        data = data[6 + size :]
    return annotations
