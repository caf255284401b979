"""A server in its own process that is attacked, while a good client sees how it is served."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from pyrolike.server.pool import IDLE_SECONDS
from tests.soak.audit import Sample, take_sample
from tests.support import wire
from tests.support.certificates import Certificates
from tests.support.processes import Program
from tests.support.rawpeer import RawPeer, serpent

MEGABYTE = 1024 * 1024
LIMIT = MEGABYTE
"""The server's MAX_MESSAGE_SIZE."""

SOON = 1.0
"""Seconds within which the good client must be answered, with connecting and all."""

FEW = 6 * MEGABYTE
"""Bytes beside what is allowed for an attack: threads, buffers, and what the allocator keeps."""

SETTLING = IDLE_SECONDS + 5.0
PAUSE = 0.02
"""Seconds between two visits of the good client."""

HELLO = wire.message(wire.CONNECT, serpent({"handshake": "hello", "object": "calc"}))

SETTINGS = {
    # Its time and its memory are measured here, and coverage would take most of both.
    "COVERAGE_PROCESS_START": "",
    "PYRO_MAX_MESSAGE_SIZE": str(LIMIT),
    "PYRO_THREADPOOL_SIZE": "12",
    "PYRO_THREADPOOL_SIZE_MIN": "12",  # so that none of them can be taken for one left over
    "PYRO_ITER_STREAM_LIMIT": "50",
    "PYRO_ITER_STREAM_LINGER": "0.1",
    "PYRO_POLLTIMEOUT": "0.5",
    "PYRO_HANDSHAKE_LIMIT": "400",
    "PYRO_HANDSHAKE_TIMEOUT": "5",
    "PYRO_REMOTE_TRACEBACKS": "false",
}


