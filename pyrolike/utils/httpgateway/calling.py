"""The call: from a member's name and its arguments to the JSON that the daemon has written.

Results are not opened on their way. What the daemon wrote in its json serializer is what the HTTP
client gets, byte for byte; so are the items of streams, which are fetched by their ids as the
client's half of the library does it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyrolike.callcontext import get_state
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import CommunicationError
from pyrolike.objects.calls import GET_ATTRIBUTE
from pyrolike.protocol import STREAM_ID, Flag

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from pyrolike.client import Proxy
    from pyrolike.protocol import Message

    from .pool import Lease, ProxyPool
    from .requests import Parameters

NEXT_ITEM = "get_next_stream_item"
CLOSE_STREAM = "close_stream"

ENDINGS = frozenset({"StopIteration", "GeneratorExit"})
"""The exceptions with which a daemon says that a stream has no more items."""

OF_THE_LIBRARY = ("Pyro5.errors.", "Pyro4.errors.")
"""How errors are called after which a stock daemon may have closed the connection."""


class MethodNotAllowedError(Exception):
    """A method was to be called by a GET, and that is switched off."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be done.

    Attributes:
        name: The object's name.
        member: Its method or attribute.
        parameters: The arguments.
        correlation_id: Ties the call to others.
        is_oneway: Do not wait for a result.
        is_reading: Attributes only.
    """

    name: str
    member: str
    parameters: Parameters
    correlation_id: uuid.UUID
    is_oneway: bool = False
    is_reading: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        payload: The result as JSON; empty after one-way calls and of streams.
        is_error: It is the class dict of an exception.
        items: The items, if the result is a stream. Close it.
    """

    payload: bytes
    is_error: bool = False
    items: ItemStream | None = None


def make_call(pool: ProxyPool, call: Call) -> Outcome:
    """Do it.

    Raises:
        NamingError: There is no such name, or no name server.
        CommunicationError: The object cannot be reached.
        AttributeError: It has no such member.
        AssertionError: An attribute was given arguments.
        MethodNotAllowedError: *call* may read attributes only.
        PoolFullError: Too many calls are under way.
    """
    lease = pool.take(call.name)
    try:
        reply = _ask(lease.proxy, call)
        if not lease.is_sure and _is_unknown_object(reply) and pool.has_moved(lease):
            # Since we have looked; nothing was called yet.
            newer = pool.take(call.name)
            lease.discard()
            lease = newer
            reply = _ask(lease.proxy, call)
    except (AttributeError, AssertionError, MethodNotAllowedError):
        lease.give_back()  # nothing was sent
        raise
    except BaseException:
        lease.discard()
        pool.forget(call.name)
        raise
    return _open_reply(lease, reply, call.correlation_id)


def describe(pool: ProxyPool, name: str) -> dict[str, list[str]]:
    """Return what an object exposes: its methods, which of them are one-way, and its attributes.

    Raises:
        NamingError, CommunicationError, PoolFullError: As `make_call`.
    """
    lease = pool.take(name)
    proxy = lease.proxy
    found = {
        "methods": sorted(proxy._pyroMethods),
        "attributes": sorted(proxy._pyroAttrs),
        "oneway": sorted(proxy._pyroOneway),
    }
    lease.give_back()
    return found


def _ask(proxy: Proxy, call: Call) -> Message | None:
    """Make the call; a one-way call has no reply."""
    parameters = call.parameters
    if call.member in proxy._pyroAttrs:
        if parameters:
            raise AssertionError(f"{call.member!r} is an attribute, which takes no parameters")
        return _with_id(
            call.correlation_id,
            lambda: proxy._pyroInvoke(GET_ATTRIBUTE, (call.member,), None),
        )
    if call.member not in proxy._pyroMethods:
        raise AttributeError(f"the object {call.name!r} has no method or attribute {call.member!r}")
    if call.is_reading:
        raise MethodNotAllowedError
    flags = Flag.ONEWAY if call.is_oneway else 0
    return _with_id(
        call.correlation_id,
        lambda: proxy._pyroInvoke(call.member, parameters.args, parameters.kwargs, flags),
    )


def _with_id(correlation_id: uuid.UUID, call: Callable[[], Message | None]) -> Message | None:
    """Make a call with a correlation id. The thread is the WSGI server's, and had its own."""
    state = get_state()
    before, state.correlation = state.correlation, correlation_id.bytes
    try:
        return call()
    finally:
        state.correlation = before


def _is_unknown_object(reply: Message | None) -> bool:
    if reply is None or not reply.flags & Flag.EXCEPTION or reply.flags & Flag.ITEMSTREAMRESULT:
        return False
    payload = bytes(reply.payload)
    if b"unknown object" not in payload:
        return False
    args = _load_dict(payload).get("args")
    return class_of(payload).endswith("errors.DaemonError") and (
        isinstance(args, list) and bool(args) and str(args[0]).startswith("unknown object")
    )


def _open_reply(lease: Lease, reply: Message | None, correlation_id: uuid.UUID) -> Outcome:
    if reply is None:
        lease.give_back()
        return Outcome(b"")
    stream_id = (reply.annotations or {}).get(STREAM_ID)
    if reply.flags & Flag.ITEMSTREAMRESULT and stream_id is not None:
        name = bytes(stream_id).decode("ascii", "replace")
        return Outcome(b"", items=ItemStream(lease, name, correlation_id))
    payload = bytes(reply.payload)
    is_error = bool(reply.flags & Flag.EXCEPTION)
    if is_error and class_of(payload).startswith(OF_THE_LIBRARY):
        lease.discard()
    else:
        lease.give_back()
    return Outcome(payload, is_error)


def class_of(payload: bytes) -> str:
    """Return the class that a JSON class dict names; empty if it names none."""
    name = _load_dict(payload).get("__class__")
    return name if isinstance(name, str) else ""


def _load_dict(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class ItemStream:
    """The items of a stream, fetched one by one.

    One thread fetches; another may close it meanwhile.

    Args:
        lease: The connection to which the stream belongs; from now on it is ours.
        stream_id: The daemon's id for it.
        correlation_id: Sent along.
    """

    def __init__(self, lease: Lease, stream_id: str, correlation_id: uuid.UUID) -> None:
        self._lease: Lease | None = lease
        self._proxy = lease.proxy
        self._stream_id = stream_id
        self._correlation_id = correlation_id

    def fetch(self) -> Outcome | None:
        """Return the next item, or the exception that ends the stream; None at its end.

        Raises:
            CommunicationError: The connection is lost.
        """
        reply = _with_id(
            self._correlation_id,
            lambda: self._proxy._pyroInvoke(NEXT_ITEM, [self._stream_id], {}, 0, DAEMON_NAME),
        )
        assert reply is not None
        payload = bytes(reply.payload)
        if not reply.flags & Flag.EXCEPTION:
            return Outcome(payload)
        if class_of(payload).rpartition(".")[2] in ENDINGS:
            return None
        return Outcome(payload, is_error=True)

    def close(self, *, is_fetching: bool = False) -> None:
        """Tell the daemon that no more items are wanted; twice is fine.

        Args:
            is_fetching: Another thread waits for an item. It gets an error then: the connection is
                closed, and the daemon forgets the stream when it has noticed that.
        """
        lease, self._lease = self._lease, None
        if lease is None:
            return
        if is_fetching:
            lease.discard()
            return
        try:
            lease.proxy._pyroInvoke(CLOSE_STREAM, [self._stream_id], {}, Flag.ONEWAY, DAEMON_NAME)
        except CommunicationError:
            lease.discard()
        else:
            lease.give_back()
