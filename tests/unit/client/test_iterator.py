"""The client's end of a remote iterator, with a link that only writes down what is asked of it."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from pyrolike.client import StreamResultIterator
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import ConnectionClosedError

STREAM_ID = "0d8b9f3c-6c0c-4f0e-9d0b-1f6a7c1e2d3f"


class FakeChannel:
    is_usable = True


class FakeLink:
    """Gives items, then StopIteration or what it is told to raise."""

    def __init__(self, *items: Any, end: BaseException | None = None) -> None:
        self.channel: FakeChannel | None = FakeChannel()
        self.forgotten_streams: deque[str] = deque()
        self.closed: list[tuple[Any, str]] = []
        self.asked: list[tuple[Any, ...]] = []
        self._items = deque(items)
        self._end = end or StopIteration()

    def invoke(self, *call: Any, object_id: str) -> Any:
        self.asked.append((*call, object_id))
        if not self._items:
            raise self._end
        return self._items.popleft()

    def close_stream(self, channel: Any, stream_id: str) -> None:
        self.closed.append((channel, stream_id))


def make(link: FakeLink) -> StreamResultIterator:
    return StreamResultIterator(STREAM_ID, link)  # type: ignore[arg-type]  # has what it needs


def test_each_item_is_a_call_to_the_daemon() -> None:
    link = FakeLink("a", "b")
    items = make(link)
    assert iter(items) is items
    assert list(items) == ["a", "b"]
    assert link.asked == [("get_next_stream_item", [STREAM_ID], {}, DAEMON_NAME)] * 3


def test_after_its_end_nothing_is_asked_or_closed() -> None:
    link = FakeLink()
    items = make(link)
    assert list(items) == []
    assert list(items) == []
    items.close()
    del items
    assert len(link.asked) == 1
    assert (link.closed, list(link.forgotten_streams)) == ([], [])


def test_the_end_of_a_generator_that_was_closed_is_an_end_too() -> None:
    link = FakeLink(end=GeneratorExit())
    items = make(link)
    with pytest.raises(GeneratorExit):
        next(items)
    assert list(items) == []


def test_an_error_of_the_source_is_raised() -> None:
    items = make(FakeLink(1, end=ValueError("source")))
    assert next(items) == 1
    with pytest.raises(ValueError, match="source"):
        next(items)


def test_closing_tells_the_daemon_once() -> None:
    link = FakeLink(1, 2)
    items = make(link)
    next(items)
    items.close()
    items.close()
    assert link.closed == [(link.channel, STREAM_ID)]
    assert list(items) == []


def test_leaving_a_with_block_closes() -> None:
    link = FakeLink(1, 2)
    with make(link) as items:
        assert next(items) == 1
    assert len(link.closed) == 1


@pytest.mark.parametrize("channel", ["none", "unusable"])
def test_without_a_connection_there_is_nobody_to_tell(channel: str) -> None:
    link = FakeLink(1)
    items = make(link)
    if channel == "none":
        link.channel = None
    else:
        assert link.channel is not None
        link.channel.is_usable = False
    items.close()
    assert link.closed == []


def test_after_the_proxy_was_released_there_are_no_items() -> None:
    link = FakeLink(1)
    items = make(link)
    link.channel = None
    with pytest.raises(ConnectionClosedError, match="released"):
        next(items)
    link.channel = FakeChannel()
    assert next(items) == 1  # within the linger time of the daemon it can go on


def test_garbage_sends_nothing_itself() -> None:
    link = FakeLink(1, 2)
    items = make(link)
    next(items)
    del items
    assert link.closed == []
    assert list(link.forgotten_streams) == [STREAM_ID]


def test_garbage_without_a_connection_is_only_garbage() -> None:
    link = FakeLink(1)
    items = make(link)
    link.channel = None
    del items
    assert not link.forgotten_streams


def test_its_repr_says_whether_it_is_open() -> None:
    items = make(FakeLink())
    assert repr(items) == f"<remote iterator {STREAM_ID}, open>"
    items.close()
    assert repr(items) == f"<remote iterator {STREAM_ID}, closed>"
