"""Bytes in, messages out.

The reader owns what has arrived of the message in progress, and nothing else: no socket, no thread,
no clock. It is in one of two states.

* *Gathering*: bytes collect until a header, then a small body, is complete. The common case, one
  whole message in one ``feed``, is recognised first and copies nothing but the payload.
* *Filling*: a body of `LARGE_BODY` bytes or more is on its way. ``get_buffer`` hands out the place
  where the next bytes belong, so that a socket can write there (``recv_into``) without a copy.

Nothing is believed in advance: a size beyond the limit is refused when the header is read, and the
room for a large body grows with what has really arrived.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from weakref import ref

from pyrolike.errors import MessageTooLargeError, ProtocolError

from .dialect import RECOGNISABLE_SIZE, TAG
from .message import UnexpectedTypeError
from .v48 import V48, SignatureError
from .v502 import V502

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .dialect import Dialect
    from .message import Bytes, Message

LARGE_BODY = 64 * 1024
"""Bodies from this size on are filled in place; below, a second copy costs less than that."""

GROWTH = 64 * 1024
"""Room made for a large body before its bytes arrive; then it doubles with what has arrived.

Whoever only announces a message costs no more than whoever connects.
"""

MOST_GROWTH = 16 * 1024 * 1024
"""Most room that is made at once."""

LARGEST_KEPT = 4 * 1024 * 1024
"""Bytes of the largest body that is received into room that is kept."""


class _Room(bytearray):
    """Room for a large body."""

    __slots__ = ("__weakref__",)


_kept: dict[str, _Room] = {}
_get_only: Callable[[], _Room | None] = lambda: None  # noqa: E731  (a weak reference, mostly)
"""Returns the one room in the process that is kept, or is lent just now.

There is no other as long as somebody has it: who only announces a message can hold on to it, and
the rest of the process then does without, but nobody can have more and more of them made.
"""


def _take_room(size: int) -> _Room:
    """Return room for the start of a body of *size* bytes."""
    room = _kept.pop("room", None) if size <= LARGEST_KEPT else None
    return _Room(GROWTH) if room is None else room


def _lend(room: _Room, start: int, end: int) -> memoryview:
    """Return a payload in *room*, which is kept for the next large body when it is garbage.

    Fresh room costs as much as many copies of what comes into it, because the system has to find
    and to clear each of its pages.
    """
    payload = memoryview(room)[start:end]
    if end <= LARGEST_KEPT:
        loan = _Loan(payload, _end_loan)
        loan.room = room
        _loans[id(loan)] = loan
    return payload


class _Loan(ref["memoryview[int]"]):
    """Room that is lent for a payload. What `weakref.finalize` does, in a quarter of the time."""

    __slots__ = ("room",)

    room: _Room


_loans: dict[int, _Loan] = {}


def _end_loan(loan: _Loan) -> None:
    del _loans[id(loan)]
    _keep(loan.room)


def _keep(room: _Room) -> None:
    """Keep the room of a payload that is garbage, unless somebody still has a slice of it."""
    global _get_only
    only = _get_only()
    if only is not None and only is not room:
        return
    with contextlib.suppress(BufferError):
        room.append(room.pop())  # while there is a slice, the length cannot change
        if _kept.setdefault("room", room) is room:  # several threads may come here at once
            _get_only = ref(room)


TLS_RECORDS = (b"\x16\x03", b"\x15\x03")
"""How TLS begins: a client's first words, and a server's complaint about somebody else's."""

STRANGERS = {
    b"HTTP": "a web server answers like that, perhaps on another port than the daemon's",
    b"GET ": "a web browser, or another client for HTTP, has called; it wants the HTTP gateway",
    b"POST": "a client for HTTP has called; it wants the HTTP gateway",
    b"SSH-": "an SSH server answers like that, perhaps on another port than the daemon's",
}
"""What to say of those who begin like this."""

DIALECTS: Mapping[int, Dialect] = {dialect.version: dialect for dialect in (V502, V48)}
"""What is spoken unless somebody says otherwise, by version."""


def recognise(start: Bytes, dialects: Mapping[int, Dialect] = DIALECTS) -> Dialect:
    """Return the dialect of a message from its first six bytes.

    Args:
        start: The bytes.
        dialects: Those that are possible, by version.

    Raises:
        ProtocolError: These are not the first bytes of a message, or of no dialect we speak.
    """
    if start[:4] != TAG:
        if start[:2] in TLS_RECORDS:
            raise ProtocolError(
                "invalid data: the other side speaks TLS, which is not spoken here; "
                "set config.SSL on both sides, or on none"
            )
        found = bytes(start[:6])
        guess = STRANGERS.get(found[:4], "is a Pyro program at the other end?")
        raise ProtocolError(
            f"invalid data: this does not begin like a Pyro message, but with {found!r}; {guess}"
        )
    version = int.from_bytes(start[4:6], "big")
    if version not in dialects:
        spoken = ", ".join(str(dialects[one]) for one in sorted(dialects))
        raise ProtocolError(
            f"protocol version {version} is not spoken here; this end speaks {spoken}"
        )
    return dialects[version]


