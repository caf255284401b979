"""Streams as bodies: lines or events, an end that can be seen, and a client that leaves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pyrolike.errors import ConnectionClosedError
from pyrolike.utils.httpgateway import streaming
from pyrolike.utils.httpgateway.calling import Outcome
from pyrolike.utils.httpgateway.streaming import (
    BEAT_SECONDS,
    EVENTS,
    LINES,
    StreamBody,
    choose_type,
)
from tests.support.daemon import PATIENCE
from tests.support.gateways import Clock
from tests.support.serving import settle

FAILURE = Outcome(
    b'{"__class__": "x", "args": [], "attributes": {"_pyroTraceback": ["/srv"]}}', True
)


class Items:
    """Stands for the items of a stream.

    Attributes:
        waiting: Set when an item is asked for that does not come.
        leave: Lets that question return.
        closed: How it was closed.
    """

    def __init__(self, *items: Any) -> None:
        self._items = list(items)
        self.waiting = threading.Event()
        self.leave = threading.Event()
        self.closed: list[bool] = []

    def fetch(self) -> Outcome | None:
        item = self._items.pop(0)
        if item is ...:
            self.waiting.set()
            assert self.leave.wait(PATIENCE)
            raise ConnectionClosedError("left")
        if isinstance(item, Exception):
            raise item
        return item if isinstance(item, Outcome | None) else Outcome(item)

    def close(self, *, is_fetching: bool = False) -> None:
        self.closed.append(is_fetching)
        self.leave.set()


def body_of(
    items: Items, kind: str = LINES, is_gone: Any = None, clock: Any = None, **options: Any
) -> StreamBody:
    given: dict[str, Any] = {"shows_tracebacks": False, "on_close": lambda: None, **options}
    fake: Any = items
    return StreamBody(fake, kind, is_gone, clock=clock or Clock(), **given)


def read(items: Items, kind: str = LINES, **options: Any) -> list[bytes]:
    body = body_of(items, kind, **options)
    try:
        return list(body)
    finally:
        body.close()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", LINES),
        ("*/*", LINES),
        ("text/event-stream", EVENTS),
        ("text/html, Text/Event-Stream;q=0.9", EVENTS),
        ("application/x-ndjson", LINES),
    ],
)
def test_the_client_chooses(accept: str, kind: str) -> None:
    assert choose_type(accept) == kind


def test_lines() -> None:
    assert read(Items(b"1", b'{"a":\r\n 2}', None)) == [b"", b"1\n", b'{"a":   2}\n', b""]


def test_events() -> None:
    assert read(Items(b"1", b"[\n]", None), EVENTS) == [
        b": a stream of items\n\n",
        b"data: 1\n\n",
        b"data: [ ]\n\n",
        b"event: end\ndata: \n\n",
    ]


@pytest.mark.parametrize("kind", [LINES, EVENTS])
def test_an_exception_ends_it_without_its_traceback(kind: str) -> None:
    *_, item, last = read(Items(b"1", FAILURE, b"never"), kind)
    assert b"1" in item
    assert b'{"__class__": "x", "args": [], "attributes": {}}' in last
    assert (b"event: failure\n" in last) is (kind == EVENTS)


def test_a_traceback_can_be_shown() -> None:
    assert b"/srv" in read(Items(FAILURE), shows_tracebacks=True)[-1]


def test_a_lost_connection_ends_it_with_an_exception() -> None:
    last = read(Items(ConnectionClosedError("gone away")))[-1]
    assert b"Pyro5.errors.ConnectionClosedError" in last
    assert b"gone away" in last


def test_closing_closes_everything_once() -> None:
    before = set(threading.enumerate())
    closed: list[str] = []
    items = Items(b"1")
    body = body_of(items, on_close=lambda: closed.append("x"))
    assert [next(body), next(body)] == [b"", b"1\n"]
    body.close()
    body.close()
    assert (items.closed, closed) == ([False], ["x"])
    assert list(body) == []
    assert settle(before) == []


def test_a_client_that_has_left_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.001)
    before = set(threading.enumerate())
    items = Items(...)
    body = body_of(items, is_gone=items.waiting.is_set)
    assert list(body) == [b""]
    body.close()
    assert items.closed == [True]
    assert settle(before) == []


def test_events_have_a_heartbeat_and_the_item_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.001)
    items, clock = Items(..., b"never"), Clock()
    body = body_of(items, EVENTS, lambda: False, clock)
    next(body)
    clock.now += BEAT_SECONDS
    assert next(body) == b": still here\n\n"
    clock.now += BEAT_SECONDS
    assert next(body) == b": still here\n\n"
    items.leave.set()
    assert b"left" in next(body)
    body.close()


def test_lines_have_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.001)
    items, clock = Items(...), Clock()
    looks: list[int] = []

    def is_gone() -> bool:
        clock.now += BEAT_SECONDS
        looks.append(1)
        return len(looks) == 3

    body = body_of(items, LINES, is_gone, clock)
    assert list(body) == [b""]
    body.close()


def test_the_end_is_noted_even_if_closing_fails() -> None:
    class Stubborn(Items):
        def close(self, *, is_fetching: bool = False) -> None:
            raise ValueError("no")

    closed: list[str] = []
    body = body_of(Stubborn(), on_close=lambda: closed.append("x"))
    with pytest.raises(ValueError, match="no"):
        body.close()
    assert closed == ["x"]
