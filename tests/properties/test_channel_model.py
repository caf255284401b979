"""Many threads on one channel, under the most hostile thread switching there is.

The model is one sentence: a call ends, in time, with its own answer or with an error that says why
there is none. The peer answers in random order and in random pieces, and threads change places
after every few instructions. What goes wrong here is printed with the stacks of all threads.
"""

from __future__ import annotations

import faulthandler
import random
import select
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.client.channel import Channel
from pyrolike.errors import ConnectionClosedError, ProtocolError, TimeoutError
from pyrolike.protocol import Message, MessageReader
from tests.support import wire
from tests.support.channels import LIMIT, Line, exchange, line

THREADS = 12
CALLS = 1500
ROUNDS = 60
LONGEST = 20.0
"""Seconds after which whoever still waits is stuck."""


@pytest.fixture(autouse=True)
def hostile_switching() -> Iterator[None]:
    """Let threads change places as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Peer:
    """Answers each request with its payload in reverse, when and how it likes.

    Args:
        opened: The line whose far end it plays.
        seed: Of its moods.
        silence: How likely it is never to answer a request.
        answers: After so many answers it hangs up, or says `farewell` first; None: never.
        farewell: Its last words.
    """

    def __init__(
        self,
        opened: Line,
        seed: int,
        *,
        silence: float = 0.0,
        answers: int | None = None,
        farewell: bytes = b"",
    ) -> None:
        self._sock = opened.peer.sock
        self._mood = random.Random(seed)
        self._reader = MessageReader(LIMIT)
        self._silence = silence
        self._answers_left = answers
        self._farewell = farewell
        self._open: list[Message] = []

    def serve(self) -> None:
        """Answer until the other end closes, or until it has had enough."""
        try:
            while self._answers_left is None or self._answers_left > 0:
                if not self._listen():
                    return
                self._answer()
            self._sock.sendall(self._farewell)
        except OSError:
            pass  # closed in the middle of an answer: the calls have been given up
        finally:
            self._sock.close()

    def _listen(self) -> bool:
        """Take the requests that are there; wait for one only if all are answered."""
        has_time = bool(self._open)
        if has_time and not select.select([self._sock], [], [], 0)[0]:
            return True
        data = self._sock.recv(self._mood.choice((100, 10_000)))
        message = self._reader.feed(data)
        while message is not None:
            if not message.flags & wire.ONEWAY and self._mood.random() >= self._silence:
                self._open.append(message)
            message = self._reader.take()
        return bool(data)

    def _answer(self) -> None:
        """Answer some of the open requests, in any order and cut anywhere."""
        self._mood.shuffle(self._open)
        count = self._mood.randint(0, len(self._open))
        if self._answers_left is not None:
            count = min(count, self._answers_left)
            self._answers_left -= count
        chosen, self._open = self._open[:count], self._open[count:]
        data = b"".join(
            wire.message(wire.RESULT, bytes(request.payload)[::-1], seq=request.seq)
            for request in chosen
        )
        while data:
            step = self._mood.choice((len(data), len(data), 50, 7, 1))
            self._sock.sendall(data[:step])
            data = data[step:]


def join(threads: list[threading.Thread]) -> None:
    """Wait for threads; show what all are doing if one is stuck."""
    deadline = time.monotonic() + LONGEST
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    stuck = [thread for thread in threads if thread.is_alive()]
    if stuck:
        faulthandler.dump_traceback(all_threads=True)
    assert not stuck, f"{len(stuck)} of {len(threads)} threads are stuck"


def run(*targets: Any) -> None:
    """Run functions in threads of their own until all have returned; raise what one raised."""
    failures: list[BaseException] = []

    def guard(target: Any) -> None:
        try:
            target()
        except BaseException as failure:  # noqa: BLE001  # raised again in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=guard, args=(target,), daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    join(threads)
    if failures:
        raise failures[0]


def payload_of(name: int, number: int, mood: random.Random) -> bytes:
    """Return a payload that no other call has; a few are large."""
    size = 100_000 if mood.random() < 0.002 else mood.randint(0, 200)
    return b"%d:%d:" % (name, number) + b"x" * size


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_every_call_gets_its_own_answer(seed: int) -> None:
    def call(name: int) -> None:
        mood = random.Random(seed * 100 + name)
        for number in range(CALLS):
            word = payload_of(name, number, mood)
            timeout = mood.choice((None, LONGEST))
            assert exchange(opened.channel, word, timeout).payload == word[::-1]
            if mood.random() < 0.01:
                opened.post(b"oneway")

    with line(Channel) as opened:
        peer = threading.Thread(target=Peer(opened, seed).serve, daemon=True)
        peer.start()
        run(*(lambda name=name: call(name) for name in range(THREADS)))
        opened.channel.close()
        join([peer])


@pytest.mark.slow
def test_numbers_come_round_while_calls_wait() -> None:
    """More calls than there are numbers would take too long, so the counter is set back."""
    callers = 6
    done = threading.Semaphore(0)

    def call(name: int) -> None:
        for number in range(500):
            word = b"%d:%d" % (name, number)
            assert exchange(opened.channel, word).payload == word[::-1]
        done.release()

    def set_back() -> None:
        """Let the next numbers be some that were just used, and may be in use still."""
        left = callers
        while left:
            opened.channel.seq = (opened.channel.seq - 2 * callers) & 0xFFFF
            left -= done.acquire(timeout=0.0001)

    with line(Channel) as opened:
        peer = threading.Thread(target=Peer(opened, seed=0).serve, daemon=True)
        peer.start()
        run(*(lambda name=name: call(name) for name in range(callers)), set_back)
        opened.channel.close()
        join([peer])


ENDS = {
    "the peer hangs up": {"answers": 25},
    "the peer talks rubbish": {"answers": 25, "farewell": b"rubbish" * 10},
    "the peer answers what nobody asked": {
        "answers": 25,
        "farewell": wire.message(wire.RESULT, b"", seq=60_000),
    },
    "the peer does not always answer": {"silence": 0.05},
    "callers give up": {},
    "the channel is closed": {},
    "the channel is retired": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_a_channel_nobody_waits_for_ever_or_gets_a_wrong_answer(end: str) -> None:
    """Half of the callers have time limits; where the peer may be silent, all."""

    def call(opened: Line, name: int, seed: int) -> None:
        mood = random.Random(seed * 100 + name)
        while True:
            word = payload_of(name, mood.randrange(1_000_000), mood)
            can_wait = name % 2 and end != "the peer does not always answer"
            timeout = LONGEST if can_wait else mood.choice((0.0005, 0.005, 0.05))
            try:
                assert exchange(opened.channel, word, timeout).payload == word[::-1]
            except (ConnectionClosedError, TimeoutError, ProtocolError):
                # Sooner or later every channel ends; but not of a call that others kept waiting
                # until it was too late to send it.
                if not opened.channel.is_usable:
                    return

    def disturb(opened: Line, seed: int) -> None:
        threading.Event().wait(random.Random(seed).random() * 0.01)
        if end == "the channel is closed":
            opened.channel.close()
        elif end == "the channel is retired":
            opened.channel.retire()

    def live(seed: int) -> None:
        """Use a channel until it ends."""
        with line(Channel) as opened:
            peer = threading.Thread(target=Peer(opened, seed, **ENDS[end]).serve, daemon=True)
            peer.start()
            callers = [lambda name=name: call(opened, name, seed) for name in range(6)]
            run(*callers, lambda: disturb(opened, seed))
            assert not opened.channel.is_usable
            opened.channel.close()
            join([peer])

    started = time.monotonic()
    for seed in range(ROUNDS):
        live(seed)
    assert time.monotonic() - started < LONGEST, "somebody slept until the end of a long time limit"
