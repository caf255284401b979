"""Opening a channel: connect, shake hands, read the answer.

One function does it for all who need a channel: proxies, and the search for a name server.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from pyrolike._lazy import loaded_class
from pyrolike._remembering import Remembered
from pyrolike.callcontext import this_thread
from pyrolike.configure import config
from pyrolike.constants import HELLO, PYRO4_PROTOCOL_VERSION
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    MessageTooLargeError,
    ProtocolError,
    PyroError,
    SerializeError,
    TimeoutError,
)
from pyrolike.protocol import (
    DIALECTS,
    V502,
    Flag,
    Message,
    MessageReader,
    MessageType,
    describe,
    inflate,
    squeeze,
)
from pyrolike.serializers import SerializerBase, get_serializer, serializers
from pyrolike.transport import (
    CHUNK,
    SocketConnection,
    connect_socket,
    is_ssl_socket,
    is_tls_socket,
    transfer_fault,
)

from .channel import Channel

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Collection, Mapping
    from typing import TypeGuard

    from pyrolike.authentication import Credential
    from pyrolike.callcontext import ContextState
    from pyrolike.configure import Configuration, Validity
    from pyrolike.protocol import Dialect
    from pyrolike.protocol.message import Bytes
    from pyrolike.transport import TlsSocket
    from pyrolike.uri import URI

log = logging.getLogger("pyrolike.client")

ANSWERS = frozenset({MessageType.CONNECTOK, MessageType.CONNECTFAIL})

CHUNK_HEADER_SIZE = 8
"""Bytes that an annotation takes beside its value."""

SAFE_SERIALIZERS = frozenset({"serpent", "json", "marshal", "msgpack"})
"""What a refusal may be written in, whatever the proxy itself uses."""

UNKNOWN = "unknown object"
"""A daemon's words for an id that it does not have; Pyro's."""

UNKNOWN_HINT = (
    "; nothing is registered there under this id (an id that a daemon makes up is another one each "
    "time its program starts)"
)


LONGEST_KNOWN = 10_000
"""Bytes of an answer to a handshake beyond which it is not remembered."""

SHORT_GREETING = 4096
"""Bytes of a handshake that a new connection takes in at once."""

# By the serializer's identity, for it compares its settings, in Python; it is in the value, so that
# no other one can come to have the same.
_greetings: Remembered[tuple[int, Any], tuple[SerializerBase, bytes]] = Remembered(100)
_known_answers: Remembered[tuple[int, bytes], tuple[SerializerBase, Any, Any]] = Remembered(100)


class WireSettings:
    """What a client needs of the settings to write and read messages. It does not change.

    Attributes:
        validity: Whether the configuration still says so.
        dialect: What is spoken.
        codec: The serializer for calls.
        number: Its number, as protocol 502 has it.
        max_size: Most bytes of a message, both ways.
        compress: Whether payloads are compressed.
        log_wire: Whether messages are logged.
        needs_care: Whether either is so: the one thing the usual call has to look at.
    """

    # A named tuple would do, but its attributes take ten times as long to get.
    __slots__ = (
        "codec",
        "compress",
        "dialect",
        "log_wire",
        "max_size",
        "needs_care",
        "number",
        "validity",
    )

    def __init__(
        self, config: Configuration, validity: Validity, codec: SerializerBase, dialect: Dialect
    ) -> None:
        self.validity = validity
        self.dialect = dialect
        self.codec = codec
        self.number = codec.serializer_id
        self.max_size = config.MAX_MESSAGE_SIZE
        self.compress = config.COMPRESSION
        self.log_wire = config.LOGWIRE
        self.needs_care = self.compress or self.log_wire

    @classmethod
    def take(
        cls, config: Configuration, serializer_name: str | None, dialect: Dialect = V502
    ) -> WireSettings:
        """Take them from *config*; *serializer_name* overrides its SERIALIZER.

        Raises:
            SerializeError: The serializer is unknown or not installed.
        """
        validity = config.validity  # first: a change meanwhile is then noticed at the next call
        name = serializer_name or config.SERIALIZER
        # Each proxy takes them, and most find them taken. Programs may replace a serializer.
        key = validity, name, dialect
        known = _taken.get(key)
        if known is not None and known[0] is serializers.data.get(name):
            return known[1]
        codec = get_serializer(
            name,
            bytes_repr=config.SERPENT_BYTES_REPR,
            json_module=config.JSON_MODULE,
            pickle_protocol=config.PICKLE_PROTOCOL_VERSION,
            dill_protocol=config.DILL_PROTOCOL_VERSION,
            tags=dialect.tags,
        )
        settings = cls(config, validity, codec, dialect)
        _taken.keep(key, (serializers.data[name], settings))
        return settings


_taken: Remembered[tuple[Validity, str, Dialect], tuple[Any, WireSettings]]
_taken = Remembered(20)


class Opened(NamedTuple):
    """What has become of opening a channel.

    Attributes:
        channel: The channel.
        connection: Its connection.
        answer: The daemon's answer to the handshake.
        meta: What the object exposes, under "methods", "oneway" and "attrs"; None where the daemon
            was not asked.
        settings: How it is written and read there; in the dialect that the daemon speaks.
    """

    channel: Channel
    connection: SocketConnection
    answer: Any
    meta: Any
    settings: WireSettings


class _OtherDialectError(ProtocolError):
    """The daemon has answered in a dialect that it was not spoken to in."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(f"the daemon speaks protocol {dialect.version}")
        self.dialect = dialect


