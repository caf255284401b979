"""What is said in a handshake: reading what a client says, writing what it is told.

Most clients say the same about one of a few objects, and are told the same: that is read once, and
written once. What might be a secret is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyrolike._remembering import Remembered
from pyrolike.constants import HELLO, PYRO4_PROTOCOL_VERSION
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

_greetings: Remembered[tuple[SerializerBase, bytes], dict[str, str]] = Remembered(100)


def read_greeting(codec: SerializerBase, payload: bytes) -> Any:
    """Return what a handshake says. Nobody knows yet who says it: it can be plain values only.

    Raises:
        SerializeError: It cannot be read.
        SecurityError: It contains more than plain values.
    """
    known = _greetings.get((codec, payload))
    if known is not None:
        return known
    content = codec.loads_plain(payload)
    is_usual = type(content) is dict and content.keys() == {"handshake", "object"}
    if is_usual and len(payload) < LONG_GREETING:
        word, object_id = content["handshake"], content["object"]
        if type(word) is type(object_id) is str and word == HELLO:
            _greetings.keep((codec, payload), content)
    return content


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
    is_pyro4 = dialect.version == PYRO4_PROTOCOL_VERSION
    key = codec, answer  # the serializer knows the dialect
    is_usual = type(answer) is str and len(answer) < LONG_WORD
    payload = members.written.get(key) if is_usual else None
    if payload is None:
        meta: Mapping[str, Any] = members.as_metadata()
        if is_pyro4:
            meta = {kind: sorted(names) for kind, names in meta.items()}
        payload = codec.dumps({"handshake": answer, "meta": meta})
        if is_usual:
            members.written.keep(key, payload)
    return Flag.META_ON_CONNECT if is_pyro4 else 0, payload
