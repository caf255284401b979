"""The captured messages of ``tests/vectors/wire_vectors.json``.

Each was sent by a real Pyro peer; ``hex`` is the whole message, ``header`` and ``meaning`` say what
it is. Parts that a peer made up (correlation ids, stream ids, the order of names in metadata) are
different in every capture, so what a daemon sent is decoded, and only what a client sent is
compared byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.support import wire, wire48

_FILE = Path(__file__).resolve().parents[1] / "vectors" / "wire_vectors.json"


@dataclass(frozen=True, slots=True)
class Vector:
    """One captured message.

    Attributes:
        name: As in the file, for example ``p502-json-invoke-add-request``.
        protocol: 502 or 48.
        topic: The name without protocol, serializer and direction: ``invoke-add``.
        data: The complete message.
        header: The header's fields, by the names the file uses.
    """

    name: str
    protocol: int
    topic: str
    is_request: bool
    serializer: str
    meaning: str
    data: bytes
    header: dict[str, int | str]

    def number(self, field: str) -> int:
        """Return a numeric header field."""
        value = self.header[field]
        assert isinstance(value, int)
        return value

    @property
    def correlation_id(self) -> bytes | None:
        """The correlation id, or None where there is none: protocol 48 has an annotation for it."""
        if self.protocol == 48:
            return self.annotations.get("CORR")
        has_one = self.number("flags") & 0x40
        return bytes.fromhex(str(self.header["correlation_id"])) if has_one else None

    @property
    def key(self) -> bytes | None:
        """What the message is signed with, or None."""
        return b"secretkey" if self.topic.startswith("hmac-") else None

    @property
    def annotations(self) -> dict[str, bytes]:
        """The annotation chunks, as they are on the wire."""
        size = self.number("annotations_length")
        end = len(self.data) - self.number("data_length")
        split = wire48.split if self.protocol == 48 else wire.split
        return split(self.data[end - size : end])

    @property
    def payload_as_sent(self) -> bytes:
        """The bytes behind header and annotations."""
        return self.data[len(self.data) - self.number("data_length") :]


# The entries of the file that were written down without their header's fields.
_UNDESCRIBED: dict[str, dict[str, int | str]] = {
    "p502-garbage-response": {
        "msg_type": 3,
        "serializer_id": 2,
        "flags": 0x40,
        "seq": 0,
        "data_length": 14,
        "annotations_length": 0,
        "correlation_id": "fdc4b196bd194214bb1964238ec2f6a8",
    },
    "p48-garbage-response": {
        "msg_type": 3,
        "serializer_id": 3,
        "flags": 0,
        "seq": 0,
        "data_length": 46,
        "annotations_length": 22,
    },
}


def _topic(name: str) -> str:
    parts = name.removesuffix("-request").removesuffix("-response").split("-")
    return "-".join(part for part in parts[1:] if part not in SERIALIZER_NAMES)


SERIALIZER_NAMES = ("serpent", "json", "marshal", "msgpack", "pickle")

VECTORS = [
    Vector(
        name=entry["name"],
        protocol=entry["protocol"],
        topic=_topic(entry["name"]),
        is_request=entry["direction"] == "client->server",
        serializer=entry["serializer"],
        meaning=entry["meaning"],
        data=bytes.fromhex(entry["hex"]),
        header=entry.get("header") or _UNDESCRIBED[entry["name"]],
    )
    for entry in json.loads(_FILE.read_text(encoding="utf-8"))
]
"""All messages, in the order of the capture."""

VECTORS_502 = [vector for vector in VECTORS if vector.protocol == 502]
VECTORS_48 = [vector for vector in VECTORS if vector.protocol == 48]