class MessageReader:
    """Takes the bytes of one connection, cut anywhere, and hands out the messages in them.

    Feed what was received, then take messages until there is none. Messages before a fault come
    out before the fault is raised. Not thread-safe: one reader belongs to one connection, and one
    thread at a time feeds it.

    Args:
        max_size: See below.
        accepted_types: Likewise.
        dialects: Those that the peer may speak, by version.

    Attributes:
        dialect: The dialect of the connection, or None until six bytes have arrived.
        max_size: Most bytes of annotations and payload together that a message may announce. It and
            `accepted_types` may be changed whenever a message was taken: they hold for the next.
        rest: Bytes held that no message was made of yet, outside of a large body. Where it is empty
            there is nothing to `take`.
        body: The large body that is being filled, or None: then there is no `get_buffer`.
        accepted_types: The message types that may come next, or None for any. A message of another
            type is refused by its header, before its body is stored.

    Source: the wire page of the reference, section 2.9.
    """

    __slots__ = (
        "_annotations_size",
        "_dialects",
        "_fault",
        "_filled",
        "_header_size",
        "_message",
        "_read_header",
        "_size",
        "accepted_types",
        "body",
        "dialect",
        "max_size",
        "rest",
    )

    def __init__(
        self,
        max_size: int,
        accepted_types: frozenset[int] | None = None,
        dialects: Mapping[int, Dialect] = DIALECTS,
    ) -> None:
        self.dialect: Dialect | None = None
        self._dialects = dialects
        self.max_size = max_size
        self.accepted_types = accepted_types
        self.rest = bytearray()
        self._header_size = 0  # 0 until the dialect is known, and after a fault
        self._read_header: Callable[[Bytes], tuple[Message, int, int]] = V502.read_header
        self._message: Message | None = None  # read up to its header
        self._annotations_size = 0
        self._size = 0  # of its body, annotations and payload
        self.body: _Room | None = None
        self._filled = 0
        self._fault: ProtocolError | None = None

    def __repr__(self) -> str:
        version = self.dialect.version if self.dialect else "unknown"
        return f"<MessageReader dialect={version} holding {self.stored_size} bytes>"

    @property
    def stored_size(self) -> int:
        """Bytes held that belong to no message taken yet; 0 between messages."""
        return self._filled if self.body is not None else len(self.rest)

    @property
    def is_inside_message(self) -> bool:
        """Whether part of a message has arrived and its rest is still to come."""
        return self._message is not None or self.stored_size > 0

    @property
    def missing_size(self) -> int:
        """Bytes that must come before there is a message, or before its size is known.

        Who receives no more than that leaves what follows the message where it is.
        """
        if self.body is not None:
            return self._size - self._filled
        if self._message is not None:
            return self._size - len(self.rest)
        return (self._header_size or RECOGNISABLE_SIZE) - len(self.rest)

    def feed(self, data: Bytes) -> Message | None:
        """Take bytes from the peer and return the first message that is now complete.

        Call `take` for the others. The payload is as sent: still compressed where Flag.COMPRESSED
        is set.

        Args:
            data: Any number of bytes, as received; empty is allowed.

        Returns:
            The oldest complete message, or None where more bytes are needed.

        Raises:
            MessageTooLargeError: A header announces more than `max_size` bytes; nothing of the body
                was stored.
            ProtocolError: The bytes are not Pyro's, or of a dialect or a type not possible here.
                The reader is of no further use: each later call raises the same.
        """
        rest = self.rest
        try:
            # The short way, for data that is exactly one plain message, as it usually is: a third
            # of the time is saved. What it does not take goes the general way, to the same result.
            header_size = self._header_size or self._recognise(data)
            if header_size and not rest and self._message is None and len(data) >= header_size:
                read_header = self._read_header
                whole, annotations_size, size = read_header(data)
                accepted = self.accepted_types
                if (
                    not annotations_size
                    and len(data) == header_size + size
                    and size <= self.max_size
                    and (accepted is None or whole.type in accepted)
                ):
                    whole.payload = data[header_size:]
                    return whole
            if self._fault is not None:
                raise self._fault
            if self.body is not None:
                return self._feed_body(data)
            if rest:
                rest += data
                message, position = self._find_message(rest)
                del rest[:position]
            else:
                message, position = self._find_message(data)
                if position != len(data):
                    if self._is_large_begun:
                        self._begin_body(memoryview(data)[position:])
                        return None
                    rest += memoryview(data)[position:]
        except ProtocolError as fault:
            self._fail(fault)
            raise
        if self._is_large_begun:
            self._begin_body(rest)
            self.rest = bytearray()
        return message

    def take(self) -> Message | None:
        """Return the next message that is already complete, or None; raises what `feed` raises."""
        return self.feed(b"") if self.rest else None

    def get_buffer(self) -> memoryview | None:
        """Return where the next bytes of a large body belong, or None where `feed` is to be used.

        Release the view before calling anything else of the reader, and say with `filled` how many
        bytes were written at its start.
        """
        body = self.body
        if body is None:
            return None
        if self._filled == len(body):
            body.extend(bytes(min(len(body), self._size - len(body), MOST_GROWTH)))
        return memoryview(body)[self._filled : self._size]

    def filled(self, count: int) -> Message | None:
        """Say that *count* bytes were written to `get_buffer`'s view; return the message if whole.

        Raises:
            ProtocolError: The body is complete and its annotations are malformed.
        """
        body, message = self.body, self._message
        assert body is not None
        assert message is not None
        self._filled += count
        if self._filled < self._size:
            return None
        self.body = self._message = None
        size = self._annotations_size
        message.payload = _lend(body, size, self._size)
        try:
            if size:
                assert self.dialect is not None
                # A copy: who keeps an annotation need not keep all of the room.
                self.dialect.add_annotations(message, memoryview(body[:size]))
            return message
        except ProtocolError as fault:
            self._fail(fault)
            raise

    def _feed_body(self, data: Bytes) -> Message | None:
        view = memoryview(data)
        message = None
        while len(view) and self.body is not None:
            with self.get_buffer() as room:  # type: ignore[union-attr]  # there is a body
                count = min(len(room), len(view))
                room[:count] = view[:count]
            message = self.filled(count)
            view = view[count:]
        self.rest += view
        return message

    @property
    def _is_large_begun(self) -> bool:
        """Whether the header of a large body was read, and not all of the body has come yet."""
        return self._message is not None and self._size >= LARGE_BODY

    def _begin_body(self, start: Bytes) -> None:
        """Change to filling: what has arrived of the large body moves to its place."""
        self._filled = len(start)
        body = self.body = _take_room(self._size)
        if len(body) < self._filled:
            body.extend(bytes(self._filled))
        body[: self._filled] = start

    def _recognise(self, data: Bytes) -> int:
        """Return the size of a header, if *data* is the start of what the peer says; else 0."""
        is_first = self.dialect is None and self._fault is None and not self.rest
        if not is_first or len(data) < RECOGNISABLE_SIZE:
            return 0
        return self._learn_dialect(data).header_size

    def _learn_dialect(self, start: Bytes) -> Dialect:
        dialect = self.dialect = recognise(start, self._dialects)
        self._header_size, self._read_header = dialect.header_size, dialect.read_header
        return dialect

    def _find_message(self, data: Bytes) -> tuple[Message | None, int]:
        """Look for a message at the start of *data*; return it, and how many bytes are used up."""
        message = self._message
        position, end = 0, len(data)
        if message is None:
            dialect = self.dialect
            if dialect is None:
                if end < RECOGNISABLE_SIZE:
                    return None, 0
                dialect = self._learn_dialect(data)
            position = dialect.header_size
            if end < position:
                return None, 0
            message, self._annotations_size, size = dialect.read_header(data)
            self._size = size = size + self._annotations_size
            accepted = self.accepted_types
            if size > self.max_size or (accepted is not None and message.type not in accepted):
                raise self._refusal(message)
        stop = position + self._size
        if stop > end:
            self._message = message
            return None, position
        self._message = None
        if self._annotations_size:
            self._add_body(message, data[position:stop])
        else:
            message.payload = data[position:stop]
        return message, stop

    def _add_body(self, message: Message, body: Bytes) -> None:
        """Complete *message* with its annotations and payload."""
        size = self._annotations_size
        if not size:
            message.payload = body
            return
        assert self.dialect is not None
        view = memoryview(body)
        message.payload = view[size:]
        self.dialect.add_annotations(message, view[:size])

    def _refusal(self, message: Message) -> ProtocolError:
        """Return the error for an unwanted message; it carries the message, without body."""
        if self._size <= self.max_size:
            return UnexpectedTypeError(message, self.accepted_types or frozenset())
        fault = MessageTooLargeError(
            f"{self._size:,} bytes announced, at most {self.max_size:,} allowed; raise "
            "config.MAX_MESSAGE_SIZE on both sides if this is intended",
            announced=self._size,
            limit=self.max_size,
        )
        fault.pyroMsg = message
        return fault

    def _fail(self, fault: ProtocolError) -> None:
        # A copy: with its traceback the error itself would keep all callers alive.
        kind = SignatureError if isinstance(fault, SignatureError) else ProtocolError
        self._fault = kind(str(fault))
        self._message = self.body = None
        self._header_size = 0
        self.rest.clear()
