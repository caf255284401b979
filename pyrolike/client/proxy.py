"""The proxy: attribute access becomes calls.

Names that begin with ``_pyro`` are the proxy's own, all others are the remote object's. What the
proxy knows and does is in its `Link`; here are only Pyro's names for it and the operators that
Python looks up on the class.
"""

from __future__ import annotations

import contextlib
import itertools
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pyrolike.configure import config
from pyrolike.constants import HELLO
from pyrolike.errors import CommunicationError, ConnectionClosedError, PyroError
from pyrolike.objects import is_private_attribute
from pyrolike.objects.calls import BATCH, GET_ATTRIBUTE, SET_ATTRIBUTE
from pyrolike.protocol import Flag, key_bytes
from pyrolike.serializers import register_pyro_class
from pyrolike.uri import URI

from .binding import make_connected_uri
from .connecting import SAFE_SERIALIZERS, is_credential
from .link import Link
from .methods import DirectMethod, RemoteMethod

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from ssl import SSLContext
    from types import TracebackType

    from pyrolike.transport import SocketConnection

    from .batches import BatchProxy

OWN_PREFIX = "_pyro"
NEVER_REMOTE = frozenset({"__getnewargs_ex__"})
"""What Python asks of an object to copy or pickle it, and Pyro's list of private names lacks."""

OVERRIDABLE = (
    "_pyroInvoke",
    "_pyroValidateHandshake",
    "_pyroAnnotations",
    "_pyroResponseAnnotations",
)
"""Methods on the way of a call that subclasses may override."""

MOST_SHOWN = 30
"""Names of members that an error lists."""

KEY_PREFIX = "b64:"
"""What Pyro4 puts before a key in the state of a proxy."""

LONGEST_PAUSE = 2.0
"""Most seconds between two attempts of ``_pyroReconnect``; Pyro always waits that long."""


