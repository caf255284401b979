"""What is said in a handshake: reading what a client says, writing what it is told.

Most clients say the same about one of a few objects, and are told the same: that is read once, and
written once. What might be a secret is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike._remembering import Remembered
from pyrolike.constants import HELLO, PYRO4_PROTOCOL_VERSION
from pyrolike.errors import ProtocolError
from pyrolike.protocol import Flag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyrolike.objects.members import Members
    from pyrolike.protocol import Dialect
    from pyrolike.serializers import SerializerBase

LONG_GREETING = 1000
"""Bytes of a handshake that is not kept."""

LONG_WORD = 100
"""Characters of a daemon's word that is not kept: it is hardly the same for all."""

# By the serializer's identity, for it compares its settings, in Python; it is in the value, so that
# no other one can come to have the same.
_greetings: Remembered[tuple[int, bool, bytes], tuple[SerializerBase, str, str]] = Remembered(100)


def read_greeting(codec: SerializerBase, payload: bytes, has_object: bool) -> tuple[Any, Any]:
    """Return what a handshake says. Nobody knows yet who says it: it can be plain values only.

    Args:
        codec: The serializer of the client.
        payload: The handshake.
        has_object: Whether it says about which object it asks.

    Returns:
        The client's word, and the object's id, or None.

    Raises:
        SerializeError: It cannot be read.
        SecurityError: It contains more than plain values.
        ProtocolError: It is no handshake.
    """
    key = id(codec), has_object, payload
    known = _greetings.get(key)
    if known is not None:
        return known[1:]
    content = codec.loads_plain(payload)
    keys = {"handshake", "object"} if has_object else {"handshake"}
    if not isinstance(content, dict) or not content.keys() >= keys:
        raise ProtocolError("a handshake needs the keys 'handshake' and 'object'")
    word, object_id = content["handshake"], content["object"] if has_object else None
    is_usual = len(content) == len(keys) == 2 and len(payload) < LONG_GREETING
    if is_usual and type(word) is type(object_id) is str and word == HELLO:
        _greetings.keep(key, (codec, word, object_id))
    return word, object_id


def write_welcome(
    codec: SerializerBase, dialect: Dialect, answer: Any, members: Members | None
) -> tuple[int, bytes]:
    """Return flags and payload of the answer to a handshake.

    Args:
        codec: The serializer of the client.
        dialect: How it speaks.
        answer: The daemon's word.
        members: What the object exposes; None if nobody has asked for it.

    Raises:
        SerializeError: The word cannot be sent.
    """
    if members is None:
        return 0, codec.dumps(answer)
    key = None
    if type(answer) is str and len(answer) < LONG_WORD:
        key = id(codec), answer  # the serializer knows the dialect
        known = members.written.get(key)
        if known is not None:
            return known[1:]
    meta: Mapping[str, Any] = members.as_metadata()
    flags = 0
    if dialect.version == PYRO4_PROTOCOL_VERSION:
        flags = Flag.META_ON_CONNECT
        meta = {kind: sorted(names) for kind, names in meta.items()}
    payload = codec.dumps({"handshake": answer, "meta": meta})
    if key is not None:
        members.written.keep(key, (codec, flags, payload))
    return flags, payload
