"""Annotation chunks: small named values that travel beside a payload.

A chunk is a four-letter id, a length, and that many bytes. Dialects differ in the width of the
length only, so both directions take the struct that reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from struct import Struct

    from .message import Bytes

STREAM_ID = "STRM"
"""In a reply with Flag.ITEMSTREAMRESULT: the id of the item stream, as ASCII text."""

STREAM_WINDOW = "STRW"
"""Beside STRM, from our daemons only: how many items one fetch gives at most, in ASCII digits. It
tells that items can be asked for by position and in numbers; stock peers pass it over."""

STAYS_OPEN = "OPEN"
"""In a reply from our daemons with an error of Pyro's: the connection goes on. Stock daemons close
theirs behind some of these, and stock clients do in any case."""

BLOB_INFO = "BLBI"
"""In a request with Flag.KEEPSERIALIZED: marshal of (blob info, object id, method name)."""


def read_chunks(chunks: memoryview, chunk_header: Struct) -> dict[str, memoryview]:
    """Split *chunks* into annotations. A later chunk replaces an earlier one of the same id.

    Args:
        chunks: All annotation bytes of one message. The values are slices of it, not copies.
        chunk_header: Reads a 4-byte id and a length.

    Raises:
        ProtocolError: A chunk is longer than what is left, or its id is not ASCII.
    """
    annotations = {}
    position, end = 0, len(chunks)
    while position < end:
        start = position + chunk_header.size
        if start > end:
            raise ProtocolError(f"annotations end in the middle of a chunk header at {position}")
        raw_id, length = chunk_header.unpack_from(chunks, position)
        position = start + length
        if position > end:
            raise ProtocolError(
                f"annotation {raw_id!r} announces {length} bytes, {end - start} are left"
            )
        if not raw_id.isascii():
            raise ProtocolError(f"annotation id {raw_id!r} is not ASCII")
        annotations[raw_id.decode("ascii")] = chunks[start:position]
    return annotations


def write_chunks(annotations: Mapping[Any, Any], chunk_header: Struct) -> bytes:
    """Make the chunks of *annotations*, in their order.

    Raises:
        ProtocolError: An id is not four ASCII characters, or a value is not bytes-like.
    """
    parts: list[Bytes] = []
    for key, value in annotations.items():
        if not isinstance(key, str) or len(key) != 4 or not key.isascii():
            raise ProtocolError(
                f"annotation id {key!r} must be a text of exactly 4 ASCII characters"
            )
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise ProtocolError(
                f"annotation {key!r} must be bytes, bytearray or memoryview, "
                f"not {type(value).__name__}"
            )
        if isinstance(value, memoryview):
            value = value.tobytes()  # it may be of larger items, or with gaps between them
        parts.append(chunk_header.pack(key.encode("ascii"), len(value)))
        parts.append(value)
    return b"".join(parts)
