"""What has arrived from one client: bytes into messages, waiting or not.

The parking thread takes what is there without ever waiting; a worker waits as long as the
connection lingers. Both feed the same reader, so a message may be begun by one and finished by the
other.
"""

from __future__ import annotations

from selectors import EVENT_READ
from time import monotonic
from typing import TYPE_CHECKING

from pyrolike.errors import ProtocolError
from pyrolike.protocol import DIALECTS, V48, V502, MessageReader, MessageType
from pyrolike.transport import CHUNK, DONT_WAIT, wait_readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyrolike.protocol import Dialect, Message
    from pyrolike.transport import SocketConnection

HANDSHAKE_SIZE = 128 * 1024
"""Most bytes of a CONNECT message, annotations included: the peer may be anybody."""

PATIENCE = 0.25
"""Seconds a worker goes on receiving one message; after that the rest is awaited in parking."""

FIRST = frozenset({MessageType.CONNECT})


class Inbox:
    """The reading half of a session.

    Args:
        connection: Where bytes come from.
        dialects: What the client may speak, by version.

    Attributes:
        connection: See above.
        is_finished: Nothing more will be read.
        is_deserted: The client has ended the connection; nothing can be on its way any more.
        reads_exactly: Never to receive more than the message in progress: what follows may be for
            somebody else.
    """

    __slots__ = (
        "_dialects",
        "_fault",
        "_message",
        "_reader",
        "_recv",
        "connection",
        "is_deserted",
        "is_finished",
        "reads_exactly",
    )

    def __init__(
        self, connection: SocketConnection, dialects: Mapping[int, Dialect] = DIALECTS
    ) -> None:
        self.connection = connection
        self.is_finished = self.is_deserted = False
        self.reads_exactly = False
        self._message: Message | None = None  # set aside for the next `take_message`
        self._fault: Exception | None = None  # why it is finished
        self._dialects = dialects
        self._reader = MessageReader(HANDSHAKE_SIZE, FIRST, dialects)
        self._recv = connection.sock.recv  # bound once, for each request

    @property
    def dialect(self) -> Dialect:
        """What the client speaks; our first one until it has said something."""
        dialect = self._reader.dialect
        if dialect is None:
            # Who speaks Pyro4's protocol only says so as its daemons do: then our proxies try that.
            dialect = V48 if list(self._dialects.values()) == [V48] else V502
        return dialect

    @property
    def awaited(self) -> int:
        """What a selector is to watch for."""
        return EVENT_READ

    @property
    def has_message(self) -> bool:
        """Whether a whole message is set aside."""
        return self._message is not None

    @property
    def has_spoken(self) -> bool:
        """Whether anything at all has come from the client; for any thread."""
        # Twice, for it may be read between two looks. The system is asked only if need be: when
        # there are too many connections, most of those looked at have spoken.
        return self._has_read or self._is_readable or self._has_read

    @property
    def _has_read(self) -> bool:
        return self._reader.dialect is not None or self._reader.stored_size > 0

    @property
    def _is_readable(self) -> bool:
        try:
            return wait_readable(self.connection.sock, 0)
        except ValueError:
            return True  # it is closed

    def receive_available(self) -> bool:
        """Take what has arrived, without waiting; for a thread that watches many.

        Returns:
            Whether there is something to do: a whole message is there, or the session is finished.
        """
        try:
            room = self._reader.get_buffer()
            if room is None:
                size = self._reader.missing_size if self.reads_exactly else CHUNK
                data = self.connection.sock.recv(size, DONT_WAIT)
                count = len(data)
                if count:
                    self._message = self._reader.feed(data)
            else:
                with room:
                    count = self.connection.sock.recv_into(room, 0, DONT_WAIT)
                if count:
                    self._message = self._reader.filled(count)
            self.is_deserted = not count
        except (BlockingIOError, TimeoutError):  # a timeout of the program's own socket
            return False
        except (OSError, ProtocolError) as fault:
            self._fault = fault
            count = 0
        if not count:
            self.is_finished = True
        return self.is_finished or self._message is not None

    def take_message(self) -> Message | None:
        """Return the next message, waiting for it as long as the connection lingers; for workers.

        Returns:
            None if nothing whole has come in time, or the session is finished.
        """
        message, self._message = self._message, None
        if message is not None or self.is_finished:
            return message
        try:
            reader = self._reader
            message = reader.take() if reader.rest else None
            message = message or self._receive_some()
            if message is None and not self.is_finished:
                message = self._receive_rest()
        except (BlockingIOError, TimeoutError):  # the connection's receive limit has passed
            return None
        except (OSError, ProtocolError) as fault:
            self._fault = fault
            self.is_finished = True
        return message

    def _receive_some(self) -> Message | None:
        """Receive once; BlockingIOError if the connection has lingered for nothing."""
        if self._reader.body is None:
            receive = self._recv
            data = receive(CHUNK)
            if data:
                return self._reader.feed(data)
        else:
            with self._reader.get_buffer() as room:  # type: ignore[union-attr]  # there is a body
                count = self.connection.sock.recv_into(room)
            if count:
                return self._reader.filled(count)
        self.is_finished = self.is_deserted = True
        return None

    def _receive_rest(self) -> Message | None:
        """Receive on while the message keeps coming, but not for ever: it may come byte by byte."""
        end = monotonic() + PATIENCE
        message = None
        while message is None and not self.is_finished and monotonic() < end:
            message = self._receive_some()
        return message

    def hold_message(self) -> bool:
        """Set the next message aside if it has arrived already; say whether there is one."""
        if self._message is None:
            try:
                self._message = self._reader.take()
            except ProtocolError as fault:
                self._fault = fault
                self.is_finished = True
        return self._message is not None
