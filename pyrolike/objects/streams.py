"""Item streams: iterators that a daemon keeps for its clients, who fetch items call by call.

A stream belongs to the connection that got it last. When that connection ends, the stream lingers
for a while, so that a client that reconnects can go on; any fetch claims it again. It ends when
the iterator does, when the client closes it, when it gets too old, or when it has lingered too
long.

A stock client asks for *the next item*. Ours says from which position on it wants items, and how
many; what it was given last is kept until it asks for what comes after. So nothing is lost when the
connection breaks between producing an item and receiving it, and nothing comes twice.

However a stream ends, the iterator's ``close`` is called exactly once, and never while an item is
being produced. The clock is handed in: nothing here waits.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import uuid
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from pyrolike._forking import tell_of_forks
from pyrolike.errors import PyroError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("pyrolike.server")

MOST_ITEMS = 1000
"""Items of one fetch, however many the client asks for."""

FETCH_SECONDS = 0.1
FETCH_BYTES = 1 << 18
"""A fetch that has at least one item ends early when it took this long, or has about this much:
a slow iterator's first items shall not wait for its last, and memory is not the client's to fill.
"""

MOST_DESERTED = 10_000
MOST_DESERTED_BYTES = 1 << 26
"""Streams that may linger without a connection, and about how much their items may take that the
clients may not have got; beyond that the longest deserted ones end."""

LOOKED_AT = 64
"""Values inside an item that are looked at to guess its size."""

MOST_FINISHED = 1000
"""Ends that are remembered, for clients that have not heard of theirs."""

TERMINATED = (
    "item stream terminated: it was closed, has expired (see the settings ITER_STREAM_LIFETIME and "
    "ITER_STREAM_LINGER), or belongs to another connection"
)


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
        weight: Bytes that its items took which may not have arrived, when it was deserted.
        token: What a client that counts shows, when it comes back on a new connection.
        lock: Held while an item is produced: two clients may ask at once.
    """

    __slots__ = (
        "_clock",
        "_ending",
        "_given",
        "_is_iterator_closed",
        "_start",
        "created",
        "is_closed",
        "iterator",
        "linger_start",
        "lock",
        "owner",
        "token",
        "weight",
    )

    def __init__(
        self, iterator: Iterator[Any], owner: StreamOwner, clock: Callable[[], float]
    ) -> None:
        self.iterator = iterator
        self.owner: StreamOwner | None = owner
        self.created = clock()
        self.weight = 0
        self.token = os.urandom(8).hex()
        self.linger_start = 0.0
        self.lock = threading.Lock()
        self.is_closed = False
        self._clock = clock
        self._is_iterator_closed = False
        # Guarded by the lock: items handed out that the client may not have got, the position of
        # the first of them, and what the iterator raised behind the last.
        self._given: deque[Any] = deque()
        self._start = 0
        self._ending: BaseException | None = None

    def take(self, position: int | None = None, count: int = 1) -> list[Any]:
        """Return items from *position* on, those again that were handed out without arriving.

        Args:
            position: Of the first item wanted, counted from 0; all before it have arrived. None
                is the next, for clients that do not count.
            count: How many items; there are fewer near the end, and from slow iterators.

        Returns:
            At least one item.

        Raises:
            PyroError: The stream was closed.
            ValueError: There was a later position already, or this one cannot follow yet.
            BaseException: What the iterator raised instead of the item at *position*.
        """
        try:
            with self.lock:
                if self.is_closed:
                    raise PyroError(TERMINATED)
                given = self._given
                self._forget(len(given) if position is None else position - self._start)
                if not given:  # what is there goes out at once: it may be slow to make more
                    self._produce(count)
                if not given:
                    self._raise_ending()
                return list(given) if len(given) <= count else [given[i] for i in range(count)]
        finally:
            if self.is_closed:
                self._close_iterator()

    def _forget(self, count: int) -> None:
        """Let go of the first items handed out: they have arrived."""
        if not 0 <= count <= len(self._given):
            raise ValueError(
                f"an item stream goes on at a position from {self._start} to "
                f"{self._start + len(self._given)}, not at {self._start + count}"
            )
        for _ in range(count):
            self._given.popleft()
        self._start += count

    def _produce(self, count: int) -> None:
        """Have the iterator make items until there are *count*, or a fetch has enough."""
        given, size = self._given, 0
        end = self._clock() + FETCH_SECONDS if count > 1 else 0.0
        while self._ending is None and not self.is_closed:
            try:
                item = next(self.iterator)
            except BaseException as fault:
                if not given:
                    raise
                self._ending = fault  # for the next fetch: first come the items before it
                return
            given.append(item)
            if len(given) >= count:
                return
            size += guess_size(item)
            if size >= FETCH_BYTES or self._clock() >= end:
                return

    def _raise_ending(self) -> None:
        """Raise what the iterator raised behind the items that were given out."""
        ending, self._ending = self._ending, None
        if ending is None:
            raise PyroError(TERMINATED)
        try:
            raise ending
        finally:
            del ending  # its traceback refers to this frame

    def weigh(self) -> None:
        """Guess what the items take that the client may not have got."""
        self.weight = sum(map(guess_size, list(self._given)))

    def close(self) -> None:
        """Give out no more items, and close the iterator: now, or after the item in the making."""
        self.is_closed = True
        self._close_iterator()

    def _close_iterator(self) -> None:
        """Close the iterator, once; if an item is being produced, its producer does it."""
        if not self.lock.acquire(False):
            return
        try:
            self._given.clear()
            self._ending = None
            if self._is_iterator_closed:
                return
            self._is_iterator_closed = True
            close_iterator(self.iterator)
        finally:
            self.lock.release()


