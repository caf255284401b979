"""What a dialect has to know.

A dialect is one version of Pyro's wire protocol. Everything in which versions differ belongs to its
object: the header, the width of annotation chunks, the numbers of the serializers, when a payload
is worth compressing, and how Pyro's own classes are spelled. Whoever sends or receives asks the
dialect of the connection and has no version number of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyrolike._pieces import Payload

    from .message import Bytes, Message

TAG = b"PYRO"
"""The first four bytes of every message of every dialect."""

RECOGNISABLE_SIZE = 6
"""Bytes that tell the dialect: the tag and a 16-bit version."""


class Dialect(ABC):
    """One version of the wire protocol.

    Attributes:
        version: The number in the header.
        header_size: Bytes of the fixed part.
        tags: The family of class names it uses for Pyro's own classes, such as ``"Pyro5"``.
        serializer_numbers: Serializer name to its number on this wire. (A `Message` has that of
            protocol 502.)
        serializer_names: The reverse.
        compression_level: The zlib level payloads are written with; readers accept any.
    """

    version: ClassVar[int]
    header_size: ClassVar[int]
    tags: ClassVar[str]
    serializer_numbers: ClassVar[Mapping[str, int]]
    serializer_names: ClassVar[Mapping[int, str]]
    compression_level: ClassVar[int]

    def __str__(self) -> str:
        """Return what a peer is told that speaks another."""
        return str(self.version)

    @abstractmethod
    def read_header(self, data: Bytes) -> tuple[Message, int, int]:
        """Read the header at the start of *data*, which has at least `header_size` bytes.

        Returns:
            The message, its payload still empty; the bytes its annotations take; the bytes its
            payload takes.

        Raises:
            ProtocolError: It is not a header of this dialect.
        """

    @abstractmethod
    def add_annotations(self, message: Message, chunks: memoryview) -> None:
        """Give *message*, whose payload is there, what the bytes between header and payload say.

        Raises:
            ProtocolError: The chunks do not fill *chunks* exactly, or an id is not ASCII.
        """

    @abstractmethod
    def write_head(
        self,
        type: int,
        serializer_id: int,
        flags: int,
        seq: int,
        payload: Payload,
        annotations: Mapping[str, Bytes] | None = None,
        correlation_id: bytes | None = None,
    ) -> bytes:
        """Make the bytes that go before *payload*: header and annotations.

        Raises:
            ProtocolError: An annotation's id is not four ASCII characters, or its value not bytes.
        """

    def number_on_wire(self, serializer_id: int) -> int:
        """Return a serializer's number on this wire.

        Args:
            serializer_id: Its number as a `Message` has it.
        """
        return serializer_id

    @abstractmethod
    def is_worth_compressing(self, size: int) -> bool:
        """Say whether a payload of *size* bytes is long enough to be compressed."""