def get_deadline(seconds: float | None) -> float | None:
    """Return the moment *seconds* from now on the monotonic clock; None for None and 0."""
    return monotonic() + seconds if seconds else None


def open_channel(
    uri: URI,
    handshake: Any,
    settings: WireSettings,
    *,
    deadline: float | None,
    seq: int = 0,
    annotations: Mapping[str, Any] | None = None,
    on_annotations: Callable[[Mapping[str, Any], int], None] | None = None,
    tls: ssl.SSLContext | None = None,
    dialects: Mapping[int, Dialect] = DIALECTS,
) -> Opened:
    """Connect to the daemon at *uri* and shake hands.

    The daemon is spoken to as *settings* have it. If it answers in another dialect, as Pyro4's and
    Pyro5's daemons do when they refuse each other's, that one is tried.

    Args:
        uri: Of protocol PYRO.
        handshake: Any serializable value for the daemon's ``validateHandshake``; or a `Credential`,
            which makes one.
        settings: How to write and read.
        deadline: Moment on the monotonic clock until which all of it must be done; None for never.
        seq: The sequence number to begin with.
        annotations: To send along, beside those of the context.
        on_annotations: Called with those of the answer, if it has any, and its message type.
        tls: The context to use TLS with; None does what the setting SSL says.
        dialects: Those that may be spoken, by version.

    Raises:
        CommunicationError: Nobody listens there, or the daemon refuses; the text has its reason.
        TimeoutError, ConnectionClosedError, ProtocolError, SerializeError: As their names say.
        SecurityError: The daemon has not proven what the credential asks of it.
    """
    if tls is None and config.SSL:
        tls = _make_tls_context(uri)
    hooks = annotations, on_annotations
    try:
        return _open(uri, handshake, settings, deadline, seq, hooks, tls, dialects)
    except _OtherDialectError as other:
        dialect = other.dialect
    log.debug("%s speaks protocol %d", uri.location, dialect.version)
    settings = WireSettings.take(config, settings.codec.name, dialect)
    only = {dialect.version: dialect}
    return _open(uri, handshake, settings, deadline, seq, hooks, tls, only)


