"""What real peers sent, of every protocol that is spoken here: where the fuzzers begin."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from pyrolike.protocol.reader import DIALECTS

_FILE = Path(__file__).resolve().parents[1] / "vectors" / "wire_vectors.json"

_HEADER_48 = struct.Struct("!4sHHHHiHHHH")
CHECKSUM_BASE = 0x34E9


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured message.

    Attributes:
        protocol: Its version.
        is_request: Whether a client sent it.
        serializer: The name of its serializer.
        data: All of it.
        payload: The bytes behind header and annotations.
    """

    protocol: int
    is_request: bool
    serializer: str
    data: bytes
    payload: bytes


def _captured(entry: dict[str, object]) -> Captured:
    data = bytes.fromhex(str(entry["hex"]))
    header = entry.get("header") or {}
    assert isinstance(header, dict)
    size = int(header.get("data_length", 0))
    return Captured(
        protocol=int(str(entry["protocol"])),
        is_request=entry["direction"] == "client->server",
        serializer=str(entry["serializer"]),
        data=data,
        payload=data[len(data) - size :],
    )


CAPTURED = [_captured(entry) for entry in json.loads(_FILE.read_text(encoding="utf-8"))]
SPOKEN = [message for message in CAPTURED if message.protocol in DIALECTS]


def payloads(serializer: str) -> list[bytes]:
    """Return the payloads that real peers wrote with a serializer, in any protocol."""
    found = {each.payload for each in CAPTURED if each.serializer == serializer and each.payload}
    return sorted(found)


def repair(data: bytes) -> bytes:
    """Return *data* with the right checksum, if a message of protocol 48 is at its start.

    Without, every mutation of a header would be refused for the same reason.
    """
    if data[:6] != b"PYRO\0\x30" or len(data) < _HEADER_48.size:
        return data
    tag, version, kind, flags, seq, size, serializer, annotations, reserved, _ = (
        _HEADER_48.unpack_from(data)
    )
    total = CHECKSUM_BASE + version + kind + flags + seq + size + serializer + annotations
    head = _HEADER_48.pack(
        tag, version, kind, flags, seq, size, serializer, annotations, reserved, total & 0xFFFF
    )
    return head + data[_HEADER_48.size :]
