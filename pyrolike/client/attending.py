"""Who reads for calls that nobody waits for.

An asynchronous call has no thread that would read its reply. Yet somebody has to: functions are to
run when the value is there, and a daemon that cannot send its replies takes no further calls. So
while a channel has *tickets*, as such calls are here, it has an *attendant*: a thread of the
background that takes the replies of tickets and settles them.

The attendant is one of the threads that wait, and follows their rules. Where nobody leads, it does.
Where another thread leads, for a synchronous call of its own, the attendant sleeps, in the table
like all sleepers, and is woken when that one has read a ticket's reply, or goes. With the last
ticket it gives its office up. A channel without tickets has no attendant, and its calls come by
nothing of all this.

Who asks for a value does not read for it. That would save two changes of threads where a single
call is waited for at once, and there a synchronous call is better anyway.

The office is for one thread at a time, but not for the same one for ever. What takes time or runs
the program's functions, such as a chain, is never done in office: the thread first hands over to
another. So functions may take as long as they like, and wait for each other's results.

There is no thread for timeouts either. When the first deadline of a channel passes, the clock of
the background looks which tickets are late, and when to look next.

`Channel` and `Attendance` are one thing in two modules: the table lock of the channel guards the
state of both.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from pyrolike import _background
from pyrolike.errors import TimeoutError

from .pending import ABANDONED, Ticket, Waiter

if TYPE_CHECKING:
    from pyrolike.errors import CommunicationError
    from pyrolike.protocol import Message

    from .channel import Channel

GLANCE = 0.1
"""Seconds after which who reads from a borrowed socket looks whether it was given back."""

DESK = -1
"""Where the attendant sleeps in the table: no call has such a number."""


class Attendance:
    """The tickets of a channel, and who attends to them.

    It does not know its channel, which is an argument everywhere: the two would form a cycle, and
    channels have to go without the garbage collector.

    Attributes:
        open: Tickets whose reply has not come; from before they are sent, in that order.
    """

    __slots__ = ("_alarm", "_arrived", "_is_attended", "open")

    def __init__(self) -> None:
        self.open: dict[Ticket, None] = {}  # a set that keeps the order
        self._arrived: deque[Ticket] = deque()
        self._is_attended = False
        self._alarm: _background.Alarm | None = None  # for the first deadline

    def take(
        self,
        channel: Channel,
        ticket: Ticket,
        reply: Message | None,
        fault: CommunicationError | None,
    ) -> None:
        """Have a ticket settled, with its reply or with the fault that ends it.

        It is out of the table; the table lock is held.
        """
        if ticket not in self.open:
            return
        del self.open[ticket]
        ticket.reply, ticket.fault = reply, fault
        self._arrived.append(ticket)
        sleeper = channel._pending.get(DESK)
        if isinstance(sleeper, Waiter):
            sleeper.rouse()

    def attend(self, channel: Channel, deadline: float | None = None) -> None:
        """See that there is an attendant, and that somebody looks when *deadline* passes.

        Raises:
            RuntimeError: There are no more threads, or the interpreter is about to end.
        """
        with channel._table_lock:
            if deadline is not None and self.open:
                self._look_at(channel, deadline)
            if self._is_attended or not (self.open or self._arrived):
                return
            _background.run(partial(self._serve, channel))
            self._is_attended = True

    def _serve(self, channel: Channel) -> None:
        """Be the attendant."""
        while (ticket := self._next_ticket(channel)) is not None:
            rest = ticket.settle()
            del ticket
            if rest is not None:
                try:
                    self._hand_over(channel)
                finally:
                    del channel
                    rest()
                return

    def _hand_over(self, channel: Channel) -> None:
        """Give the office up; another thread gets it if there is something to do."""
        with channel._table_lock:
            self._is_attended = False
        self.attend(channel)
        if not channel.is_usable:
            channel._pass_lead()  # who is last closes it

    def _next_ticket(self, channel: Channel) -> Ticket | None:
        """Wait for the next ticket that can be settled; None, and no office, if there is none."""
        sleeper = Waiter()
        while True:
            with channel._table_lock:
                if self._arrived:
                    channel._pending.pop(DESK, None)
                    return self._arrived.popleft()
                if not self.open:
                    channel._pending.pop(DESK, None)
                    self._is_attended = False
                    break
                channel._pending[DESK] = sleeper
            if channel._read_lock.acquire(False):
                self._lead(channel)
            else:
                sleeper.wake.acquire()
        if not channel.is_usable:
            channel._pass_lead()  # who is last closes it
        return None

    def _lead(self, channel: Channel) -> None:
        """Read until there is a ticket to settle, or none is left. The read lock is held."""
        with channel._table_lock:
            channel._pending[DESK] = None  # awake: nobody has to be woken here
        try:
            while self.open and not self._arrived:
                self._receive(channel)
        except Exception as fault:  # noqa: BLE001  # each ticket is told
            channel._fail(fault)
        finally:
            channel._read_lock.release()
            channel._pass_lead()

    @staticmethod
    def _receive(channel: Channel) -> None:
        """Take the next message."""
        if not channel.connection.keep_open:
            channel._deliver(channel._receive(None))
            return
        # Closing the channel does not close that socket, and so would not wake us.
        with contextlib.suppress(TimeoutError):
            channel._deliver(channel._receive(monotonic() + GLANCE))

    # -- timeouts ---------------------------------------------------------------------------------

    def _look_at(self, channel: Channel, deadline: float) -> None:
        """Have somebody look which tickets are late at *deadline*. The table lock is held."""
        alarm = self._alarm
        if alarm is None or alarm.moment > deadline:
            if alarm is not None:
                alarm.cancel()
            look = partial(_give_up_late_ones, weakref.ref(channel))
            self._alarm = _background.call_at(deadline, look)

    def give_up_late_ones(self, channel: Channel) -> None:
        """Abandon the tickets that are late, as a thread abandons its call, and settle them."""
        now = monotonic()
        late: list[Ticket] = []
        deadlines: list[float] = []
        with channel._table_lock:
            self._alarm = None
            for seq, ticket in list(channel._tickets.items()):
                if ticket.deadline is None:
                    continue
                if ticket.deadline > now:
                    deadlines.append(ticket.deadline)
                    continue
                channel.is_usable = False
                channel._pending[seq] = ABANDONED
                del channel._tickets[seq]
                self.open.pop(ticket, None)
                ticket.fault = TimeoutError(channel._late_text())
                late.append(ticket)
            if deadlines:
                self._look_at(channel, min(deadlines))
        if late:
            channel._pass_lead()
        # Not by the attendant, who may be reading.
        for ticket in late:
            rest = ticket.settle()
            if rest is not None:
                _background.run(rest)


NOBODY = Attendance()
"""Of channels that have had no ticket; it never has one."""


def _give_up_late_ones(find_channel: weakref.ref[Channel]) -> None:
    channel = find_channel()
    if channel is not None:
        channel._attendance.give_up_late_ones(channel)
