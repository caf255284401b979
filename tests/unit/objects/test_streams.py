"""Item streams: positions, who owns them, when they end, and that iterators are closed once."""

import gc
import itertools
import logging
import random
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrolike.errors import PyroError
from pyrolike.objects import streams
from pyrolike.objects.streams import (
    FETCH_BYTES,
    FETCH_SECONDS,
    MOST_FINISHED,
    MOST_ITEMS,
    ItemStream,
    StreamTable,
    _may_claim,
)

PATIENCE = 20.0


class Client:
    """A connection, as far as streams look at it."""

    def __init__(self) -> None:
        self.has_gone = False

    def is_gone(self) -> bool:
        return self.has_gone


ALICE, BOB = Client(), Client()


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Items:
    """An iterator that counts how often it is closed."""

    def __init__(self, *items: Any) -> None:
        self._items = iter(items)
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._items)
        if isinstance(item, BaseException):
            raise item
        return item() if callable(item) else item

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> StreamTable:
    return StreamTable(clock)


def fetch(table: StreamTable, stream_id: str, client: Client = ALICE) -> Any:
    """Fetch the next item, as a stock client does."""
    (item,) = table.get_items(stream_id, client)
    return item


def drain(table: StreamTable, stream_id: str, client: Client = ALICE) -> list[Any]:
    """Fetch items until there are no more."""
    items = []
    while True:
        try:
            items.append(fetch(table, stream_id, client))
        except StopIteration:
            return items


def assert_terminated(table: StreamTable, stream_id: str) -> None:
    with pytest.raises(PyroError, match=r"^item stream terminated: "):
        fetch(table, stream_id)


# -- a stream's life


def test_items_come_one_by_one_and_then_the_stream_is_gone(table: StreamTable) -> None:
    items = Items(1, 2, 3)
    stream_id = table.open(items, ALICE)
    assert uuid.UUID(stream_id).version == 4
    assert len(table) == 1
    assert drain(table, stream_id) == [1, 2, 3]
    assert len(table) == 0
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_a_stream_shows_its_circumstances_as_pyro_does(table: StreamTable, clock: Clock) -> None:
    items = Items(1)
    stream_id = table.open(items, ALICE)
    assert table.as_dict() == {stream_id: (ALICE, 100.0, 0.0, items)}
    clock.now = 107.0
    table.release(ALICE, 30.0)
    assert table.as_dict() == {stream_id: (None, 100.0, 107.0, items)}
    fetch(table, stream_id, BOB)
    assert table.as_dict() == {stream_id: (BOB, 100.0, 0.0, items)}


def test_what_shows_the_streams_is_a_copy(table: StreamTable) -> None:
    table.open(Items(), ALICE)
    table.as_dict().clear()
    assert len(table) == 1


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1), PyroError("other")])
def test_an_iterator_that_fails_ends_its_stream(table: StreamTable, error: BaseException) -> None:
    items = Items(1, error, 2)
    stream_id = table.open(items, ALICE)
    assert fetch(table, stream_id) == 1
    with pytest.raises(type(error)):
        fetch(table, stream_id)
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_a_closed_stream_gives_nothing_more(table: StreamTable) -> None:
    items = Items(1, 2)
    stream_id = table.open(items, ALICE)
    table.close(stream_id)
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_unknown_streams_are_errors_to_fetch_from_and_fine_to_close(table: StreamTable) -> None:
    table.close("nobody's")
    assert_terminated(table, "nobody's")


def test_a_generator_is_left_through_its_finally(table: StreamTable) -> None:
    left = []

    def generate() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            left.append(True)

    stream_id = table.open(generate(), ALICE)
    assert [fetch(table, stream_id) for _ in range(3)] == [0, 1, 2]
    table.close(stream_id)
    assert left == [True]


def test_an_iterator_without_close_is_only_forgotten(table: StreamTable) -> None:
    stream_id = table.open(iter([1, 2]), ALICE)
    table.close(stream_id)
    assert_terminated(table, stream_id)


