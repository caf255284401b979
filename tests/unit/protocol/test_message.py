"""The words for a message and its parts."""

from __future__ import annotations

import pytest

from pyrolike.errors import ProtocolError
from pyrolike.protocol import Flag, Message, MessageType, UnexpectedTypeError
from pyrolike.protocol.message import FLAG_NAMES, TYPE_NAMES
from tests.support import wire


def test_types_and_flags_have_pyro5_numbers() -> None:
    assert TYPE_NAMES == {
        wire.CONNECT: "CONNECT",
        wire.CONNECTOK: "CONNECTOK",
        wire.CONNECTFAIL: "CONNECTFAIL",
        wire.INVOKE: "INVOKE",
        wire.RESULT: "RESULT",
        wire.PING: "PING",
    }
    assert FLAG_NAMES == {
        wire.EXCEPTION: "EXCEPTION",
        wire.COMPRESSED: "COMPRESSED",
        wire.ONEWAY: "ONEWAY",
        wire.BATCH: "BATCH",
        wire.ITEMSTREAM: "ITEMSTREAMRESULT",
        wire.KEEPSERIALIZED: "KEEPSERIALIZED",
        wire.CORR_ID: "CORR_ID",
        0x10000: "META_ON_CONNECT",  # beyond the field
    }


def test_a_message_shows_what_it_is() -> None:
    annotations = {"ABCD": memoryview(b"")}
    message = Message(MessageType.RESULT, 3, Flag.BATCH | Flag.CORR_ID, 9, b"12345", annotations)
    assert repr(message) == (
        "<Message RESULT seq=9 flags=BATCH|CORR_ID serializer=3 payload=5 bytes "
        "annotations=['ABCD']>"
    )


def test_an_unknown_message_shows_its_number() -> None:
    assert repr(Message(77, 1, 0, 0, b"")).startswith("<Message 77 seq=0 flags=0 ")


def test_an_unexpected_type_carries_the_message() -> None:
    message = Message(MessageType.CONNECT, 1, 0, 0, b"")
    error = UnexpectedTypeError(message, frozenset({MessageType.PING, MessageType.INVOKE}))
    assert isinstance(error, ProtocolError)
    assert error.pyroMsg is message
    assert "CONNECT received where only INVOKE or PING is possible" in str(error)


@pytest.mark.parametrize("accepted", [frozenset(), frozenset({77})])
def test_an_unexpected_type_can_be_told_whatever_was_accepted(accepted: frozenset[int]) -> None:
    error = UnexpectedTypeError(Message(MessageType.PING, 1, 0, 0, b""), accepted)
    assert "PING" in str(error)
