"""What the threads of a client do, round after round, and how they check what they are told.

A round that fails because the server was killed is no mistake: it is counted as lost, and the next
round begins. All else that is not exactly right is: a wrong answer, an error of another kind, a
timeout (on loopback a dead server is noticed at once), a call that ends too late or never.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from pyrolike.api import BatchProxy, Daemon, Proxy, callback, expose
from pyrolike.errors import CommunicationError, NamingError, PyroError, TimeoutError
from tests.soak.server import HOST, NAME, OBJECT_ID, checksum

TIMEOUT = 10.0
"""Seconds of each call."""

MARGIN = 5.0
"""Seconds that a call may take beyond that, on a busy machine."""

PAUSE = 0.03
"""Seconds between two rounds of a thread: the load is to be steady, not the highest there is."""

BATCH = 5
NOTES = 20
ITEMS = 60
LARGE = 2_000_000
WINDOWS = (1, 2, 7)
NOTHING = object()


class Wrong(Exception):
    """The server said something that cannot be so."""


class Place:
    """Where the server is.

    Args:
        port: Its port.
        name_server_port: The name server's.
        is_nesting: Whether it can be called while it waits for a callback.
    """

    def __init__(self, port: int, name_server_port: int, *, is_nesting: bool) -> None:
        self.port = port
        self.is_nesting = is_nesting
        self._name_server_port = name_server_port

    def proxy(self, serializer: str | None = None, *, by_name: bool = False) -> Proxy:
        """Return a new proxy for the ledger."""
        name_server = f"{HOST}:{self._name_server_port}"
        uri = (
            f"PYRONAME:{NAME}@{name_server}" if by_name else f"PYRO:{OBJECT_ID}@{HOST}:{self.port}"
        )
        proxy = Proxy(uri)
        proxy._pyroTimeout = TIMEOUT
        proxy._pyroSerializer = serializer
        return proxy


class Acknowledged:
    """A file of everything that the server has acknowledged."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def add(self, *lines: str) -> None:
        os.write(self._file, "".join(f"{line}\n" for line in lines).encode())


class Worker:
    """A thread that repeats a round until it is told to stop.

    Attributes:
        tally: How often what has happened.
        mistakes: What must not happen and did, in words.
        longest: Seconds that its longest call took.
    """

    kind = "calls"

    def __init__(
        self, name: str, place: Place, acknowledged: Acknowledged, proxy: Proxy | None = None
    ) -> None:
        self.name = name
        self.place = place
        self.acknowledged = acknowledged
        self.proxy = proxy or self.make_proxy()
        self.tally: Counter[str] = Counter()
        self.mistakes: list[str] = []
        self.longest = 0.0
        self._since: float | None = None
        self._numbers = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def make_proxy(self) -> Proxy:
        return self.place.proxy()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end after its present round."""
        self._stop.set()

    def is_over(self, within: float) -> bool:
        """Wait for the thread's end."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def waits_for(self) -> float:
        """Return for how many seconds the present call has been waiting."""
        since = self._since
        return 0.0 if since is None else monotonic() - since

    def round(self) -> None:
        """Do something, once."""
        self.write(self.next_key())

    def next_key(self) -> str:
        """Return a text that nobody has written yet."""
        self._numbers += 1
        return f"{self.name}.{self._numbers}"

    def ask(self, call: Callable[..., Any], *args: Any) -> Any:
        """Make one call, and see how long it takes."""
        self._since = start = monotonic()
        try:
            answer = call(*args)
        finally:
            self._since = None
            self.longest = max(self.longest, monotonic() - start)
        self.tally[self.kind] += 1
        return answer

    def write(self, key: str) -> None:
        """Have the ledger write *key*."""
        self.check(self.ask(self.proxy.write, key), checksum(key))
        self.acknowledged.add(f"call {key}")

    def check(self, answer: Any, expected: Any) -> None:
        """See that an answer is the one that was expected."""
        if answer != expected:
            raise Wrong(f"{str(answer)[:60]!r} instead of {str(expected)[:60]!r}")

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                self.round()
            except TimeoutError as error:
                self._complain(error)
            except (CommunicationError, NamingError):
                self.tally["lost"] += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, it is reported
                self._complain(error)
        self.proxy._pyroRelease()

    def _complain(self, error: Exception) -> None:
        self.mistakes.append(f"{self.name}: {type(error).__name__}: {error}")


class ByName(Worker):
    """Looks the ledger up for each round."""

    kind = "calls by name"

    def make_proxy(self) -> Proxy:
        return self.place.proxy("json", by_name=True)

    def round(self) -> None:
        super().round()
        self.proxy._pyroRelease()


class Repeating(Worker):
    """Has its proxy repeat what fails. A call may be made twice then, and is known by its key."""

    kind = "repeated calls"

    def make_proxy(self) -> Proxy:
        proxy = self.place.proxy("marshal")
        proxy._pyroMaxRetries = 3
        return proxy

    def next_key(self) -> str:
        return f"{super().next_key()}!"