def test_an_iterator_that_fails_to_close_is_logged(
    table: StreamTable, caplog: pytest.LogCaptureFixture
) -> None:
    class Sticky(Items):
        def close(self) -> None:
            raise ValueError("sticky")

    stream_id = table.open(Sticky(1), ALICE)
    with caplog.at_level(logging.WARNING, "pyrolike.server"):
        table.close(stream_id)
    assert "failed to close" in caplog.text
    assert_terminated(table, stream_id)


def test_an_iterator_may_close_its_own_stream(table: StreamTable) -> None:
    class Suicidal(Items):
        def close(self) -> None:
            super().close()
            stream.close()

    items = Suicidal()
    stream = ItemStream(items, ALICE, Clock())
    stream.close()
    assert items.closed == 1


def test_an_iterator_that_stops_by_itself_is_closed_and_told_to_nobody_else(
    table: StreamTable,
) -> None:
    """A stock client asks no more; if it does, there is no such stream."""
    stream_id = table.open(Items(), ALICE)
    with pytest.raises(StopIteration):
        fetch(table, stream_id)
    assert_terminated(table, stream_id)


def test_clear_ends_all_streams(table: StreamTable) -> None:
    all_items = [Items(1), Items(2), Items(3)]
    for items in all_items:
        table.open(items, ALICE)
    table.clear()
    assert len(table) == 0
    assert [items.closed for items in all_items] == [1, 1, 1]


# -- connections that end


def test_a_stream_lingers_when_its_connection_ends_and_any_client_can_go_on(
    table: StreamTable,
) -> None:
    stream_id = table.open(Items(1, 2, 3), ALICE)
    fetch(table, stream_id)
    table.release(ALICE, 30.0)
    assert drain(table, stream_id, BOB) == [2, 3]


def test_without_lingering_a_stream_ends_with_its_connection(table: StreamTable) -> None:
    items = Items(1)
    stream_id = table.open(items, ALICE)
    table.release(ALICE, 0.0)
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_the_streams_of_others_stay_as_they_are(table: StreamTable) -> None:
    stream_id = table.open(Items(1), ALICE)
    table.release(BOB, 0.0)
    table.release(BOB, 30.0)
    assert table.as_dict()[stream_id][:3] == (ALICE, 100.0, 0.0)


def test_a_stream_is_for_its_owner_alone(table: StreamTable) -> None:
    stream_id = table.open(Items(1), ALICE)
    with pytest.raises(PyroError, match=r"^item stream terminated: "):
        fetch(table, stream_id, BOB)
    assert drain(table, stream_id, ALICE) == [1]


def test_a_client_on_a_new_connection_can_go_on_before_the_old_one_is_known_to_have_ended(
    table: StreamTable,
) -> None:
    old, new = Client(), Client()
    stream_id = table.open(Items(1, 2), old)
    old.has_gone = True
    assert fetch(table, stream_id, new) == 1
    table.release(old, 0.0)  # the stream is not the old connection's any more
    assert fetch(table, stream_id, new) == 2


def test_a_connection_may_end_while_another_claims_its_stream() -> None:
    class Released:
        """A stream whose owner is released after the second look at it."""

        def __init__(self) -> None:
            self._owners = iter([ALICE, ALICE])

        @property
        def owner(self) -> Client | None:
            return next(self._owners, None)

    stream: Any = Released()
    assert _may_claim(stream, BOB) in (True, False)


# -- times


def test_a_deserted_stream_ends_when_it_has_lingered(table: StreamTable, clock: Clock) -> None:
    items = Items(1)
    stream_id = table.open(items, ALICE)
    table.release(ALICE, 30.0)
    clock.now = 130.0
    table.expire(0.0, 30.0)
    assert items.closed == 0
    clock.now = 130.1
    table.expire(0.0, 30.0)
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_a_stream_with_an_owner_does_not_linger(table: StreamTable, clock: Clock) -> None:
    stream_id = table.open(Items(1), ALICE)
    clock.now = 1e6
    table.expire(0.0, 30.0)
    assert fetch(table, stream_id) == 1


