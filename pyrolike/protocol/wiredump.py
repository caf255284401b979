"""A message as text, for the LOGWIRE setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .message import FLAG_NAMES, TYPE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .message import Bytes

SHOWN = 200
"""Bytes of a payload that are shown; the rest is counted: a log is not a copy of the data."""


def describe(
    type: int,
    serializer_id: int,
    flags: int,
    seq: int,
    payload: Bytes,
    annotations: Mapping[str, Bytes] | None = None,
    correlation_id: bytes | None = None,
) -> str:
    """Describe a message in one line, its payload escaped: no peer can forge a line of the log."""
    names = "|".join(name for bit, name in FLAG_NAMES.items() if flags & bit) or "none"
    start = bytes(payload[:SHOWN])
    more = f" and {len(payload) - SHOWN} more" if len(payload) > SHOWN else ""
    return (
        f"{TYPE_NAMES.get(type, type)} seq={seq} serializer={serializer_id} flags={names} "
        f"corr_id={correlation_id.hex() if correlation_id else None} "
        f"annotations={ {key: len(value) for key, value in (annotations or {}).items()} } "
        f"payload={len(payload)} bytes: {start!r}{more}"
    )
