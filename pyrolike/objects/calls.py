"""The caller's half of a call: what goes into a request, and what comes out of a reply.

Plain values in, plain values out; the way over the wire is somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike.errors import CommunicationError, ProtocolError, SecurityError
from pyrolike.protocol import BLOB_INFO
from pyrolike.serializers import make_catchable
from pyrolike.tracebacks import remote_note

if TYPE_CHECKING:
    from pyrolike.serializers import SerializedBlob, SerializerBase

GET_ATTRIBUTE = "__getattr__"
SET_ATTRIBUTE = "__setattr__"
BATCH = "<batch>"
"""Method names on the wire that are no methods."""

CLOSING_ERRORS = (CommunicationError, SecurityError)
"""What a stock daemon closes the connection behind."""


def pack_blob(
    codec: SerializerBase, number: int, object_id: str, method: str, blob: SerializedBlob
) -> tuple[int, Any, dict[str, bytes]]:
    """Return serializer number, payload and annotation of a call whose only argument is *blob*.

    A blob that was received is passed on unopened, labelled with the serializer it was written
    with: its payload keeps the object id and method of its first hop, which nobody looks at; where
    it goes now stands in the annotation.
    """
    annotations = {BLOB_INFO: blob.pack_address(object_id, method)}
    message = blob.message
    if message is not None:
        return message.serializer_id, message.payload, annotations
    return number, codec.pack_call(object_id, method, blob.data, {}), annotations


def raise_remote(exception: Any) -> NoReturn:
    """Raise an exception that came in a reply, with the remote traceback as a note.

    Raises:
        ProtocolError: It is no exception: the peer does not keep to the protocol.
    """
    if not isinstance(exception, BaseException):
        raise ProtocolError(
            f"the reply is marked as an exception but contains {type(exception).__name__}"
        )
    exception = make_catchable(exception)
    lines = getattr(exception, "_pyroTraceback", None)
    if lines and isinstance(lines, (list, tuple)):
        exception.add_note(remote_note(map(str, lines)))
    try:
        raise exception
    finally:
        # The traceback refers to this frame; without the name no cycle holds whatever the frames
        # of the call refer to, such as the proxy.
        del exception
