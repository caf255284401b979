"""The client's end of a remote iterator, with a link that only writes down what is asked of it."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.client import StreamResultIterator
from pyrolike.client.iterator import NEXT_ITEM
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import (
    ConnectionClosedError,
    MessageTooLargeError,
    ProtocolError,
    PyroError,
    SecurityError,
    SerializeError,
)
from pyrolike.objects import StreamTable
from pyrolike.protocol import Flag
from pyrolike.serializers import ExceptionWrapper, get_serializer
from tests.support.channels import Call
from tests.support.rawpeer import PATIENCE

STREAM_ID = "0d8b9f3c-6c0c-4f0e-9d0b-1f6a7c1e2d3f"
SERPENT = get_serializer("serpent")


class FakeChannel:
    is_usable = True


class FakeLink:
    """Gives items, then StopIteration or what it is told to raise.

    An item may be an exception, which is raised, or a function, which is called for it.
    """

    def __init__(self, *items: Any, end: BaseException | None = None) -> None:
        self.channel: FakeChannel | None = FakeChannel()
        self.forgotten_streams: deque[str] = deque()
        self.max_retries = 0
        self.codec_name = "serpent"
        self.closed: list[tuple[Any, str]] = []
        self.asked: list[tuple[Any, ...]] = []
        self._items = deque(items)
        self._end = end or StopIteration()

    def invoke(
        self, method: str, args: Any, kwargs: Any, flags: int = 0, object_id: str = ""
    ) -> Any:
        self.asked.append((method, args, kwargs, *([flags] if flags else []), object_id))
        if not self._items:
            raise self._end
        item = self._items.popleft()
        if isinstance(item, BaseException):
            raise item
        return item() if callable(item) else item

    def close_stream(self, channel: Any, stream_id: str) -> None:
        self.closed.append((channel, stream_id))


def make(link: FakeLink, window: int = 1, **options: Any) -> StreamResultIterator:
    """Return an iterator: one that a stock daemon gave, or with ``is_counted`` one of ours."""
    options.setdefault("is_counted", False)
    return StreamResultIterator(STREAM_ID, link, window, **options)  # type: ignore[arg-type]  # has what it needs


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
def test_without_a_connection_the_daemon_is_told_with_the_next_call(channel: str) -> None:
    link = FakeLink(1)
    items = make(link)
    if channel == "none":
        link.channel = None
    else:
        assert link.channel is not None
        link.channel.is_usable = False
    items.close()
    items.close()
    assert link.closed == []
    assert list(link.forgotten_streams) == [STREAM_ID]
    assert list(items) == []
    del items
    assert list(link.forgotten_streams) == [STREAM_ID]


def test_a_connection_that_breaks_at_closing_does_no_harm() -> None:
    class Breaking(FakeLink):
        def close_stream(self, channel: Any, stream_id: str) -> None:
            raise ConnectionClosedError("lost")

    link = Breaking(1)
    items = make(link)
    items.close()  # the connection's end is the stream's, after a while
    assert list(items) == []
    assert not link.forgotten_streams


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


def test_garbage_without_a_connection_is_told_with_the_next_one() -> None:
    link = FakeLink(1)
    items = make(link)
    link.channel = None
    del items
    assert list(link.forgotten_streams) == [STREAM_ID]


def test_it_calls_by_the_way_of_the_proxy_that_it_needs_and_keeps_that() -> None:
    class Owner:
        def invoke(self, method: str, *rest: Any) -> Any:
            return [method, *rest]

    owner = Owner()
    reference = weakref.ref(owner)
    items = make(FakeLink(), invoke=owner.invoke)
    del owner
    assert next(items) == [NEXT_ITEM, [STREAM_ID], {}, 0, DAEMON_NAME]
    assert reference() is not None
    del items
    assert reference() is None


def test_its_repr_says_whether_it_is_open() -> None:
    items = make(FakeLink())
    assert repr(items) == f"<remote iterator {STREAM_ID}, open>"
    items.close()
    assert repr(items) == f"<remote iterator {STREAM_ID}, closed>"


# -- several items from a stock daemon: a batch of calls


NEXT_CALL = ("get_next_stream_item", (STREAM_ID,), {})
"""How one item is asked for in a batch."""


def end_of(items: list[Any], end: BaseException | None = None) -> list[Any]:
    """Return the results of a batch in which the iterator came to its end, or failed."""
    return [*items, ExceptionWrapper(end or StopIteration())]


def test_a_stock_daemon_is_asked_for_several_items_by_a_batch() -> None:
    link = FakeLink([1, 2, 3], end_of([4]))
    items = make(link, 3)
    assert next(items) == 1
    assert link.asked == [("<batch>", [NEXT_CALL] * 3, None, Flag.BATCH, DAEMON_NAME)]
    assert [next(items), next(items)] == [2, 3]
    assert len(link.asked) == 1
    assert list(items) == [4]
    assert len(link.asked) == 2
    assert list(items) == []
    items.close()
    assert (len(link.asked), link.closed) == (2, [])


def test_an_end_that_comes_alone_is_the_end() -> None:
    link = FakeLink([1, 2], end_of([]))
    assert list(make(link, 2)) == [1, 2]


def test_an_error_in_a_batch_comes_behind_the_items_before_it() -> None:
    error = ValueError("source")
    error._pyroTraceback = ["remote line\n"]  # type: ignore[attr-defined]  # Pyro's name
    link = FakeLink(end_of([1, 2], error), end=PyroError("item stream terminated"))
    items = make(link, 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="source") as caught:
        next(items)
    assert "remote line" in "".join(caught.value.__notes__)
    with pytest.raises(PyroError, match="terminated"):
        next(items)
    assert len(link.asked) == 2


def test_marshal_cannot_tell_the_end_in_a_batch() -> None:
    link = FakeLink(1, 2)
    link.codec_name = "marshal"
    assert list(make(link, 10)) == [1, 2]
    assert {method for method, *_ in link.asked} == {"get_next_stream_item"}


@pytest.mark.parametrize("failure", [ConnectionClosedError("lost"), SerializeError("bad")])
def test_a_batch_is_not_repeated(failure: Exception) -> None:
    """Nobody knows which items did not arrive."""
    link = FakeLink(failure, [4, 5])
    link.max_retries = 5
    items = make(link, 2)
    with pytest.raises(type(failure)):
        next(items)
    assert len(link.asked) == 1
    assert [next(items), next(items)] == [4, 5]


HOSTILE = [None, 1, "text", {"a": 1}, {1}, [], (), b"bytes"]


@pytest.mark.parametrize("is_counted", [False, True])
@pytest.mark.parametrize("answer", HOSTILE, ids=repr)
def test_what_is_no_items_is_an_error_of_the_protocol(is_counted: bool, answer: Any) -> None:
    link = FakeLink(answer, [1, 2], [3, 4])
    items = make(link, 2, is_counted=is_counted)
    with pytest.raises(ProtocolError, match="items of a stream should have come, not"):
        next(items)
    assert [next(items) for _ in range(4)] == [1, 2, 3, 4]


def test_an_exception_in_a_batch_that_is_none_is_an_error_of_the_protocol() -> None:
    items = make(FakeLink([ExceptionWrapper("none")]), 2)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ProtocolError, match="contains str"):
        next(items)


# -- by position from a daemon of ours


def test_our_daemons_are_told_the_position() -> None:
    link = FakeLink("a", "b")
    assert list(make(link, is_counted=True)) == ["a", "b"]
    assert link.asked == [
        ("get_next_stream_item", [STREAM_ID, position], {}, DAEMON_NAME) for position in range(3)
    ]


def test_our_daemons_are_asked_for_several_items_by_number() -> None:
    link = FakeLink(["a", "b", "c"], ("d",))
    assert list(make(link, 3, is_counted=True)) == ["a", "b", "c", "d"]
    assert link.asked == [
        ("get_stream_items", [STREAM_ID, position, 3], {}, DAEMON_NAME) for position in (0, 3, 4)
    ]


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("failure", [ConnectionClosedError("lost"), errors.TimeoutError("late")])
def test_what_did_not_arrive_is_asked_for_again(window: int, failure: Exception) -> None:
    link = FakeLink(failure, failure, *(["ab"] if window == 1 else [["ab"]]), failure)
    items = make(link, window, is_counted=True)
    for _ in range(2):
        with pytest.raises(type(failure)):
            next(items)
    assert next(items) == "ab"
    with pytest.raises(type(failure)):
        next(items)
    assert list(items) == []
    assert [call[1][1] for call in link.asked] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("window", [1, 3])
def test_a_fetch_is_repeated_as_often_as_the_proxys_calls(window: int) -> None:
    lost = ConnectionClosedError("lost")
    link = FakeLink(lost, lost, *(["ab"] if window == 1 else [["ab"]]), lost, lost, lost)
    link.max_retries = 2
    items = make(link, window, is_counted=True)
    assert next(items) == "ab"
    with pytest.raises(ConnectionClosedError):
        next(items)
    assert list(items) == []
    assert [call[1][1] for call in link.asked] == [0, 0, 0, 1, 1, 1, 1]


def test_items_that_have_arrived_are_given_out_without_a_connection() -> None:
    link = FakeLink([1, 2], [3])
    items = make(link, 2, is_counted=True)
    assert next(items) == 1
    link.channel = None
    assert next(items) == 2
    for _ in range(2):
        with pytest.raises(ConnectionClosedError, match="connect it again"):
            next(items)
    link.channel = FakeChannel()
    assert list(items) == [3]


# -- a whole daemon behind a wire that breaks


class Stranger:
    """A value that cannot be sent."""

    __slots__ = ()

    def __getstate__(self) -> Any:
        raise TypeError("a stranger")


class Client:
    def is_gone(self) -> bool:
        return False


class Daemon(FakeLink):
    """A link to the streams of a daemon of ours; everything passes through a serializer.

    Attributes:
        troubles: What goes wrong with each fetch, in their order: "asking", the daemon does not get
            it; "answering", the answer is lost; anything else goes well.
        most: Most bytes of an answer.
    """

    def __init__(self, source: Iterator[Any], *troubles: str, most: int = 1_000_000) -> None:
        super().__init__()
        self.table = StreamTable(lambda: 0.0)
        self.client = Client()
        self.stream_id = self.table.open(source, self.client)
        self.troubles = deque(troubles)
        self.most = most

    def invoke(
        self, method: str, args: Any, kwargs: Any, flags: int = 0, object_id: str = ""
    ) -> Any:
        self.asked.append((method, *args[1:]))
        self.channel = FakeChannel()  # a real link connects by itself
        trouble = self.troubles.popleft() if self.troubles else ""
        try:
            if trouble == "asking":
                raise ConnectionClosedError("lost on the way")
            answer = self._answer(method, *args)
            if trouble == "answering":
                raise ConnectionClosedError("lost on the way back")
            return answer
        except SerializeError:
            self.channel.is_usable = False  # given up, as stock daemons do it
            raise

    def _answer(self, method: str, stream_id: str, position: int, count: int = 1) -> Any:
        items = self.table.get_items(stream_id, self.client, position, count)
        answer = items if method == "get_stream_items" else items[0]
        try:
            payload = SERPENT.dumps(answer)
        except TypeError as fault:
            raise SerializeError(str(fault)) from None
        if len(payload) > self.most:
            raise MessageTooLargeError("too large", announced=len(payload), limit=self.most)
        value = SERPENT.loads(payload)
        if "forbidden" in (value if isinstance(value, list) else [value]):
            raise SecurityError("not in this house")
        return value

    def close_stream(self, channel: Any, stream_id: str) -> None:
        super().close_stream(channel, stream_id)
        self.table.close(stream_id)

    def iterate(self, window: int) -> StreamResultIterator:
        return StreamResultIterator(self.stream_id, self, window, is_counted=True)  # type: ignore[arg-type]  # has what it needs


def all_of(items: StreamResultIterator, link: Daemon) -> list[Any]:
    """Return all items, and in the place of those that could not be had the class of the error."""
    got: list[Any] = []
    while True:
        try:
            got.append(next(items))
        except StopIteration:
            return got
        except (SerializeError, SecurityError, MessageTooLargeError) as fault:
            got.append(type(fault))
            link.channel = FakeChannel()  # such an error may have ended the connection
        except ConnectionClosedError:
            assert link.channel is not None, "the link connects by itself"


@pytest.mark.parametrize("window", [1, 2, 4, 5, 10, 100])
def test_an_item_that_cannot_be_sent_spoils_no_other(window: int) -> None:
    link = Daemon(iter([0, 1, 2, 3, Stranger(), 5, 6, Stranger(), Stranger(), 9, 10]))
    expected = [0, 1, 2, 3, SerializeError, 5, 6, SerializeError, SerializeError, 9, 10]
    assert all_of(link.iterate(window), link) == expected


def test_after_an_item_that_cannot_be_sent_it_goes_on_by_itself() -> None:
    """Although the connection is given up after every SerializeError."""
    link = Daemon(iter([Stranger(), 1]))
    items = link.iterate(10)
    with pytest.raises(SerializeError):
        next(items)
    assert link.channel is not None
    assert not link.channel.is_usable
    assert list(items) == [1]


@pytest.mark.parametrize("window", [1, 10])
def test_a_stock_daemons_stream_does_not_go_on_by_itself(window: int) -> None:
    """An item may be lost: the program shall know, as it does with Pyro."""
    link = FakeLink(1, 2)
    items = make(link, window)
    assert link.channel is not None
    link.channel.is_usable = False
    with pytest.raises(ConnectionClosedError, match="connect it again"):
        next(items)
    assert link.asked == []


@pytest.mark.parametrize("window", [1, 2, 4, 10])
def test_an_item_that_may_not_be_read_spoils_no_other(window: int) -> None:
    link = Daemon(iter([0, 1, "forbidden", 3, 4, "forbidden"]))
    expected = [0, 1, SecurityError, 3, 4, SecurityError]
    assert all_of(link.iterate(window), link) == expected


@pytest.mark.parametrize("window", [1, 2, 3, 8, 100])
def test_an_item_that_is_too_large_spoils_no_other(window: int) -> None:
    large, small = "x" * 2000, "y"
    link = Daemon(iter([small, small, large, small, large, small]), most=1000)
    expected = [small, small, MessageTooLargeError, small, MessageTooLargeError, small]
    assert all_of(link.iterate(window), link) == expected


def test_items_that_are_too_large_together_come_in_smaller_windows() -> None:
    link = Daemon(iter(["x" * 100] * 20), most=1000)
    assert all_of(link.iterate(16), link) == ["x" * 100] * 20
    windows = [count for method, _, *counts in link.asked for count in counts]
    assert windows[0] == 16
    assert windows[-1] == 8
    assert len(link.asked) < 10


@pytest.mark.parametrize("error", [SerializeError("own"), SecurityError("own")])
@pytest.mark.parametrize("window", [1, 2, 3, 10])
def test_an_iterators_own_error_is_raised_whatever_it_is(window: int, error: Exception) -> None:
    def generate() -> Iterator[int]:
        yield 0
        yield 1
        raise error

    link = Daemon(generate())
    items = link.iterate(window)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(type(error), match="own"):
        next(items)
    link.channel = FakeChannel()
    with pytest.raises(PyroError, match="terminated"):
        next(items)


def test_a_lost_connection_behind_a_bad_window_is_told_as_such() -> None:
    """And the item is not lost for that."""
    link = Daemon(iter([0, Stranger(), 2]), "", "answering")
    items = link.iterate(3)
    with pytest.raises(ConnectionClosedError, match="way back"):
        next(items)
    assert all_of(items, link) == [0, SerializeError, 2]


@pytest.mark.parametrize("trouble", ["asking", "answering"])
@pytest.mark.parametrize("window", [1, 3, 10])
def test_a_connection_may_break_at_every_fetch(window: int, trouble: str) -> None:
    for place in range(14):
        link = Daemon(iter(range(10)), *[""] * place, trouble)
        assert all_of(link.iterate(window), link) == list(range(10))
        assert len(link.table) == 0


@pytest.mark.parametrize("seed", range(50))
def test_whatever_goes_wrong_every_item_comes_once_and_at_its_place(seed: int) -> None:
    chance = random.Random(seed)
    kinds: list[tuple[Any, Any]] = [
        (1, 1),
        ("x" * 300, "x" * 300),
        ("x" * 3000, MessageTooLargeError),
        (Stranger(), SerializeError),
        ("forbidden", SecurityError),
    ]
    chosen = chance.choices(kinds, [10, 5, 1, 1, 1], k=chance.randrange(40))
    troubles = chance.choices(["", "asking", "answering"], [3, 1, 1], k=80)
    link = Daemon(iter([sent for sent, _ in chosen]), *troubles, most=1000)
    link.max_retries = chance.randrange(3)
    assert all_of(link.iterate(chance.randrange(1, 12)), link) == [got for _, got in chosen]
    assert len(link.table) == 0


def test_a_bad_window_needs_no_garbage_collector() -> None:
    class Mark:
        pass

    def fetch() -> weakref.ref[Mark]:
        def generate() -> Iterator[int]:
            raise SerializeError("own")
            yield 0

        link: Any = Daemon(generate())
        link.mark = Mark()
        with pytest.raises(SerializeError, match="own"):
            next(link.iterate(10))
        return weakref.ref(link.mark)

    gc.disable()
    try:
        assert fetch()() is None
    finally:
        gc.enable()


# -- threads


class HeldAnswer:
    """Items that arrive when the test says so."""

    def __init__(self, items: Any) -> None:
        self.is_asked_for = threading.Event()
        self.may_come = threading.Event()
        self._items = items

    def __call__(self) -> Any:
        self.is_asked_for.set()
        assert self.may_come.wait(PATIENCE)
        return self._items


WAYS: list[dict[str, Any]] = [{}, {"window": 3}, {"is_counted": True}]
WAYS += [{"window": 3, "is_counted": True}]


@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_closing_during_a_fetch_of_another_thread_ends_the_iteration(way: dict[str, Any]) -> None:
    """Who waits gets the item in hand; those that came with it are nobody's."""
    held = HeldAnswer([1, 2, 3])
    link = FakeLink(held, [4, 5, 6])
    items = make(link, **way)
    call = Call(lambda: next(items))
    assert held.is_asked_for.wait(PATIENCE)
    items.close()  # waits for nobody
    assert link.closed == [(link.channel, STREAM_ID)]
    held.may_come.set()
    assert call.answer() == ([1, 2, 3] if "window" not in way else 1)
    for _ in range(2):
        assert list(items) == []
    assert not items._items
    items.close()
    assert len(link.closed) == len(link.asked) == 1


