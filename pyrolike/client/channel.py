"""A live connection, and which reply belongs to which call.

Several threads may have calls in flight on one channel. There is no thread that reads for all:
among the threads that wait, one *leads* and reads, the others sleep. So a program that uses a
proxy from one thread never hands anything over, and pays for the possibility with two uncontended
locks.

How a call runs:

1. Under the send lock it takes a sequence number, enters it in the table of pending calls, and
   sends.
2. It tries to get the read lock. Who gets it leads: reads message after message, gives those of
   others to their owners, and returns with its own.
3. Who does not get it enters a `Waiter` in the table and sleeps until its reply, or the
   leadership, is handed to it.

A leader gives the read lock back *before* it looks for a sleeper to promote, and a sleeper enters
the table *before* it tries the read lock again. So one of the two always notices the other; nobody
sleeps while nobody leads.

A sequence number has 16 bits and comes round again. A number is therefore not used while its call
is pending, and the number of a call that was given up (timeout, interrupt) stays in the table
until its late reply has come and was dropped. After that the channel is *retired*: calls in flight
finish on it, new ones open a new connection, and the last to leave closes it.

An asynchronous call has no thread, and stands in a table of its own: there may be thousands, which
nobody must look through who looks for a sleeper. ``attending`` tells who reads for them.

Locks, in the order they are taken: ``_read_lock`` (the reader and its bytes), ``_send_lock`` (the
sequence number, what goes out), ``_table_lock`` (waiters in the table, ``failure``, ``is_usable``).
No user code runs while one is held.

A thread may be interrupted anywhere (Ctrl-C). Asleep, it simply leaves; with bytes in its hands, or
perhaps a lock, it takes the channel with it: nobody needs the locks of a channel that has failed.
So it is, too, in a forked child, where the threads that held them do not exist.
"""

from __future__ import annotations

import builtins
import math
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike._forking import OpenLock, tell_of_forks
from pyrolike._pieces import JOINABLE, drop, lay_out, take
from pyrolike.errors import CommunicationError, ConnectionClosedError, ProtocolError, TimeoutError
from pyrolike.protocol import Message, MessageReader, MessageType
from pyrolike.transport import CHUNK, transfer_fault

from .attending import DESK, NOBODY, Attendance
from .pending import ABANDONED, Abandoned, Ticket, Waiter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyrolike._pieces import Payload
    from pyrolike.protocol import Dialect
    from pyrolike.transport import SocketConnection

REPLIES = frozenset({MessageType.RESULT})
INVOKE = MessageType.INVOKE
FOR_EVER = math.inf

MOST_TICKETS = 0xF000
"""Asynchronous calls in flight: some of the 65,536 numbers are left for the others."""

ROOM_INTERVAL = 0.002
"""Seconds between two looks whether there are fewer again."""


RELEASED = ConnectionClosedError("the connection was released while a call was in flight")
"""The failure of a channel that was closed. It is never raised itself, so one is enough."""


class UnsentError(ConnectionClosedError):
    """A call found its channel closed before anything was sent: it is safe to try another one.

    Attributes:
        deadline: Until when the call had to be done, on the monotonic clock; None for no limit.
    """

    deadline: float | None = None