def guess_size(item: object) -> int:
    """Return about how many bytes *item* takes, with what is inside of it."""
    size, looked_at = 0, 0
    waiting: deque[Any] = deque([item])
    while waiting and looked_at < LOOKED_AT:
        value = waiting.popleft()
        size += sys.getsizeof(value, 0)
        looked_at += 1
        if isinstance(value, dict):
            waiting.extend(islice(value.values(), LOOKED_AT))
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting.extend(islice(value, LOOKED_AT))
    return size


def close_iterator(iterator: Iterator[Any]) -> None:
    """Call an iterator's ``close``, if it has one; what that raises is logged."""
    try:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
    except BaseException:  # the iterator is the program's; nobody is left to tell
        log.warning("the iterator of an item stream failed to close", exc_info=True)


class StreamTable:
    """All item streams of a daemon.

    Args:
        clock: Returns seconds; only differences matter.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # holds the two together; nothing of the program's runs in it
        self._streams: dict[str, ItemStream] = {}
        # Ids by owner, oldest claim first; those of None linger.
        self._ids: dict[StreamOwner | None, dict[str, None]] = {None: {}}
        self._finished: deque[str] = deque(maxlen=MOST_FINISHED)
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Have a forked child not wait for a lock that nobody holds there."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._streams)

    def count(self) -> tuple[int, int]:
        """Return how many streams have an owner, and how many linger; roughly, without waiting."""
        lingering = len(self._ids[None])
        return max(0, len(self._streams) - lingering), lingering

    def as_dict(self) -> dict[str, tuple[StreamOwner | None, float, float, Iterator[Any]]]:
        """Return id to (owner or None, created, linger start or 0, iterator), as Pyro shows it."""
        return {
            stream_id: (stream.owner, stream.created, stream.linger_start, stream.iterator)
            for stream_id, stream in list(self._streams.items())
        }

    def open(self, iterator: Iterator[Any], owner: StreamOwner, limit: int | None = None) -> str:
        """Keep *iterator* and return the id under which its items can be fetched.

        Args:
            iterator: Where items come from. It is closed if it cannot be kept.
            owner: The client's connection.
            limit: How many streams the owner may have open; None for any number.

        Raises:
            PyroError: The owner has that many.
        """
        stream_id = str(uuid.uuid4())
        stream = ItemStream(iterator, owner, self._clock)
        with self._lock:
            is_full = limit is not None and len(self._ids.get(owner, ())) >= limit
            if not is_full:
                self._streams[stream_id] = stream
                self._ids.setdefault(owner, {})[stream_id] = None
        if is_full:
            close_iterator(iterator)
            raise PyroError(
                f"too many item streams: one client may have {limit} open (see the setting "
                "ITER_STREAM_LIMIT); iterate them to their end, or close() them"
            )
        return stream_id

    def get_token(self, stream_id: str) -> str:
        """Return what shows that a client got the stream; empty if that has just been closed."""
        stream = self._streams.get(stream_id)
        return stream.token if stream is not None else ""

    def get_items(
        self,
        stream_id: str,
        client: StreamOwner,
        position: int | None = None,
        count: int = 1,
        token: str | None = None,
    ) -> list[Any]:
        """Return items of a stream, see `ItemStream.take`; it belongs to *client* from now on.

        With the stream's *token* it can be had although its connection is open still: that may be
        the client's own former one.

        Raises:
            PyroError: There is no such stream, or no more.
            StopIteration: There are no more items; the stream is gone. A client that counts, and
                asks again because the answer was lost, is told so again.
            ValueError: The position or the count makes no sense; the stream is gone.
            Exception: Whatever the iterator raised; the stream is gone.
        """
        if position is not None and stream_id not in self._streams and stream_id in self._finished:
            raise StopIteration
        stream = self._claim(stream_id, client, token)
        try:
            if count < 1:
                raise ValueError(f"a fetch wants at least one item, not {count}")
            return stream.take(position, min(count, MOST_ITEMS))
        except BaseException as fault:
            if position is not None and isinstance(fault, StopIteration):
                self._finished.append(stream_id)
            self.close(stream_id)
            raise

    def _claim(self, stream_id: str, client: StreamOwner, token: str | None = None) -> ItemStream:
        """Return a stream, which belongs to *client* from now on."""
        stream = self._streams.get(stream_id)
        if stream is not None and stream.owner is client:
            return stream
        # Asked without the lock: the former owner's connection is looked at.
        if stream is None or not (_may_claim(stream, client) or _knows(stream, token)):
            raise PyroError(TERMINATED)
        with self._lock:
            if stream_id not in self._streams:  # closed meanwhile
                raise PyroError(TERMINATED)
            self._move(stream_id, stream, client)
        return stream

    def _move(self, stream_id: str, stream: ItemStream, owner: StreamOwner | None) -> None:
        """Give a stream to another owner, or to none. The lock is held."""
        self._drop_id(stream_id, stream.owner)
        stream.linger_start = self._clock() if owner is None else 0.0
        stream.owner = owner
        self._ids.setdefault(owner, {})[stream_id] = None

    def _drop_id(self, stream_id: str, owner: StreamOwner | None) -> None:
        ids = self._ids[owner]
        del ids[stream_id]
        if not ids and owner is not None:
            del self._ids[owner]

    def close(self, stream_id: str) -> None:
        """End a stream; unknown ids are ignored."""
        with self._lock:
            stream = self._streams.pop(stream_id, None)
            if stream is not None:
                self._drop_id(stream_id, stream.owner)
        if stream is not None:
            stream.close()

    def release(self, client: StreamOwner, linger: float) -> None:
        """Say that *client*'s connection has ended: its streams linger, or end if *linger* is 0."""
        if client not in self._ids:
            return  # as most: it has none, and without a connection it gets none
        with self._lock:
            mine = list(self._ids.get(client, ()))
            ending = mine if linger <= 0 else []
            if linger > 0:
                for stream_id in mine:
                    self._move(stream_id, self._streams[stream_id], None)
                    self._streams[stream_id].weigh()
                ending = self._find_surplus() if mine else []
        for stream_id in ending:
            self.close(stream_id)

    def _find_surplus(self) -> list[str]:
        """Return the deserted streams that are too many, or have too much. The lock is held."""
        deserted = list(self._ids[None])
        size = 0
        for count, stream_id in enumerate(reversed(deserted)):
            size += self._streams[stream_id].weight
            if count >= MOST_DESERTED or size > MOST_DESERTED_BYTES:
                return deserted[: len(deserted) - count]
        return []

    def expire(self, lifetime: float, linger: float) -> None:
        """End the streams older than *lifetime* seconds (0: no limit) or deserted for too long."""
        for owner in list(self._ids):
            # A one-way fetch that was late may have claimed a stream after its connection's end.
            if owner is not None and owner.is_gone():
                self.release(owner, linger)
        now = self._clock()

        def is_over(stream: ItemStream) -> bool:
            is_deserted = stream.owner is None and now - stream.linger_start > linger
            return is_deserted or 0 < lifetime < now - stream.created

        with self._lock:  # or a stream that is claimed just now could look long deserted
            ending = [stream_id for stream_id, stream in self._streams.items() if is_over(stream)]
        for stream_id in ending:
            self.close(stream_id)

    def clear(self) -> None:
        """End all streams."""
        for stream_id in list(self._streams):
            self.close(stream_id)


def _knows(stream: ItemStream, token: object) -> bool:
    if not isinstance(token, str):
        return False
    import secrets  # here, because it loads OpenSSL's hashes: three milliseconds of each start

    return secrets.compare_digest(stream.token.encode(), token.encode("utf-8", "replace"))


def _may_claim(stream: ItemStream, client: StreamOwner) -> bool:
    """Whether *client* may have the stream's items: it owns it, or the owner's connection is gone.

    The daemon may not have noticed yet that the former connection has ended, when the same client
    comes back on a new one; so the connection itself is asked.
    """
    owner = stream.owner  # read once: the daemon may take note meanwhile that it is gone
    return owner is None or owner is client or owner.is_gone()
