"""Who is forgotten, and when; with a clock and looks that the tests make."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator

import pytest

from pyrolike.configure import config
from pyrolike.naming import AutoCleaner, MemoryStorage, NameServer, NameServerDaemon
from pyrolike.naming.autoclean import find_place
from pyrolike.transport import Place, Verdict
from pyrolike.uri import URI
from tests.support.daemon import PATIENCE, changed_settings

ALIVE, DEAD, UNSURE, NO_WAY = Verdict.ALIVE, Verdict.DEAD, Verdict.UNSURE, Verdict.NO_WAY


class World:
    """A name server, its cleaner, the time, and what can be seen of the places."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.verdicts: dict[Place, Verdict] = {}
        self.looks: list[list[Place]] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.ns = NameServer()
        self.cleaner = AutoCleaner(self.ns, clock=lambda: self.now, look=self.look)

    def look(
        self, places: Collection[Place], seconds: float, is_stopped: Callable[[], bool]
    ) -> dict[Place, Verdict]:
        self.looks.append(sorted(places, key=str))
        self.meanwhile()
        return {place: self.verdicts.get(place, ALIVE) for place in places}

    def wait(self, seconds: float) -> None:
        """Let the thread's rounds happen, every two seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now += 2.0
            self.cleaner.make_round()

    @property
    def names(self) -> set[str]:
        return set(self.ns.list())


@pytest.fixture
def world() -> Iterator[World]:
    with changed_settings(NS_AUTOCLEAN=10.0):
        yield World()


def register(world: World, name: str, verdict: Verdict, port: int = 1) -> None:
    world.ns.register(name, f"PYRO:x@{name}:{port}")
    world.verdicts[name, port] = verdict


def test_the_dead_go_after_a_while_and_the_living_stay(world: World) -> None:
    register(world, "alive", ALIVE)
    register(world, "dead", DEAD)
    world.wait(8)
    assert world.looks == []
    world.wait(20)  # the first look is after 10 seconds, the last one 20 later
    assert world.names == {"alive", "dead"}
    world.wait(2)
    assert world.names == {"alive"}


def test_who_is_under_suspicion_is_looked_at_every_time(world: World) -> None:
    register(world, "alive", ALIVE)
    register(world, "dead", DEAD)
    world.wait(18)
    assert world.looks == [[("alive", 1), ("dead", 1)], *[[("dead", 1)]] * 4]


@pytest.mark.parametrize("other", [ALIVE, UNSURE, NO_WAY])
def test_one_look_that_does_not_say_dead_clears_of_suspicion(world: World, other: Verdict) -> None:
    register(world, "x", DEAD)
    world.wait(28)
    world.verdicts["x", 1] = other
    world.wait(2)
    world.verdicts["x", 1] = DEAD
    world.wait(20)
    assert world.names == {"x"}
    world.wait(20)
    assert world.names == set()


def test_what_cannot_be_judged_stays_for_ever(world: World) -> None:
    register(world, "unsure", UNSURE)
    register(world, "far", NO_WAY)
    world.wait(1000)
    assert world.names == {"unsure", "far"}


@pytest.mark.parametrize("port", [1, 2])
def test_registering_starts_afresh_with_the_same_uri_too(world: World, port: int) -> None:
    register(world, "x", DEAD)
    world.wait(28)
    register(world, "x", DEAD, port)
    world.wait(20)
    assert world.names == {"x"}
    world.wait(20)
    assert world.names == set()


@pytest.mark.parametrize("port", [1, 2])
def test_registering_in_the_very_last_moment_is_in_time(world: World, port: int) -> None:
    """Between the last look and the removal."""
    register(world, "x", DEAD)
    world.wait(28)
    world.meanwhile = lambda: world.ns.register("x", f"PYRO:x@x:{port}")
    world.wait(2)
    assert world.names == {"x"}


def test_what_was_put_into_the_storage_directly_is_not_removed_for_another(world: World) -> None:
    register(world, "x", DEAD)
    world.wait(28)

    def replace() -> None:
        world.ns.storage["x"] = "PYRO:new@x:2", None

    world.meanwhile = replace
    world.wait(2)
    assert world.ns.lookup("x") == URI("PYRO:new@x:2")


def test_what_is_removed_meanwhile_is_no_trouble_and_forgotten(world: World) -> None:
    register(world, "x", DEAD)
    world.wait(28)
    world.meanwhile = lambda: world.ns.remove("x")
    world.wait(2)
    register(world, "y", DEAD)
    world.wait(12)
    world.ns.remove("y")
    world.meanwhile = lambda: None
    world.wait(12)
    assert world.ns._suspects == {}


def test_the_name_servers_own_names_and_names_of_names_are_not_looked_at(world: World) -> None:
    for name in ("Pyro.NameServer", "Pyro.Daemon"):
        world.ns.register(name, "PYRO:x@dead:1")
    world.ns.register("alias", "PYRONAME:x@dead:1")
    world.ns.register("tags", "PYROMETA:x@dead:1")
    world.ns.storage["broken"] = "no uri at all", None
    world.verdicts["dead", 1] = DEAD
    before = world.names
    world.wait(100)
    assert world.names == before
    assert not any(world.looks)


def test_who_shares_a_place_is_looked_at_once(world: World) -> None:
    for number in range(50):
        world.ns.register(f"x{number}", f"PYRO:obj{number}@host:1")
    world.verdicts["host", 1] = DEAD
    world.wait(10)
    assert world.looks == [[("host", 1)]]
    world.wait(30)
    assert world.names == set()


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("PYRO:x@host:1", ("host", 1)),
        ("PYRO:x@[::1]:1", ("::1", 1)),
        ("PYRO:x@./u:/run/x", "/run/x"),
        ("PYRONAME:x", None),
        ("PYROMETA:x@host", None),
        ("nonsense", None),
    ],
)
def test_the_place_of_a_uri(uri: str, place: Place | None) -> None:
    assert find_place(uri) == place


@pytest.mark.parametrize("seconds", [0.1, 2.9])
def test_too_often_is_refused(seconds: float) -> None:
    closed: list[bool] = []

    class Storage(MemoryStorage):
        def close(self) -> None:
            closed.append(True)

    with (
        changed_settings(NS_AUTOCLEAN=seconds),
        pytest.raises(ValueError, match="NS_AUTOCLEAN must be 0, for never, or at least 3 seconds"),
    ):
        NameServerDaemon("127.0.0.1", 0, storage=Storage())
    assert closed == [True]


class TestTheThread:
    @pytest.fixture(autouse=True)
    def in_a_hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(AutoCleaner, "override_autoclean_min", True)
        monkeypatch.setattr(AutoCleaner, "loop_delay", 0.001)
        monkeypatch.setattr(AutoCleaner, "max_unreachable_time", 0.05)
        monkeypatch.setattr(config, "NS_AUTOCLEAN", 0.01)

    def test_it_goes_on_when_a_storage_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        again = threading.Event()

        class Failing(MemoryStorage):
            looks = 0

            def everything(self, return_metadata: bool = False) -> dict[str, str]:
                self.looks += 1
                if self.looks > 2:
                    again.set()
                raise OSError("the disk is full")

        cleaner = AutoCleaner(NameServer(Failing()))
        with caplog.at_level(logging.ERROR):
            cleaner.start()
            assert again.wait(PATIENCE)
            cleaner.close()
        assert not cleaner.is_alive()
        assert "a round of auto-clean failed" in caplog.text

    def test_pyros_word_ends_it(self) -> None:
        cleaner = AutoCleaner(NameServer())
        cleaner.stop = False
        assert not cleaner.stop
        cleaner.start()
        cleaner.stop = True
        cleaner.join(PATIENCE)
        assert not cleaner.is_alive()
        cleaner.close()

    def test_after_a_fork_it_has_ended(self) -> None:
        cleaner = AutoCleaner(NameServer())
        cleaner.after_fork()
        assert cleaner.stop


def test_closing_the_daemon_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AutoCleaner, "loop_delay", 1000.0)
    with changed_settings(NS_AUTOCLEAN=3.0), NameServerDaemon("127.0.0.1", 0) as daemon:
        assert daemon.cleaner_thread is not None
        assert daemon.cleaner_thread.is_alive()
    assert not daemon.cleaner_thread.is_alive()


def test_without_the_setting_there_is_none() -> None:
    with changed_settings(NS_AUTOCLEAN=0.0), NameServerDaemon("127.0.0.1", 0) as daemon:
        assert daemon.cleaner_thread is None
