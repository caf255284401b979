"""A channel whose other end is a script, and calls on it in threads of their own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyrolike.client.channel import Channel
from pyrolike.protocol import V502, MessageReader
from pyrolike.transport import SocketConnection
from tests.support import wire
from tests.support.rawpeer import PATIENCE, RawPeer
from tests.support.wire import RawMessage

LIMIT = 16 * 1024 * 1024
"""Most bytes of a reply on these channels."""


class WatchedChannel(Channel):
    """Lets a test wait until a thread reads for all, or sleeps while another does.

    Attributes:
        led: Released each time a thread takes the lead.
        asleep: Released each time a thread is about to fall asleep: what must be done before is.
    """

    __slots__ = ("asleep", "led")

    def __init__(self, *args: Any, **options: Any) -> None:
        self.led = threading.Semaphore(0)
        self.asleep = threading.Semaphore(0)
        super().__init__(*args, **options)

    def _lead(self, *args: Any) -> Any:
        self.led.release()
        return super()._lead(*args)

    def _sleep(self, *args: Any) -> None:
        self.asleep.release()
        super()._sleep(*args)


class Call:
    """A call that is under way in a thread of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._answer: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._make()
        except BaseException as error:  # noqa: BLE001  # raised again in the test's own thread
            self.error = error

    def is_over(self, within: float = 0.0) -> bool:
        """Say whether the call has ended, or does *within* so many seconds."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def wait(self) -> BaseException | None:
        """Wait until the call has ended; return its error."""
        assert self.is_over(PATIENCE), "the call does not end"
        return self.error

    def answer(self) -> Any:
        """Wait until the call has ended; return its answer, or raise its error."""
        error = self.wait()
        if error is not None:
            raise error
        return self._answer


@dataclass(slots=True)
class Line:
    """A channel and the other end of its connection.

    Attributes:
        channel: The channel.
        peer: The other end.
        sock: The channel's socket.
    """

    channel: Channel
    peer: RawPeer
    sock: socket.socket
    calls: list[Call] = field(default_factory=list)

    def ask(self, word: bytes = b"word", timeout: float | None = None, **options: Any) -> bytes:
        """Exchange a call with this payload and return the reply's payload."""
        return bytes(exchange(self.channel, word, timeout, **options).payload)

    def post(self, word: bytes = b"word") -> None:
        """Send a call that has no reply."""
        self.channel.post(wire.SERPENT, wire.ONEWAY, word, None, None)

    def run(self, function: Callable[..., Any], *args: Any) -> Call:
        """Run ``function(*args)`` in a thread; the line waits for it at the end."""
        call = Call(lambda: function(*args))
        self.calls.append(call)
        return call

    def call(self, word: bytes = b"word", timeout: float | None = None) -> tuple[Call, RawMessage]:
        """Make a call in a thread; return it with the request that the peer got."""
        call = self.run(self.ask, word, timeout)
        return call, self.peer.read_message()

    def lead(self, word: bytes = b"word", timeout: float | None = None) -> tuple[Call, RawMessage]:
        """Make a call in a thread that then reads for all. The channel must be a watched one."""
        assert isinstance(self.channel, WatchedChannel)
        made = self.call(word, timeout)
        assert self.channel.led.acquire(timeout=PATIENCE)
        return made

    def follow(
        self, word: bytes = b"word", timeout: float | None = None
    ) -> tuple[Call, RawMessage]:
        """Make a call in a thread that sleeps because another reads."""
        assert isinstance(self.channel, WatchedChannel)
        made = self.call(word, timeout)
        assert self.channel.asleep.acquire(timeout=PATIENCE)
        return made


def exchange(
    channel: Channel,
    word: bytes,
    timeout: float | None = None,
    *,
    flags: int = 0,
    annotations: Mapping[str, Any] | None = None,
    correlation_id: bytes | None = None,
) -> Any:
    """Exchange a call and return the reply's message."""
    return channel.exchange(wire.SERPENT, flags, word, annotations, correlation_id, timeout)


def reply(
    request: RawMessage, payload: bytes | None = None, type: int = wire.RESULT, **options: Any
) -> bytes:
    """Return the reply to *request*: its payload in capitals, unless another is given."""
    body = request.payload.upper() if payload is None else payload
    return wire.message(type, body, seq=request.seq, **options)


@contextmanager
def line(
    channel_class: type[Channel] = WatchedChannel,
    socket_class: type[socket.socket] | None = None,
    *,
    seq: int = 0,
    keep_open: bool = False,
) -> Iterator[Line]:
    """Open a channel to a peer; at the end both are closed and no call may be left.

    Args:
        channel_class: The channel's class.
        socket_class: The class of its socket.
        seq: The last sequence number used.
        keep_open: The channel may not close its socket; the test does.
    """
    ours, theirs = socket.socketpair()
    if socket_class is not None:
        ours = socket_class(fileno=ours.detach())
    connection = SocketConnection(ours, "calc", keep_open)
    channel = channel_class(connection, MessageReader(LIMIT), V502, seq)
    with RawPeer(theirs) as peer, ours:
        opened = Line(channel, peer, ours)
        try:
            yield opened
        finally:
            channel.close()
            for sock in (ours, theirs):
                _shut_down(sock)
            stuck = [call for call in opened.calls if not call.is_over(PATIENCE / 4)]
    assert not stuck, f"{len(stuck)} calls never end"


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        sock.shutdown(socket.SHUT_RDWR)
