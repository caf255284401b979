"""The client's end of a remote iterator."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import CommunicationError, ConnectionClosedError

if TYPE_CHECKING:
    from types import TracebackType

    from .link import Link


class StreamResultIterator:
    """Iterates over what a remote method returned as an iterator or generator.

    Each item is one call. The server's iterator is closed when this one is exhausted, closed, left
    as a context, or garbage collected; in the last case with the proxy's next call.

    Args:
        streamId: The daemon's id for the stream.
        link: The calls of the proxy that got it.
    """

    def __init__(self, streamId: str, link: Link) -> None:
        self.streamId = streamId
        self._link: Link | None = link

    def __repr__(self) -> str:
        state = "open" if self._link is not None else "closed"
        return f"<remote iterator {self.streamId}, {state}>"

    def __iter__(self) -> StreamResultIterator:
        return self

    def __next__(self) -> Any:
        link = self._link
        if link is None:
            raise StopIteration
        if link.channel is None:
            raise ConnectionClosedError("the proxy for this item stream has been released")
        try:
            return link.invoke("get_next_stream_item", [self.streamId], {}, object_id=DAEMON_NAME)
        except (StopIteration, GeneratorExit):
            self._link = None
            raise

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
        """Tell the daemon that no more items are wanted; the next item is then StopIteration."""
        link, self._link = self._link, None
        channel = link.channel if link is not None else None
        if link is not None and channel is not None and channel.is_usable:
            with contextlib.suppress(CommunicationError):  # then the connection's end closes it
                link.close_stream(channel, self.streamId)

    def __del__(self) -> None:
        link = self._link
        if link is not None and link.channel is not None:
            link.forgotten_streams.append(self.streamId)
