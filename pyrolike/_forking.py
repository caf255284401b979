"""What a forked child must not share with its parent: who is told that a fork has happened.

After `os.fork` the child has a copy of everything, but only the thread that forked: locks of the
others stay locked for ever, and the copies of sockets lead to the same connections as the parent's.
So each thing that owns a lock or a descriptor says here that it exists, and its ``after_fork`` is
called in every forked child before anything else can happen there. Nothing is done in the parent,
and nothing before the fork: no lock is taken, no call of another thread is waited for.

What ``after_fork`` may do: replace locks, forget, and close the child's copy of a descriptor. Never
send, never shut a connection down, never change a shared epoll descriptor: all that would happen to
the parent.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Forkable(Protocol):
    """What has something that a forked child must not use."""

    def after_fork(self) -> None:
        """Let go of what is the parent's; in the child, which has no other threads yet."""


class _Mark(weakref.ref[Forkable]):
    """A weak reference with an identity of its own.

    The usual ones are as equal as their things: programs may give their daemons any equality.
    """

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


_things: dict[_Mark, None] = {}  # in the order in which they came
_forget = _things.pop


def tell_of_forks(thing: Forkable) -> None:
    """Have ``thing.after_fork()`` called in each forked child, as long as *thing* lives.

    To be called once for each. The thing is held weakly, and goes without the garbage collector.
    """
    _things[_Mark(thing, _forget)] = None


def call_after_fork(function: Callable[[], None]) -> None:
    """Have *function* called in each forked child: for the locks of a module."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=function)


class OpenLock:
    """Takes the place of a lock that nobody needs any more; it lets everybody pass.

    The thread that forked may itself have been inside: what it took was the old lock, and what it
    gives back is this one.
    """

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Succeed."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def locked(self) -> bool:
        """Say no."""
        return False

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *failure: object) -> None:
        """Do nothing."""


def _tell_all() -> None:
    for reference in list(_things):
        thing = reference()
        if thing is not None:
            # One of them must not keep the others from being told.
            with contextlib.suppress(Exception):
                thing.after_fork()


call_after_fork(_tell_all)