def _open(
    uri: URI,
    handshake: Any,
    settings: WireSettings,
    deadline: float | None,
    seq: int,
    hooks: tuple[Mapping[str, Any] | None, Callable[[Mapping[str, Any], int], None] | None],
    tls: ssl.SSLContext | None,
    dialects: Mapping[int, Dialect],
) -> Opened:
    """Connect and shake hands in the dialect of *settings*; arguments as `open_channel`."""
    annotations, on_annotations = hooks
    timeout = _time_left(deadline, "connecting")
    sock: socket.socket | TlsSocket = connect_socket(
        uri,
        timeout=timeout,
        nodelay=True,
        keepalive_seconds=config.KEEPALIVE_SECONDS,
        ip_version=config.PREFER_IP_VERSION,
    )
    if tls is not None:
        sock = _secure(sock, tls, uri, deadline)
    connection = SocketConnection(sock, str(uri.object))
    try:
        reader = MessageReader(settings.max_size, ANSWERS, dialects)
        credential = handshake if is_credential(handshake) else None
        shown = handshake if credential is None else credential.make_handshake(str(uri.object))
        state = this_thread.state
        _send_connect(connection, settings, seq, shown, uri.object, state, annotations, deadline)
        message = _receive_answer(connection, reader, deadline)
        connection.sock.settimeout(None)  # from here on each call has its own deadline
        assert reader.dialect is not None
        if reader.dialect is not settings.dialect:
            raise _OtherDialectError(reader.dialect)
        if on_annotations is not None and message.annotations:
            on_annotations(message.annotations, message.type)
        answer, meta = _read_answer(message, settings, uri)
        if credential is not None:
            answer = credential.check_answer(shown, answer)
    except BaseException:
        connection.close()
        raise
    state.response_received = message.annotations
    connection.dialect = settings.dialect
    channel = Channel(connection, reader, settings.dialect, seq)
    return Opened(channel, connection, answer, meta, settings)


def is_credential(handshake: object) -> TypeGuard[Credential]:
    """Whether *handshake* makes what is shown to the daemon; who has such a thing has loaded it."""
    return type(handshake) is not str and isinstance(
        handshake, loaded_class("pyrolike.authentication", "Credential")
    )


def adopt_socket(
    sock: socket.socket, object_id: str, settings: WireSettings
) -> tuple[Channel, SocketConnection]:
    """Make a channel on a socket that somebody else connected and keeps; there is no handshake.

    Raises:
        PyroError: The setting SSL is on, and the socket has no TLS.
    """
    import random

    ours: socket.socket | TlsSocket = sock
    if is_ssl_socket(sock):
        from pyrolike.transport import BorrowedTlsSocket

        ours = BorrowedTlsSocket(sock)
    elif config.SSL:
        raise PyroError(
            "config.SSL is on: the connected_socket must have TLS already, as an ssl.SSLSocket"
        )
    connection = SocketConnection(ours, object_id, keep_open=True)
    # Not from 0: late answers to an earlier proxy on this socket must not find a call of theirs.
    seq = random.getrandbits(16)
    dialect = settings.dialect
    reader = MessageReader(settings.max_size, None, {dialect.version: dialect})
    connection.dialect = dialect
    return Channel(connection, reader, dialect, seq), connection


def _make_tls_context(uri: URI) -> ssl.SSLContext:
    """Return the context that the settings ask for.

    Raises:
        CommunicationError: One of the files is missing, or not what it should be.
    """
    from pyrolike.transport import TlsSettings, make_tls_context  # with TLS only

    settings = TlsSettings(
        is_server=False,
        cert=config.SSL_CLIENTCERT,
        key=config.SSL_CLIENTKEY,
        password=config.SSL_CLIENTKEYPASSWD,
        cacerts=config.SSL_CACERTS,
        checks_host=not uri.sockname,  # which has no host name
    )
    try:
        return make_tls_context(settings)
    except OSError as fault:
        raise CommunicationError(f"cannot connect to {uri.location} with TLS: {fault}") from fault


