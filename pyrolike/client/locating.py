"""From names to addresses: how logical uris become real ones.

The name server is found by `searching` and asked here, through a channel and not with a proxy: a
proxy needs this to connect. What programs call (`locate_ns`, `resolve`) is in `pyrolike.naming`,
above both.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from pyrolike.configure import config
from pyrolike.errors import CommunicationError, NamingError, ProtocolError
from pyrolike.uri import URI

from .searching import NameServerLine, find_name_server

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Callable


def locate_uri(
    host: str | ipaddress.IPv4Address | ipaddress.IPv6Address = "",
    port: int | None = None,
    broadcast: bool = True,
    *,
    hmac_key: bytes | None = None,
) -> URI:
    """Return the uri of a name server that was just seen alive. Arguments as `find_name_server`.

    Raises:
        NamingError: None answers.
    """
    line = find_name_server(host, port, broadcast=broadcast, hmac_key=hmac_key)
    line.close()
    return line.uri


def await_name_server() -> URI:
    """Return the uri of a name server; one that is just being started has NS_LOOKUP_DELAY seconds.

    Raises:
        NamingError: None answers.
    """
    found: URI = patiently(locate_uri, config.NS_LOOKUP_DELAY)
    return found


def resolve_uri(
    uri: URI,
    delay: float = 0.0,
    *,
    deadline: float | None = None,
    hmac_key: bytes | None = None,
) -> URI:
    """Turn a PYRONAME or PYROMETA uri into the PYRO uri it stands for now; PYRO stays as it is.

    Args:
        uri: What to resolve.
        delay: Seconds to go on trying while the name is unknown, or no name server answers; 0 for
            the setting NS_LOOKUP_DELAY.
        deadline: Moment on the monotonic clock until which an answer is worth something; None
            limits each question by itself.
        hmac_key: Signs what is said to the name server, if that is one of Pyro4; or None.

    Raises:
        NamingError: The name, or an object with all the tags, is unknown; or there is no name
            server.
    """
    if uri.protocol == "PYRO":
        return uri
    delay = delay or config.NS_LOOKUP_DELAY
    if deadline is not None:
        delay = min(delay, max(0.0, deadline - time.monotonic()))
    question = _Question(uri, deadline, hmac_key)
    try:
        found: URI = patiently(question.ask, delay)
    finally:
        question.close()
    if found.protocol != "PYRO":
        raise NamingError(
            f"{uri} is registered as {found}, which is a name again; "
            "only a PYRO uri can be connected to"
        )
    return found


class _Question:
    """What a logical uri stands for, to be asked until there is an answer.

    Args:
        uri: The uri.
        deadline: As for `resolve_uri`.
        hmac_key: Likewise.
    """

    def __init__(self, uri: URI, deadline: float | None, hmac_key: bytes | None) -> None:
        self._uri = uri
        self._deadline = deadline
        self._hmac_key = hmac_key
        self._line: NameServerLine | None = None

    def ask(self) -> URI:
        """Ask the name server, after looking for one if there is none or it was lost."""
        uri = self._uri
        if self._line is None:
            host = f"./u:{uri.sockname}" if uri.sockname else uri.host
            self._line = find_name_server(
                host or "", uri.port, self._deadline, hmac_key=self._hmac_key
            )
        try:
            look = _look_up_tags if uri.protocol == "PYROMETA" else _look_up_name
            return look(self._line, uri)
        except NamingError as fault:
            asked = f"{fault} (the name server at {self._line.uri.location} was asked)"
            fault.args = (asked, *fault.args[1:])  # it may have come from there, with its traceback
            raise
        except CommunicationError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None


def patiently(look_up: Callable[[], Any], delay: float) -> Any:
    """Return what *look_up* returns, repeating it while the name or the name server is missing.

    Args:
        look_up: Called at least once.
        delay: Seconds to go on trying; 0 tries exactly once.

    Raises:
        NamingError: The name was unknown to the end, or there was no name server.
        CommunicationError: There never was an answer.
    """
    end = time.monotonic() + delay
    pause = min(1.0, max(0.2, delay / 5))
    unknown: NamingError | None = None
    while True:
        try:
            return look_up()
        except (NamingError, CommunicationError) as fault:
            if isinstance(fault, ProtocolError):
                raise  # it would not be otherwise the next time
            if isinstance(fault, NamingError):
                unknown = fault
            remaining = end - time.monotonic()
            if delay <= 0 or remaining <= 0:
                # There may have been no time for the last question: the answer before tells more.
                try:
                    raise (unknown or fault) from (unknown or fault).__cause__
                finally:
                    unknown = None  # its traceback refers to this frame
            time.sleep(min(pause, remaining))


def _look_up_name(line: NameServerLine, uri: URI) -> URI:
    found = line.ask("lookup", uri.object)
    return found if isinstance(found, URI) else URI(found)


def _look_up_tags(line: NameServerLine, uri: URI) -> URI:
    tags = sorted(uri.object)
    if line.is_pyro4:
        found = line.ask("list", metadata_all=tags)
    else:
        found = line.ask("yplookup", meta_all=tags, return_metadata=False)
    if not found:
        raise NamingError(f"no object is registered with all of the tags {', '.join(tags)}")
    return URI(random.choice(list(found.values())))
