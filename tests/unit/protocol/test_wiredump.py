"""Messages as text, for LOGWIRE."""

from __future__ import annotations

from pyrolike.protocol import Flag, MessageType, describe


def test_a_message_is_told_in_one_line() -> None:
    text = describe(
        MessageType.INVOKE,
        1,
        Flag.ONEWAY | Flag.CORR_ID,
        7,
        b"payload",
        {"ABCD": b"hello"},
        bytes(range(16)),
    )
    assert text == (
        "INVOKE seq=7 serializer=1 flags=ONEWAY|CORR_ID "
        "corr_id=000102030405060708090a0b0c0d0e0f annotations={'ABCD': 5} "
        "payload=7 bytes: b'payload'"
    )


def test_an_unknown_type_without_anything_is_told_too() -> None:
    assert describe(99, 1, 0, 0, b"") == (
        "99 seq=0 serializer=1 flags=none corr_id=None annotations={} payload=0 bytes: b''"
    )


def test_only_the_start_of_a_long_payload_is_shown() -> None:
    text = describe(MessageType.RESULT, 1, 0, 0, memoryview(b"x" * 1000))
    assert text.endswith("x' and 800 more")
    assert len(text) < 400


def test_a_peer_cannot_forge_a_log_line() -> None:
    text = describe(MessageType.RESULT, 1, 0, 0, b"first\nINVOKE forged")
    assert "\n" not in text
