"""A stream as an HTTP body: a line of JSON for each item, or Server-Sent Events.

Items are fetched when the one before has been written, so a client that reads slowly slows the
remote iterator down. Fetching happens in a thread of the stream's own: the one that serves the
request looks meanwhile whether the client is still there, and lets the stream go when it is not.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError as NotYet
from typing import TYPE_CHECKING, Self

from .responses import encode, error_data, hide_traceback

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calling import ItemStream, Outcome

log = logging.getLogger("pyrolike.httpgateway")

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"

LOOK_SECONDS = 0.25
"""How often to look for the client while it waits for an item."""

BEAT_SECONDS = 15.0
"""How often to write something while there are no items, where that can be done.

Proxies on the way give up connections on which nothing moves; and under a WSGI server that does not
say whether the client is there, only writing shows it.
"""


def choose_type(accept: str) -> str:
    """Return how to write a stream for a client that accepts this."""
    return EVENTS if EVENTS in accept.lower() else LINES


class StreamBody:
    """The body of a response, for a WSGI server to iterate over and to close.

    Args:
        items: The stream. It is closed with the body.
        content_type: `EVENTS` or `LINES`.
        is_gone: Tells whether the client has left; None if nobody can tell.
        shows_tracebacks: Leave the traceback in an exception that ends the stream.
        on_close: Called when the body is closed, once.
        clock: Counts seconds.
    """

    def __init__(
        self,
        items: ItemStream,
        content_type: str,
        is_gone: Callable[[], bool] | None,
        *,
        shows_tracebacks: bool,
        on_close: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._items = items
        self._is_events = content_type == EVENTS
        self._is_gone = is_gone
        self._shows_tracebacks = shows_tracebacks
        self._on_close = on_close
        self._clock = clock
        self._next_beat = clock() + BEAT_SECONDS
        self._fetcher = ThreadPoolExecutor(1, thread_name_prefix="gateway-stream")
        self._fetch: Future[Outcome | None] | None = None
        self._has_begun = False
        self._is_over = False
        self._is_closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        if not self._has_begun:
            # The headers leave with it: the client shall see that there is a stream, not wait for
            # the first item.
            self._has_begun = True
            return b": a stream of items\n\n" if self._is_events else b""
        if self._fetch is None:
            self._fetch = self._fetcher.submit(self._items.fetch)
        while True:
            try:
                outcome = self._fetch.result(LOOK_SECONDS)
            except NotYet:
                if self._is_gone is not None and self._is_gone():
                    self._is_over = True
                    raise StopIteration from None
                if self._is_events and self._clock() >= self._next_beat:
                    self._next_beat = self._clock() + BEAT_SECONDS
                    return b": still here\n\n"
            except Exception as error:  # goes to the client, in the stream
                log.debug("a stream broke off", exc_info=True)
                return self._end("failure", encode(error_data(error)))
            else:
                self._fetch = None
                return self._write(outcome)

    def _write(self, outcome: Outcome | None) -> bytes:
        self._next_beat = self._clock() + BEAT_SECONDS
        if outcome is None:
            return self._end("end", b"")
        if not outcome.is_error:
            return self._frame("", outcome.payload)
        payload = outcome.payload if self._shows_tracebacks else hide_traceback(outcome.payload)
        return self._end("failure", payload)

    def _end(self, event: str, payload: bytes) -> bytes:
        self._is_over = True
        return self._frame(event, payload) if payload or self._is_events else b""

    def _frame(self, event: str, payload: bytes) -> bytes:
        # Line ends in JSON stand between its parts only. Here they would be the ends of items.
        line = payload.replace(b"\r", b" ").replace(b"\n", b" ")
        if not self._is_events:
            return line + b"\n"
        head = f"event: {event}\n".encode() if event else b""
        return head + b"data: " + line + b"\n\n"

    def close(self) -> None:
        """Let the stream go; twice is fine."""
        if self._is_closed:
            return
        self._is_closed = self._is_over = True
        self._fetcher.shutdown(wait=False, cancel_futures=True)
        is_fetching = self._fetch is not None and not self._fetch.done()
        try:
            self._items.close(is_fetching=is_fetching)
        finally:
            self._on_close()
