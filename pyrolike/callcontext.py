"""Who is calling, and what travels beside the call: `current_context`.

Each thread has a context. In a daemon's method it describes the request that is being served;
elsewhere it holds what the program wants to send along with its calls, and what came back with the
last reply.

Pyro keeps one dictionary for annotations received and annotations to send. Here they are apart,
behind the same name: a method that calls other objects does not forward its caller's annotations
to them, only what it assigned itself. The correlation id *is* forwarded: tying a chain of calls
together is what it is for. It is made up only when somebody looks at it or a nested call carries it
on.

The state behind the thread-local is one plain object. A server hands a thread the state of the
connection it serves, so that a request costs a few slot assignments and no thread-local access.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from pyrolike._lazy import loaded_class
from pyrolike.constants import PROTOCOL_VERSION
from pyrolike.errors import PyroError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

    from pyrolike.protocol import Message, MessageReader


class Host(Protocol):
    """What serves the request in whose course a call is made: it lives some floors above."""

    @property
    def answers_itself(self) -> bool:
        """Whether it can answer a request while the calling thread waits."""

    def is_own(self, address: Any) -> bool:
        """Whether *address*, of a uri or of a connection's peer, is where it listens itself."""

    def begin_wait(self) -> None:
        """Take note that the calling thread waits for somebody else from now on."""

    def end_wait(self) -> None:
        """Take note that it goes on."""


_UNNOTICED = nullcontext()
"""What a wait is in that concerns nobody. It may be used by all threads at once."""


class ContextState:
    """What one thread's context knows. Used by client and server; programs use `current_context`.

    Attributes:
        client: The connection of the caller, or None outside a daemon's call.
        client_sock_addr: The caller's socket address, or None.
        seq: Sequence number of the request.
        msg_flags: Its flags.
        serializer_id: Number of its serializer, as protocol 502 has it; the flags likewise.
        received: Annotations of the request, or None.
        outgoing: Annotations to send with calls, or None.
        response: Annotations to send with the reply to the request, or None.
        response_received: Annotations of the last reply this thread got, or None.
        correlation: 16 bytes, or None where there is no id yet.
        host: What serves the request in this thread, or None.
        reader: What has read the request, or None.
    """

    __slots__ = (
        "_is_waiting",
        "client",
        "client_sock_addr",
        "correlation",
        "host",
        "msg_flags",
        "outgoing",
        "reader",
        "received",
        "response",
        "response_received",
        "seq",
        "serializer_id",
    )

    def __init__(self, client: Any = None, client_sock_addr: Any = None) -> None:
        self.client = client
        self.client_sock_addr = client_sock_addr
        self.seq = 0
        self.msg_flags = 0
        self.serializer_id = 0
        self.received: Mapping[str, Any] | None = None
        self.outgoing: dict[str, Any] | None = None
        self.response: dict[str, Any] | None = None
        self.response_received: Mapping[str, Any] | None = None
        self.correlation: bytes | None = None
        self.host: Host | None = None
        self.reader: MessageReader | None = None
        self._is_waiting = False

    @property
    def protocol_version(self) -> int:
        """The wire protocol of the caller; Pyro5's where there is none."""
        dialect = self.reader.dialect if self.reader is not None else None
        return dialect.version if dialect is not None else PROTOCOL_VERSION

    def begin_request(self, message: Message) -> None:
        """Describe *message* from now on; whatever an earlier request left behind is gone."""
        self.seq = message.seq
        self.msg_flags = message.flags
        self.serializer_id = message.serializer_id
        self.received = message.annotations
        self.correlation = message.correlation_id
        self.outgoing = self.response = self.response_received = None

    def get_correlation(self) -> bytes | None:
        """Return the id to send with a call; made up now if a request is served that has none."""
        if self.correlation is None and self.client is not None:
            from uuid import uuid4  # it takes a while to load

            self.correlation = uuid4().bytes
        return self.correlation

    def copy(self) -> ContextState:
        """Return a state of its own that describes the same request, for another thread."""
        other = ContextState(self.client, self.client_sock_addr)
        other.seq = self.seq
        other.msg_flags = self.msg_flags
        other.serializer_id = self.serializer_id
        other.received = self.received
        other.outgoing = dict(self.outgoing) if self.outgoing else None
        other.correlation = self.get_correlation()
        other.host = self.host
        other.reader = self.reader
        return other

    def check_callee(self, get_address: Callable[[], Any]) -> None:
        """Refuse to call the host itself, if it could answer nobody before this thread goes on.

        Args:
            get_address: Returns who is called: host and port, or a path.

        Raises:
            PyroError: So it is.
        """
        host = self.host
        if host is None or host.answers_itself:
            return
        try:
            address = get_address()
        except OSError:
            return  # the connection is lost, as the call will tell
        if host.is_own(address):
            raise PyroError(
                "a method that runs in the request loop of a daemon calls that same daemon, which "
                "cannot answer before the method has returned: call the object itself instead of "
                "its proxy, or create the daemon with SERVERTYPE 'thread'"
            )

    @property
    def is_waiting(self) -> bool:
        """Whether the thread that serves the request waits for somebody else."""
        return self._is_waiting

    def waiting(self) -> AbstractContextManager[None]:
        """Let the host know that the thread waits for somebody else while the block runs.

        So calls that come back to their own daemon, by whatever detours, do not use up its threads.
        """
        if self.host is None or self._is_waiting:
            return _UNNOTICED
        return self._waiting(self.host)

    @contextmanager
    def _waiting(self, host: Host) -> Iterator[None]:
        self._is_waiting = True
        host.begin_wait()
        try:
            yield
        finally:
            host.end_wait()
            self._is_waiting = False


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.state = ContextState()