def _secure(sock: Any, context: ssl.SSLContext, uri: URI, deadline: float | None) -> TlsSocket:
    """Put TLS on a connected socket, which is closed if that fails."""
    try:
        seconds = _time_left(deadline, "the TLS handshake")
    except TimeoutError:
        sock.close()
        raise
    from pyrolike.transport import wrap_client_side

    host = None if uri.sockname else uri.host
    return wrap_client_side(sock, context, host, str(uri.location), seconds)


def _send_connect(
    connection: SocketConnection,
    settings: WireSettings,
    seq: int,
    word: Any,
    object_id: Any,
    state: ContextState,
    more_annotations: Mapping[str, Any] | None,
    deadline: float | None,
) -> None:
    annotations: Mapping[str, Any] | None = state.outgoing
    if more_annotations:
        annotations = {**(annotations or {}), **more_annotations}
    flags = 0
    if settings.dialect.version == PYRO4_PROTOCOL_VERSION:
        if config.METADATA:
            flags = Flag.META_ON_CONNECT
        else:
            object_id = None
    payload: Bytes = _write_greeting(settings.codec, word, object_id)
    if settings.compress:
        flags, payload = squeeze(flags, payload, settings.dialect)
    correlation_id = state.correlation if state.client is None else state.get_correlation()
    head = settings.dialect.write_head(
        MessageType.CONNECT,
        settings.number,
        flags,
        seq,
        payload,
        annotations,
        correlation_id,
    )
    if annotations or len(payload) > settings.max_size:
        check_size("the handshake", payload, annotations, settings.max_size)
    if settings.log_wire:
        parts = settings.number, flags, seq, payload, annotations, correlation_id
        log_message("sending", MessageType.CONNECT, *parts)
    data = head + bytes(payload)
    if deadline is not None and len(data) > SHORT_GREETING:
        connection.send_before(deadline, data)
    else:
        connection.send(data)


def _write_greeting(codec: SerializerBase, word: Any, object_id: Any) -> bytes:
    """Return what a handshake says; with Pyro's own word, that is written once for each object.

    Args:
        codec: The serializer.
        word: The proxy's.
        object_id: The object that it is about; None not to ask about any.
    """
    key = id(codec), object_id
    is_usual = type(word) is str and word == HELLO
    known = _greetings.get(key) if is_usual else None
    if known is not None:
        return known[1]
    content = {"handshake": word} if object_id is None else {"handshake": word, "object": object_id}
    payload = codec.dumps(content)
    if is_usual:
        _greetings.keep(key, (codec, payload))
    return payload


def check_size(
    what: str, payload: Any, annotations: Mapping[str, Any] | None, max_size: int
) -> None:
    """Refuse to send a message that is too large.

    Raises:
        MessageTooLargeError: It is; nothing was sent, and the connection stays.
    """
    size = len(payload)
    for value in (annotations or {}).values():
        if isinstance(value, (bytes, bytearray, memoryview)):  # what else cannot be sent anyway
            size += CHUNK_HEADER_SIZE + memoryview(value).nbytes
    if size > max_size:
        raise MessageTooLargeError(
            f"{what} takes {size:,} bytes, at most {max_size:,} are allowed; raise "
            "config.MAX_MESSAGE_SIZE on both sides if this is intended",
            announced=size,
            limit=max_size,
        )


def _time_left(deadline: float | None, what: str) -> float | None:
    """Return the seconds until *deadline*, more than 0; None if there is none.

    Raises:
        TimeoutError: It has passed.
    """
    if deadline is None:
        return None
    remaining = deadline - monotonic()
    if remaining <= 0:
        raise TimeoutError(f"{what}: timeout")
    return remaining


