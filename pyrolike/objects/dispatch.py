"""The callee's half of a call: prepare, run, finish.

*Prepare* unpacks the request, finds the object or makes its instance, and passes the name through
the gate that says what is remote. *Run* calls the method: the only step that executes the
program's code. *Finish* turns what came out, a value or an exception, into a payload.

A usual call takes the three steps in `Dispatcher.answer`; the other kinds (batches, blobs,
attributes, one-way calls) vary one step each.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from traceback import format_tb
from typing import TYPE_CHECKING, Any, TypeAlias

from pyrolike.errors import (
    CommunicationError,
    MessageTooLargeError,
    ProtocolError,
    PyroError,
)
from pyrolike.protocol import BLOB_INFO, STAYS_OPEN, STREAM_ID, STREAM_WINDOW, Flag
from pyrolike.serializers import ExceptionWrapper, SerializedBlob, load_marshal
from pyrolike.serializers.long_values import LONG, SHORT
from pyrolike.tracebacks import format_local, remote_part

from .calls import CLOSING_ERRORS, GET_ATTRIBUTE, SET_ATTRIBUTE
from .exposure import CALLBACK
from .instances import obtain_instance
from .members import find_method, get_property, set_property
from .streams import MOST_ITEMS, close_iterator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from pyrolike._pieces import Payload
    from pyrolike.protocol import Message
    from pyrolike.serializers import SerializerBase

    from .members import Members
    from .streams import StreamTable
    from .table import ObjectTable

log = logging.getLogger("pyrolike.server")

IS_BATCH, IS_BLOB = Flag.BATCH, Flag.KEEPSERIALIZED
TRACEBACK = "_pyroTraceback"
OWN_MODULES = ("pyrolike.objects", "pyrolike.server")
ATTRIBUTE_ACCESS = frozenset({GET_ATTRIBUTE, SET_ATTRIBUTE})

IS_ITERATOR = "result of call is an iterator"
STREAMING_OFF = (
    f"{IS_ITERATOR}, and this daemon does not stream items: its setting ITER_STREAMING is off. "
    "Switch it on, or have the method return a list"
)
KEEP_OPEN = {STAYS_OPEN: b""}

PLAIN_RESULTS = frozenset(
    {type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset}
)
"""Exact types that are no iterators; asking the abstract class costs more than the rest."""


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What a daemon's settings say about calls.

    Attributes:
        require_expose: Only exposed members are remote.
        streaming: Iterators become item streams.
        stream_limit: How many of them one client may have open.
        detailed_tracebacks: Tracebacks show local variables.
        send_tracebacks: Tracebacks are sent to clients; "known" sends them to those that are known.
        max_size: Most bytes of a reply.
    """

    require_expose: bool = True
    streaming: bool = True
    stream_limit: int = 1000
    detailed_tracebacks: bool = False
    send_tracebacks: bool | str = True
    max_size: int = 1 << 30


Reply: TypeAlias = "tuple[int, Any, Mapping[str, bytes] | None]"
"""What goes back: flags, payload, and the annotations that belong to this reply, or None."""

Call: TypeAlias = "tuple[str, Callable[..., Any], Any, Mapping[str, Any] | None]"
"""A prepared call: the member's name, what to call, positional and keyword arguments."""

Batch: TypeAlias = "tuple[object, Members, Any]"
"""A prepared batch: the object, what it offers, and triples of name and arguments."""


class Interrupted(KeyboardInterrupt):
    """Raised in a method from outside, to end its server; the text is for its caller."""