@dataclass(slots=True)
class Siege:
    """The server, and ways to it.

    Attributes:
        program: Its process.
        port: Its port on localhost.
        context: For TLS, if it speaks that.
    """

    program: Program
    port: int
    context: ssl.SSLContext | None

    def dial(self) -> socket.socket:
        """Connect, without a word; not even one of TLS."""
        return socket.create_connection(("localhost", self.port), 20.0)

    def silent(self) -> RawPeer:
        """Return a peer that has not said anything of Pyro yet."""
        sock = self.dial()
        if self.context is not None:
            sock = self.context.wrap_socket(sock, server_hostname="localhost")
        return RawPeer(sock)

    def peer(self) -> RawPeer:
        """Return a peer that has shaken hands."""
        peer = self.silent()
        assert peer.connect().type == wire.CONNECTOK
        return peer

    def sample(self) -> Sample:
        """Return what the process has just now."""
        found = take_sample(self.program.pid)
        assert found is not None, self.program.output
        return found

    def forget_peak(self) -> None:
        """Have the system measure the most memory anew."""
        Path(f"/proc/{self.program.pid}/clear_refs").write_text("5", "ascii")

    def peak(self) -> int:
        """Return the most memory since `forget_peak`."""
        status = Path(f"/proc/{self.program.pid}/status").read_text("ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])


class GoodClient:
    """Calls all the time: on a connection that it keeps, and on a new one.

    Attributes:
        visits: How often both were answered.
        longest: Seconds of the longest visit.
    """

    def __init__(self, siege: Siege) -> None:
        self.visits = 0
        self.longest = 0.0
        self._siege = siege
        self._failure: BaseException | None = None
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="good client", daemon=True)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let it call while the block runs; raise what has gone wrong."""
        self._thread.start()
        try:
            self.wait_for_visits(1)
            yield
            self.wait_for_visits(self.visits + 2)
        finally:
            self._stop.set()
            self._thread.join(SETTLING)
        if self._failure is not None:
            raise AssertionError("the good client was not served") from self._failure

    def wait_for_visits(self, count: int) -> None:
        with self._news:
            done = self._news.wait_for(lambda: self.visits >= count or self._failure, SETTLING)
        assert done, f"only {self.visits} visits in {SETTLING} s"

    def _run(self) -> None:
        try:
            with self._siege.peer() as kept:
                while not self._stop.wait(PAUSE):
                    self._visit(kept)
        except BaseException as failure:  # noqa: BLE001  raised in the test's own thread
            self._failure = failure
        with self._news:
            self._news.notify_all()

    def _visit(self, kept: RawPeer) -> None:
        begin = monotonic()
        expected = serpent("good")
        assert kept.call("echo", "good").payload == expected
        between = monotonic()
        with self._siege.peer() as fresh:
            assert fresh.call("echo", "good").payload == expected
        end = monotonic()
        self.longest = max(self.longest, between - begin, end - between)
        with self._news:
            self.visits += 1
            self._news.notify_all()


@contextmanager
def besieged(server_type: str, certificates: Certificates | None) -> Iterator[Siege]:
    """Run a server of that type in its own process, warm; with TLS if there are certificates."""
    settings = {**SETTINGS, "PYRO_SERVERTYPE": server_type}
    context = None
    if certificates is not None:
        settings.update((f"PYRO_{key}", str(value)) for key, value in certificates.settings.items())
        context = ssl.create_default_context(cafile=certificates.authority)
    with Program(
        ["-m", "tests.support.peers.besieged"], ready=r"ready \S*:(\d+)", environment=settings
    ) as program:
        assert program.ready_match is not None
        siege = Siege(program, int(program.ready_match[1]), context)
        _warm_up(siege)
        yield siege
        assert "Traceback" not in program.output, program.output


def _warm_up(siege: Siege) -> None:
    """Have it load what it loads at its first use, and fill its pool of threads once."""
    with ExitStack() as stack:
        peers = [stack.enter_context(siege.peer()) for _ in range(20)]
        for serializer, payload in (
            (wire.SERPENT, serpent(("calc", "echo", ("x" * 900_000,), {}))),
            (
                wire.JSON,
                b'{"object":"calc","method":"echo","params":[{"__class__":"x"}],"kwargs":{}}',
            ),
            (wire.MARSHAL, b"rubbish"),
            (wire.MSGPACK, b"\x94\xa4calc\xa4echo\x91\x81\xa9__class__\xa1x\x80"),
        ):
            message = wire.message(wire.INVOKE, payload, serializer=serializer)
            for peer in peers:
                peer.send(message)
                peer.read_message()
        for peer in peers:
            peer.send(invoke(serpent(("calc", "note", ("x",), {})), flags=wire.ONEWAY))
            peer.call("echo", 1)


def withstand(siege: Siege, attack: Callable[[Siege], None], *, memory: int = LIMIT) -> None:
    """Attack, and see that the server lives, serves, stays small, and lets go of everything.

    Args:
        siege: The server.
        attack: What to do to it.
        memory: Bytes that the attack may have it hold, for a while.
    """
    before = settled(siege, None)
    siege.forget_peak()
    longest = _wait_meanwhile(siege, attack)
    if longest >= SOON:  # the machine may have had something else to do: it does not so twice
        longest = _wait_meanwhile(siege, attack)
    assert siege.program.is_running, siege.program.output
    assert longest < SOON, f"the good client waited {longest:.2f} s"
    grown = siege.peak() - before.memory
    assert grown <= memory + FEW, f"it grew by {grown:,} bytes, allowed are {memory:,}"
    settled(siege, before)


def _wait_meanwhile(siege: Siege, attack: Callable[[Siege], None]) -> float:
    """Attack, and return the longest that the good client had to wait."""
    good = GoodClient(siege)
    with good.at_work():
        attack(siege)
    return good.longest


def settled(siege: Siege, before: Sample | None) -> Sample:
    """Wait until the process has no more threads and descriptors than *before*, or no changes."""
    end = monotonic() + SETTLING
    last = siege.sample()
    while True:
        sleep(0.1)
        now = siege.sample()
        if before is None and (now.threads, now.descriptors) == (last.threads, last.descriptors):
            return now
        if before is not None and (
            now.threads <= before.threads and now.descriptors <= before.descriptors
        ):
            return now
        assert monotonic() < end, f"left over: {now}, before: {before}"
        last = now


def has_room(count: int) -> bool:
    """Say whether this process may have *count* descriptors, after having asked for them."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < count <= most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))
    return count <= most


@contextmanager
def at_most_descriptors(pid: int, count: int) -> Iterator[None]:
    """Let another process have only so many descriptors for a while; for Linux."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def say(peer: RawPeer, *messages: bytes) -> None:
    """Say something, and do not care whether anybody listens to the end."""
    with contextlib.suppress(OSError):
        for message in messages:
            peer.send(message)


def hear_out(peer: RawPeer) -> list[wire.RawMessage]:
    """Return what is answered until the server hangs up."""
    heard: list[wire.RawMessage] = []
    with contextlib.suppress(EOFError, OSError):
        while True:
            heard.append(peer.read_message())
    return heard


def invoke(payload: bytes, serializer: int = wire.SERPENT, flags: int = 0, **more: object) -> bytes:
    """Return the message of a call with any payload."""
    return wire.message(
        wire.INVOKE,
        payload,
        serializer=serializer,
        flags=flags,
        seq=1,
        **more,  # type: ignore[arg-type]
    )