this_thread = _ThreadState()
"""Has the state of the calling thread. On the way of a call, and of connecting, it is read here,
elsewhere by `get_state`."""


def get_state() -> ContextState:
    """Return the state of the calling thread."""
    return this_thread.state


def set_state(state: ContextState) -> None:
    """Let the calling thread's context show *state*."""
    this_thread.state = state


class CallContext:
    """The context of the calling thread. There is one instance: `current_context`.

    Source: Pyro5's call context; the API page of the reference, A6.
    """

    __slots__ = ()

    @property
    def client(self) -> Any:
        """The caller's `SocketConnection` in a daemon's call; None elsewhere."""
        return this_thread.state.client

    @client.setter
    def client(self, connection: Any) -> None:
        this_thread.state.client = connection

    @property
    def client_sock_addr(self) -> Any:
        """The caller's socket address in a daemon's call; None elsewhere or where it has none."""
        return this_thread.state.client_sock_addr

    @client_sock_addr.setter
    def client_sock_addr(self, address: Any) -> None:
        this_thread.state.client_sock_addr = address

    @property
    def seq(self) -> int:
        """Sequence number of the request being served; 0 elsewhere."""
        return this_thread.state.seq

    @seq.setter
    def seq(self, number: int) -> None:
        this_thread.state.seq = number

    @property
    def msg_flags(self) -> int:
        """Flags of the request being served; 0 elsewhere.

        Whatever protocol it came in, these are the bits of Pyro5's.
        """
        return this_thread.state.msg_flags

    @msg_flags.setter
    def msg_flags(self, flags: int) -> None:
        this_thread.state.msg_flags = flags

    @property
    def serializer_id(self) -> int:
        """Serializer number of the request being served; 0 elsewhere.

        Whatever protocol it came in, this is the number in Pyro5's.
        """
        return this_thread.state.serializer_id

    @serializer_id.setter
    def serializer_id(self, number: int) -> None:
        this_thread.state.serializer_id = number

    @property
    def annotations(self) -> Any:
        """Annotations: the request's in a daemon's call, to be sent with each call elsewhere.

        Assign a dictionary (4 ASCII letters to bytes) to send it with each further call of this
        thread; it stays until changed. In a daemon's call the values are memoryviews, and what you
        assign, or add to those that are there, goes out with nested calls only.
        """
        state = this_thread.state
        received = state.received
        if state.outgoing is None:
            if state.client is None:
                state.outgoing = {}
                return state.outgoing
            state.received = received = Arrived(received or {}, {})
            state.outgoing = received.added
        is_arrived = isinstance(received, Arrived) and received.added is state.outgoing
        return received if is_arrived else state.outgoing

    @annotations.setter
    def annotations(self, annotations: dict[str, Any]) -> None:
        this_thread.state.outgoing = _checked(annotations)

    @property
    def response_annotations(self) -> Any:
        """Annotations of a reply: to be sent with it in a daemon's call, received elsewhere.

        In a daemon's call that itself called somebody, these are the nested reply's if it had any;
        what you assign, or add to them, always goes out with the own reply.
        """
        state = this_thread.state
        received = state.response_received
        if received is not None:
            if state.client is not None and not isinstance(received, Arrived):
                state.response_received = received = Arrived(received, state.response or {})
                state.response = received.added
            return received
        if state.response is None:
            state.response = {}
        return state.response

    @response_annotations.setter
    def response_annotations(self, annotations: dict[str, Any]) -> None:
        state = this_thread.state
        state.response = _checked(annotations)
        state.response_received = None

    @property
    def correlation_id(self) -> uuid.UUID | None:
        """The id that ties a chain of calls together; in a daemon's call there always is one."""
        correlation = this_thread.state.get_correlation()
        if correlation is None:
            return None
        import uuid

        return uuid.UUID(bytes=correlation)

    @correlation_id.setter
    def correlation_id(self, correlation_id: uuid.UUID | None) -> None:
        if correlation_id is not None and not isinstance(
            correlation_id, loaded_class("uuid", "UUID")
        ):
            raise TypeError(
                f"a correlation id is a uuid.UUID or None, not {type(correlation_id).__name__}"
            )
        this_thread.state.correlation = None if correlation_id is None else correlation_id.bytes

    def to_global(self) -> dict[str, Any]:
        """Return the eight fields as a dictionary, for `from_global` in another thread."""
        values = {name: getattr(self, name) for name in _FIELDS}
        state = this_thread.state
        if state.client is not None and state.outgoing:
            values["annotations"] = state.received or {}
            values["outgoing_annotations"] = state.outgoing
        return values

    def from_global(self, values: dict[str, Any]) -> None:
        """Take over the fields that `to_global` returned in another thread."""
        # In place: in a daemon's call the state belongs to the connection, and goes on with it.
        state = this_thread.state
        state.client = values["client"]
        state.client_sock_addr = values["client_sock_addr"]
        state.seq = values["seq"]
        state.msg_flags = values["msg_flags"]
        state.serializer_id = values["serializer_id"]
        if state.client is None:
            state.outgoing = values["annotations"]
            state.received = None
        else:
            state.received = values["annotations"]
            state.outgoing = values.get("outgoing_annotations")
        state.response = values["response_annotations"]
        state.response_received = None
        correlation_id = values["correlation_id"]
        state.correlation = correlation_id.bytes if correlation_id else None

    def track_resource(self, resource: Any) -> None:
        """Have ``resource.close()`` called when the caller's connection ends.

        Only a weak reference is kept: what is garbage before needs no closing.

        Raises:
            PyroError: No request is being served.
        """
        self._get_client().tracked_resources.add(resource)

    def untrack_resource(self, resource: Any) -> None:
        """Take `track_resource` back; unknown resources are ignored.

        Raises:
            PyroError: No request is being served.
        """
        self._get_client().tracked_resources.discard(resource)

    def _get_client(self) -> Any:
        client = this_thread.state.client
        if client is None:
            raise PyroError("resources can be tracked only while a daemon serves a call")
        return client


class Arrived(dict[str, Any]):
    """Annotations that have come. What a program adds to them is meant to be sent, and kept apart.

    Attributes:
        added: What was added.
    """

    __slots__ = ("added",)

    def __init__(self, values: Mapping[str, Any], added: dict[str, Any]) -> None:
        super().__init__(values)
        self.added = added

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.added[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.added.pop(name, None)

    def update(self, *others: Any, **more: Any) -> None:
        """Add several."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Add one unless it is there."""
        if name not in self:
            self[name] = default
        return self[name]


def _checked(annotations: Any) -> Any:
    """Refuse what are no annotations here, where the mistake is made; ids and values come later."""
    if not isinstance(annotations, Mapping):
        raise TypeError(
            "annotations are a dictionary of ids (4 ASCII letters) and bytes, not "
            f"{type(annotations).__name__}"
        )
    return annotations


_FIELDS = (
    "client",
    "client_sock_addr",
    "seq",
    "msg_flags",
    "serializer_id",
    "annotations",
    "response_annotations",
    "correlation_id",
)

current_context = CallContext()