def test_a_stream_that_was_claimed_lingers_anew(table: StreamTable, clock: Clock) -> None:
    stream_id = table.open(Items(1, 2), ALICE)
    table.release(ALICE, 30.0)
    clock.now = 120.0
    fetch(table, stream_id, BOB)
    table.release(BOB, 30.0)
    clock.now = 140.0
    table.expire(0.0, 30.0)
    assert fetch(table, stream_id) == 2


def test_a_stream_ends_when_it_gets_too_old_even_while_it_is_used(
    table: StreamTable, clock: Clock
) -> None:
    stream_id = table.open(Items(*range(9)), ALICE)
    clock.now = 105.0
    table.expire(5.0, 30.0)
    assert fetch(table, stream_id) == 0
    clock.now = 105.1
    table.expire(5.0, 30.0)
    assert_terminated(table, stream_id)


# -- positions: what was handed out may not have arrived


@pytest.fixture
def stream(clock: Clock) -> ItemStream:
    return ItemStream(Items(*range(30)), ALICE, clock)


def test_who_does_not_count_gets_the_next_item(stream: ItemStream) -> None:
    assert [stream.take() for _ in range(3)] == [[0], [1], [2]]
    assert stream.take(None, 3) == [3, 4, 5]
    assert stream.take() == [6]


def test_an_item_is_given_again_until_the_one_behind_it_is_asked_for(stream: ItemStream) -> None:
    assert [stream.take(0), stream.take(0), stream.take(0)] == [[0], [0], [0]]
    assert [stream.take(1), stream.take(1)] == [[1], [1]]


def test_a_window_is_given_again_whole_or_in_part(stream: ItemStream) -> None:
    assert stream.take(0, 5) == [0, 1, 2, 3, 4]
    assert stream.take(0, 5) == [0, 1, 2, 3, 4]
    assert stream.take(0, 2) == [0, 1]
    assert stream.take(0) == [0]
    assert stream.take(3, 2) == [3, 4]
    assert stream.take(5, 2) == [5, 6]


def test_what_is_there_is_given_again_without_making_more() -> None:
    """A slow item must not come between a client and those that it has not got."""
    produced: list[int] = []

    def generate() -> Iterator[int]:
        for item in range(9):
            produced.append(item)
            yield item

    stream = ItemStream(generate(), ALICE, Clock())
    assert stream.take(0, 3) == [0, 1, 2]
    assert stream.take(0, 9) == [0, 1, 2]
    assert stream.take(1, 9) == [1, 2]
    assert produced == [0, 1, 2]
    assert stream.take(3, 2) == [3, 4]


def test_who_stops_counting_goes_on_behind_what_was_handed_out(stream: ItemStream) -> None:
    assert stream.take(0, 5) == [0, 1, 2, 3, 4]
    assert stream.take() == [5]
    assert stream.take(6) == [6]


@pytest.mark.parametrize("position", [-1, 0, 1, 5, 10**30, -(10**30), float("nan")])
def test_a_position_that_cannot_be_is_refused_and_changes_nothing(
    stream: ItemStream, position: Any
) -> None:
    stream.take(0, 2)
    stream.take(2, 2)  # from 2 to 4 is sensible now
    with pytest.raises(ValueError, match="at a position from 2 to 4, not"):
        stream.take(position)
    assert stream.take(3) == [3]


