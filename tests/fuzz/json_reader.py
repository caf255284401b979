"""JSON: our reader against the standard library's."""

from __future__ import annotations

import json
from typing import Any

from pyrolike.errors import SerializeError
from pyrolike.serializers import json_codec, long_strings
from tests.fuzz.messages import payloads
from tests.fuzz.reading import SAMPLES, make_check, written
from tests.fuzz.target import Target

_read_and_write = make_check("json")


def check(data: bytes) -> None:
    _read_and_write(data)
    try:
        value, naming = json_codec._load(data)
    except SerializeError:
        return
    text = str(data, "utf-8")
    assert repr(json.loads(text)) == repr(value)
    assert ("__class__" in text) == ("__class__" in naming)
    assert _around(data) in (None, repr(value))


def _around(data: bytes) -> str | None:
    """Return what is read around long strings, when those are long that have three characters."""
    usual, long_strings.LONG = long_strings.LONG, 3
    try:
        found: Any = long_strings.read_around(
            data, b'"', b"\\", json_codec.CONTROL.encode(), json_codec._decoder.decode
        )
    except (ValueError, RecursionError):
        return None  # it is then read, or refused, in the usual way
    finally:
        long_strings.LONG = usual
    return None if found is None else repr(found[0])


TARGET = Target(
    "JSON is read to harmless values or refused with an error of Pyro's; what is read is what the"
    " standard library reads, also around long strings.",
    check,
    [*payloads("json"), *written("json", SAMPLES)],
    tokens=[
        b'{"object":', b'"method":', b'"params":', b'"kwargs":', b'"__class__":', b"NaN", b"null",
        b"Infinity", b"\\u0000", b"\\ud800", b"[[[[[[[[", b"9" * 60, b"1e999", b"long string 0",
        b'"long string 1"', b"\xef\xbb\xbf", b"-0", b"{}", b"[]", b'"',
    ],
)  # fmt: skip
