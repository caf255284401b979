"""Registered classes: when their instances are made, how many, and by whom they are shared."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from typing import Any

import pytest

from pyrolike.api import BatchProxy, behavior, current_context, expose
from tests.support.daemon import PATIENCE, RunningDaemon, Threads, running_daemon

pytestmark = pytest.mark.usefixtures("server_type")

THREADS = 64


def numbered_class(mode: str, creator: Any = None) -> Any:
    """Return a class that numbers its instances; a new one for each test, so counts start at 0."""
    numbers = itertools.count(1)

    @behavior(instance_mode=mode, instance_creator=creator)
    class Numbered:
        made = 0

        def __init__(self) -> None:
            self.number = next(numbers)
            type(self).made += 1
            self._calls = 0

        @expose
        def who(self) -> int:
            return self.number

        @expose
        def calls(self) -> int:
            self._calls += 1
            return self._calls

        def __len__(self) -> int:
            return 0  # an instance that is false, which says nothing about whether it exists

    return Numbered


# -- single


def test_a_single_instance_is_made_at_the_first_call() -> None:
    clazz = numbered_class("single")
    with running_daemon({"thing": clazz}) as running, running.proxy("thing") as proxy:
        proxy._pyroBind()
        assert clazz.made == 0
        assert [proxy.who() for _ in range(3)] == [1, 1, 1]
        assert clazz.made == 1


def test_a_single_instance_is_shared_by_all_connections() -> None:
    clazz = numbered_class("single")
    with running_daemon({"thing": clazz}) as running:
        for count in range(1, 4):
            with running.proxy("thing") as proxy:
                assert (proxy.who(), proxy.calls()) == (1, count)


def test_every_daemon_has_a_single_instance_of_its_own() -> None:
    clazz = numbered_class("single")
    with (
        running_daemon({"thing": clazz}) as one,
        running_daemon({"thing": clazz}) as two,
        one.proxy("thing") as first,
        two.proxy("thing") as second,
    ):
        assert {first.who(), second.who()} == {1, 2}


@pytest.mark.slow
def test_a_single_instance_is_made_exactly_once_under_64_threads() -> None:
    made = itertools.count(1)
    # Two creators that run at the same time meet here; one that runs alone gives up waiting.
    meeting = threading.Barrier(2)

    def create(clazz: type) -> Any:
        number = next(made)
        try:
            meeting.wait(0.2)
        except threading.BrokenBarrierError:
            return clazz(number)
        raise AssertionError("two creators run at once")

    @behavior(instance_mode="single", instance_creator=create)
    @expose
    class Thing:
        def __init__(self, number: int) -> None:
            self._number = number

        def number(self) -> int:
            return self._number

    numbers = call_at_once(Thing, "number", THREADS)
    assert numbers == [1] * THREADS
    assert next(made) == 2


def call_at_once(thing: object, method: str, count: int) -> list[Any]:
    """Call a method through *count* connected proxies, in as many threads, at the same moment."""
    start = threading.Barrier(count)
    answers: list[Any] = []
    with running_daemon({"thing": thing}) as running, Threads() as threads:
        for _ in range(count):
            threads.start(_bind_and_call, running, method, start, answers)
    return answers


def _bind_and_call(
    running: RunningDaemon, method: str, start: threading.Barrier, answers: list[Any]
) -> None:
    with running.proxy("thing") as proxy:
        proxy._pyroBind()
        start.wait(PATIENCE)
        answers.append(getattr(proxy, method)())


# -- session


def test_every_connection_has_a_session_instance_of_its_own() -> None:
    clazz = numbered_class("session")
    with running_daemon({"thing": clazz}) as running:
        with running.proxy("thing") as one, running.proxy("thing") as two:
            assert one.who() == one.who() == 1
            assert two.who() == two.who() == 2
            assert [one.calls(), one.calls(), two.calls()] == [1, 2, 1]
        assert clazz.made == 2


def test_session_is_the_mode_of_a_class_that_says_nothing() -> None:
    class Plain:
        @expose
        def who(self) -> int:
            return id(self)

    with (
        running_daemon({"thing": Plain}) as running,
        running.proxy("thing") as one,
        running.proxy("thing") as two,
    ):
        assert one.who() == one.who()
        assert one.who() != two.who()


def test_a_new_connection_of_the_same_proxy_is_a_new_session() -> None:
    clazz = numbered_class("session")
    with running_daemon({"thing": clazz}) as running, running.proxy("thing") as proxy:
        assert proxy.who() == 1
        proxy._pyroRelease()
        assert proxy.who() == 2


def test_a_session_has_one_instance_for_each_class() -> None:
    first, second = numbered_class("session"), numbered_class("session")
    with (
        running_daemon({"first": first, "second": second}) as running,
        running.proxy("first") as proxy,
    ):
        assert proxy.calls() == 1
        assert proxy._pyroInvoke("calls", (), {}, objectId="second") == 1
        assert proxy._pyroInvoke("calls", (), {}, objectId="second") == 2
        assert proxy.calls() == 2


def test_a_session_instance_is_let_go_when_its_connection_ends() -> None:
    gone = threading.Event()

    @behavior(instance_mode="session")
    @expose
    class Thing:
        def __init__(self) -> None:
            weakref.finalize(self, gone.set)

        def hello(self) -> str:
            return "hello"

    with running_daemon({"thing": Thing}) as running, running.proxy("thing") as proxy:
        proxy.hello()
        assert not gone.is_set()
        proxy._pyroRelease()
        with running.proxy("thing") as other:
            other.hello()  # its connection may get the thread that served the first
            gc.collect()
            assert gone.wait(PATIENCE)


@pytest.mark.slow
def test_sixty_four_sessions_at_once_get_sixty_four_instances() -> None:
    clazz = numbered_class("session")
    assert sorted(call_at_once(clazz, "who", THREADS)) == list(range(1, THREADS + 1))


# -- percall


def test_every_call_has_an_instance_of_its_own() -> None:
    clazz = numbered_class("percall")
    with running_daemon({"thing": clazz}) as running, running.proxy("thing") as proxy:
        assert [proxy.who(), proxy.who(), proxy.calls(), proxy.calls()] == [1, 2, 1, 1]
        assert clazz.made == 4


def test_a_batch_is_one_call() -> None:
    clazz = numbered_class("percall")
    with running_daemon({"thing": clazz}) as running, running.proxy("thing") as proxy:
        batch = BatchProxy(proxy)
        batch.calls()
        batch.calls()
        batch.who()
        assert list(batch()) == [1, 2, 1]


# -- creators


@pytest.mark.parametrize("mode", ["single", "session", "percall"])
def test_a_creator_makes_the_instances(mode: str) -> None:
    def create(clazz: type) -> Any:
        thing = clazz()
        thing.number = 42
        return thing

    with (
        running_daemon({"thing": numbered_class(mode, create)}) as running,
        running.proxy("thing") as proxy,
    ):
        assert proxy.who() == 42


def test_a_creator_knows_who_is_calling() -> None:
    callers: list[Any] = []

    def create(clazz: type) -> Any:
        callers.append(current_context.client_sock_addr)
        return clazz()

    with (
        running_daemon({"thing": numbered_class("session", create)}) as running,
        running.proxy("thing") as proxy,
    ):
        proxy.who()
        assert callers == [proxy._pyroLocalSocket]


@pytest.mark.parametrize("mode", ["single", "session", "percall"])
@pytest.mark.parametrize("wrong", ["a text", None, 0])
def test_a_creator_that_returns_something_else_is_told(mode: str, wrong: object) -> None:
    clazz = numbered_class(mode, lambda clazz: wrong)
    with running_daemon({"thing": clazz}) as running, running.proxy("thing") as proxy:
        for _ in range(2):
            with pytest.raises(TypeError, match="Numbered"):
                proxy.who()


@pytest.mark.parametrize("mode", ["single", "session", "percall"])
def test_an_error_of_a_creator_reaches_the_caller_and_it_may_try_again(mode: str) -> None:
    attempts = itertools.count(1)

    def create(clazz: type) -> Any:
        if next(attempts) == 1:
            raise LookupError("not today")
        return clazz()

    clazz = numbered_class(mode, create)
    with running_daemon({"thing": clazz}) as running, running.proxy("thing") as proxy:
        with pytest.raises(LookupError, match="not today"):
            proxy.who()
        assert proxy.who() == 1


def test_an_oneway_call_reaches_the_instance_of_its_session() -> None:
    heard = threading.Event()
    instances: list[object] = []

    @behavior(instance_mode="session")
    class Thing:
        @expose
        def hello(self) -> None:
            instances.append(self)

        @expose
        def shout(self) -> None:
            instances.append(self)
            heard.set()

    with running_daemon({"thing": Thing}) as running, running.proxy("thing") as proxy:
        proxy.hello()
        proxy._pyroOneway.add("shout")
        proxy.shout()
        assert heard.wait(PATIENCE)
        assert instances[0] is instances[1]