@pytest.mark.parametrize("wrong", [(5, 1), (-1, 1), ("0", 1), (0.5, 1), (0, 0), (0, "1"), ([], 1)])
def test_who_counts_wrongly_ends_the_stream(table: StreamTable, wrong: tuple[Any, Any]) -> None:
    items = Items(1, 2, 3)
    stream_id = table.open(items, ALICE)
    with pytest.raises((ValueError, TypeError)):
        table.get_items(stream_id, ALICE, *wrong)
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_what_is_handed_out_is_the_callers_to_keep(stream: ItemStream) -> None:
    for count in (5, 2):
        stream.take(0, count).clear()
    assert stream.take(0, 5) == [0, 1, 2, 3, 4]


def test_many_fetches_many_losses_and_every_item_comes_once() -> None:
    """Whatever a client asks for, and however often, it sees the same items at the same places."""
    chance = random.Random(1)
    for _ in range(50):
        number, position = chance.randrange(30), 0
        table = StreamTable(Clock())
        items = Items(*range(number))
        stream_id = table.open(items, ALICE)
        got: list[int] = []
        while True:
            try:
                answer = table.get_items(stream_id, ALICE, position, chance.randrange(1, 6))
            except StopIteration:
                break
            assert answer == list(range(position, position + len(answer)))
            if chance.random() < 0.5:  # it has arrived, or some of it was of use
                used = chance.randrange(len(answer)) + 1
                got += answer[:used]
                position += used
        assert got == list(range(number))
        assert items.closed == 1
        assert len(table) == 0


# -- windows


def test_a_window_ends_where_the_items_do(stream: ItemStream) -> None:
    assert stream.take(0, 25) == list(range(25))
    assert stream.take(25, 25) == [25, 26, 27, 28, 29]
    with pytest.raises(StopIteration):
        stream.take(30, 25)


def test_no_client_can_ask_for_more_than_the_most(table: StreamTable) -> None:
    stream_id = table.open(iter(itertools.count()), ALICE)
    assert len(table.get_items(stream_id, ALICE, 0, 10**30)) == MOST_ITEMS


def test_a_window_ends_when_it_took_its_time(clock: Clock) -> None:
    def later(seconds: float) -> Callable[[], str]:
        def item() -> str:
            clock.now += seconds
            return f"after {seconds}"

        return item

    quick, slow = later(FETCH_SECONDS / 4), later(FETCH_SECONDS)
    stream = ItemStream(Items(quick, slow, slow, quick, quick), ALICE, clock)
    assert len(stream.take(0, 9)) == 2  # the second took too long
    assert len(stream.take(2, 9)) == 1  # so did the first
    assert len(stream.take(3, 9)) == 2
    with pytest.raises(StopIteration):
        stream.take(5, 9)


