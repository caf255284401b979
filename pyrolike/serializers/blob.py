"""A payload that is passed on unopened.

A program between client and server, such as a dispatcher, often does not need to look at the data
it forwards. Wrapped in a `SerializedBlob` the arguments of a call cross it as the bytes they came
in: only the small *info* is decoded. Source: the wire page of the reference, section 10.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any, Protocol

from pyrolike.errors import SerializeError

from .registry import get_serializer_by_id

if TYPE_CHECKING:
    from typing import NoReturn

    from .base import Buffer


class CarriedMessage(Protocol):
    """What a blob needs of the protocol message it carries."""

    payload: Buffer
    serializer_id: int


class SerializedBlob:
    """Arguments of a call that are decoded only where somebody asks for them.

    Must be the only argument of the call. The receiving method gets a blob that carries the
    message; it may call :meth:`deserialized`, or hand the blob to another call, which sends the
    payload on as it came.

    Attributes:
        info: A small value that says what is inside. It is the one thing that is decoded on the
            way, with marshal; so it must be plain.
        data: The arguments, if the blob was made here; None if it carries a message.
        message: The message it carries, uncompressed; None if it was made here.
    """

    __slots__ = ("data", "info", "message")

    def __init__(self, info: Any, data: Any, is_blob: bool = False) -> None:
        """Wrap arguments, or a message that was received.

        Args:
            info: See the class.
            data: The arguments of the call, a list or tuple; or the message.
            is_blob: *data* is a message.

        Raises:
            TypeError: *is_blob* is set, and *data* is no message.
        """
        if is_blob and not (hasattr(data, "payload") and hasattr(data, "serializer_id")):
            raise TypeError(f"a blob is made from a protocol message, not from {data!r:.60}")
        self.info = info
        self.data: Any = None if is_blob else data
        self.message: CarriedMessage | None = data if is_blob else None

    @property
    def serializer_id(self) -> int | None:
        """Number of the serializer that made the payload; None if nothing was serialized yet.

        A blob is forwarded under this number, whatever the forwarding proxy itself uses.
        """
        return None if self.message is None else self.message.serializer_id

    def pack_address(self, object_id: str, method: str) -> bytes:
        """Return what stands on the outside of the blob: its info, and for whom it is.

        Raises:
            SerializeError: The info is not plain.
        """
        try:
            return marshal.dumps((self.info, object_id, method))
        except ValueError as fault:
            raise SerializeError(
                f"the info of a SerializedBlob must be plain data that marshal can write, not "
                f"{self.info!r:.60}: {fault}"
            ) from fault

    def deserialized(self) -> Any:
        """Return the arguments of the call.

        Raises:
            SerializeError: The payload is damaged, or contains a class that is not known.
            SecurityError: It names a class that nobody may have us create.
        """
        if self.message is None:
            return self.data
        serializer = get_serializer_by_id(self.message.serializer_id)
        _, _, vargs, _ = serializer.loadsCall(self.message.payload)
        return vargs

    def __getstate__(self) -> NoReturn:
        raise SerializeError(
            "a SerializedBlob must be the only argument of a call; among others, by keyword, in a "
            "batch or as a result send what is in it"
        )

    def __repr__(self) -> str:
        inside = "data" if self.message is None else "a message"
        return f"<SerializedBlob {self.info!r} with {inside}>"
