"""What stands in the tables of a channel for a call whose reply has not been taken.

Beside these, there is None for a call whose thread is awake, and the reply itself for one whose
thread has not come to take it. The channel's module docstring tells how all of it works.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyrolike.errors import CommunicationError
    from pyrolike.protocol import Message


class Waiter:
    """A call whose thread sleeps. Its reply, or the leadership, arrives by releasing `wake`."""

    __slots__ = ("reply", "wake")

    def __init__(self) -> None:
        self.reply: Message | None = None
        self.wake = threading.Lock()
        self.wake.acquire()

    def rouse(self) -> None:
        """Wake the sleeper; the channel's table lock is held."""
        if self.wake.locked():
            self.wake.release()


class Abandoned:
    """Stands in the table for a call nobody waits for any more."""


ABANDONED = Abandoned()


class Ticket:
    """A call without a thread. Its reply is given to `settle`, by a thread of the background.

    Attributes:
        deadline: Moment on the monotonic clock until which the reply must be there; None for never.
        reply: The reply, once it has come.
        fault: Why none will come, once that is so.
        read: Returns the value of the reply, or raises what is in it; known when it is sent.
    """

    __slots__ = ("deadline", "fault", "read", "reply")

    read: Callable[[Message], Any]

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.reply: Message | None = None
        self.fault: CommunicationError | None = None

    def settle(self) -> Callable[[], None] | None:
        """Take note of `reply` or `fault`, quickly: other replies wait meanwhile.

        Returns:
            What is left to do and may take its time, or None.
        """
        raise NotImplementedError