class Batches(Worker):
    """Sends several calls at once."""

    kind = "batches"

    def round(self) -> None:
        keys = [self.next_key() for _ in range(BATCH)]
        batch = BatchProxy(self.proxy)
        for key in keys:
            batch.write(key)
        self.check(list(self.ask(batch)), [checksum(key) for key in keys])
        self.acknowledged.add(*(f"call {key}" for key in keys))


class Streams(Worker):
    """Reads streams whose connections are cut, and must get each item exactly once."""

    kind = "items"

    def make_proxy(self) -> Proxy:
        return self.place.proxy("json")

    def round(self) -> None:
        key = self.next_key()
        self.proxy._pyroStreamWindow = random.choice(WINDOWS)
        generation = self.ask(self.proxy.generation)
        items = self.ask(self.proxy.count, key, ITEMS)
        with items:
            for number in range(ITEMS):
                item = self._next(items)
                if item is NOTHING:
                    self._see_why(generation)
                    return
                self.check(item, f"{key}:{number}")
            self.check(self.ask(next, items, NOTHING), NOTHING)
        self.tally["streams"] += 1

    def _next(self, items: Any) -> Any:
        """Return the next item, or NOTHING if the stream is not there any more."""
        for _ in range(100):
            try:
                return self.ask(next, items)
            except TimeoutError:
                raise
            except CommunicationError:
                self.tally["reconnects"] += 1
                self._stop.wait(PAUSE)
            except PyroError:
                break
        return NOTHING

    def _see_why(self, generation: int) -> None:
        """A stream may end early because its server was killed, and for no other reason."""
        if self.ask(self.proxy.generation) == generation:
            raise Wrong("a stream was lost, although its server lives")
        self.tally["streams lost"] += 1


class Oneway(Worker):
    """Sends calls that nobody answers, and asks from time to time whether they were made."""

    kind = "one-way rounds"

    def make_proxy(self) -> Proxy:
        return self.place.proxy("marshal")

    def round(self) -> None:
        generation = self.ask(self.proxy.generation)
        numbers = range(self._numbers, self._numbers + NOTES)
        self._numbers += NOTES
        for number in numbers:
            self.proxy.note(self.name, number)
        is_noted = self._is_noted(numbers[-1])
        if self.ask(self.proxy.generation) != generation:
            self.tally["lost"] += 1  # some went to the server that was killed
            return
        if not is_noted:
            raise Wrong("a one-way call was not made, although its server lives")
        self.tally["one-way calls"] += NOTES
        self.acknowledged.add(*(f"note {self.name} {number}" for number in numbers))

    def _is_noted(self, number: int) -> bool:
        end = monotonic() + TIMEOUT
        while monotonic() < end:
            if self.ask(self.proxy.last_note, self.name) == number:
                return True
            self._stop.wait(PAUSE)
        return False


class Large(Worker):
    """Sends large messages, now and then."""

    kind = "large messages"

    def make_proxy(self) -> Proxy:
        return self.place.proxy("marshal")

    def round(self) -> None:
        data = random.randbytes(random.randint(1, LARGE))
        self.check(self.ask(self.proxy.reverse, data), data[::-1])
        self._stop.wait(1.0)


@expose
class Listener:
    """What a client offers to the server."""

    def __init__(self, write: Callable[[str], None] | None) -> None:
        self._write = write

    @callback
    def hear(self, word: str) -> str:
        if self._write is not None:
            self._write(word)
        return word.upper()


class Callbacks(Worker):
    """Is called back, and calls again while it is."""

    kind = "callbacks"

    def __init__(self, name: str, place: Place, acknowledged: Acknowledged) -> None:
        super().__init__(name, place, acknowledged)
        self._daemon = Daemon(host=HOST)
        self._listener = Listener(self._write_nested if place.is_nesting else None)
        self._daemon.register(self._listener)
        self._nested = place.proxy()
        self._loop = threading.Thread(target=self._daemon.requestLoop, daemon=True)
        self._loop.start()

    def round(self) -> None:
        word = self.next_key()
        self.check(self.ask(self.proxy.call_back, self._listener, word), f"heard {word.upper()}")

    def is_over(self, within: float) -> bool:
        is_over = super().is_over(within)
        self._nested._pyroRelease()
        self._daemon.close()
        self._loop.join(within)
        return is_over and not self._loop.is_alive()

    def _write_nested(self, word: str) -> None:
        self.check(self._nested.write(word), checksum(word))
        self.acknowledged.add(f"call {word}")


KINDS: tuple[type[Worker], ...] = (
    Worker,
    ByName,
    Repeating,
    Batches,
    Streams,
    Oneway,
    Large,
    Callbacks,
)
SHARING = 3
"""Threads that have one proxy together."""


def make_workers(client: str, place: Place, acknowledged: Acknowledged) -> list[Worker]:
    """Return the workers of one client."""
    workers = [kind(f"{client}.{kind.__name__.lower()}", place, acknowledged) for kind in KINDS]
    shared = place.proxy()
    workers += [
        Worker(f"{client}.shared{number}", place, acknowledged, shared) for number in range(SHARING)
    ]
    return workers