class Channel:
    """One open connection to a daemon on which calls are exchanged for replies.

    Args:
        connection: Connected, handshake done; the channel owns it.
        reader: The reader that read the handshake.
        dialect: How the two sides speak.
        seq: The last sequence number used.

    Attributes:
        connection: The connection.
        seq: The last sequence number used.
        is_usable: Whether new calls may be sent here.
        failure: What ended the channel, as the other calls are told it; None as long as it lives.
    """

    __slots__ = (
        "__weakref__",
        "_attendance",
        "_pending",
        "_read_lock",
        "_reader",
        "_recv",
        "_send",
        "_send_lock",
        "_table_lock",
        "_tickets",
        "_write_head",
        "connection",
        "failure",
        "is_usable",
        "seq",
    )

    def __init__(
        self, connection: SocketConnection, reader: MessageReader, dialect: Dialect, seq: int = 0
    ) -> None:
        reader.accepted_types = REPLIES
        self.connection = connection
        self.seq = seq
        self.is_usable = True
        self.failure: CommunicationError | None = None
        self._reader = reader
        self._write_head = dialect.write_head
        # Bound once: one attribute chain less on the way of every call.
        self._recv = connection.sock.recv
        self._send = connection.sock.sendall
        self._send_lock: Any = threading.Lock()
        self._read_lock: Any = threading.Lock()
        self._table_lock: Any = threading.Lock()
        # Sequence number to: None, its thread is awake; its reply; or what `pending` has.
        self._pending: dict[int, Waiter | Message | Abandoned | None] = {}
        self._tickets: dict[int, Ticket] = {}
        self._attendance = NOBODY  # as long as there are no asynchronous calls
        tell_of_forks(self)

    def __repr__(self) -> str:
        state = "open" if self.is_usable else "closed" if self.failure else "retired"
        count = len(self._pending.keys() - {DESK}) + len(self._tickets)
        return f"<Channel {state}, {count} calls in flight, {self.connection!r}>"

    def set_max_message_size(self, size: int) -> None:
        """Limit replies to *size* bytes from the next one on."""
        self._reader.max_size = size

    def exchange(
        self,
        serializer_id: int,
        flags: int,
        payload: Payload,
        annotations: Mapping[str, Any] | None,
        correlation_id: bytes | None,
        timeout: float | None,
    ) -> Message:
        """Send a call and return its reply.

        Args:
            serializer_id: Number of the payload's serializer.
            flags: Flags of the request, not ONEWAY.
            payload: The serialized call.
            annotations: To send along, or None.
            correlation_id: 16 bytes, or None.
            timeout: Seconds until the reply must be there; None waits for ever.

        Raises:
            UnsentError: The channel takes no calls any more; nothing was sent.
            TimeoutError: The time is over. The channel takes no further calls; the late reply is
                dropped.
            ConnectionClosedError: The connection is lost, for this and all other calls on it.
            ProtocolError: The peer sent what is not a reply; likewise.
        """
        deadline = None if timeout is None else monotonic() + timeout
        seq = None
        try:
            if deadline is not None and self._send_lock.locked():
                self._wait_for_turn(deadline)
            seq = self._post(
                serializer_id, flags, payload, annotations, correlation_id, True, deadline
            )
            if self._read_lock.acquire(False):
                return self._lead(seq, deadline)
            return self._follow(seq, deadline)
        except UnsentError as fault:
            fault.deadline = deadline
            self._leave(None)
            raise
        except Exception:
            self._leave(seq)
            raise
        except BaseException as fault:
            if seq is None or self._pending.get(seq) is not ABANDONED:
                self._fail(fault)  # perhaps it had just got the read lock; nobody needs it now
            raise

    def post(
        self,
        serializer_id: int,
        flags: int,
        payload: Payload,
        annotations: Mapping[str, Any] | None,
        correlation_id: bytes | None,
        timeout: float | None = None,
    ) -> None:
        """Send a call that has no reply. Arguments and errors are those of `exchange`."""
        deadline = None if timeout is None else monotonic() + timeout
        try:
            self._post(serializer_id, flags, payload, annotations, correlation_id, False, deadline)
            if not self.is_usable:
                self._pass_lead()
        except Exception:
            self._leave(None)
            raise
        except BaseException as fault:
            self._fail(fault)
            raise

    def begin(
        self,
        serializer_id: int,
        flags: int,
        payload: Payload,
        annotations: Mapping[str, Any] | None,
        correlation_id: bytes | None,
        timeout: float | None,
        ticket: Ticket,
    ) -> None:
        """Send a call whose reply *ticket* gets, in a thread of the background.

        Waits while `MOST_TICKETS` are in flight. Once this has returned, the ticket gets a reply or
        a fault, for sure and once. Other arguments and the errors are those of `exchange`; after an
        error the ticket gets nothing.
        """
        ticket.deadline = deadline = None if timeout is None else monotonic() + timeout
        attendance = self._get_attendance()
        try:
            if len(attendance.open) >= MOST_TICKETS:
                self._wait_for_room(deadline)
            with self._table_lock:
                attendance.open[ticket] = None
            if deadline is not None and self._send_lock.locked():
                self._wait_for_turn(deadline)
            seq = self._post(
                serializer_id, flags, payload, annotations, correlation_id, True, deadline, ticket
            )
            if self.failure is not None:
                self._tickets.pop(seq, None)  # the end came before it was in the table
        except Exception as fault:
            if isinstance(fault, UnsentError):
                fault.deadline = deadline
            if self._withdraw(ticket):
                self._leave(None)
                raise
        except BaseException as fault:
            self._withdraw(ticket)
            self._fail(fault)
            raise
        attendance.attend(self, deadline)
        if not self.is_usable:
            self._pass_lead()

    def _get_attendance(self) -> Attendance:
        with self._table_lock:
            if self._attendance is NOBODY:
                self._attendance = Attendance()
            return self._attendance

    def _wait_for_room(self, deadline: float | None) -> None:
        """Wait until fewer asynchronous calls are in flight."""
        while len(self._attendance.open) >= MOST_TICKETS and self.is_usable:
            if deadline is not None and monotonic() >= deadline:
                raise TimeoutError("sending: timeout, too many calls are in flight")
            sleep(ROOM_INTERVAL)

    def _withdraw(self, ticket: Ticket) -> bool:
        """Take back a ticket that was not sent; False if it knows of the channel's end already."""
        with self._table_lock:
            self._attendance.open.pop(ticket, None)
        return ticket.fault is None

    def release(self) -> None:
        """Let go of the channel: synchronous calls in flight fail, asynchronous ones go on.

        They do so only if there are no synchronous ones, which hold the connection; and not on a
        socket that the program has connected, which it gets back now.
        """
        if self._attendance.open and self._has_only_tickets():
            self.retire()
        else:
            self._end(RELEASED)

    def _has_only_tickets(self) -> bool:
        """Whether asynchronous calls are in flight, which may go on, and no others."""
        with self._table_lock:
            return (
                bool(self._attendance.open)
                and not self.connection.keep_open
                and not self._send_lock.locked()
                and all(
                    number == DESK or entry is ABANDONED
                    for number, entry in list(self._pending.items())
                )
            )

    def retire(self) -> None:
        """Take no further calls. The connection closes when the last call in flight is done."""
        with self._table_lock:
            self.is_usable = False
            is_idle = self._is_idle()
        if is_idle:
            self.close()

    def close(self) -> None:
        """Close the connection. Calls in flight fail with ConnectionClosedError."""
        self._end(RELEASED)

    def after_fork(self) -> None:
        """Fail, in a forked child: the connection, and the calls in flight, are the parent's."""
        self.is_usable = False
        self._send_lock = self._read_lock = self._table_lock = OpenLock()
        if self.failure is None:
            self.failure = ConnectionClosedError("the connection belongs to the parent process")
        for entry in self._pending.values():
            if isinstance(entry, Waiter):
                entry.rouse()  # it may be ours: a signal handler can fork
        self._tickets.clear()
        self._attendance = NOBODY  # what its tickets belong to knows of the fork itself

    def _post(
        self,
        serializer_id: int,
        flags: int,
        payload: Payload,
        annotations: Mapping[str, Any] | None,
        correlation_id: bytes | None,
        has_reply: bool,
        deadline: float | None = None,
        ticket: Ticket | None = None,
    ) -> int:
        """Take a number and send. Returns the number; it is in the table if a reply will come."""
        size = len(payload)
        with self._send_lock:
            seq = (self.seq + 1) & 0xFFFF
            while seq in self._pending or seq in self._tickets:
                seq = (seq + 1) & 0xFFFF
            write_head, send = self._write_head, self._send
            head = write_head(
                INVOKE, serializer_id, flags, seq, payload, annotations, correlation_id
            )
            if not self.is_usable:
                raise UnsentError("the connection is closed")
            self.seq = seq
            if ticket is not None:
                self._tickets[seq] = ticket
            elif has_reply:
                self._pending[seq] = None
            try:
                if deadline is not None:
                    self._send_before(deadline, head, payload)
                elif size <= JOINABLE:
                    send(head + payload)  # type: ignore[operator]  # pieces are longer
                else:
                    self.connection.send_parts(head, payload)
            except BaseException as fault:
                if ticket is not None:
                    self._withdraw(ticket)  # its sender tells it, and more exactly
                    self._tickets.pop(seq, None)
                # Part of the message may be out: nothing sensible can follow it.
                if not isinstance(fault, OSError):
                    self._fail(fault)
                    raise
                self._fail(transfer_fault(fault, "sending"))
                raise transfer_fault(fault, "sending") from fault
        return seq

    def _send_before(self, deadline: float, head: bytes, payload: Payload) -> None:
        """Send what must not take more time than the call has left."""
        parts = lay_out(head, payload)
        start = b"".join(take(parts, JOINABLE))
        self.connection.send_before(deadline, start)
        for part in drop(parts, len(start)):
            self.connection.send_before(deadline, part)

    def _wait_for_turn(self, deadline: float) -> None:
        """Wait until nobody is sending; others may send much, to a peer that takes it slowly."""
        if not self._send_lock.acquire(timeout=seconds_until(deadline)):
            raise TimeoutError("sending: timeout, other calls are being sent")
        self._send_lock.release()

    def _lead(self, seq: int, deadline: float | None) -> Message:
        """Read until the reply to *seq* is there, then give the read lock back, which is held."""
        pending = self._pending
        try:
            reply = pending[seq]  # perhaps the leader before us has read it
            while reply is None:
                message = self._receive(deadline)
                if message.seq == seq:
                    reply = message
                else:
                    self._deliver(message)
            del pending[seq]
        except TimeoutError:
            raise
        except BaseException as fault:
            # Bytes may have been taken from the socket and lost: nobody can read on from here.
            self._fail(fault)
            raise
        finally:
            self._read_lock.release()
            if pending or not self.is_usable:
                self._pass_lead()
        return reply  # type: ignore[return-value]  # neither a waiter nor abandoned: it is our own

    def _follow(self, seq: int, deadline: float | None) -> Message:
        """Sleep until the reply to *seq* was delivered, or lead if nobody else does."""
        waiter = Waiter()
        with self._table_lock:
            entry = self._pending[seq]
            if isinstance(entry, Message):
                waiter.reply = entry
            self._pending[seq] = waiter
        while True:
            if waiter.reply is not None:
                with self._table_lock:
                    del self._pending[seq]
                if not self.is_usable:
                    self._pass_lead()
                return waiter.reply
            if self.failure is not None:
                self._raise_failure(self.failure)
            if self._read_lock.acquire(False):
                with self._table_lock:
                    self._pending[seq] = waiter.reply
                return self._lead(seq, deadline)
            try:
                self._sleep(waiter, deadline)
            except BaseException:
                # An interrupt, too, does no harm here: this call has no lock and no bytes.
                self._leave(seq)
                raise

    def _sleep(self, waiter: Waiter, deadline: float | None) -> None:
        if not waiter.wake.acquire(timeout=seconds_until(deadline)):
            raise TimeoutError(self._late_text())

    def _receive(self, deadline: float | None) -> Message:
        """Return the next message. Only the leader calls this."""
        reader, receive = self._reader, self._recv
        message = reader.take() if reader.rest else None
        while message is None:
            if self.failure is not None:
                self._raise_failure(self.failure)
            if deadline is not None:
                self._wait_for_data(deadline)
            try:
                data = receive(CHUNK)
            except OSError as fault:
                self._check_fault(fault)
                continue
            if not data:
                self._raise_lost(None)
            message = reader.feed(data) or self._receive_body(deadline)
        return message

    def _receive_body(self, deadline: float | None) -> Message | None:
        """Receive the rest of a large body in place; None if there is none on its way."""
        reader, sock = self._reader, self.connection.sock
        message = None
        while message is None and (room := reader.get_buffer()) is not None:
            with room:
                if deadline is not None:
                    self._wait_for_data(deadline)
                try:
                    count = sock.recv_into(room)
                except OSError as fault:
                    self._check_fault(fault)
                    continue
            if not count:
                self._raise_lost(None)
            message = reader.filled(count)
        return message

    def _wait_for_data(self, deadline: float) -> None:
        """Wait until there is something to receive.

        Not by the socket's own timeout: that is one for all threads that use the socket, and each
        call has a deadline of its own.
        """
        remaining = deadline - monotonic()
        try:
            if remaining > 0 and self.connection.wait_readable(remaining):
                return
        except (OSError, ValueError):  # another thread has closed the connection
            self._raise_lost(None)
        raise TimeoutError(self._late_text())

    def _late_text(self) -> str:
        return (
            f"receiving: timeout, object {self.connection.objectId!r} has not answered in time; "
            "what a call may take is _pyroTimeout, or config.COMMTIMEOUT"
        )

    def _check_fault(self, fault: OSError) -> None:
        """Raise for an error of receiving, unless it only says that nothing has come yet.

        We leave the socket blocking; but a connected one is the program's, which may have given it
        a timeout, or made it non-blocking.
        """
        if isinstance(fault, BlockingIOError):
            self._wait_for_data(FOR_EVER)
        elif not isinstance(fault, builtins.TimeoutError) or fault.errno is not None:
            self._raise_lost(fault)

    def _raise_lost(self, fault: OSError | None) -> NoReturn:
        """Say why nothing can be received: *fault*, or None where the peer has ended."""
        if self.failure is not None:
            self._raise_failure(self.failure)
        if fault is not None:
            raise transfer_fault(fault, "receiving") from fault
        raise ConnectionClosedError(
            f"receiving: the other side closed the connection, before it answered for object "
            f"{self.connection.objectId!r}; has its server ended?"
        )

    def _deliver(self, message: Message) -> None:
        """Give a reply to the call it belongs to."""
        with self._table_lock:
            entry = self._pending.get(message.seq, message)
            if entry is None:
                self._pending[message.seq] = message
            elif isinstance(entry, Waiter) and entry.reply is None:
                entry.reply = message
                entry.rouse()
            elif entry is ABANDONED:
                del self._pending[message.seq]
            elif entry is message and (ticket := self._tickets.pop(message.seq, None)) is not None:
                self._attendance.take(self, ticket, message, None)
            else:
                raise ProtocolError(
                    f"invalid sequence number: a reply numbered {message.seq} belongs to no call"
                )

    def _pass_lead(self) -> None:
        """Wake one sleeper, so that it leads; the last to leave a retired channel closes it."""
        with self._table_lock:
            for entry in list(self._pending.values()):
                if isinstance(entry, Waiter) and entry.reply is None:
                    entry.rouse()
                    return
            is_done = not self.is_usable and self._is_idle()
        if is_done:
            self.close()

    def _leave(self, seq: int | None) -> None:
        """Give a call up: its late reply will be dropped, and no new call is sent after it.

        Args:
            seq: Its number; None if it was not sent, which does the channel no harm.
        """
        if seq is not None:
            with self._table_lock:
                if seq in self._pending:
                    self._pending[seq] = ABANDONED
                self.is_usable = False
        if not self.is_usable:
            # The lead may have been passed to this very call, when it gave up.
            self._pass_lead()

    def _is_idle(self) -> bool:
        """Whether nobody waits for a reply, or is sending. The table lock is held."""
        if self._send_lock.locked():
            return False  # who sends comes to `_pass_lead` later
        if self._attendance.open:
            return False
        # Who reads for calls that nobody waits for is no call itself.
        return all(entry is ABANDONED for seq, entry in list(self._pending.items()) if seq != DESK)

    def _fail(self, fault: BaseException) -> None:
        """End the channel because of *fault*, which its call raises."""
        self._end(_failure_for_others(fault))

    def _end(self, failure: CommunicationError) -> None:
        """End the channel: everybody who waits is woken and finds the failure."""
        with self._table_lock:
            self.is_usable = False
            if self.failure is None:
                self.failure = failure
            for entry in list(self._pending.values()):
                if isinstance(entry, Waiter):
                    entry.rouse()
            self._tickets.clear()
            for ticket in list(self._attendance.open):
                self._attendance.take(self, ticket, None, _failure_of_call(self.failure))
        if self._read_lock.locked() or self._send_lock.locked():
            # Somebody uses the descriptor, perhaps we ourselves. Were it closed now, its number
            # could become that of a new connection, and that be read from in place of this one.
            # Who leaves last closes it; who gets one of the locks now sees the failure first.
            self.connection.hang_up()
        else:
            # Nobody has to be woken; but a reply that nobody has read would make it a reset.
            self.connection.close(is_used=bool(self._pending))

    @staticmethod
    def _raise_failure(cause: CommunicationError) -> NoReturn:
        """Raise for a call that fails because another one, or a release, ended the channel."""
        raise _failure_of_call(cause) from cause


def _failure_for_others(fault: BaseException) -> CommunicationError:
    """Return what the other calls of a channel are told of the error that ended it.

    Not the error itself: with its traceback it would keep the channel, and all its callers, alive.
    """
    if isinstance(fault, ProtocolError):
        return ProtocolError(str(fault))
    if isinstance(fault, CommunicationError):
        return ConnectionClosedError(str(fault))
    return ConnectionClosedError(f"connection lost: {fault!r}")


def _failure_of_call(cause: CommunicationError) -> CommunicationError:
    """Return the error of a call that fails because its channel has ended."""
    if isinstance(cause, ProtocolError):
        return ProtocolError(f"another call on this connection failed: {cause}")
    return ConnectionClosedError(str(cause))


def seconds_until(deadline: float | None) -> float:
    """Return the seconds until *deadline* as a lock wants them: -1 to wait for ever."""
    if deadline is None:
        return -1
    return min(max(0.0, deadline - monotonic()), threading.TIMEOUT_MAX)