class Proxy:
    """Stands for a remote object: its methods and attributes are used as if it were local.

    Creating a proxy does not connect; the first use does. Any thread may use it, and several may
    have calls in flight at once on its one connection. As a context manager it releases the
    connection at the end. A proxy can be passed to remote methods, copied, pickled and compared.
    ``dir(proxy)`` has the names of the remote methods and attributes.

    What the proxy itself can do has names that begin with ``_pyro``, and so hides from `help`; each
    has a help of its own, such as ``help(Proxy._pyroTimeout)``.

    To be assigned, before or between calls:

    * ``_pyroTimeout``: seconds that a call may take; None, unless COMMTIMEOUT says otherwise, waits
      for ever;
    * ``_pyroMaxRetries``: how often a call is repeated after its connection was lost, or timed out;
    * ``_pyroSerializer``: serpent, json, marshal, msgpack ...; None follows the setting SERIALIZER;
    * ``_pyroStreamWindow``: how many items of a remote iterator come at once;
    * ``_pyroHandshake``: what the daemon's ``validateHandshake`` gets, or a credential;
    * ``_pyroOneway``: names of methods that are called without waiting;
    * ``_pyroProtocolVersion`` (502 or 48), ``_pyroHmacKey`` (Pyro4's signatures),
      ``_pyroRawWireResponse``.

    To be called:

    * ``_pyroBind()`` connects now, ``_pyroRelease()`` lets go of the connection,
      ``_pyroReconnect(tries)`` tries until the daemon is back;
    * ``_pyroBatch()`` records calls that go out together, ``_pyroAsync()`` has calls return at once
      with a result that comes later;
    * ``_pyroInvoke(name, args, kwargs)`` makes a call, ``_pyroInvokeBatch(calls)`` many;
      ``_pyroGetMetadata()`` asks anew what the object exposes;
    * ``_pyroClaimOwnership()`` does nothing, for programs written for Pyro5.

    To be looked at: ``_pyroUri``, ``_pyroConnection``, ``_pyroLocalSocket``, ``_pyroMethods``,
    ``_pyroAttrs``, ``_pyroSeq``.

    To be overridden: ``_pyroInvoke``, ``_pyroValidateHandshake(response)``, ``_pyroAnnotations()``,
    ``_pyroResponseAnnotations(annotations, msgtype)``.

    Args:
        uri: Where the object is: a text or a `URI`. With *connected_socket* only the object's id.
        connected_socket: A socket connected to a daemon that serves exactly this socket. It is
            used as it is, without handshake, and never closed by the proxy. It may be an
            `ssl.SSLSocket`, and must be one if the setting SSL is on.
        ssl: Connect with TLS, by this context, whatever the setting SSL says. A copy of the proxy
            has it too; a pickled one, or one that was sent, follows the setting again. So does the
            search for a name server.

    Raises:
        TypeError: *uri* is neither text nor URI, or *connected_socket* is no socket.
        ValueError: *uri* is a uri although there is a *connected_socket*.
        PyroError: The text is no uri.
        TimeoutError: Nobody answers at the other end of *connected_socket*.
        SerializeError: The setting SERIALIZER names an unknown serializer.

    Pyro: Pyro5 lets only the thread that owns a proxy use it; here nobody owns one.
    """

    # Source: the API page of the reference, A4.1.

    _pyroLink: Link
    _pyroIsPlain = True
    """Whether remote methods may go to the link at once: no subclass overrides a call's way."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._pyroIsPlain = all(getattr(cls, name) is getattr(Proxy, name) for name in OVERRIDABLE)

    def __init__(
        self,
        uri: str | URI,
        connected_socket: socket.socket | None = None,
        *,
        ssl: SSLContext | None = None,
    ) -> None:
        if connected_socket is not None:
            uri = make_connected_uri(uri, connected_socket)
        if not isinstance(uri, (str, URI)):
            raise TypeError(f"expected a URI or its text, not {type(uri).__name__}")
        self._pyroSetUp(URI(uri))
        self._pyroLink.tls = ssl
        if connected_socket is not None:
            self._pyroLink.adopt(connected_socket)

    def _pyroSetUp(self, uri: URI) -> None:
        link = Link(uri)
        link.is_plain = self._pyroIsPlain
        link.owner = weakref.ref(self)  # weakly: the link must not keep the proxy
        object.__setattr__(self, "_pyroLink", link)
        if not self._pyroIsPlain:
            self._pyroHookUp(link)

    def _pyroHookUp(self, link: Link) -> None:
        """Have the link call the hooks that this proxy's class overrides."""

        def hook(name: str) -> Any:
            if getattr(type(self), name) is getattr(Proxy, name):
                return None
            return partial(_call_hook, weakref.WeakMethod(getattr(self, name)))

        link.on_connected = hook("_pyroValidateHandshake")
        link.set_annotation_hooks(hook("_pyroAnnotations"), hook("_pyroResponseAnnotations"))

    # -- the remote object ------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name == "_pyroLink":
            raise AttributeError("this proxy is not set up: call super().__init__(uri) first")
        link = self._pyroLink
        if name in link.methods:
            if link.is_plain:
                # Kept where Python finds it before it asks here: a twentieth of a small call.
                method = self.__dict__[name] = DirectMethod(link, name)
                return method
            return self._pyroMakeMethod(name)
        if is_private_attribute(name) or name in NEVER_REMOTE:
            raise AttributeError(
                f"{type(self).__name__!r} has no attribute {name!r}, and it is private: the remote "
                "object is never asked for such a name"
            )
        if not link.has_metadata:
            if not config.METADATA:
                return self._pyroMakeMethod(name)
            if link.is_received and name.startswith("__"):
                # Libraries look for such names in whatever they are given.
                raise AttributeError(f"a peer has sent {self!r}: if it has {name!r} is not asked")
            link.ensure_metadata()
            return self.__getattr__(name)
        if name in link.attrs:
            return self._pyroInvoke(GET_ATTRIBUTE, (name,), None)
        raise AttributeError(_unexposed_text(link, name))

    def _pyroForgetMethods(self) -> None:
        """Look for each method again where the remote object's are listed."""
        kept = self.__dict__
        for name, value in list(kept.items()):
            if type(value) is DirectMethod:
                kept.pop(name, None)

    def _pyroMakeMethod(self, name: str) -> RemoteMethod:
        """Return a method that is not called in the usual way."""
        link = self._pyroLink
        if link.is_asynchronous:
            from .asynchronous import AsyncMethod

            return AsyncMethod(link, self._pyroInvoke, name, is_plain=self._pyroIsPlain)
        return RemoteMethod(link, self._pyroInvoke, name)

    def _pyroOperator(self, name: str) -> Callable[..., Any]:
        """Return a method whose result an operator of Python's waits for."""
        if config.METADATA:
            self._pyroLink.ensure_metadata()
        method: RemoteMethod = self.__getattr__(name)
        return method.synchronous()

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith(OWN_PREFIX):
            # A subclass may have names of its own; anything else is a slip of the pen.
            if type(self) is Proxy and not hasattr(Proxy, name):
                raise AttributeError(_unknown_text(name))
            object.__setattr__(self, name, value)
            return
        link = self._pyroLink
        if not (is_private_attribute(name) or name in NEVER_REMOTE or link.has_metadata):
            if not config.METADATA:
                object.__setattr__(self, name, value)  # as in Pyro4: nobody knows what is remote
                return
            link.ensure_metadata()
        if name not in link.attrs:
            kind = (
                f"it is a method of the remote object at {link.uri}"
                if name in link.methods
                else f"remote object at {link.uri} has no exposed attribute of that name"
            )
            raise AttributeError(f"cannot set {name!r}: {kind}")
        self._pyroInvoke(SET_ATTRIBUTE, (name, value), None)

    def __delattr__(self, name: str) -> None:
        if type(self.__dict__.get(name)) is DirectMethod:
            raise AttributeError(f"cannot delete {name!r}: it is a method of the remote object")
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        link = self._pyroLink
        with contextlib.suppress(PyroError):  # a listing of names must not fail because of it
            if config.METADATA and not link.is_received:
                link.ensure_metadata()
        return sorted({*object.__dir__(self), *link.methods, *link.attrs})

    def __len__(self) -> int:
        if self._pyroOffers("__len__"):
            try:
                length: int = self._pyroInvoke("__len__", (), {})
            except AttributeError:
                if self._pyroLink.has_metadata:
                    raise  # of the method itself; without metadata we had only hoped that it exists
            else:
                return length
        # TypeError, because list() and others ask for a length first and go on without it.
        raise TypeError(f"remote object at {self._pyroUri} does not expose __len__")

    def __getitem__(self, key: Any) -> Any:
        return self._pyroOperator("__getitem__")(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._pyroOperator("__setitem__")(key, value)

    def __delitem__(self, key: Any) -> None:
        self._pyroOperator("__delitem__")(key)

    def __iter__(self) -> Iterator[Any]:
        if self._pyroOffers("__iter__"):
            try:
                return iter(self._pyroInvoke("__iter__", (), {}))
            except AttributeError:
                if self._pyroLink.has_metadata:
                    raise
        return _iterate_by_index(self._pyroOperator("__getitem__"))

    def __contains__(self, item: Any) -> bool:
        if self._pyroOffers("__contains__"):
            try:
                return bool(self._pyroInvoke("__contains__", (item,), {}))
            except AttributeError:
                if self._pyroLink.has_metadata:
                    raise
        return any(item is other or item == other for other in self)

    def __bool__(self) -> bool:
        return True

    def _pyroOffers(self, name: str) -> bool:
        """Whether the remote object exposes such a method; connects if that is not known."""
        link = self._pyroLink
        if not config.METADATA and not link.has_metadata:
            return True  # perhaps; the daemon knows
        link.ensure_metadata()
        return name in link.methods

    # -- identity ---------------------------------------------------------------------------------

    def __repr__(self) -> str:
        connection = self._pyroConnection
        state = f"connected {connection.family()}" if connection else "not connected"
        clazz = type(self)
        return (
            f"<{clazz.__module__}.{clazz.__qualname__} at {id(self):#x}; {state}; "
            f"for {self._pyroUri}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Proxy):
            return NotImplemented
        return self is other or other._pyroUri == self._pyroUri

    def __hash__(self) -> int:
        return hash(self._pyroUri)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pyroRelease()

    # -- copies -----------------------------------------------------------------------------------

    def __getstate__(self) -> tuple[Any, ...]:
        link = self._pyroLink
        return (
            str(link.uri),
            tuple(link.oneway),
            tuple(link.methods),
            tuple(link.attrs),
            HELLO if is_credential(link.handshake) else link.handshake,
            link.serializer_name,
        )

    def __setstate__(self, state: Sequence[Any]) -> None:
        _restore(self, *_take_apart(state))

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self),), self.__getstate__()

    def __copy__(self) -> Proxy:
        other = _blank(type(self))
        other.__setstate__(self.__getstate__())
        other._pyroHandshake = self._pyroHandshake  # a credential is not in the state
        other._pyroTimeout = self._pyroTimeout
        other._pyroMaxRetries = self._pyroMaxRetries
        other._pyroRawWireResponse = self._pyroRawWireResponse
        other._pyroStreamWindow = self._pyroStreamWindow
        other._pyroLink.tls = self._pyroLink.tls
        other._pyroLink.speak(self._pyroLink.version, self._pyroLink.hmac_key)
        other._pyroLink.is_received = self._pyroLink.is_received
        other._pyroAsync(self._pyroLink.is_asynchronous)
        return other

    # -- Pyro's names -----------------------------------------------------------------------------

    @property
    def _pyroUri(self) -> URI:
        """Where the object is; after ``_pyroBind`` the resolved uri."""
        return self._pyroLink.uri

    @_pyroUri.setter
    def _pyroUri(self, uri: URI) -> None:
        self._pyroLink.uri = uri

    @property
    def _pyroConnection(self) -> SocketConnection | None:
        """The open connection, or None."""
        connection = self._pyroLink.connection
        return None if connection is None or connection.is_closed else connection

    @property
    def _pyroProtocolVersion(self) -> int | None:
        """The wire protocol to speak: 502, Pyro5's, or 48, Pyro4's; holds from the next connection.

        None, the default, finds out: a daemon that answers in the other one is called again in
        that, and at once from then on. With a key, see ``_pyroHmacKey``, it is always 48.

        Raises:
            ValueError: It is none of these; or 502, and there is a key.
        """
        return self._pyroLink.protocol_version

    @_pyroProtocolVersion.setter
    def _pyroProtocolVersion(self, version: int | None) -> None:
        self._pyroLink.speak(version, self._pyroLink.hmac_key)

    @property
    def _pyroHmacKey(self) -> bytes | None:
        """The key that Pyro4's daemon signs its messages with, or None; a str is taken as UTF-8.

        Both sides must have the same. A proxy with a key speaks protocol 48 only, and asks the name
        server with it too. The key is not passed on when the proxy is. It proves who has sent a
        message, as far as SHA-1 can; it hides nothing, and nothing keeps old messages from being
        sent again: prefer TLS.

        Raises:
            TypeError, ValueError: It is no key; or ``_pyroProtocolVersion`` is 502.
        """
        return self._pyroLink.hmac_key

    @_pyroHmacKey.setter
    def _pyroHmacKey(self, key: bytes | str | None) -> None:
        self._pyroLink.speak(self._pyroLink.version, key_bytes(key))

    @property
    def _pyroLocalSocket(self) -> Any:
        """Address of this end of the connection; None while there is none."""
        connection = self._pyroConnection
        return connection.sock.getsockname() if connection else None

    @property
    def _pyroSerializer(self) -> str | None:
        """Name of the serializer for this proxy's calls; None for the setting SERIALIZER.

        Assigning an unknown name raises SerializeError.
        """
        return self._pyroLink.serializer_name

    @_pyroSerializer.setter
    def _pyroSerializer(self, name: str | None) -> None:
        self._pyroLink.serializer_name = name

    @property
    def _pyroMethods(self) -> set[str]:
        """Names of the exposed methods; empty before the first connect."""
        return self._pyroLink.methods

    @_pyroMethods.setter
    def _pyroMethods(self, names: Collection[str]) -> None:
        self._pyroLink.methods = set(names)
        self._pyroForgetMethods()

    @property
    def _pyroAttrs(self) -> set[str]:
        """Names of the exposed attributes; empty before the first connect."""
        return self._pyroLink.attrs

    @_pyroAttrs.setter
    def _pyroAttrs(self, names: Collection[str]) -> None:
        self._pyroLink.attrs = set(names)

    @property
    def _pyroOneway(self) -> set[str]:
        """Names of methods that are called without waiting; may be changed."""
        return self._pyroLink.oneway

    @_pyroOneway.setter
    def _pyroOneway(self, names: Collection[str]) -> None:
        self._pyroLink.oneway = set(names)

    @property
    def _pyroSeq(self) -> int:
        """The last sequence number used."""
        return self._pyroLink.last_seq

    @_pyroSeq.setter
    def _pyroSeq(self, seq: int) -> None:
        self._pyroLink.last_seq = seq

    @property
    def _pyroRawWireResponse(self) -> bool:
        """Whether calls return the reply's message instead of its value."""
        return self._pyroLink.wants_raw_replies

    @_pyroRawWireResponse.setter
    def _pyroRawWireResponse(self, wanted: bool) -> None:
        self._pyroLink.wants_raw_replies = wanted

    @property
    def _pyroHandshake(self) -> Any:
        """What the daemon's ``validateHandshake`` gets at the next connect; "hello" if not set.

        A `pyrolike.authentication.Credential` makes a value for each connect.
        """
        return self._pyroLink.handshake

    @_pyroHandshake.setter
    def _pyroHandshake(self, handshake: Any) -> None:
        self._pyroLink.handshake = handshake

    @property
    def _pyroMaxRetries(self) -> int:
        """How often a call is repeated after its connection was lost or it timed out.

        Assigning what is no whole number of 0 or more raises ValueError.
        """
        return self._pyroLink.max_retries

    @_pyroMaxRetries.setter
    def _pyroMaxRetries(self, count: int) -> None:
        if type(count) is not int or count < 0:
            raise ValueError(f"_pyroMaxRetries must be a whole number, 0 or more, not {count!r}")
        self._pyroLink.max_retries = count

    @property
    def _pyroTimeout(self) -> float | None:
        """Seconds a call may take, connecting included; None waits for ever. 0 is None."""
        return self._pyroLink.timeout

    @_pyroTimeout.setter
    def _pyroTimeout(self, timeout: float | None) -> None:
        self._pyroLink.set_timeout(timeout)

    @property
    def _pyroStreamWindow(self) -> int | None:
        """Items of a remote iterator fetched per round trip; None for ITER_STREAM_WINDOW.

        Looked at when an iterator arrives. 1 is Pyro's laziness: an item is produced when it is
        asked for. With more, that many may be produced ahead, and round trips are saved: for
        iterators that have their items at hand, not for those that wait for events. Works with
        stock daemons too.
        Assigning what is no whole number of 1 or more raises ValueError.
        """
        return self._pyroLink.stream_window

    @_pyroStreamWindow.setter
    def _pyroStreamWindow(self, window: int | None) -> None:
        if window is not None and (type(window) is not int or window < 1):
            raise ValueError(f"_pyroStreamWindow must be a whole number of items, not {window!r}")
        self._pyroLink.stream_window = window

    def _pyroBind(self) -> bool:
        """Connect now, and let the proxy's uri be the resolved one from now on.

        Returns:
            Whether a connection was made; False if there was one.

        Raises:
            NamingError, CommunicationError: The object cannot be found or reached.
        """
        return self._pyroLink.bind()

    def _pyroRelease(self) -> None:
        """Close the connection, if there is one; the next use connects again."""
        self._pyroLink.release()

    def _pyroReconnect(self, tries: int = 100_000_000) -> None:
        """Connect anew, as often as it takes; pauses between attempts grow up to two seconds.

        Raises:
            ConnectionClosedError: All *tries* have failed; the cause is the last failure.
        """
        self._pyroRelease()
        pause = LONGEST_PAUSE / 16
        failure: CommunicationError | None = None
        for attempt in range(tries):
            if attempt:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            try:
                self._pyroLink.connect()
                return
            except CommunicationError as fault:
                failure = fault
        raise ConnectionClosedError(
            f"failed to reconnect after {tries} attempts: {failure or 'there was none'}"
        ) from failure

    def _pyroInvoke(
        self,
        methodname: str,
        vargs: Any,
        kwargs: dict[str, Any] | None,
        flags: int = 0,
        objectId: str | None = None,
    ) -> Any:
        """Call *methodname*: every remote use comes to this. Subclasses may override it.

        Args:
            methodname: The remote method.
            vargs: Positional arguments.
            kwargs: Keyword arguments.
            flags: Flags of the message.
            objectId: Another object of the same daemon.
        """
        return self._pyroLink.invoke(methodname, vargs, kwargs, flags, objectId)

    def _pyroInvokeBatch(self, calls: Sequence[tuple[str, Any, Any]], oneway: bool = False) -> Any:
        """Make several calls in one request: (name, positional, keyword arguments) each."""
        flags = Flag.BATCH | (Flag.ONEWAY if oneway else 0)
        return self._pyroInvoke(BATCH, calls, None, flags)

    def _pyroBatch(self) -> BatchProxy:
        """Return a `BatchProxy` for this proxy."""
        from .batches import BatchProxy

        return BatchProxy(self)

    def _pyroAsync(self, asynchronous: bool = True) -> Self:
        """Have remote methods return at once, with a `FutureResult`, from now on; or not any more.

        Attributes, operators and batches stay as they are. A copy of the proxy is asynchronous too,
        one that was pickled or sent to others is not.

        Returns:
            This proxy.

        Pyro: returns None in the end, and a copy in the beginning of Pyro4; Pyro5 has none of it.
        """
        link = self._pyroLink
        link.is_asynchronous = bool(asynchronous)
        link.is_plain = self._pyroIsPlain and not asynchronous
        self._pyroForgetMethods()
        return self

    def _pyroGetMetadata(
        self,
        objectId: str | None = None,
        known_metadata: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Fetch from the daemon what the object exposes, or take it from *known_metadata*."""
        self._pyroLink.set_metadata(known_metadata or self._pyroLink.fetch_metadata(objectId))

    def _pyroValidateHandshake(self, response: Any) -> None:
        """Look at the daemon's answer to the handshake. Override it; called at each connect.

        Raise anything to refuse the daemon: the connection is then closed.
        """

    def _pyroAnnotations(self) -> Mapping[str, Any]:
        """Return annotations for every message: 4 ASCII letters to bytes. Override it.

        Called for the handshake and for each call. They win over those of `current_context`.
        """
        return {}

    def _pyroResponseAnnotations(self, annotations: Mapping[str, Any], msgtype: int) -> None:
        """Look at the annotations of an answer that has any. Override it.

        Args:
            annotations: 4 letters to a memoryview of bytes.
            msgtype: The answer's message type: to a call, or to the handshake.
        """

    def _pyroClaimOwnership(self) -> None:
        """Do nothing: a proxy may be used by any thread. For programs written for Pyro5."""


def _blank(clazz: type[Proxy]) -> Proxy:
    return clazz.__new__(clazz)


def _iterate_by_index(item_at: Callable[..., Any]) -> Iterator[Any]:
    for index in itertools.count():
        try:
            item = item_at(index)
        except (IndexError, StopIteration):
            return
        yield item


def _unexposed_text(link: Link, name: str) -> str:
    """Say that a remote object has no member *name*, and what it has, if that is not too much."""
    text = f"remote object at {link.uri} has no exposed attribute {name!r}"
    names = [*link.methods, *link.attrs]
    if name.startswith("__") or len(names) > MOST_SHOWN:
        return text
    return f"{text}; is @expose missing there? It exposes {', '.join(sorted(names))}"


def _unknown_text(name: str) -> str:
    own = [known for known in dir(Proxy) if known.startswith(OWN_PREFIX)]
    import difflib  # for the one who needs it: it takes a while to load

    close = difflib.get_close_matches(name, own, n=1)
    return f"a proxy has no {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")


def _call_hook(hook: weakref.WeakMethod[Any], *args: Any) -> Any:
    method = hook()
    if method is None:
        raise CommunicationError("the proxy whose class has a say in this connection is gone")
    return method(*args)


def _from_state(state: Sequence[Any]) -> Proxy:
    """Make a proxy that came over the network; it does not choose a serializer that runs code.

    Where it leads, a stranger may have chosen: so looking at it connects nothing.
    """
    serializer_name, hmac_key, *rest = _take_apart(state)
    proxy = _blank(Proxy)
    if serializer_name not in SAFE_SERIALIZERS:
        serializer_name = None
    _restore(proxy, serializer_name, hmac_key, *rest)
    proxy._pyroLink.is_received = True
    return proxy


def _restore(
    proxy: Proxy,
    serializer_name: str | None,
    hmac_key: bytes | None,
    uri: URI | str,
    oneway: Collection[str],
    methods: Collection[str],
    attrs: Collection[str],
    handshake: Any,
) -> None:
    """Make a blank proxy what it was when its state was taken."""
    proxy._pyroSetUp(URI(uri))
    link = proxy._pyroLink
    link.oneway, link.methods, link.attrs = set(oneway), set(methods), set(attrs)
    link.handshake = handshake
    link.serializer_name = serializer_name
    link.speak(None, hmac_key)


def _take_apart(state: Sequence[Any]) -> tuple[Any, ...]:
    """Return the parts of a proxy's state, as `_restore` takes them.

    Pyro4's has eight or nine items: with a timeout, a key and retries, of which the key counts; and
    without the serializer if it is of an early Pyro4.

    Raises:
        TypeError, ValueError: It is no state.
    """
    if len(state) not in (8, 9):
        uri, oneway, methods, attrs, handshake, serializer_name = state
        return serializer_name, None, uri, oneway, methods, attrs, handshake
    uri, oneway, methods, attrs, _, hmac_key, handshake, _, *name = state
    if isinstance(hmac_key, str):
        from base64 import b64decode

        hmac_key = b64decode(hmac_key.removeprefix(KEY_PREFIX))
    serializer_name = name[0] if name else None
    return serializer_name, key_bytes(hmac_key), uri, oneway, methods, attrs, handshake


def _pyro4_state(proxy: Proxy) -> tuple[Any, ...]:
    """Return what Pyro4 peers make a proxy of: the key, which it would send, stays here."""
    uri, oneway, methods, attrs, handshake, serializer_name = proxy.__getstate__()
    timeout, retries = proxy._pyroTimeout, proxy._pyroMaxRetries
    return uri, oneway, methods, attrs, timeout, None, handshake, retries, serializer_name


def _pyro4_pickle(proxy: Proxy) -> tuple[Any, ...]:
    """Return the same for a pickle: Pyro4 takes a proxy's attributes from it as they are."""
    uri, oneway, methods, attrs, *rest = _pyro4_state(proxy)
    return URI(uri), set(oneway), set(methods), set(attrs), *rest


register_pyro_class(
    Proxy,
    "Pyro5.client.Proxy",
    "Pyro4.core.Proxy",
    lambda proxy: proxy.__getstate__(),
    _from_state,
    _pyro4_state,
    _pyro4_pickle,
)