def test_a_window_ends_when_it_is_large(clock: Clock) -> None:
    stream = ItemStream(Items(*["x" * (FETCH_BYTES // 2)] * 5), ALICE, clock)
    assert [len(stream.take(None, 9)) for _ in range(3)] == [2, 2, 1]


def test_for_a_single_item_no_clock_is_read() -> None:
    clock = Clock()
    stream = ItemStream(Items(1, 2), ALICE, clock)
    stream._clock = lambda: pytest.fail("nobody needs to know")
    assert stream.take(0) == [1]


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1), GeneratorExit("gone")])
def test_an_error_behind_items_comes_with_the_next_fetch(
    table: StreamTable, error: BaseException
) -> None:
    items = Items(1, 2, error, 3)
    stream_id = table.open(items, ALICE)
    assert table.get_items(stream_id, ALICE, 0, 9) == [1, 2]
    assert table.get_items(stream_id, ALICE, 0, 9) == [1, 2]
    assert table.get_items(stream_id, ALICE, 1, 9) == [2]
    with pytest.raises(type(error)) as caught:
        table.get_items(stream_id, ALICE, 2, 9)
    assert caught.value is error
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_an_error_behind_items_shows_where_the_program_raised_it(table: StreamTable) -> None:
    def generate() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stream_id = table.open(generate(), ALICE)
    table.get_items(stream_id, ALICE, 0, 9)
    with pytest.raises(ValueError, match="broken") as caught:
        table.get_items(stream_id, ALICE, 1, 9)
    assert caught.traceback[-1].name == "generate"


def test_an_error_that_nobody_asks_for_keeps_nothing_alive(table: StreamTable) -> None:
    class Mark:
        pass

    def generate() -> Iterator[int]:
        mark = Mark()
        marks.append(weakref.ref(mark))
        yield 1
        raise ValueError("broken")

    marks: list[weakref.ref[Mark]] = []
    gc.disable()
    try:
        stream_id = table.open(generate(), ALICE)
        table.get_items(stream_id, ALICE, 0, 9)
        assert marks[0]() is not None
        table.close(stream_id)
        assert marks[0]() is None
    finally:
        gc.enable()


# -- ends that are remembered


def test_who_counts_is_told_the_end_as_often_as_it_asks(table: StreamTable) -> None:
    stream_id = table.open(Items(1), ALICE)
    assert table.get_items(stream_id, ALICE, 0) == [1]
    for client in (ALICE, ALICE, BOB):
        with pytest.raises(StopIteration):
            table.get_items(stream_id, client, 1)
    assert_terminated(table, stream_id)  # who does not count may be somebody else by now


def test_the_end_is_remembered_behind_items_too(table: StreamTable) -> None:
    stream_id = table.open(Items(1, 2), ALICE)
    assert table.get_items(stream_id, ALICE, 0, 9) == [1, 2]
    for _ in range(2):
        with pytest.raises(StopIteration):
            table.get_items(stream_id, ALICE, 2, 9)


def test_what_did_not_end_by_itself_has_no_end_to_remember(table: StreamTable) -> None:
    closed = table.open(Items(1), ALICE)
    table.close(closed)
    failed = table.open(Items(ValueError("broken")), ALICE)
    with pytest.raises(ValueError, match="broken"):
        table.get_items(failed, ALICE, 0)
    for stream_id in (closed, failed, "nobody's"):
        with pytest.raises(PyroError, match="terminated"):
            table.get_items(stream_id, ALICE, 0)


def test_only_the_latest_ends_are_remembered(table: StreamTable) -> None:
    ids = [table.open(Items(), ALICE) for _ in range(MOST_FINISHED + 1)]
    for stream_id in ids:
        with pytest.raises(StopIteration):
            table.get_items(stream_id, ALICE, 0)
    with pytest.raises(PyroError, match="terminated"):
        table.get_items(ids[0], ALICE, 0)
    with pytest.raises(StopIteration):
        table.get_items(ids[1], ALICE, 0)


def test_an_id_that_cannot_be_one_is_an_error_like_any_other(table: StreamTable) -> None:
    for position in (None, 0):
        with pytest.raises(TypeError):
            table.get_items(["no", "id"], ALICE, position)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(PyroError, match="terminated"):
            table.get_items(None, ALICE, position)  # type: ignore[arg-type]  # on purpose


# -- limits


def test_a_client_may_have_so_many_streams_and_no_more(table: StreamTable) -> None:
    first, second, third, others = (Items(1) for _ in range(4))
    stream_id = table.open(first, ALICE, 2)
    table.open(second, ALICE, 2)
    with pytest.raises(PyroError, match=r"one client may have 2 open.*ITER_STREAM_LIMIT"):
        table.open(third, ALICE, 2)
    assert [items.closed for items in (first, second, third)] == [0, 0, 1]
    table.open(others, BOB, 2)  # for others nothing changes
    table.close(stream_id)
    table.open(Items(1), ALICE, 2)
    assert len(table) == 3


@pytest.mark.parametrize("end", ["exhausted", "failed", "closed", "expired"])
def test_a_stream_that_has_ended_makes_room(table: StreamTable, clock: Clock, end: str) -> None:
    for _ in range(5):
        stream_id = table.open(Items(*[ValueError("broken")] * (end == "failed")), ALICE, 1)
        clock.now += 1.0
        if end == "closed":
            table.close(stream_id)
        elif end == "expired":
            table.expire(0.5, 30.0)
        else:
            with pytest.raises((StopIteration, ValueError)):
                fetch(table, stream_id)
    assert not table._ids.keys() - {None}


def test_the_limit_counts_those_that_a_client_has_claimed(table: StreamTable) -> None:
    first, second = table.open(Items(1, 2), ALICE, 2), table.open(Items(1, 2), ALICE, 2)
    table.release(ALICE, 30.0)
    table.open(Items(1), ALICE, 2)  # those that linger are nobody's
    fetch(table, first, BOB)
    table.open(Items(1), BOB, 2)
    with pytest.raises(PyroError, match="ITER_STREAM_LIMIT"):
        table.open(Items(1), BOB, 2)
    fetch(table, second, BOB)  # what there is can be claimed, however much one has
    with pytest.raises(PyroError, match="ITER_STREAM_LIMIT"):
        table.open(Items(1), BOB, 3)
    table.close(first)
    table.open(Items(1), BOB, 3)


def test_a_claim_frees_the_place_of_the_former_owner(table: StreamTable) -> None:
    old, new = Client(), Client()
    stream_id = table.open(Items(1, 2), old, 1)
    old.has_gone = True
    fetch(table, stream_id, new)
    table.open(Items(1), old, 1)
    with pytest.raises(PyroError, match="ITER_STREAM_LIMIT"):
        table.open(Items(1), new, 1)


def test_owners_without_streams_are_forgotten(table: StreamTable) -> None:
    owner = Client()
    reference = weakref.ref(owner)
    stream_id = table.open(Items(1), owner)
    table.release(owner, 30.0)
    del owner
    assert reference() is None
    table.close(stream_id)
    assert table._ids == {None: {}}


def test_only_so_many_streams_linger_and_the_longest_deserted_end_first(
    table: StreamTable, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_DESERTED", 3)
    all_items = [Items(1) for _ in range(6)]
    for number, owner in enumerate([ALICE, BOB, BOB, ALICE, ALICE, BOB]):
        table.open(all_items[number], owner)
    table.release(BOB, 30.0)
    assert [items.closed for items in all_items] == [0] * 6
    clock.now += 1.0
    table.release(ALICE, 30.0)
    assert [items.closed for items in all_items] == [0, 1, 1, 0, 0, 1]
    table.release(Client(), 30.0)  # who has none ends none
    assert len(table) == 3


def test_a_stream_that_was_claimed_meanwhile_is_not_the_longest_deserted(
    table: StreamTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_DESERTED", 2)
    first, second, third = (table.open(Items(1, 2, 3), ALICE) for _ in range(3))
    table.release(ALICE, 30.0)
    assert_terminated(table, first)
    fetch(table, second, BOB)
    table.open(Items(1), ALICE)
    table.release(ALICE, 30.0)
    table.release(BOB, 30.0)  # now the third is
    assert_terminated(table, third)
    assert fetch(table, second) == 2


# -- threads


class Held:
    """An item that is produced when the test says so."""

    def __init__(self) -> None:
        self.is_asked_for = threading.Event()
        self.may_come = threading.Event()

    def __call__(self) -> str:
        self.is_asked_for.set()
        assert self.may_come.wait(PATIENCE)
        return "held"


def fetch_in_thread(
    table: StreamTable,
    stream_id: str,
    position: int | None = None,
    count: int = 1,
    client: Client = ALICE,
) -> tuple[threading.Thread, list[Any]]:
    """Fetch items in a thread; return the thread, and where they or an exception will be."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(table.get_items(stream_id, client, position, count))
        except BaseException as error:  # noqa: BLE001  # looked at by the test
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


END: list[tuple[str, Callable[[StreamTable, str, Clock], None]]] = [
    ("closed", lambda table, stream_id, clock: table.close(stream_id)),
    ("released", lambda table, stream_id, clock: table.release(ALICE, 0.0)),
    ("cleared", lambda table, stream_id, clock: table.clear()),
    ("expired", lambda table, stream_id, clock: table.expire(1e-9, 30.0)),
]


@pytest.mark.parametrize("end", [end for _, end in END], ids=[name for name, _ in END])
def test_a_stream_that_ends_while_an_item_is_made_closes_its_iterator_afterwards(
    table: StreamTable, clock: Clock, end: Callable[[StreamTable, str, Clock], None]
) -> None:
    held = Held()
    items = Items(held, "never fetched")
    stream_id = table.open(items, ALICE)
    thread, outcome = fetch_in_thread(table, stream_id)
    assert held.is_asked_for.wait(PATIENCE)
    clock.now += 1.0
    end(table, stream_id, clock)  # returns at once, although the iterator is at work
    assert items.closed == 0
    held.may_come.set()
    thread.join(PATIENCE)
    assert outcome == [["held"]]
    assert items.closed == 1
    assert_terminated(table, stream_id)


def test_two_fetches_at_once_get_an_item_each(table: StreamTable) -> None:
    def generate() -> Iterator[Any]:
        yield held()
        yield "second"

    held = Held()
    stream_id = table.open(generate(), ALICE)  # a generator cannot be entered twice
    first, one = fetch_in_thread(table, stream_id)
    assert held.is_asked_for.wait(PATIENCE)
    second, two = fetch_in_thread(table, stream_id)
    held.may_come.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert (one, two) == ([["held"]], [["second"]])


def test_a_window_that_is_closed_in_the_making_ends_with_the_item_in_hand(
    table: StreamTable,
) -> None:
    held = Held()
    items = Items(1, held, 3, 4)
    stream_id = table.open(items, ALICE)
    thread, outcome = fetch_in_thread(table, stream_id, 0, 9)
    assert held.is_asked_for.wait(PATIENCE)
    table.close(stream_id)
    assert items.closed == 0
    held.may_come.set()
    thread.join(PATIENCE)
    assert outcome == [[1, "held"]]
    assert items.closed == 1
    assert next(items) == 3  # nobody went on


def test_a_stream_that_is_closed_before_the_first_item_gives_none() -> None:
    class Closing(Clock):
        """Closes the stream when a fetch begins."""

        def __call__(self) -> float:
            if stream is not None:
                stream.close()
            return self.now

    stream: ItemStream | None = None
    items = Items(1, 2)
    stream = ItemStream(items, ALICE, Closing())
    with pytest.raises(PyroError, match="terminated"):
        stream.take(0, 2)
    assert items.closed == 1


def test_a_stream_can_be_claimed_while_an_item_is_made_for_a_connection_that_is_gone(
    table: StreamTable,
) -> None:
    """Whose time was over, and who comes back, gets the very item it had not waited for."""
    old, new = Client(), Client()
    held = Held()
    stream_id = table.open(Items(held, "second"), old)
    late, first = fetch_in_thread(table, stream_id, 0, client=old)
    assert held.is_asked_for.wait(PATIENCE)
    old.has_gone = True
    again, second = fetch_in_thread(table, stream_id, 0, client=new)
    held.may_come.set()
    late.join(PATIENCE)
    again.join(PATIENCE)
    assert first == second == [["held"]]
    table.release(old, 0.0)  # comes too late to end what is not its own any more
    assert table.get_items(stream_id, new, 1) == ["second"]


def test_who_claims_a_stream_that_is_closed_meanwhile_gets_none(table: StreamTable) -> None:
    class Leaving(Client):
        def is_gone(self) -> bool:
            table.close(stream_id)
            return True

    items = Items(1)
    stream_id = table.open(items, Leaving())
    with pytest.raises(PyroError, match="terminated"):
        fetch(table, stream_id, BOB)
    assert items.closed == 1
    assert table._ids == {None: {}}


def test_a_stream_that_is_claimed_just_now_is_not_taken_for_a_deserted_one(
    table: StreamTable,
) -> None:
    """A claim changes two things; whoever saw only one would think it deserted for ages."""

    class Halting(ItemStream):
        """Lets housekeeping in when its claim is half done."""

        __slots__ = ()

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "linger_start":
                housekeeping.start()
                housekeeping.join(0.02)  # it comes to its end only where it does not wait

    housekeeping = threading.Thread(target=lambda: table.expire(0.0, 30.0))
    stream_id = table.open(Items(1, 2), ALICE)
    table.release(ALICE, 30.0)
    table._streams[stream_id].__class__ = Halting
    assert fetch(table, stream_id, BOB) == 1
    housekeeping.join(PATIENCE)
    assert fetch(table, stream_id, BOB) == 2


def test_who_waits_for_an_item_of_a_stream_that_ends_gets_none(table: StreamTable) -> None:
    held = Held()
    items = Items(held, "never fetched")
    stream_id = table.open(items, ALICE)
    stream = table._streams[stream_id]
    first, one = fetch_in_thread(table, stream_id)
    assert held.is_asked_for.wait(PATIENCE)
    table.close(stream_id)
    outcome: list[BaseException] = []

    def fetch_late() -> None:
        with pytest.raises(PyroError, match="terminated") as caught:
            stream.take()
        outcome.append(caught.value)

    late = threading.Thread(target=fetch_late)
    late.start()
    held.may_come.set()
    first.join(PATIENCE)
    late.join(PATIENCE)
    assert one == [["held"]]
    assert len(outcome) == 1
    assert items.closed == 1


def test_many_threads_share_a_stream_and_close_it_once(table: StreamTable) -> None:
    items = Items(*range(200))
    stream_id = table.open(items, ALICE)
    start = threading.Barrier(4)
    got: list[int] = []

    def run() -> None:
        start.wait(PATIENCE)
        while True:
            try:
                got.append(fetch(table, stream_id))
            except (StopIteration, PyroError):
                return

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(got) == list(range(200))
    assert items.closed == 1


class Careful(Items):
    """An iterator that notices if it is entered twice, or closed while it is at work."""

    def __init__(self, number: int, chance: random.Random) -> None:
        super().__init__(*range(number))
        self._chance = chance
        self._at_work = threading.Lock()
        self.mistakes: list[str] = []

    def __next__(self) -> Any:
        if not self._at_work.acquire(False):
            self.mistakes.append("entered twice")
        try:
            for _ in range(self._chance.randrange(3)):
                threading.Event().wait(0)  # lets others go on
            return super().__next__()
        finally:
            self._at_work.release()

    def close(self) -> None:
        if self._at_work.locked():
            self.mistakes.append("closed at work")
        super().close()


@pytest.mark.parametrize("seed", range(20))
def test_fetches_and_ends_at_once_close_the_iterator_exactly_once(clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    table = StreamTable(clock)
    items = Careful(40, chance)
    stream_id = table.open(items, ALICE)
    start = threading.Barrier(5)
    surprises: list[BaseException] = []

    def take(position: int | None, count: int) -> None:
        start.wait(PATIENCE)
        try:
            while True:
                table.get_items(stream_id, ALICE, position, count)
        except (StopIteration, PyroError, ValueError):
            pass
        except BaseException as fault:  # noqa: BLE001  # looked at below
            surprises.append(fault)

    def end() -> None:
        start.wait(PATIENCE)
        for _ in range(chance.randrange(4)):
            threading.Event().wait(0)
        chance.choice([table.clear, lambda: table.close(stream_id)])()

    asking: list[tuple[int | None, int]] = [(None, 1), (None, 7), (0, 3)]
    threads = [threading.Thread(target=take, args=args) for args in asking]
    threads += [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert (surprises, items.mistakes, items.closed) == ([], [], 1)
    assert table._ids == {None: {}}