@pytest.mark.parametrize("fault", [PyroError("item stream terminated"), StopIteration()])
def test_a_fetch_may_fail_because_another_thread_closed(fault: Exception) -> None:
    def fail() -> None:
        held()
        raise fault

    held = HeldAnswer(None)
    items = make(FakeLink(fail), 3, is_counted=True)
    call = Call(lambda: next(items))
    assert held.is_asked_for.wait(PATIENCE)
    items.close()
    held.may_come.set()
    assert call.wait() is fault
    assert list(items) == []


def test_closing_between_a_look_at_the_items_and_taking_one_takes_none_away() -> None:
    class Slow(deque[Any]):
        """Lets another thread close when somebody has looked whether there are items."""

        def __bool__(self) -> bool:
            return len(self) > 0

        def popleft(self) -> Any:
            Call(items.close).wait()
            return super().popleft()

    link = FakeLink([1, 2, 3])
    items = make(link, 3, is_counted=True)
    assert next(items) == 1
    items._items = Slow(items._items)
    assert next(items) == 2
    assert list(items) == []
    assert len(link.closed) == 1


@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("is_counted", [False, True])
def test_several_threads_share_the_items(window: int, is_counted: bool) -> None:
    class Numbers(FakeLink):
        def invoke(self, method: str, args: Any, *rest: Any, **options: Any) -> Any:
            assert fetching.acquire(False), "two fetches at once"
            try:
                numbers = [next(source, None) for _ in range(window)]
            finally:
                fetching.release()
            found = [number for number in numbers if number is not None]
            if method == "<batch>":
                return found if found and found[-1] < 199 else end_of(found)
            if not found:
                raise StopIteration
            return found if method == "get_stream_items" else found[0]

    fetching = threading.Lock()
    source = iter(range(200))
    items = make(Numbers(), window, is_counted=is_counted)
    got: list[int] = []
    calls = [Call(lambda: got.extend(items)) for _ in range(4)]
    for call in calls:
        call.answer()
    assert sorted(got) == list(range(200))
