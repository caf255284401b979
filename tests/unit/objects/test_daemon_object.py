"""The object called Pyro.Daemon: what a daemon tells its clients about itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.errors import DaemonError, PyroError
from pyrolike.objects import DaemonObject, ObjectTable, StreamTable, expose, get_members, oneway


class Service:
    """The inner side of a daemon, as far as the object looks at it."""

    def __init__(self, require_expose: bool = True) -> None:
        self.table = ObjectTable()
        self.streams = StreamTable(lambda: 0.0)
        self.require_expose = require_expose
        self.server_type = "of some kind"


class SomeDaemon:
    """A daemon, as far as the object looks at it."""

    locationStr = "here:1"
    natLocationStr: str | None = None

    def __init__(self, require_expose: bool = True) -> None:
        self._pyroService: Any = Service(require_expose)


class Client:
    """A connection, as far as streams look at it."""

    def __init__(self, has_gone: bool = False) -> None:
        self._has_gone = has_gone

    def is_gone(self) -> bool:
        return self._has_gone


class Thing:
    @expose
    def shown(self) -> None: ...

    @expose
    @oneway
    def fired(self) -> None: ...

    @property
    @expose
    def size(self) -> int:
        return 1

    def hidden(self) -> None: ...


def daemon_with(*ids: str, require_expose: bool = True) -> SomeDaemon:
    daemon = SomeDaemon(require_expose)
    for object_id in ids:
        daemon._pyroService.table.add(Thing(), object_id, None, force=False, weak=False)
    return daemon


def test_it_exposes_what_pyro_promises() -> None:
    members = get_members(DaemonObject)
    assert members.methods == {
        "ping",
        "registered",
        "info",
        "get_metadata",
        "get_next_stream_item",
        "get_stream_items",
        "close_stream",
    }
    assert members.oneway == {"close_stream"}
    assert members.attrs == set()


def test_a_ping_says_nothing() -> None:
    DaemonObject(SomeDaemon()).ping()


def test_registered_objects_are_listed_in_their_order() -> None:
    daemon = daemon_with("Pyro.Daemon", "b", "a")
    assert DaemonObject(daemon).registered() == ["Pyro.Daemon", "b", "a"]


def test_the_list_is_the_callers_to_keep() -> None:
    daemon = daemon_with("one")
    DaemonObject(daemon).registered().clear()
    assert DaemonObject(daemon).registered() == ["one"]


@pytest.mark.parametrize("nat", [None, "outside:2"])
def test_the_description_says_where_and_how_many(nat: str | None) -> None:
    daemon = daemon_with("one", "two")
    daemon.natLocationStr = nat
    info = DaemonObject(daemon).info()
    for part in "SomeDaemon", "here:1", f"NAT {nat}", "2 objects", "Servertype: of some kind":
        assert part in info


def test_metadata_tells_what_an_object_exposes() -> None:
    assert DaemonObject(daemon_with("thing")).get_metadata("thing") == {
        "methods": {"shown", "fired"},
        "oneway": {"fired"},
        "attrs": {"size"},
    }


def test_metadata_may_come_in_lists_as_pyro4_asks_for_it() -> None:
    assert DaemonObject(daemon_with("thing")).get_metadata("thing", as_lists=True) == {
        "methods": ["fired", "shown"],
        "oneway": ["fired"],
        "attrs": ["size"],
    }


def test_metadata_obeys_the_setting_for_exposure() -> None:
    daemon = daemon_with("thing", require_expose=False)
    assert "hidden" in DaemonObject(daemon).get_metadata("thing")["methods"]


def test_metadata_of_an_unknown_object_is_an_error() -> None:
    with pytest.raises(DaemonError, match="unknown object"):
        DaemonObject(SomeDaemon()).get_metadata("nobody")


@pytest.fixture
def caller() -> Iterator[Client]:
    """Make the test a call of this client's."""
    before, caller = get_state(), Client()
    set_state(ContextState(caller))
    yield caller
    set_state(before)


def test_items_of_a_stream_are_fetched_in_the_name_of_the_caller(caller: Client) -> None:
    daemon = SomeDaemon()
    streams: StreamTable = daemon._pyroService.streams
    stream_id = streams.open(iter([1]), Client(has_gone=True))
    thing = DaemonObject(daemon)
    assert thing.get_next_stream_item(stream_id) == 1
    assert streams.as_dict()[stream_id][0] is caller
    with pytest.raises(StopIteration):
        thing.get_next_stream_item(stream_id)
    with pytest.raises(PyroError, match="item stream terminated"):
        thing.get_next_stream_item(stream_id)


def test_an_item_can_be_fetched_by_its_position_again_and_again(caller: Client) -> None:
    daemon = SomeDaemon()
    stream_id = daemon._pyroService.streams.open(iter([[1, 2], "b"]), caller)
    thing = DaemonObject(daemon)
    # The item may be a list itself; it comes as it is.
    assert [thing.get_next_stream_item(stream_id, 0) for _ in range(2)] == [[1, 2], [1, 2]]
    assert thing.get_next_stream_item(stream_id, position=1) == "b"
    for _ in range(2):
        with pytest.raises(StopIteration):
            thing.get_next_stream_item(stream_id, 2)


def test_several_items_can_be_fetched_at_once(caller: Client) -> None:
    daemon = SomeDaemon()
    streams: StreamTable = daemon._pyroService.streams
    stream_id = streams.open(iter([1, 2, 3]), Client(has_gone=True))
    thing = DaemonObject(daemon)
    assert [thing.get_stream_items(stream_id, 0, 2) for _ in range(2)] == [[1, 2], [1, 2]]
    assert streams.as_dict()[stream_id][0] is caller
    assert thing.get_stream_items(stream_id, position=2, count=2) == [3]
    for _ in range(2):
        with pytest.raises(StopIteration):
            thing.get_stream_items(stream_id, 3, 2)


def test_a_stream_of_another_client_cannot_be_fetched_from(caller: Client) -> None:
    daemon = SomeDaemon()
    stream_id = daemon._pyroService.streams.open(iter([1]), Client())
    thing = DaemonObject(daemon)
    for fetch in (
        lambda: thing.get_next_stream_item(stream_id),
        lambda: thing.get_next_stream_item(stream_id, 0),
        lambda: thing.get_stream_items(stream_id, 0, 1),
    ):
        with pytest.raises(PyroError, match="belongs to another connection"):
            fetch()


def test_a_stream_can_be_closed_and_unknown_ones_too() -> None:
    daemon = SomeDaemon()
    streams: StreamTable = daemon._pyroService.streams
    thing = DaemonObject(daemon)
    thing.close_stream(streams.open(iter([1]), Client()))
    thing.close_stream("nobody's")
    assert len(streams) == 0
