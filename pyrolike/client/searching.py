"""Looking for a name server: where one may be, in which order, and what was tried if none is.

This works with a channel, not with a proxy: a proxy needs it to connect. What comes after finding,
asking for names, is in `locating`.

A program that says no host means "wherever it is": the hosts of the setting NS_HOST one after the
other, then whoever answers a question to the whole network. Nothing is remembered from one search
to the next: a name server that is dead now may live in a moment, and the reverse.

Source: api.md A3.3, nameserver.md 6. Pyro asks the network before a host in NS_HOST that is not
this machine itself; here the host that somebody has named comes first.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike._kinds import split_hosts
from pyrolike.configure import config
from pyrolike.constants import HELLO, NAMESERVER_NAME, NAMESERVER_QUESTION
from pyrolike.errors import CommunicationError, NamingError, PyroError, TimeoutError
from pyrolike.objects.calls import raise_remote
from pyrolike.protocol import DIALECTS, V48, Flag, Pyro4Dialect, inflate
from pyrolike.transport import ask_around, read_number
from pyrolike.uri import URI

from .connecting import SAFE_SERIALIZERS, WireSettings, codec_of, get_deadline, open_channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyrolike.protocol import Dialect

    from .channel import Channel

LOOPBACK = ("localhost", "::1")

FIRST_SECONDS = 2.0
"""How long a place may take to answer while there are others to try. It gets a second chance."""

BROADCAST_SECONDS = 0.7
"""How long answers to a broadcast are waited for, in all."""

PROOF_SECONDS = 1.0
"""How long what such an answer tells may take to prove that it is a name server."""


PORTS = range(1, 65536)


class NameServerLine:
    """An open line to a name server.

    Args:
        uri: Where it is.
        deadline: Moment on the monotonic clock until which every question must be answered; None
            for COMMTIMEOUT or CONNECT_TIMEOUT seconds for each.
        hmac_key: Signs what is said, for a name server of Pyro4; None for no signing.

    Raises:
        CommunicationError: There is none, or it refuses.
    """

    def __init__(
        self, uri: URI, deadline: float | None = None, hmac_key: bytes | None = None
    ) -> None:
        self.uri = uri
        self.deadline = deadline
        self._dialects: Mapping[int, Dialect] = DIALECTS
        if hmac_key is not None:
            self._dialects = {V48.version: Pyro4Dialect(hmac_key)}
        name = config.SERIALIZER if config.SERIALIZER in SAFE_SERIALIZERS else "serpent"
        first = next(iter(self._dialects.values()))
        self._settings = WireSettings.take(config, name, first)
        self._is_closed = False
        self._channel = self._open()

    def _open(self) -> Channel:
        deadline, dialects = self._get_deadline(), self._dialects
        opened = open_channel(self.uri, HELLO, self._settings, deadline=deadline, dialects=dialects)
        self._settings = opened.settings
        return opened.channel

    @property
    def is_pyro4(self) -> bool:
        """Whether the name server speaks Pyro4's protocol, and perhaps does not know `yplookup`."""
        return self._settings.dialect.version == V48.version

    def _get_deadline(self) -> float | None:
        return self.deadline or get_deadline(config.COMMTIMEOUT or config.CONNECT_TIMEOUT)

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the name server and return its result."""
        settings = self._settings
        if not self._channel.is_usable and not self._is_closed:
            self._channel = (
                self._open()
            )  # no answer came in time, or it is that of a parent process
        payload = settings.codec.dumpsCall(NAMESERVER_NAME, method, args, kwargs)
        deadline = self._get_deadline()
        timeout = None if deadline is None else deadline - monotonic()
        reply = self._channel.exchange(settings.number, 0, payload, None, None, timeout)
        if reply.flags & Flag.COMPRESSED:
            inflate(reply, settings.max_size)
        codec = codec_of(reply, settings)
        if reply.flags & Flag.EXCEPTION:
            raise_remote(codec.loads(reply.payload))
        return codec.loads(reply.payload)

    def close(self) -> None:
        """Hang up."""
        self._is_closed = True
        self._channel.close()


def find_name_server(
    host: str | ipaddress.IPv4Address | ipaddress.IPv6Address = "",
    port: int | None = None,
    deadline: float | None = None,
    broadcast: bool = True,
    hmac_key: bytes | None = None,
) -> NameServerLine:
    """Return a line to the first name server that answers.

    Args:
        host: The only place to look, or a Unix socket as "./u:path". Empty for the hosts of the
            setting NS_HOST, and then the network.
        port: Its port; None for the setting NS_PORT. Without *host* it stands for NS_PORT and, as
            in Pyro, for NS_BCPORT; if that finds nothing, NS_PORT itself is tried too.
        deadline: As for `NameServerLine`.
        broadcast: Whether to ask the network, at the addresses of the setting BROADCAST_ADDRS.
        hmac_key: As for `NameServerLine`.

    Raises:
        NamingError: None answers. The text says what was tried, in order; the cause is the error at
            the first place.
    """
    search = Search(deadline, hmac_key)
    try:
        line = search.run(str(host or ""), port, broadcast)
        if line is None:
            raise search.get_failure()
        return line
    finally:
        search.forget()


class Search:
    """One search for a name server.

    Args:
        deadline: Until when; as for `NameServerLine`.
        hmac_key: Likewise.
    """

    def __init__(self, deadline: float | None, hmac_key: bytes | None = None) -> None:
        self._deadline = deadline
        self._hmac_key = hmac_key
        # What went wrong, by place and in order: a second try at a place says it better.
        self._faults: dict[str, PyroError] = {}

    def run(self, host: str, port: int | None, broadcast: bool) -> NameServerLine | None:
        """Look everywhere; arguments as for `find_name_server`."""
        if host:
            return self._try_all([name_server_uri(host, port or config.NS_PORT)])
        broadcast = broadcast and bool(config.BROADCAST_ADDRS)
        places = name_server_places(port)
        if len(places) == 1 and not broadcast and not port:
            return self._try_all(places)
        patience = config.COMMTIMEOUT or config.CONNECT_TIMEOUT or math.inf
        line = self._try_all(places, min(FIRST_SECONDS, patience))
        if line is None and broadcast:
            line = self._ask_everybody(port)
        if line is None:
            slow = filter(self._was_slow, places) if patience > FIRST_SECONDS else ()
            usual = name_server_places(None) if port else []
            line = self._try_all([*slow, *(place for place in usual if place not in places)])
        return line

    def get_failure(self) -> NamingError:
        """Return the error that says what was tried."""
        faults = list(self._faults.values())
        tried = [_with_place(place, str(fault)) for place, fault in self._faults.items()]
        if not faults:
            tried = ["the setting NS_HOST is empty, and so is BROADCAST_ADDRS or not to be used"]
        elif len(faults) > 1:
            tried = [f"({number}) {fault}" for number, fault in enumerate(tried, 1)]
        failure = NamingError(
            f"failed to locate the name server: {'; '.join(tried)}"
            " (python -m pyrolike.naming starts one)"
        )
        failure.__cause__ = faults[0] if faults else None
        return failure

    def forget(self) -> None:
        """Let go of all errors: their tracebacks refer to this search."""
        self._faults.clear()

    def _try_all(
        self, places: Iterable[URI], seconds: float | None = None
    ) -> NameServerLine | None:
        """Return a line to the first of *places* that answers.

        Args:
            places: Where to try.
            seconds: How long each of them may take; None for as long as there is time.
        """
        for place in places:
            try:
                line = NameServerLine(place, self._earlier(seconds), self._hmac_key)
            except CommunicationError as fault:
                self._faults[str(place)] = fault
            else:
                line.deadline = self._deadline
                return line
        return None

    def _ask_everybody(self, port: int | None) -> NameServerLine | None:
        """Return a line to the first name server that answers a broadcast, and is one."""
        addresses, port = config.BROADCAST_ADDRS, port or config.NS_BCPORT
        seconds = BROADCAST_SECONDS
        if self._deadline is not None:
            seconds = min(seconds, self._deadline - monotonic())
        if seconds <= 0:
            return None
        answers = ask_around(
            NAMESERVER_QUESTION,
            addresses,
            port,
            seconds=seconds,
            ip_version=config.PREFER_IP_VERSION,
        )
        faults: dict[str, str] = {}
        with contextlib.closing(answers):
            for answer, sender in answers:
                uri = read_answer(answer, sender)
                if uri is not None and str(uri) not in faults:
                    try:
                        return self._prove(uri)
                    except Exception as fault:  # noqa: BLE001  whatever a stranger says; next one
                        faults[str(uri)] = str(fault)
        told = ", ".join(f"{uri} ({fault})" for uri, fault in faults.items())
        self._faults["broadcast"] = NamingError(
            f"asking {', '.join(addresses)} by UDP, port {port}: "
            + (f"only wrong answers came: {told}" if told else "no answer")
        )
        return None

    def _prove(self, uri: URI) -> NameServerLine:
        """Return a line to what a stranger says to be a name server, if it is one."""
        line = NameServerLine(uri, self._earlier(PROOF_SECONDS), self._hmac_key)
        try:
            line.ask("ping")
        except BaseException:
            line.close()
            raise
        line.deadline = self._deadline
        return line

    def _earlier(self, seconds: float | None) -> float | None:
        """Return the moment in *seconds* from now, or the deadline if that is earlier."""
        moment = get_deadline(seconds)
        if moment is None or self._deadline is None:
            return moment or self._deadline
        return min(moment, self._deadline)

    def _was_slow(self, place: URI) -> bool:
        return isinstance(self._faults.get(str(place)), TimeoutError)


def _with_place(place: str, fault: str) -> str:
    """Return what went wrong, with the location of a uri in front if it does not say it itself."""
    location = place.partition("@")[2]
    return fault if location in fault else f"{location}: {fault}"


def read_answer(answer: bytes, sender: str) -> URI | None:
    """Return the uri that an answer to a broadcast tells; None if no name server can be there.

    Args:
        answer: The datagram.
        sender: The address it came from. It takes the place of one that means "all of mine".
    """
    try:
        uri = URI(answer.decode("iso-8859-1"))
    except PyroError:
        return None
    if uri.protocol != "PYRO" or uri.object != NAMESERVER_NAME or not uri.host:
        return None  # on a Unix socket it would be on this machine, which nobody else knows
    if not uri.host.isprintable() or uri.port not in PORTS:
        return None  # it would be shown in errors and logs, on somebody's terminal
    address = read_number(uri.host)
    if address is None and not all(char.isalnum() or char in "-._" for char in uri.host):
        return None  # no name of a host; the system takes "*" for this machine
    if address is not None and address.is_unspecified:
        uri.host = sender
    # What is on this machine only this machine can tell.
    return None if is_loopback(uri.host) and not is_loopback(sender) else uri


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, as far as that can be said without a resolver."""
    address = read_number(host)
    if address is not None:
        return address.is_loopback
    return f".{host.lower().rstrip('.')}".endswith(".localhost")


def name_server_places(port: int | None) -> list[URI]:
    """Return where the settings say that a name server may be, in their order.

    Args:
        port: For those whose port is not said there; None for the setting NS_PORT.
    """
    places = []
    for host, own_port in split_hosts(config.NS_HOST):
        places.append(name_server_uri(host, own_port or port or config.NS_PORT))
        if sys.platform == "linux" and (host in LOOPBACK or host.startswith("127.")):
            # Debian gives the machine's own name this address: a name server bound to that name is
            # there.
            places.append(name_server_uri("127.0.1.1", own_port or port or config.NS_PORT))
    return places


def name_server_uri(host: str, port: int) -> URI:
    """Return the uri that a name server at *host* has; "./u:path" is one on a Unix socket.

    Raises:
        PyroError: That is no host.
    """
    if host.startswith("./u:"):
        return URI(f"PYRO:{NAMESERVER_NAME}@{host}")
    name, colon, number = host.rpartition(":")
    if colon and ":" not in name:  # an IPv6 address has more of them
        raise PyroError(
            f"{host!r} is no host; the name server's port is an argument of its own, as in "
            f"locate_ns({name!r}, {number})"
        )
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return URI(f"PYRO:{NAMESERVER_NAME}@{host}:{port}")
