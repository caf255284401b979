"""Forgets the dead: registrations whose servers have not been there for a while.

A thread looks from time to time if anybody takes connections at the places that names stand for.
One look proves nothing: a name under suspicion is looked at again with every round of the thread,
and only if all these looks find nobody, for `AutoCleaner.max_unreachable_time`, it is removed. What
registers the name meanwhile clears it of suspicion, also in the very last moment.

What a look is, and what counts as nobody, is the affair of `pyrolike.transport.probing`. Names that
stand for other names say nothing about a place and stay.

Source: nameserver.md section 4.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from pyrolike._forking import tell_of_forks
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME, NAMESERVER_NAME
from pyrolike.errors import PyroError
from pyrolike.transport import Place, Prober, Verdict
from pyrolike.uri import URI

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from .server import NameServer

log = logging.getLogger("pyrolike.naming")

SPARED = frozenset({NAMESERVER_NAME, DAEMON_NAME})
"""Names that are never looked at."""

PROBE_SECONDS = 5.0
"""How long a server may take to take a connection, if COMMTIMEOUT says nothing."""

ENDING_SECONDS = 5.0
"""How long `close` waits for the thread: it may just be removing something."""


class Looking(Protocol):
    """What looks at places; see `Prober.probe`."""

    def __call__(
        self, places: Collection[Place], seconds: float, is_stopped: Callable[[], bool]
    ) -> Mapping[Place, Verdict]:
        """Return a verdict on each place."""


class AutoCleaner(threading.Thread):
    """The thread that removes the dead from a name server.

    Args:
        nameserver: The name server, an object of this process.
        clock: Tells the time in seconds, for tests.
        look: Looks at places, for tests.

    Attributes:
        min_autoclean_value: The smallest NS_AUTOCLEAN.
        max_unreachable_time: For how many seconds nobody must have been there.
        loop_delay: Seconds between two rounds of the thread.
        override_autoclean_min: Allow less than the smallest.

    Raises:
        ValueError: NS_AUTOCLEAN is too small.
    """

    min_autoclean_value: float = 3
    max_unreachable_time: float = 20.0
    loop_delay: float = 2.0
    override_autoclean_min = False

    def __init__(
        self,
        nameserver: NameServer,
        *,
        clock: Callable[[], float] = monotonic,
        look: Looking | None = None,
    ) -> None:
        self.interval = config.NS_AUTOCLEAN
        if self.interval < self.min_autoclean_value and not self.override_autoclean_min:
            raise ValueError(
                f"NS_AUTOCLEAN must be 0, for never, or at least {self.min_autoclean_value}"
                f" seconds, not {self.interval:g}"
            )
        super().__init__(name="Pyro-AutoCleaner", daemon=True)
        self._nameserver = nameserver
        self._suspects = nameserver._suspects
        self._clock = clock
        self._look = look or Prober(config.PREFER_IP_VERSION).probe
        self._due = clock() + self.interval
        self._stopping = threading.Event()
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Be at the end, in a forked child: its locks are those of the parent's thread."""
        self._stopping = threading.Event()
        self._stopping.set()

    @property
    def stop(self) -> bool:
        """Whether the thread ends, or shall; set it to end it. Pyro's word for it."""
        return self._stopping.is_set()

    @stop.setter
    def stop(self, value: bool) -> None:
        if value:
            self._stopping.set()

    def close(self) -> None:
        """End the thread and wait until it has; twice is fine."""
        self.stop = True
        if self.is_alive() and threading.current_thread() is not self:
            self.join(ENDING_SECONDS)

    def run(self) -> None:
        """Make round after round, until it is stopped."""
        while not self._stopping.wait(self.loop_delay):
            try:
                self.make_round()
            except Exception:
                # A storage that fails, or nothing left of the system: it may be better next time.
                self._suspects.clear()
                log.exception("a round of auto-clean failed")

    def make_round(self) -> None:
        """Look at every name if the time for that has come, else at those under suspicion."""
        if self._clock() >= self._due:
            names = self._nameserver.storage.everything()
            for gone in self._suspects.keys() - names.keys():
                self._suspects.pop(gone, None)
            self._check(names)
            self._due = self._clock() + self.interval
        elif self._suspects:
            self._check({name: uri for name, (uri, _) in self._suspects.copy().items()})

    def _check(self, names: Mapping[str, str]) -> None:
        """Look at the places behind *names*, name -> uri text; each place once."""
        places: dict[Place, list[str]] = {}
        for name, uri in names.items():
            place = None if name in SPARED else find_place(uri)
            if place is not None:
                places.setdefault(place, []).append(name)
        seconds = config.COMMTIMEOUT or PROBE_SECONDS
        verdicts = self._look(places.keys(), seconds, self._stopping.is_set)
        now = self._clock()
        for place, verdict in verdicts.items():
            for name in places[place]:
                self._judge(name, names[name], verdict, now)

    def _judge(self, name: str, uri: str, verdict: Verdict, now: float) -> None:
        if verdict is not Verdict.DEAD:
            self._suspects.pop(name, None)
            return
        suspected, since = self._suspects.get(name, (None, now))
        if suspected != uri:
            self._suspects[name] = uri, now
        elif now - since >= self.max_unreachable_time and self._nameserver._forget_suspect(name):
            log.info("removed %s: nobody was at %s for %.0f seconds", name, uri, now - since)


def find_place(uri: str) -> Place | None:
    """Return where an object is; None if its uri does not say that."""
    try:
        parsed = URI(uri)
    except PyroError:
        return None  # an old file may contain anything
    if parsed.protocol != "PYRO":
        return None
    return parsed.sockname or (parsed.host or "", parsed.port or 0)
