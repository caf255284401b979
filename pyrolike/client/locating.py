"""Finding a name server, and asking it: how logical uris become real ones.

This works with a channel, not with a proxy: a proxy needs it to connect. What programs call
(`locate_ns`, `resolve`) is in `pyrolike.naming`, above both.
"""

from __future__ import annotations

import random
import sys
import time
from typing import TYPE_CHECKING, Any

from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import CommunicationError, NamingError, TimeoutError
from pyrolike.objects.calls import raise_remote
from pyrolike.protocol import Flag, inflate
from pyrolike.uri import URI

from .connecting import SAFE_SERIALIZERS, WireSettings, codec_of, get_deadline, open_channel

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Callable, Iterator

    from .channel import Channel

LOOPBACK = ("localhost", "::1")


class NameServerLine:
    """An open line to a name server.

    Args:
        uri: Where it is.
        deadline: Moment on the monotonic clock until which every question must be answered; None
            for COMMTIMEOUT or CONNECT_TIMEOUT seconds for each.

    Raises:
        CommunicationError: There is none, or it refuses.
    """

    def __init__(self, uri: URI, deadline: float | None = None) -> None:
        self.uri = uri
        name = config.SERIALIZER if config.SERIALIZER in SAFE_SERIALIZERS else "serpent"
        self._settings = WireSettings.take(config, name)
        self._deadline = deadline
        self._is_closed = False
        self._channel = self._open()

    def _open(self) -> Channel:
        return open_channel(self.uri, "hello", self._settings, deadline=self._get_deadline())[0]

    def _get_deadline(self) -> float | None:
        return self._deadline or get_deadline(config.COMMTIMEOUT or config.CONNECT_TIMEOUT)

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the name server and return its result."""
        settings = self._settings
        if not self._channel.is_usable and not self._is_closed:
            self._channel = self._open()  # the last question was not answered in time
        payload = settings.codec.dumpsCall(NAMESERVER_NAME, method, args, kwargs)
        deadline = self._get_deadline()
        timeout = None if deadline is None else deadline - time.monotonic()
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
) -> NameServerLine:
    """Return a line to the first name server that answers.

    Args:
        host: Where to look, or a Unix socket as "./u:path"; empty for the setting NS_HOST.
        port: Its port; None for the setting NS_PORT.
        deadline: As for `NameServerLine`.

    Raises:
        NamingError: None answers; the cause is the error at the likeliest place.
    """
    attempts: list[CommunicationError] = []
    for uri in _candidates(str(host or ""), port):
        try:
            return NameServerLine(uri, deadline)
        except CommunicationError as fault:
            attempts.append(fault)
    raise NamingError(
        f"failed to locate the name server: {attempts[0]} (python -m pyrolike.naming starts one)"
    ) from attempts[0]


def locate_uri(
    host: str | ipaddress.IPv4Address | ipaddress.IPv6Address = "", port: int | None = None
) -> URI:
    """Return the uri of a name server that was just seen alive. Arguments as `find_name_server`.

    Raises:
        NamingError: None answers.
    """
    line = find_name_server(host, port)
    line.close()
    return line.uri


def resolve_uri(uri: URI, delay: float = 0.0, *, deadline: float | None = None) -> URI:
    """Turn a PYRONAME or PYROMETA uri into the PYRO uri it stands for now; PYRO stays as it is.

    Args:
        uri: What to resolve.
        delay: Seconds to go on asking while the name is unknown; 0 for the setting NS_LOOKUP_DELAY.
        deadline: Moment on the monotonic clock until which an answer is worth something; None
            limits each question by itself.

    Raises:
        NamingError: The name, or an object with all the tags, is unknown; or there is no name
            server.
    """
    if uri.protocol == "PYRO":
        return uri
    host = f"./u:{uri.sockname}" if uri.sockname else uri.host
    line = find_name_server(host or "", uri.port, deadline)
    delay = delay or config.NS_LOOKUP_DELAY
    if deadline is not None:
        delay = min(delay, max(0.0, deadline - time.monotonic()))
    try:
        look = _look_up_tags if uri.protocol == "PYROMETA" else _look_up_name
        found: URI = patiently(lambda: look(line, uri), delay)
    finally:
        line.close()
    if found.protocol != "PYRO":
        raise NamingError(
            f"{uri} is registered as {found}, which is a name again; "
            "only a PYRO uri can be connected to"
        )
    return found


def patiently(look_up: Callable[[], Any], delay: float) -> Any:
    """Return what *look_up* returns, repeating it while it raises NamingError or TimeoutError.

    Args:
        look_up: Called at least once.
        delay: Seconds to go on trying; 0 tries exactly once.

    Raises:
        NamingError: The name was unknown to the end.
        TimeoutError: There never was an answer.
    """
    end = time.monotonic() + delay
    pause = max(0.2, delay / 5)
    unknown: NamingError | None = None
    while True:
        try:
            return look_up()
        except (NamingError, TimeoutError) as fault:
            if isinstance(fault, NamingError):
                unknown = fault
            remaining = end - time.monotonic()
            if delay <= 0 or remaining <= 0:
                # There may have been no time for the last question: the answer before tells more.
                try:
                    raise unknown or fault from None
                finally:
                    unknown = None  # its traceback refers to this frame
            time.sleep(min(pause, remaining))


def _look_up_name(line: NameServerLine, uri: URI) -> URI:
    found = line.ask("lookup", uri.object)
    return found if isinstance(found, URI) else URI(found)


def _look_up_tags(line: NameServerLine, uri: URI) -> URI:
    tags = sorted(uri.object)
    found = line.ask("yplookup", meta_all=tags, return_metadata=False)
    if not found:
        raise NamingError(f"no object is registered with all of the tags {', '.join(tags)}")
    return URI(random.choice(list(found.values())))


def _candidates(host: str, port: int | None) -> Iterator[URI]:
    """Yield where a name server may be, best guess first."""
    if host:
        yield name_server_uri(host, port or config.NS_PORT)
        return
    host = config.NS_HOST
    yield name_server_uri(host, port or config.NS_PORT)
    if sys.platform == "linux" and (host in LOOPBACK or host.startswith("127.")):
        # Debian gives the machine's own name this address: a name server bound to that name is
        # there.
        yield name_server_uri("127.0.1.1", port or config.NS_PORT)


def name_server_uri(host: str, port: int) -> URI:
    """Return the uri that a name server at *host* has; "./u:path" is one on a Unix socket."""
    if host.startswith("./u:"):
        return URI(f"PYRO:{NAMESERVER_NAME}@{host}")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return URI(f"PYRO:{NAMESERVER_NAME}@{host}:{port}")
