"""What stands in a channel's table."""

from __future__ import annotations

import pytest

from pyrolike.client.pending import ABANDONED, Ticket, Waiter
from pyrolike.protocol import Message, MessageType


def test_a_sleeper_is_woken_however_often_it_is_roused() -> None:
    waiter = Waiter()
    assert not waiter.wake.acquire(False)
    waiter.rouse()
    waiter.rouse()
    assert waiter.wake.acquire(False)
    assert waiter.reply is None


def test_a_ticket_has_neither_reply_nor_fault_at_first_and_says_nothing_of_settling() -> None:
    ticket = Ticket()
    assert (ticket.deadline, ticket.reply, ticket.fault) == (None, None, None)
    with pytest.raises(NotImplementedError):
        ticket.settle()


def test_what_stands_in_the_table_can_be_told_apart() -> None:
    reply = Message(MessageType.RESULT, 0, 1, 1, b"")
    kinds = {type(entry) for entry in (Waiter(), Ticket(), ABANDONED, reply)}
    assert len(kinds) == 4
