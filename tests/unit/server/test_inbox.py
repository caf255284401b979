"""What has arrived from one client: whole messages come out, however they came in."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from pyrolike.errors import ProtocolError
from pyrolike.protocol import Message
from pyrolike.server import inbox as inbox_module
from pyrolike.server.inbox import HANDSHAKE_SIZE, Inbox
from pyrolike.transport import SocketConnection
from tests.support import wire
from tests.support.daemon import PATIENCE

LINGER = 0.02


class Correspondence:
    """An inbox and the client that writes to it."""

    def __init__(self) -> None:
        ours, self.client = socket.socketpair()
        self.client.settimeout(PATIENCE)
        self.connection = SocketConnection(ours)
        self.connection.limit_waiting(LINGER, PATIENCE)
        self.inbox = Inbox(self.connection)

    def admit(self) -> None:
        """Take larger messages, as after the handshake."""
        self.inbox._reader.max_size = 1024 * 1024

    def send(self, data: bytes) -> None:
        self.client.sendall(data)

    def send_aside(self, data: bytes) -> threading.Thread:
        """Send in a thread what does not fit into the connection at once."""
        thread = threading.Thread(target=self.send, args=(data,), daemon=True)
        thread.start()
        return thread

    def park(self) -> None:
        """Receive whenever something has arrived, until a worker is needed."""
        while not self.inbox.receive_available():
            ready, _, _ = select.select([self.connection.sock], [], [], PATIENCE)
            assert ready

    def take(self) -> Message:
        """Receive as workers do, one after the other, until there is a message."""
        while (message := self.inbox.take_message()) is None:
            assert not self.inbox.is_finished
        return message

    def close(self) -> None:
        self.connection.close()
        self.client.close()


@pytest.fixture
def mail() -> Iterator[Correspondence]:
    with closing(Correspondence()) as mail:
        yield mail


def message(payload: bytes = b"payload", seq: int = 1) -> bytes:
    return wire.message(wire.CONNECT, payload, seq=seq)


LARGE = message(bytes(300_000))


def test_a_client_that_has_gone_leaves_no_error_behind(mail: Correspondence) -> None:
    # Whose traceback would keep session and connection until the garbage collector comes.
    mail.send(message())
    mail.take()
    mail.client.close()
    assert mail.inbox.take_message() is None
    assert mail.inbox.is_finished
    assert mail.inbox.is_deserted
    assert mail.inbox._fault is None


# -- without waiting


@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_what_follows_a_message_can_be_left_for_others(mail: Correspondence, size: int) -> None:
    mail.admit()
    mail.inbox.reads_exactly = True
    sender = mail.send_aside(message(bytes(size)) + b"for somebody else")
    assert not mail.inbox.has_message
    mail.park()
    assert mail.inbox.has_message
    assert len(mail.take().payload) == size
    sender.join(PATIENCE)
    assert mail.connection.sock.recv(100) == b"for somebody else"


def test_a_timeout_of_the_program_is_no_end(mail: Correspondence) -> None:
    mail.connection.settimeout(0.01)
    assert not mail.inbox.receive_available()
    assert not mail.inbox.is_finished


def test_where_nothing_has_arrived_nobody_is_needed(mail: Correspondence) -> None:
    assert not mail.inbox.receive_available()
    assert not mail.inbox.hold_message()
    assert not mail.inbox.is_finished


def test_a_whole_message_needs_a_worker_who_finds_it(mail: Correspondence) -> None:
    mail.send(message())
    assert mail.inbox.receive_available()
    found = mail.inbox.take_message()
    assert found is not None
    assert (found.type, found.seq, bytes(found.payload)) == (wire.CONNECT, 1, b"payload")
    assert mail.inbox.take_message() is None


@pytest.mark.parametrize("size", [1, 7, 40, 46])
def test_a_message_in_pieces_is_whole_with_its_last_piece(mail: Correspondence, size: int) -> None:
    data = message()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    for piece in pieces[:-1]:
        mail.send(piece)
        assert not mail.inbox.receive_available()
    mail.send(pieces[-1])
    assert mail.inbox.receive_available()
    assert bytes(mail.take().payload) == b"payload"


def test_several_messages_at_once_come_out_one_by_one(mail: Correspondence) -> None:
    mail.send(message(seq=1) + message(seq=2) + message(seq=3)[:44])
    assert mail.inbox.receive_available()
    assert mail.take().seq == 1
    assert mail.inbox.hold_message()
    assert mail.inbox.hold_message()  # asked twice, held once
    assert mail.take().seq == 2
    assert not mail.inbox.hold_message()
    mail.send(message(seq=3)[44:])
    assert mail.take().seq == 3


def test_a_large_message_is_received_piece_by_piece(mail: Correspondence) -> None:
    mail.admit()
    sender = mail.send_aside(LARGE)
    mail.park()
    sender.join(PATIENCE)
    assert len(mail.take().payload) == 300_000


# -- waiting


def test_a_worker_lingers_a_moment_and_no_longer(mail: Correspondence) -> None:
    assert mail.inbox.take_message() is None
    assert not mail.inbox.is_finished


def test_a_worker_takes_a_large_message_as_it_comes(mail: Correspondence) -> None:
    mail.admit()
    sender = mail.send_aside(LARGE)
    assert len(mail.take().payload) == 300_000
    sender.join(PATIENCE)


def test_what_one_has_begun_another_finishes(mail: Correspondence) -> None:
    mail.admit()
    mail.send(LARGE[:30])
    assert mail.inbox.take_message() is None
    mail.send(LARGE[30:70])
    assert not mail.inbox.receive_available()
    mail.send(LARGE[70:100_000])
    assert mail.inbox.take_message() is None
    sender = mail.send_aside(LARGE[100_000:])
    mail.park()
    sender.join(PATIENCE)
    assert len(mail.take().payload) == 300_000


def test_a_worker_does_not_wait_for_ever_for_who_sends_byte_by_byte(
    mail: Correspondence, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.admit()
    monkeypatch.setattr(inbox_module, "PATIENCE", 0.0)
    mail.send(LARGE[:150_000])
    assert mail.inbox.take_message() is None
    assert select.select([mail.connection.sock], [], [], 0)[0]  # there is more, for later
    assert not mail.inbox.is_finished


# -- the end


def test_the_end_of_a_connection_finishes_an_inbox(mail: Correspondence) -> None:
    mail.client.close()
    assert mail.inbox.receive_available()
    assert mail.inbox.is_finished
    assert mail.inbox.take_message() is None


@pytest.mark.parametrize("sent", [b"", b"PYRO", LARGE[:100_000]], ids=["0", "4", "many"])
@pytest.mark.parametrize("parked", [True, False])
def test_a_connection_that_ends_within_a_message_finishes_an_inbox(
    mail: Correspondence, sent: bytes, parked: bool
) -> None:
    mail.send(sent)
    mail.client.close()
    if parked:
        mail.park()
    while not mail.inbox.is_finished:
        assert mail.inbox.take_message() is None
    assert mail.inbox.take_message() is None


def test_what_came_before_the_end_is_found(mail: Correspondence) -> None:
    mail.send(message(seq=1) + message(seq=2))
    mail.client.close()
    assert [mail.take().seq, mail.take().seq] == [1, 2]
    assert mail.inbox.take_message() is None
    assert mail.inbox.is_finished


@pytest.mark.parametrize("parked", [True, False])
def test_a_connection_that_was_closed_here_finishes_an_inbox(
    mail: Correspondence, parked: bool
) -> None:
    mail.connection.close()
    if parked:
        assert mail.inbox.receive_available()
    else:
        assert mail.inbox.take_message() is None
    assert mail.inbox.is_finished


# -- what is no message


@pytest.mark.parametrize(
    "data",
    [
        bytes(100),
        wire.message(wire.INVOKE, b""),
        wire.header(wire.CONNECT, data_size=HANDSHAKE_SIZE + 1),
    ],
    ids=["zeros", "call", "too large"],
)
@pytest.mark.parametrize("parked", [True, False])
def test_rubbish_finishes_an_inbox(mail: Correspondence, data: bytes, parked: bool) -> None:
    mail.send(data)
    if parked:
        assert mail.inbox.receive_available()
    assert mail.inbox.take_message() is None
    assert mail.inbox.is_finished
    assert isinstance(mail.inbox._fault, ProtocolError)


@pytest.mark.parametrize("held", [True, False])
def test_rubbish_behind_a_message_is_found_after_it(mail: Correspondence, held: bool) -> None:
    mail.send(message() + bytes(100))
    assert mail.take().seq == 1
    if held:
        assert not mail.inbox.hold_message()
    assert mail.inbox.take_message() is None
    assert mail.inbox.is_finished
    assert isinstance(mail.inbox._fault, ProtocolError)


def test_a_client_has_spoken_as_soon_as_anything_has_come() -> None:
    letters = Correspondence()
    with closing(letters.client), closing(letters.connection):
        assert not letters.inbox.has_spoken
        letters.send(b"P")
        assert letters.inbox.has_spoken  # it is there, if not read
        assert not letters.inbox.receive_available()
        assert letters.inbox.has_spoken
        letters.send(b"YRO\x01\xf6")
        assert not letters.inbox.receive_available()
        assert letters.inbox.has_spoken


def test_nothing_is_expected_of_a_connection_that_is_closed() -> None:
    letters = Correspondence()
    letters.client.close()
    letters.connection.close()
    assert letters.inbox.has_spoken