def _receive_answer(
    connection: SocketConnection, reader: MessageReader, deadline: float | None
) -> Message:
    message = None
    what = "receiving the answer to the handshake"
    sock = connection.sock
    while message is None:
        sock.settimeout(_time_left(deadline, what))  # each time: the bytes may come one by one
        try:
            data = sock.recv(CHUNK)
        except OSError as fault:
            raise transfer_fault(fault, what) from fault
        if not data:
            hint = "is a Pyro daemon listening there, and does it accept this serializer?"
            if is_tls_socket(sock):
                hint = "perhaps it wants a client certificate, see config.SSL_CLIENTCERT"
            raise ConnectionClosedError(
                f"the other side closed the connection during the handshake; {hint}"
            )
        message = reader.feed(data)
    return message


def _read_answer(answer: Message, settings: WireSettings, uri: URI) -> tuple[Any, Any]:
    """Return what the daemon says to the handshake, and what the object exposes.

    Daemons say the same again and again: that is not read anew, if it is nothing but words.
    """
    is_bare = (
        settings.dialect.version == PYRO4_PROTOCOL_VERSION
        and not answer.flags & Flag.META_ON_CONNECT
    )
    if answer.flags & Flag.COMPRESSED:
        inflate(answer, settings.max_size)
    if settings.log_wire:
        log_received(answer)
    codec = settings.codec
    if answer.serializer_id != settings.number:
        codec = codec_of(answer, settings)
    payload = bytes(answer.payload)
    known = _known_answers.get((id(codec), payload))
    if known is not None and not is_bare and answer.type == MessageType.CONNECTOK:
        return known[1:]
    content = codec.loads(payload)
    if answer.type == MessageType.CONNECTFAIL:
        hint = UNKNOWN_HINT if content == UNKNOWN else ""
        raise CommunicationError(
            f"connection to {uri.location} for object {uri.object!r} rejected: {content}{hint}"
        )
    if is_bare:
        return content, None
    if not isinstance(content, dict) or "meta" not in content:
        raise ProtocolError(f"the daemon at {uri.location} gave no metadata in its handshake")
    word, meta = content.get("handshake"), content["meta"]
    if len(payload) <= LONGEST_KNOWN and _is_usual(content):
        _known_answers.keep((id(codec), payload), (codec, word, meta))
    return word, meta


def _is_usual(content: Any) -> bool:
    """Whether the answer to a handshake is a text and names, which nobody can change."""
    if type(content) is not dict or content.keys() != {"handshake", "meta"}:
        return False
    meta = content["meta"]
    return (
        type(content["handshake"]) is str
        and type(meta) is dict
        and all(
            type(names) in (set, list, tuple) and all(type(name) is str for name in names)
            for names in meta.values()
        )
    )


def codec_of(
    message: Message, settings: WireSettings, allowed: Collection[str] = ()
) -> SerializerBase:
    """Return the serializer a message was written with, if the peer may use it here.

    Args:
        message: The message.
        settings: Those of this side.
        allowed: Names of serializers that may be used beside the harmless ones.

    Raises:
        SerializeError: It is unknown, or one that could execute code and that this side does not
            use.
    """
    if message.serializer_id == settings.number:
        return settings.codec
    name = V502.serializer_names.get(message.serializer_id)
    if name is None or (name not in SAFE_SERIALIZERS and name not in allowed):
        raise SerializeError(
            f"the answer came in {name or f'unknown serializer {message.serializer_id}'}, "
            f"this side uses {settings.codec.name}"
        )
    return get_serializer(name)


def log_received(message: Message) -> None:
    """Log a message that arrived, for the LOGWIRE setting."""
    log_message(
        "received",
        message.type,
        message.serializer_id,
        message.flags,
        message.seq,
        message.payload,
        message.annotations,
        message.correlation_id,
    )


def log_message(direction: str, *parts: Any) -> None:
    """Log a message, for the LOGWIRE setting; *parts* are `pyrolike.protocol.describe`'s."""
    log.debug("%s %s", direction, describe(*parts))
