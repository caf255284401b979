"""Compressing payloads, and opening compressed ones without being flooded.

A few kilobytes can announce nothing and inflate to gigabytes, so inflation stops at the same limit
that holds for the message itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyrolike.errors import MessageTooLargeError, ProtocolError

from .message import Flag

if TYPE_CHECKING:
    from .dialect import Dialect
    from .message import Bytes, Message


def compress(payload: Bytes, dialect: Dialect) -> Bytes:
    """Return *payload* compressed, or *payload* itself where that would not make it smaller.

    The caller sets Flag.COMPRESSED exactly if it gets another object back. (Pyro5 sends the
    compressed form even if it is longer; receivers accept both.)
    """
    if not dialect.is_worth_compressing(len(payload)):
        return payload
    import zlib  # few programs compress

    squeezed = zlib.compress(payload, dialect.compression_level)
    return squeezed if len(squeezed) < len(payload) else payload


def squeeze(flags: int, payload: Bytes, dialect: Dialect) -> tuple[int, Bytes]:
    """Return flags and payload of a message, compressed where that makes it smaller."""
    squeezed = compress(payload, dialect)
    return (flags, payload) if squeezed is payload else (flags | Flag.COMPRESSED, squeezed)


def inflate(message: Message, limit: int) -> None:
    """Open the compressed payload of *message* in place and clear its flag.

    Args:
        message: One with Flag.COMPRESSED set.
        limit: Most bytes the payload may have after inflation.

    Raises:
        MessageTooLargeError: It would be larger. No more than *limit* bytes were ever held.
        ProtocolError: The payload is not one whole zlib stream.
    """
    import zlib

    inflater = zlib.decompressobj()
    try:
        payload = inflater.decompress(message.payload, limit + 1)
    except zlib.error as fault:
        raise ProtocolError(f"a payload marked as compressed cannot be opened: {fault}") from fault
    if len(payload) > limit:
        raise MessageTooLargeError(
            f"a compressed message of {len(message.payload)} bytes opens to more than the "
            f"{limit} allowed; raise config.MAX_MESSAGE_SIZE on both sides if this is intended",
            limit=limit,
        )
    if not inflater.eof or inflater.unused_data:
        raise ProtocolError("a payload marked as compressed is not one whole zlib stream")
    message.payload = payload
    message.flags &= ~Flag.COMPRESSED
