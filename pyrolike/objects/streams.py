"""Item streams: iterators that a daemon keeps for its clients, who fetch items one call at a time.

A stream belongs to the connection that got it last. When that connection ends, the stream lingers
for a while, so that a client that reconnects can go on; any fetch claims it again. It ends when
the iterator does, when the client closes it, when it gets too old, or when it has lingered too
long.

However it ends, the iterator's ``close`` is called exactly once, and never while an item is being
produced. The clock is handed in: nothing here waits.
"""

from __future__ import annotations

import logging
import threading
import uuid
from typing import TYPE_CHECKING, Any, Protocol

from pyrolike.errors import PyroError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("pyrolike.server")


class StreamOwner(Protocol):
    """The connection a stream belongs to."""

    def is_gone(self) -> bool:
        """Whether the peer has ended the connection."""


class ItemStream:
    """One iterator and its circumstances.

    Attributes:
        owner: The connection it belongs to, or None while it lingers.
        created: When, on the table's clock.
        linger_start: When it began to linger; 0 while it has an owner.
        iterator: Where items come from.
        lock: Held while an item is produced: two clients may ask at once.
    """

    __slots__ = (
        "_is_iterator_closed",
        "created",
        "is_closed",
        "iterator",
        "linger_start",
        "lock",
        "owner",
    )

    def __init__(self, iterator: Iterator[Any], owner: StreamOwner, created: float) -> None:
        self.iterator = iterator
        self.owner: StreamOwner | None = owner
        self.created = created
        self.linger_start = 0.0
        self.lock = threading.Lock()
        self.is_closed = False
        self._is_iterator_closed = False

    def next_item(self) -> Any:
        """Return the iterator's next item, or raise what it raises.

        Raises:
            PyroError: The stream was closed.
        """
        try:
            with self.lock:
                if self.is_closed:
                    raise PyroError("item stream terminated")
                return next(self.iterator)
        finally:
            if self.is_closed:
                self._close_iterator()

    def close(self) -> None:
        """Give out no more items, and close the iterator: now, or after the item in the making."""
        self.is_closed = True
        self._close_iterator()

    def _close_iterator(self) -> None:
        """Close the iterator, once; if an item is being produced, its producer does it."""
        if not self.lock.acquire(False):
            return
        try:
            if self._is_iterator_closed:
                return
            self._is_iterator_closed = True
            close = getattr(self.iterator, "close", None)
            if close is not None:
                close()
        except BaseException:  # the iterator is the program's; nobody is left to tell
            log.warning("the iterator of an item stream failed to close", exc_info=True)
        finally:
            self.lock.release()


class StreamTable:
    """All item streams of a daemon.

    Args:
        clock: Returns seconds; only differences matter.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._streams: dict[str, ItemStream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def as_dict(self) -> dict[str, tuple[StreamOwner | None, float, float, Iterator[Any]]]:
        """Return id to (owner or None, created, linger start or 0, iterator), as Pyro shows it."""
        return {
            stream_id: (stream.owner, stream.created, stream.linger_start, stream.iterator)
            for stream_id, stream in list(self._streams.items())
        }

    def open(self, iterator: Iterator[Any], owner: StreamOwner) -> str:
        """Keep *iterator* and return the id under which its items can be fetched."""
        stream_id = str(uuid.uuid4())
        self._streams[stream_id] = ItemStream(iterator, owner, self._clock())
        return stream_id

    def next_item(self, stream_id: str, client: StreamOwner) -> Any:
        """Return the stream's next item; from now on the stream belongs to *client*.

        Raises:
            PyroError: There is no such stream, or no more.
            StopIteration: There are no more items; the stream is gone.
            Exception: Whatever the iterator raised; the stream is gone.
        """
        stream = self._streams.get(stream_id)
        if stream is None or not _may_claim(stream, client):
            raise PyroError("item stream terminated")
        stream.owner, stream.linger_start = client, 0.0
        try:
            return stream.next_item()
        except BaseException:
            self.close(stream_id)
            raise

    def close(self, stream_id: str) -> None:
        """End a stream; unknown ids are ignored."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.close()

    def release(self, client: StreamOwner, linger: float) -> None:
        """Say that *client*'s connection has ended: its streams linger, or end if *linger* is 0."""
        for stream_id, stream in list(self._streams.items()):
            if stream.owner is client:
                if linger > 0:
                    stream.owner, stream.linger_start = None, self._clock()
                else:
                    self.close(stream_id)

    def expire(self, lifetime: float, linger: float) -> None:
        """End the streams older than *lifetime* seconds (0: no limit) or deserted for too long."""
        now = self._clock()
        for stream_id, stream in list(self._streams.items()):
            is_old = 0 < lifetime < now - stream.created
            is_deserted = stream.owner is None and now - stream.linger_start > linger
            if is_old or is_deserted:
                self.close(stream_id)

    def clear(self) -> None:
        """End all streams."""
        for stream_id in list(self._streams):
            self.close(stream_id)


def _may_claim(stream: ItemStream, client: StreamOwner) -> bool:
    """Whether *client* may have the stream's items: it owns it, or the owner's connection is gone.

    The daemon may not have noticed yet that the former connection has ended, when the same client
    comes back on a new one; so the connection itself is asked.
    """
    owner = stream.owner  # read once: the daemon may take note meanwhile that it is gone
    return owner is None or owner is client or owner.is_gone()
