"""The name server, as the gateway uses it: one connection, and answers remembered for a moment.

A lookup for each call would cost as much as the call. So a name's uri is believed for `REMEMBERED`
seconds, and looked up again when it turns out to be wrong. A name server that was not there is not
searched again at once: with each request waiting for the search, nothing else could be served.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from pyrolike._forking import tell_of_forks
from pyrolike.errors import CommunicationError, NamingError
from pyrolike.naming.lookup import locate_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyrolike.client import Proxy

log = logging.getLogger("pyrolike.httpgateway")

REMEMBERED = 2.0
"""Seconds for which a uri, a list of names, or the name server's absence is believed."""

MOST_NAMES = 10_000
"""Names whose uris are remembered."""

TAG_PREFIX = "tag:"
"""How a search for a tag begins."""


class NoNameServerError(NamingError):
    """There is no name server, or it does not answer."""


class Names:
    """Asks the name server; any thread may use it.

    Args:
        locate: Finds the name server.
        clock: Counts seconds.

    Attributes:
        timeout: Seconds a question may take, or None.
    """

    def __init__(
        self,
        locate: Callable[[], Proxy] = locate_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout: float | None = None
        self._locate = locate
        self._clock = clock
        self._start_anew()

    def _start_anew(self) -> None:
        # Guards the proxy, and is held while the name server is searched.
        self._lock = threading.Lock()
        self._proxy: Proxy | None = None
        self._absent_until = float("-inf")
        self._absence = ""
        # Guards what is remembered.
        self._memory_lock = threading.Lock()
        self._uris: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._list_lock = threading.Lock()
        self._list: tuple[str, float, list[str]] | None = None

    def after_fork(self) -> None:
        """Know nothing, in a forked child."""
        self._start_anew()

    def close(self) -> None:
        """Hang up; the next question connects again."""
        with self._lock:
            proxy, self._proxy = self._proxy, None
        if proxy is not None:
            proxy._pyroRelease()

    def connect(self) -> Proxy:
        """Return a connected proxy for the name server, which any thread may use.

        Raises:
            NoNameServerError: There is none.
        """
        tell_of_forks(self)
        with self._lock:
            if self._proxy is None:
                if self._clock() < self._absent_until:
                    raise NoNameServerError(self._absence)
                self._proxy = self._search()
            self._proxy._pyroTimeout = self.timeout
            return self._proxy

    def _search(self) -> Proxy:
        try:
            proxy = self._locate()
        except (NamingError, CommunicationError) as fault:
            self._absent_until = self._clock() + REMEMBERED
            self._absence = str(fault)
            raise NoNameServerError(self._absence) from fault
        proxy._pyroSerializer = "json"
        return proxy

    def ask(self, question: Callable[[Proxy], Any]) -> Any:
        """Return what *question* makes of a connected proxy; of a second one if the first was lost.

        Raises:
            NoNameServerError: Neither could answer.
        """
        try:
            return self._ask_once(question)
        except CommunicationError:
            log.debug("the name server was lost; it is searched again", exc_info=True)
        try:
            return self._ask_once(question)
        except CommunicationError as fault:
            raise NoNameServerError(str(fault)) from fault

    def _ask_once(self, question: Callable[[Proxy], Any]) -> Any:
        proxy = self.connect()
        try:
            return question(proxy)
        except CommunicationError:
            self._forget_proxy(proxy)
            raise

    def _forget_proxy(self, proxy: Proxy) -> None:
        with self._lock:
            if self._proxy is proxy:
                self._proxy = None
        proxy._pyroRelease()

    # -- names ------------------------------------------------------------------------------------

    def look_up(self, name: str) -> tuple[str, bool]:
        """Return the uri of a name, and whether it was remembered, and may be out of date.

        Raises:
            NamingError: The name is unknown.
            NoNameServerError: There is nobody to ask.
        """
        with self._memory_lock:
            uri, until = self._uris.get(name, ("", 0.0))
        if uri and self._clock() < until:
            return uri, True
        self.forget(name)
        uri = str(self.ask(lambda proxy: proxy.lookup(name)))
        with self._memory_lock:
            self._uris[name] = uri, self._clock() + REMEMBERED
            if len(self._uris) > MOST_NAMES:
                self._uris.popitem(last=False)
        return uri, False

    def forget(self, name: str) -> None:
        """Look *name* up again when it is next wanted."""
        with self._memory_lock:
            self._uris.pop(name, None)

    def matching(self, regex: str) -> list[str]:
        """Return the names that match *regex* at their start, sorted; all if it is empty.

        One thread asks; the others that want to know meanwhile have its answer.

        Raises:
            NoNameServerError: There is nobody to ask.
        """
        with self._list_lock:
            known = self._list
            if known is None or known[0] != regex or self._clock() >= known[1]:
                began = self._clock()
                names = sorted(self._fetch(regex))
                now = self._clock()
                # A million names take seconds: longer than a list of few is worth anything.
                until = now + max(REMEMBERED, 10 * (now - began))
                self._list = known = regex, until, names
            return known[2]

    def _fetch(self, regex: str) -> list[str]:
        prefix = _literal(regex)
        # By a prefix the name server finds names without looking at all it has.
        found = self.ask(lambda proxy: proxy.list(prefix=prefix) if prefix else proxy.list())
        return [name for name in found if re.match(regex, name)]

    def search(self, regex: str, words: str) -> list[str]:
        """Return the names that match *regex* and contain *words*, whatever their case.

        ``tag:`` and a tag finds those that have it; without one, as somebody is still typing,
        all that match.

        Raises:
            NoNameServerError: There is nobody to ask.
        """
        if words.startswith(TAG_PREFIX) and (tag := words.removeprefix(TAG_PREFIX).strip()):
            found = self.ask(lambda proxy: proxy.yplookup(meta_all=[tag], return_metadata=False))
            return sorted(name for name in found if re.match(regex, name))
        wanted = "" if words.startswith(TAG_PREFIX) else words.casefold()
        return [name for name in self.matching(regex) if wanted in name.casefold()]

    def tags(self, names: Sequence[str]) -> list[list[str]]:
        """Return the tags of each of *names*, in one question; none of one that has just gone."""
        found: list[list[str]] = []
        while len(found) < len(names):
            found += self.ask(partial(_look_up_tags, names[len(found) :]))
        return found


def _look_up_tags(names: Sequence[str], proxy: Proxy) -> list[list[str]]:
    """Return the tags of *names* in order, up to the first one that is unknown, and its none."""
    batch = proxy._pyroBatch()
    for name in names:
        batch.lookup(name, return_metadata=True)
    found: list[list[str]] = []
    try:
        found.extend(sorted(tags) for _, tags in batch())
    except NamingError:
        found.append([])
    return found


def _literal(regex: str) -> str:
    """Return the text at which everything begins that *regex* matches, as far as that is easy."""
    match = re.match(r"(?:[\w/:-]|\\[.\-_/])*", regex)
    text = match[0] if match else ""
    rest = regex[len(text) :]
    if "|" in regex or rest[:1] in {"*", "?", "{"}:
        return ""  # the last character need not be there, or nothing need
    return text.replace("\\", "")
