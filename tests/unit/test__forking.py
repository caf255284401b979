from __future__ import annotations

import weakref

from pyrolike import _forking
from pyrolike._forking import OpenLock, tell_of_forks


class Thing:
    def __init__(self) -> None:
        self.forks = 0
        tell_of_forks(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing)  # and so it has no hash

    def after_fork(self) -> None:
        self.forks += 1


def test_a_thing_is_told_once_per_fork() -> None:
    first, second = Thing(), Thing()
    _forking._tell_all()
    assert (first.forks, second.forks) == (1, 1)


def test_a_thing_is_held_weakly_and_leaves_nothing() -> None:
    before = len(_forking._things)
    thing = Thing()
    gone = weakref.ref(thing)
    assert len(_forking._things) == before + 1
    del thing
    assert gone() is None
    assert len(_forking._things) == before


def test_one_that_fails_does_not_keep_the_others_from_being_told() -> None:
    class Failing(Thing):
        def after_fork(self) -> None:
            raise ValueError

    failing, thing = Failing(), Thing()
    _forking._tell_all()
    assert thing.forks == 1
    assert failing.forks == 0


def test_an_open_lock_lets_everybody_pass() -> None:
    lock = OpenLock()
    with lock:
        assert lock.acquire(False)
        assert not lock.locked()
        lock.release()
    lock.release()
