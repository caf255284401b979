"""Item streams: who owns them, when they end, and that their iterators are closed exactly once."""

import itertools
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyrolike.errors import PyroError
from pyrolike.objects.streams import ItemStream, StreamTable, _may_claim

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


def drain(table: StreamTable, stream_id: str, client: Client = ALICE) -> list[Any]:
    """Fetch items until there are no more."""
    items = []
    while True:
        try:
            items.append(table.next_item(stream_id, client))
        except StopIteration:
            return items


def assert_terminated(table: StreamTable, stream_id: str) -> None:
    with pytest.raises(PyroError, match=r"^item stream terminated$"):
        table.next_item(stream_id, ALICE)


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
    table.next_item(stream_id, BOB)
    assert table.as_dict() == {stream_id: (BOB, 100.0, 0.0, items)}


def test_what_shows_the_streams_is_a_copy(table: StreamTable) -> None:
    table.open(Items(), ALICE)
    table.as_dict().clear()
    assert len(table) == 1


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1), PyroError("other")])
def test_an_iterator_that_fails_ends_its_stream(table: StreamTable, error: BaseException) -> None:
    items = Items(1, error, 2)
    stream_id = table.open(items, ALICE)
    assert table.next_item(stream_id, ALICE) == 1
    with pytest.raises(type(error)):
        table.next_item(stream_id, ALICE)
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
    assert [table.next_item(stream_id, ALICE) for _ in range(3)] == [0, 1, 2]
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
    stream = ItemStream(items, ALICE, 0.0)
    stream.close()
    assert items.closed == 1


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
    table.next_item(stream_id, ALICE)
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
    with pytest.raises(PyroError, match=r"^item stream terminated$"):
        table.next_item(stream_id, BOB)
    assert drain(table, stream_id, ALICE) == [1]


def test_a_client_on_a_new_connection_can_go_on_before_the_old_one_is_known_to_have_ended(
    table: StreamTable,
) -> None:
    old, new = Client(), Client()
    stream_id = table.open(Items(1, 2), old)
    old.has_gone = True
    assert table.next_item(stream_id, new) == 1
    table.release(old, 0.0)  # the stream is not the old connection's any more
    assert table.next_item(stream_id, new) == 2


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
    assert table.next_item(stream_id, ALICE) == 1


def test_a_stream_that_was_claimed_lingers_anew(table: StreamTable, clock: Clock) -> None:
    stream_id = table.open(Items(1, 2), ALICE)
    table.release(ALICE, 30.0)
    clock.now = 120.0
    table.next_item(stream_id, BOB)
    table.release(BOB, 30.0)
    clock.now = 140.0
    table.expire(0.0, 30.0)
    assert table.next_item(stream_id, ALICE) == 2


def test_a_stream_ends_when_it_gets_too_old_even_while_it_is_used(
    table: StreamTable, clock: Clock
) -> None:
    stream_id = table.open(Items(*range(9)), ALICE)
    clock.now = 105.0
    table.expire(5.0, 30.0)
    assert table.next_item(stream_id, ALICE) == 0
    clock.now = 105.1
    table.expire(5.0, 30.0)
    assert_terminated(table, stream_id)


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
    table: StreamTable, stream_id: str, client: Client = ALICE
) -> tuple[threading.Thread, list[Any]]:
    """Fetch an item in a thread; return the thread, and where item or exception will be."""
    outcome: list[Any] = []

    def fetch() -> None:
        try:
            outcome.append(table.next_item(stream_id, client))
        except BaseException as error:  # noqa: BLE001  # looked at by the test
            outcome.append(error)

    thread = threading.Thread(target=fetch, daemon=True)
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
    assert outcome == ["held"]
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
    assert (one, two) == (["held"], ["second"])


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
            stream.next_item()
        outcome.append(caught.value)

    late = threading.Thread(target=fetch_late)
    late.start()
    held.may_come.set()
    first.join(PATIENCE)
    late.join(PATIENCE)
    assert one == ["held"]
    assert len(outcome) == 1
    assert items.closed == 1


def test_many_threads_share_a_stream_and_close_it_once(table: StreamTable) -> None:
    items = Items(*range(200))
    stream_id = table.open(items, ALICE)
    start = threading.Barrier(4)
    got: list[int] = []

    def fetch() -> None:
        start.wait(PATIENCE)
        while True:
            try:
                got.append(table.next_item(stream_id, ALICE))
            except (StopIteration, PyroError):
                return

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(got) == list(range(200))
    assert items.closed == 1
