"""Msgpack, with Pyro's extensions."""

from __future__ import annotations

import msgpack

from pyrolike.serializers.msgpack_plain import read_plain
from tests.fuzz.messages import payloads
from tests.fuzz.reading import RICHER, make_check, written
from tests.fuzz.target import Target

_read_and_write = make_check("msgpack")


def check(data: bytes) -> None:
    value = read_plain(data)
    if value is not None:
        assert repr(value) == repr(msgpack.unpackb(data))
    _read_and_write(data)


TARGET = Target(
    "Msgpack is read to harmless values or refused with an error of Pyro's, and no announced size"
    " is believed; the quick way for plain values reads nothing else than the library.",
    check,
    [*payloads("msgpack"), *written("msgpack", [v for v in RICHER if v != {(1, "a"): 3}])],
    tokens=[
        b"\xdd\x7f\xff\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xc1", b"\xd4",
        b"\xc9\x7f\xff\xff\xff\x31", b"\xc7\x08\x30", b"\xd5\x30ab", b"\xd7\x32", b"\xd7\x33",
        b"\xa9__class__", b"\x91" * 30, b"\x81\x90\xc0", b"\xca\x7f\xc0\x00\x00", b"\xd4\xff\x00",
    ],
)  # fmt: skip
