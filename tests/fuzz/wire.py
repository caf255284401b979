"""The reader of messages, of all protocols that are spoken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyrolike.errors import ProtocolError
from pyrolike.protocol import Flag, Message, MessageReader, describe, inflate
from pyrolike.protocol.reader import DIALECTS
from tests.fuzz.messages import SPOKEN, repair
from tests.fuzz.target import Target

LIMIT = 2000
"""Most bytes of a body here: small, so that sizes fall on either side of it."""

LONGEST_HEADER = max(dialect.header_size for dialect in DIALECTS.values())


def check(data: bytes) -> None:
    step, data = 1 + data[0] % 60 if data else 1, repair(data[1:])
    whole = read([data])
    assert read(data[at : at + step] for at in range(0, len(data), step)) == whole
    assert read(data[at : at + 1] for at in range(len(data))) == whole


def read(pieces: Iterable[bytes]) -> tuple[list[Any], str | None]:
    """Return all that a reader gives for some bytes, and its ProtocolError, or None."""
    reader = MessageReader(LIMIT)
    messages = []
    try:
        for piece in pieces:
            message = reader.feed(piece)
            while message is not None:
                messages.append(look_at(message))
                message = reader.take()
            assert reader.stored_size <= LONGEST_HEADER + LIMIT
    except ProtocolError as fault:
        assert reader.stored_size == 0
        assert len(str(fault)) < 500
        return messages, str(fault)
    return messages, None


def look_at(message: Message) -> tuple[Any, ...]:
    """Return what a message says, after all has been done with it that is done with messages."""
    annotations = {name: bytes(value) for name, value in (message.annotations or {}).items()}
    payload = bytes(message.payload)
    assert len(payload) + sum(map(len, annotations.values())) <= LIMIT
    parts = (
        message.type, message.serializer_id, message.flags, message.seq, payload, annotations,
        message.correlation_id,
    )  # fmt: skip
    told = describe(*parts)
    assert told.isprintable()
    repr(message)
    if message.flags & Flag.COMPRESSED:
        try:
            inflate(message, LIMIT)
        except ProtocolError:
            assert message.payload == payload
        else:
            assert len(message.payload) <= LIMIT
    return parts


def _corpus() -> list[bytes]:
    singles = [b"\x07" + each.data for each in SPOKEN if len(each.data) <= LIMIT]
    several = [
        b"\x1f" + b"".join(each.data for each in SPOKEN if each.protocol == version)[:4000]
        for version in DIALECTS
    ]
    return [b"", *singles, *several]


TARGET = Target(
    "Bytes become the same messages however they are cut, or a ProtocolError; never is more held"
    " than a header and a body of the size allowed, and what comes out can be shown and inflated.",
    check,
    _corpus(),
    tokens=[b"PYRO", b"\x01\xf6", b"\0\x30", b"\x4d\xc5", b"BLBI", b"CORR", b"\x7f\xff\xff\xff"],
)
