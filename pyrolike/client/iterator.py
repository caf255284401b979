"""The client's end of a remote iterator."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pyrolike._forking import tell_of_forks
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    MessageTooLargeError,
    ProtocolError,
    PyroError,
    SecurityError,
    SerializeError,
)
from pyrolike.objects.calls import BATCH, raise_remote
from pyrolike.protocol import Flag
from pyrolike.serializers import ExceptionWrapper

from .methods import repeat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from .link import Link

NEXT_ITEM = "get_next_stream_item"

TERMINATED = "item stream terminated"
"""How the error of a daemon begins that does not give the client any items of a stream."""

BAD_ITEM = (SerializeError, SecurityError, MessageTooLargeError)
"""What an item is answered with that cannot be sent, or not be read here."""


class StreamResultIterator:
    """Iterates over what a remote method returned as an iterator or generator.

    Items are fetched when they are asked for: one per round trip, or a window of several. The
    server's iterator is closed when this one is exhausted, closed, left as a context, or garbage
    collected; in the last case with the proxy's next call. Several threads may share it.

    When the connection was lost, the next item is fetched over a new one, within ITER_STREAM_LINGER
    seconds, and the iteration goes on exactly where it stopped: our daemons are told the position
    of each item. A stock daemon does not know which item did not arrive; there, and everywhere
    after a release, the program has to connect the proxy again before it goes on.

    In a forked child it raises PyroError: its items are the parent's.

    Args:
        streamId: The daemon's id for the stream.
        link: The calls of the proxy that got it.
        window: Most items fetched at once: more may be produced than are asked for, and the first
            of them waits for the others if the iterator waits for something. A stock daemon is
            asked by a batch of calls; not with marshal, in which it cannot tell the iterator's end.
        is_counted: Whether the daemon can be told positions.
        token: Shows a counting daemon that it is us who come on another connection.
        invoke: Makes the calls: the link's method, which None stands for, or that of a proxy whose
            class overrides it.
    """

    def __init__(
        self,
        streamId: str,
        link: Link,
        window: int = 1,
        *,
        is_counted: bool = False,
        token: str = "",
        invoke: Callable[..., Any] | None = None,
    ) -> None:
        self.streamId = streamId
        self._invoke = invoke or link.invoke
        self._link: Link | None = link
        self._is_inherited = False
        self._window = window
        self._is_counted = is_counted
        self._token = token
        # Held while items are fetched; guards the three below.
        self._lock = threading.Lock()
        self._items: deque[Any] = deque()  # have arrived, and were not given out yet
        self._position = 0  # of the next item to fetch
        self._ending: BaseException | None = None  # what a batch has brought behind its items
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Give no more items, in a forked child: they are the parent's."""
        self._lock = threading.Lock()
        link, self._link = self._link, None
        if link is not None:
            self._is_inherited = True

    def __repr__(self) -> str:
        state = "open" if self._link is not None else "closed"
        return f"<remote iterator {self.streamId}, {state}>"

    def __iter__(self) -> StreamResultIterator:
        return self

    def __next__(self) -> Any:
        with self._lock:
            link = self._link
            if link is None:
                if self._is_inherited:
                    raise PyroError(
                        "this item stream belongs to the parent process, which goes on with it: "
                        "call the method again to get a stream for this process"
                    )
                self._items.clear()  # of a fetch that was under way when another thread closed
                raise StopIteration
            if self._items:
                return self._items.popleft()
            try:
                return self._fetch(link)
            except (StopIteration, GeneratorExit):
                self._link = None
                raise

    def __getstate__(self) -> NoReturn:
        raise SerializeError(
            "an item stream cannot be sent, copied or pickled: send its items, in a list"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("an item stream cannot be copied or pickled; its items can, in a list")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Tell the daemon that no more items are wanted; the next item is then StopIteration.

        Without a connection it is told with the proxy's next call.
        """
        link, self._link = self._link, None
        if link is None:
            return
        if self._lock.acquire(False):  # else another thread takes an item, or fetches some
            self._items.clear()
            self._lock.release()
        channel = link.channel
        if channel is None or not channel.is_usable:
            link.forgotten_streams.append(self.streamId)
            return
        with contextlib.suppress(CommunicationError):  # then the connection's end closes it
            link.close_stream(channel, self.streamId)

    def __del__(self) -> None:
        link = getattr(self, "_link", None)  # it may never have been made completely
        if link is not None:
            link.forgotten_streams.append(self.streamId)

    # -- fetching: the lock is held ---------------------------------------------------------------

    def _fetch(self, link: Link) -> Any:
        """Return the next item; those that came with it are kept."""
        if self._ending is not None:
            self._raise_ending()
        channel = link.channel
        if channel is None or not (channel.is_usable or self._is_counted):
            raise ConnectionClosedError(
                "the proxy for this item stream has been released, or has lost its connection: "
                "connect it again, by _pyroReconnect() or any call, to go on"
            )
        if self._is_counted:
            return self._fetch_counted(link)
        if self._window > 1 and link.codec_name != "marshal":
            return self._fetch_batch()
        return self._invoke(NEXT_ITEM, [self.streamId], {}, 0, DAEMON_NAME)

    def _fetch_counted(self, link: Link) -> Any:
        """Fetch by position: what does not arrive is asked for again, by us or by the next call."""
        if self._window > 1:
            try:
                return self._fetch_window(link)
            except BAD_ITEM as fault:
                # One of the items, or all together: they can be had one by one up to the bad one.
                if isinstance(fault, MessageTooLargeError):
                    self._window //= 2
                return self._fetch_single(link, fault)
        return self._fetch_single(link, None)

    def _fetch_window(self, link: Link) -> Any:
        asked = [self.streamId, self._position, self._window]
        items = _checked(self._ask(link, "get_stream_items", asked))
        self._position += len(items)
        self._items.extend(items)
        return self._items.popleft()

    def _fetch_single(self, link: Link, before: PyroError | None) -> Any:
        """Fetch one item.

        Args:
            link: By which way.
            before: What an attempt to fetch several has raised. If that was the iterator's own
                error, and no serializer's, the daemon knows nothing more than this.
        """
        try:
            item = self._ask(link, NEXT_ITEM, [self.streamId, self._position])
        except BAD_ITEM:
            self._position += 1  # this one cannot be had; the next may
            raise
        except PyroError as fault:
            if before is None or isinstance(fault, CommunicationError):
                raise
            try:
                raise before from None
            finally:
                del before  # its traceback refers to this frame
        self._position += 1
        return item

    def _fetch_batch(self) -> Any:
        """Fetch several items from a stock daemon: a batch of calls, one for each."""
        calls: list[Any] = [(NEXT_ITEM, (self.streamId,), {})] * self._window
        results = _checked(self._invoke(BATCH, calls, None, Flag.BATCH, DAEMON_NAME))
        for result in results:
            if isinstance(result, ExceptionWrapper):
                self._ending = result.exception
                break
            self._items.append(result)
        if not self._items:
            self._raise_ending()
        return self._items.popleft()

    def _ask(self, link: Link, method: str, args: list[Any]) -> Any:
        """Call a counting daemon."""
        try:
            return self._call(link, method, args)
        except PyroError as fault:
            if not self._token or not str(fault).startswith(TERMINATED):
                raise
        # Perhaps our own former connection has it, which is open because of other calls on it.
        return self._call(link, method, [*args, self._token])

    def _call(self, link: Link, method: str, args: list[Any]) -> Any:
        """Call the daemon, as often as the proxy repeats its calls: asking twice does no harm."""
        if not link.max_retries:
            return self._invoke(method, args, {}, 0, DAEMON_NAME)
        call = partial(self._invoke, method, args, {}, 0, DAEMON_NAME)
        return repeat(link.max_retries, call)

    def _raise_ending(self) -> None:
        ending, self._ending = self._ending, None
        try:
            raise_remote(ending)
        finally:
            del ending


def _checked(items: Any) -> Sequence[Any]:
    """Return what came for several items, if it is some."""
    if not isinstance(items, (list, tuple)) or not items:
        raise ProtocolError(f"items of a stream should have come, not {items!r:.60}")
    return items
