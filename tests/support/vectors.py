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

_FILE = Path(__file__).resolve().parents[1] / "vectors" / "wire_vectors.json"


@dataclass(frozen=True, slots=True)
class Vector:
    """One captured message.

    Attributes:
        name: As in the file, for example ``p502-json-invoke-add-request``.
        topic: The name without protocol, serializer and direction: ``invoke-add``.
        data: The complete message.
        header: The header's fields, by the names the file uses.
    """

    name: str
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
        """The correlation id, or None where the flag says there is none."""
        has_one = self.number("flags") & 0x40
        return bytes.fromhex(str(self.header["correlation_id"])) if has_one else None

    @property
    def payload_as_sent(self) -> bytes:
        """The bytes behind header and annotations."""
        return self.data[len(self.data) - self.number("data_length") :]


# The one entry of the file that was written down without its header's fields.
_UNDESCRIBED: dict[str, dict[str, int | str]] = {
    "p502-garbage-response": {
        "msg_type": 3,
        "serializer_id": 2,
        "flags": 0x40,
        "seq": 0,
        "data_length": 14,
        "annotations_length": 0,
        "correlation_id": "fdc4b196bd194214bb1964238ec2f6a8",
    }
}


def _topic(name: str) -> str:
    parts = name.removesuffix("-request").removesuffix("-response").split("-")
    return "-".join(part for part in parts[1:] if part not in SERIALIZER_NAMES)


SERIALIZER_NAMES = ("serpent", "json", "marshal", "msgpack")

VECTORS_502 = [
    Vector(
        name=entry["name"],
        topic=_topic(entry["name"]),
        is_request=entry["direction"] == "client->server",
        serializer=entry["serializer"],
        meaning=entry["meaning"],
        data=bytes.fromhex(entry["hex"]),
        header=entry.get("header") or _UNDESCRIBED[entry["name"]],
    )
    for entry in json.loads(_FILE.read_text(encoding="utf-8"))
    if entry["protocol"] == 502
]
"""All messages of protocol 502, in the order of the capture."""