class Dispatcher:
    """Answers requests to the objects of one daemon.

    Any number of threads may use it at once.

    Args:
        table: The objects.
        streams: Where iterators go that methods return.
        on_error: Called with (client, method, vargs, kwargs, exception) when a method raised.
        on_failure: Called when a call has failed, for whatever reason; once for a batch.
        permit: Called with (client, object id, member, kind of access) before a member is reached;
            raises to refuse. None permits all.
        is_known: Says whether the client that is being served is no stranger.

    Attributes:
        policy: What the settings say; replaced when they change.
    """

    def __init__(
        self,
        table: ObjectTable,
        streams: StreamTable,
        on_error: Callable[[Any, Any, Any, Any, BaseException], None],
        on_failure: Callable[[], None] = lambda: None,
        permit: Callable[[Any, str, str, str], None] | None = None,
        is_known: Callable[[], bool] = lambda: False,
    ) -> None:
        self.policy = CallPolicy()
        self._table = table
        self._streams = streams
        self._on_error = on_error
        self._on_failure = on_failure
        self._permit = permit
        self._is_known = is_known
        self._lent: set[int] = set()  # identities of the tracebacks that exceptions carry just now

    def answer(self, client: Any, codec: SerializerBase, message: Message) -> Reply:
        """Make the call in *message* and return its reply; whatever happens becomes a reply.

        Args:
            client: The caller's connection.
            codec: The serializer of the request, and of the reply.
            message: An INVOKE, its payload inflated.
        """
        try:
            if message.flags & IS_BATCH:
                return self._answer_batch(client, codec, message)
            name, method, vargs, kwargs = self.prepare(client, codec, message)
            # `run` and `finish` for the usual call, written out: two calls less on the way of each
            # request, 3 % of a small call. What is not usual goes on to them.
            try:
                result = method(*vargs, **kwargs) if kwargs else method(*vargs)
            except BaseException as fault:
                self._report(client, (name, method, vargs, kwargs), fault)
                raise
            if type(result) in PLAIN_RESULTS:
                if type(result) in SHORT or (type(result) is str and len(result) < LONG):
                    payload: Payload = codec.dumps(result)
                else:
                    payload = codec.pack(result)
                if len(payload) <= self.policy.max_size:
                    return 0, payload, None
            return self.finish(client, codec, result)
        except BaseException as fault:  # noqa: BLE001  SystemExit too: the caller gets to know it
            self._on_failure()
            return self.fail(codec, fault)

    def prepare(self, client: Any, codec: SerializerBase, message: Message) -> Call:
        """Unpack a request and find what it calls; of the program, only instance creators run.

        Raises:
            SerializeError: The payload cannot be read, or has a class that may not be made here.
            DaemonError: There is no such object.
            AttributeError: The object offers no such member.
            SecurityError: This client is not permitted to use it.
        """
        vargs: Any
        if message.flags & IS_BLOB:
            object_id, name, vargs, kwargs = _address_blob(message)
        else:
            object_id, name, vargs, kwargs = codec.loadsCall(message.payload)
        if self._permit is not None:
            self._ask(client, object_id, name, vargs)
        entry = self._table.get(object_id)
        instance = entry.instance
        if instance is None:
            instance = obtain_instance(entry, client.pyroInstances)
        require_expose = self.policy.require_expose
        method: Callable[..., Any]
        if name in ATTRIBUTE_ACCESS:
            access = _get_attribute if name == GET_ATTRIBUTE else _set_attribute
            # The caller's keyword arguments go no further: attributes have none.
            method, kwargs = partial(access, instance, require_expose), None
        else:
            method = find_method(instance, name, entry.get_members(require_expose))
        return name, method, vargs, kwargs

    def _ask(self, client: Any, object_id: Any, name: Any, vargs: Any) -> None:
        """Ask whether the client may; before anything is looked up, so that it learns nothing.

        What is no text names nothing, and is refused where it is looked up.
        """
        access = "call"
        if name in (GET_ATTRIBUTE, SET_ATTRIBUTE):
            access = "read" if name == GET_ATTRIBUTE else "write"
            # As the call will take it apart: a stranger may have sent something else than a list.
            name = next(iter(vargs), None)
        if isinstance(object_id, str) and isinstance(name, str):
            assert self._permit is not None
            self._permit(client, object_id, name, access)

    def run(self, client: Any, call: Call) -> Any:
        """Make a prepared call: this is where the program's code runs. What it raises, passes."""
        _, method, vargs, kwargs = call
        try:
            return method(*vargs, **kwargs) if kwargs else method(*vargs)
        except BaseException as fault:
            self._report(client, call, fault)
            raise

    def _report(self, client: Any, call: Call, fault: BaseException) -> None:
        """Tell those at the server who want to know that a call has raised."""
        name, method, vargs, kwargs = call
        if name not in ATTRIBUTE_ACCESS:
            self._on_error(client, method, vargs, kwargs, fault)
        if getattr(method, CALLBACK, False):
            log.warning("the callback %s raised an exception", name, exc_info=fault)

    def finish(self, client: Any, codec: SerializerBase, result: Any) -> Reply:
        """Make the reply for a result; an iterator becomes a stream.

        Raises:
            SerializeError: The result cannot be written.
            MessageTooLargeError: It is larger than the limit.
        """
        if type(result) not in PLAIN_RESULTS and isinstance(result, Iterator):
            return self._open_stream(client, codec, result)
        payload = codec.pack(result)
        if len(payload) > self.policy.max_size:
            raise _too_large(len(payload), self.policy.max_size)
        return 0, payload, None

    def fail(self, codec: SerializerBase, fault: BaseException) -> Reply:
        """Make the reply for an exception; whatever that is like, there is one."""
        annotations = KEEP_OPEN if isinstance(fault, CLOSING_ERRORS) else None
        with self._dressed(fault) as (exception, lines):
            try:
                payload = codec.dumps(exception)
            except Exception as trouble:  # noqa: BLE001  whatever does not serialize, the caller hears
                substitute = PyroError(
                    f"error serializing exception: {_text_of(trouble)}. "
                    f"Original exception: {type(fault).__qualname__}: {_text_of(fault)}"
                )
                setattr(substitute, TRACEBACK, [_sendable(line) for line in lines])
                payload = codec.dumps(substitute)
        return Flag.EXCEPTION, payload, annotations

    def prepare_batch(self, client: Any, codec: SerializerBase, message: Message) -> Batch:
        """Unpack a batch and find what it calls; `prepare` for several calls of one object."""
        object_id, _, calls, _ = codec.loadsCall(message.payload)
        if self._permit is not None:
            for name, vargs, _ in calls:  # all, before the first is made
                self._ask(client, object_id, name, vargs)
        entry = self._table.get(object_id)
        instance = entry.instance
        if instance is None:
            instance = obtain_instance(entry, client.pyroInstances)
        return instance, entry.get_members(self.policy.require_expose), calls

    def run_batch(self, client: Any, batch: Batch) -> None:
        """Make the calls of a batch that nobody waits for. The first that fails ends it."""
        instance, members, calls = batch
        for name, vargs, kwargs in calls:
            self.run(client, (name, find_method(instance, name, members), vargs, kwargs))

    def _answer_batch(self, client: Any, codec: SerializerBase, message: Message) -> Reply:
        """Make a batch's calls in order; the first that fails ends it, as its last result."""
        instance, members, calls = self.prepare_batch(client, codec, message)
        results: list[Any] = []
        add = results.append
        for name, vargs, kwargs in calls:
            method = find_method(instance, name, members)
            try:  # as `run` does it, which would be two more calls for each
                add(method(*vargs, **kwargs) if kwargs else method(*vargs))
            except BaseException as fault:  # noqa: BLE001  goes to the caller, as the last result
                self._report(client, (name, method, vargs, kwargs), fault)
                with self._dressed(fault) as (exception, _):
                    add(ExceptionWrapper(exception))
                    _, payload, _ = self.finish(client, codec, results)
                self._on_failure()
                return Flag.BATCH, payload, None
        return Flag.BATCH, self.finish(client, codec, results)[1], None

    def _open_stream(self, client: Any, codec: SerializerBase, iterator: Iterator[Any]) -> Reply:
        """Keep an iterator for the client to fetch from.

        The reply is flagged as an exception too, although it is none: peers older than item streams
        then fail cleanly instead of taking the stream's id for the result.

        Raises:
            PyroError: The client has too many streams already.
        """
        flags = Flag.EXCEPTION | Flag.ITEMSTREAMRESULT
        if not self.policy.streaming:
            close_iterator(iterator)
            return flags, codec.dumps(_plain_error(STREAMING_OFF)), None
        payload = codec.dumps(_plain_error(IS_ITERATOR))
        stream_id = self._streams.open(iterator, client, self.policy.stream_limit)
        token = self._streams.get_token(stream_id)
        annotations = {
            STREAM_ID: stream_id.encode(),
            STREAM_WINDOW: f"{MOST_ITEMS} {token}".encode(),
        }
        return flags, payload, annotations

    @contextlib.contextmanager
    def _dressed(self, fault: BaseException) -> Iterator[tuple[BaseException, list[str]]]:
        """Give the exception to send for *fault*, and the traceback that the client may see.

        What is no `Exception`, such as SystemExit, is for the thread that raised it and would end a
        stock client's program: it goes as an error that tells of it. The program's own exception
        carries the traceback only while it is written: it may be raised again, and again. If it
        does not take attributes, an error that tells of it goes as well.
        """
        exception = fault if isinstance(fault, Exception) else _told(fault)
        before = None
        with contextlib.suppress(Exception):
            before = getattr(exception, TRACEBACK, None)
        if id(before) in self._lent:
            before = None  # of another thread, that sends the same exception at this moment
        wanted = self.policy.send_tracebacks
        if wanted == "known":
            wanted = self._is_known()
        lines = self._describe(fault) if wanted else []
        self._lent.add(id(lines))
        try:
            try:
                setattr(exception, TRACEBACK, lines)
            except Exception:  # noqa: BLE001  its class has rules of its own for attributes
                exception = _told(fault)
                setattr(exception, TRACEBACK, lines)
            yield exception, lines
        finally:
            with contextlib.suppress(Exception):
                if before is None:
                    delattr(exception, TRACEBACK)
                else:
                    setattr(exception, TRACEBACK, before)
            self._lent.discard(id(lines))

    def _describe(self, fault: BaseException) -> list[str]:
        """Return the traceback of *fault*, from where the program begins."""
        detailed = self.policy.detailed_tracebacks
        trace = _skip_own_frames(fault.__traceback__, keep_last=detailed)
        try:
            return [*format_local(fault, trace, detailed=detailed), *remote_part(fault)]
        except Exception:  # noqa: BLE001  the exception's class has rules of its own for attributes
            return [*format_tb(trace), f"{type(fault).__qualname__}: {_text_of(fault)}\n"]


def _plain_error(text: str) -> ProtocolError:
    """Return an error that was raised nowhere."""
    error = ProtocolError(text)
    setattr(error, TRACEBACK, None)
    return error


def _get_attribute(instance: object, require_expose: bool, name: str) -> Any:
    return get_property(instance, name, require_expose)


def _set_attribute(instance: object, require_expose: bool, name: str, value: object) -> None:
    set_property(instance, name, value, require_expose)


def _told(fault: BaseException) -> PyroError:
    """Return an error that tells of one that cannot be sent itself."""
    text = _text_of(fault)
    if isinstance(fault, Interrupted):
        return CommunicationError(text)
    return PyroError(f"the remote method raised {type(fault).__name__}{': ' if text else ''}{text}")


def _text_of(fault: BaseException) -> str:
    """Return the text of an exception, or something in its place if it cannot tell it."""
    try:
        return _sendable(str(fault))
    except Exception:  # noqa: BLE001  a __str__ of the program's that fails
        return f"<no text: {type(fault).__qualname__}.__str__ fails>"


def _sendable(text: str) -> str:
    """Return a text that every serializer can write: a lone surrogate is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _address_blob(message: Message) -> tuple[str, str, tuple[SerializedBlob], None]:
    """Say whom a blob is for: that stands in an annotation, for its payload stays closed here."""
    info, object_id, name = load_marshal((message.annotations or {})[BLOB_INFO])
    return object_id, name, (SerializedBlob(info, message, is_blob=True),), None


def _skip_own_frames(trace: TracebackType | None, *, keep_last: bool) -> TracebackType | None:
    """Return the part of a traceback that begins in the program; all of it if that is none.

    Args:
        trace: From here on.
        keep_last: Begin with our last frame: the detailed format shows the variables of all frames
            but the first.
    """
    last, own = None, trace
    while own is not None and own.tb_frame.f_globals.get("__name__", "").startswith(OWN_MODULES):
        last, own = own, own.tb_next
    if own is None:
        return trace
    return last if keep_last and last is not None else own


def _too_large(size: int, limit: int) -> MessageTooLargeError:
    return MessageTooLargeError(
        f"the result takes {size:,} bytes, at most {limit:,} are allowed; raise "
        "config.MAX_MESSAGE_SIZE on both sides if this is intended",
        announced=size,
        limit=limit,
    )
