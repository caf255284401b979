"""Calls whose results will be there later.

A method of an asynchronous proxy returns a `FutureResult` at once. Its call goes out over the
proxy's one connection, like all its calls, and any number of them may be in flight: no call has a
thread of its own. Their replies are read by the channel's attendant, which ``attending`` tells of.

The request is sent by the calling thread if there is a connection. Where there is none, a *courier*
makes one, in the background, and sends what has gathered meanwhile; so a call returns at once even
when the daemon is slow to connect to, and calls are sent in their order.

A daemon runs the calls of one connection one after the other. Calls that are to run at the same
time need a proxy each, which `copy.copy` makes.

Pyro: each call has a thread, a copy of the proxy and a connection of its own.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pyrolike import _background
from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.errors import CommunicationError, ConnectionClosedError, TimeoutError
from pyrolike.futures import FutureResult
from pyrolike.objects.calls import BATCH
from pyrolike.protocol import Flag
from pyrolike.serializers import ExceptionWrapper

from .channel import UnsentError
from .methods import RemoteMethod
from .pending import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .link import Link
    from .proxy import Proxy

AnyProxy = TypeVar("AnyProxy", bound="Proxy")

BUSY = "no free workers"
"""In the text of a daemon that could take a connection, or a call, a little later."""

FIRST_PAUSE = 0.1, 0.3
NEXT_PAUSE = 0.4, 0.9
"""Seconds before a call to a busy daemon is repeated, at least and at most; Pyro4's numbers."""

_making = threading.Lock()  # a courier


class AsyncMethod(RemoteMethod):
    """A method of a remote object that returns at once.

    Args:
        link: Whose settings say how often a failed call is repeated.
        invoke: Does the call where *is_plain* is false: the proxy's, whose class overrides it. Such
            a call waits for its reply in a thread of its own.
        name: The method's name.
        is_plain: Whether calls go to the link itself.
    """

    __slots__ = ("_is_plain",)

    _is_plain: bool

    def __new__(cls, link: Link, invoke: Callable[..., Any], name: str, *, is_plain: bool) -> Self:
        """See the class."""
        self = super().__new__(cls, link, invoke, name)
        self._is_plain = is_plain
        return self

    def __call__(self, /, *args: Any, **kwargs: Any) -> FutureResult:
        """Start the call, and return where its result, or its error, will be.

        What the arguments refer to must not be changed before the result is there: a call that
        waits for its connection, or is repeated, is written out later.
        """
        link = self._link
        if self._is_plain:
            return _start(AsyncCall(link, self._name, args, kwargs, retries=link.max_retries))
        return _start(ThreadCall(link, self.synchronous(), args, kwargs))

    def __getattr__(self, name: str) -> RemoteMethod:
        method = super().__getattr__(name)
        return AsyncMethod(self._link, self._invoke, method._name, is_plain=self._is_plain)

    def __repr__(self) -> str:
        return f"<asynchronous remote method {self._name} of {self._link.uri}>"

    def synchronous(self) -> RemoteMethod:
        """Return the same method, which waits for its results."""
        return RemoteMethod(self._link, self._invoke, self._name)


def asyncproxy(proxy: AnyProxy, asynchronous: bool = True) -> AnyProxy:
    """Have a proxy's methods return a `FutureResult` at once; or not any more.

    Returns:
        The proxy.
    """
    return proxy._pyroAsync(asynchronous)


def start_batch(
    proxy: Proxy, calls: Sequence[tuple[str, Any, Any]], finish: Callable[[Any], Any]
) -> FutureResult:
    """Make several calls in one request.

    Args:
        proxy: For whose object.
        calls: Name, positional and keyword arguments of each.
        finish: Makes the value out of the list of results.
    """
    link = proxy._pyroLink
    if proxy._pyroIsPlain:
        return _start(AsyncCall(link, BATCH, calls, None, Flag.BATCH, finish=finish))
    return _start(ThreadCall(link, lambda: finish(proxy._pyroInvokeBatch(calls)), (), {}))


class AsyncCall(Ticket):
    """A call on its way; it keeps the link and its connection until it is done.

    Args:
        link: Whose call it is.
        method, vargs, kwargs, flags: What `Link.begin` takes.
        retries: How often it is repeated after its connection was lost or it timed out.
        finish: Makes the value out of the reply's, or None.

    Attributes:
        link: See above.
        result: Where the value will be.
        context: What the calling thread wants to send along; its functions run with it.
    """

    __slots__ = ("_delay", "_finish", "_request", "_retries", "context", "link", "result")

    def __init__(
        self,
        link: Link,
        method: str,
        vargs: Any,
        kwargs: dict[str, Any] | None,
        flags: int = 0,
        *,
        retries: int = 0,
        finish: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__()
        self.link = link
        self.context = _current_context()
        self.result = FutureResult(self._check_wait)
        self._request = method, vargs, kwargs, flags
        self._retries = retries
        self._finish = finish
        self._delay = 0.0  # how long it was put off in all, because the daemon was busy

    def start(self) -> None:
        """Have it sent. Whatever goes wrong becomes the result."""
        courier = self.link.courier
        if courier is None:
            with _making:
                courier = self.link.courier = self.link.courier or Courier()
        courier.send(self)

    def is_sendable(self) -> bool:
        """Whether there is a connection to send it on."""
        channel = self.link.channel
        return channel is not None and channel.is_usable

    def send(self) -> None:
        """Send it now, connecting first where there is no connection."""
        if self.result.ready:
            return  # cancelled
        self.reply = self.fault = None
        try:
            with _showing(self.context):
                has_reply = self._begin()
        except Exception as fault:  # noqa: BLE001  # whoever asks for the value gets it
            self.fail(fault)
        else:
            if not has_reply:
                self._bring(None)

    def _begin(self) -> bool:
        while True:
            try:
                return self.link.begin(self, *self._request)
            except UnsentError:
                continue  # on a new connection

    def settle(self) -> Callable[[], None] | None:
        """Bring the value of the reply; returns the chain, if there is one."""
        outcome: Any
        try:
            with _showing(self.context):
                outcome = self._take()
        except BaseException as fault:  # noqa: BLE001  # likewise; the thread has more to do
            if self._is_repeated(fault):
                return None
            outcome = ExceptionWrapper(fault.with_traceback(None))
        return None if self.result.bring(outcome) else self._run_chain

    def _take(self) -> Any:
        if self.fault is not None:
            raise self.fault
        assert self.reply is not None
        value = self.read(self.reply)
        return value if self._finish is None else self._finish(value)

    def fail(self, fault: BaseException) -> None:
        """Be repeated, or bring the fault."""
        if not self._is_repeated(fault):
            self._bring(ExceptionWrapper(fault.with_traceback(None)))

    def _bring(self, outcome: Any) -> None:
        if not self.result.bring(outcome):
            # Elsewhere: this may be the thread that has made the call, which waits for nothing.
            _background.run(self._run_chain)

    def _run_chain(self) -> None:
        with _showing(self.context):
            self.result.run_chain()

    def _is_repeated(self, fault: BaseException) -> bool:
        """See whether the call is to be made once more, and have that done."""
        if hasattr(fault, "_pyroTraceback") or self.result.ready:
            return False  # the method itself raised it: the call was made, and answered
        if isinstance(fault, CommunicationError) and BUSY in str(fault):
            return self._put_off()
        if not (self._retries and isinstance(fault, (ConnectionClosedError, TimeoutError))):
            return False
        self._retries -= 1
        self.start()
        return True

    def _put_off(self) -> bool:
        """Make the call a little later; False if that has been done for too long."""
        pause = next_pause(self._delay, self.link.timeout)
        if pause is None:
            return False
        self._delay += pause
        _background.call_at(time.monotonic() + pause, self.start)
        return True

    def _check_wait(self) -> None:
        """Refuse that the one thread waits which could answer the call."""
        connection = self.link.connection
        if connection is not None:
            get_state().check_callee(connection.sock.getpeername)


class ThreadCall:
    """A call that waits in a thread: of a proxy whose class has a say in how calls are made.

    Args:
        link: Of the proxy.
        call: Makes the call, and waits for its reply.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Attributes:
        result: Where the value will be.
    """

    def __init__(
        self, link: Link, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.result = FutureResult()
        self._context = _current_context()
        self._link = link
        self._call = partial(call, *args, **kwargs)

    def start(self) -> None:
        """Have it made."""
        _background.run(self._make)

    def fail(self, fault: BaseException) -> None:
        """Bring the fault."""
        self.result.bring(ExceptionWrapper(fault))

    def _make(self) -> None:
        with _showing(self._context):
            outcome: Any
            try:
                outcome = self._call_patiently()
            except BaseException as fault:  # noqa: BLE001  # whoever asks for the value gets it
                outcome = ExceptionWrapper(fault.with_traceback(None))
            if not self.result.bring(outcome):
                self.result.run_chain()

    def _call_patiently(self) -> Any:
        delay = 0.0
        while True:
            try:
                return self._call()
            except CommunicationError as fault:
                pause = next_pause(delay, self._link.timeout)
                if BUSY not in str(fault) or hasattr(fault, "_pyroTraceback") or pause is None:
                    raise
            delay += pause
            time.sleep(pause)


class Courier:
    """Sends the asynchronous calls of a link, in their order."""

    __slots__ = ("_is_under_way", "_lock", "_waiting")

    def __init__(self) -> None:
        # Guards the two below.
        self._lock = threading.Lock()
        self._waiting: deque[AsyncCall] = deque()
        self._is_under_way = False  # a thread sends what waits

    def send(self, call: AsyncCall) -> None:
        """Send a call: here and now, or in the background once there is a connection."""
        with self._lock:
            has_to_wait = self._is_under_way or not call.is_sendable()
            if has_to_wait:
                self._waiting.append(call)
                if not self._is_under_way:
                    _background.run(self._send_waiting)
                    self._is_under_way = True
        if not has_to_wait:
            call.send()

    def _send_waiting(self) -> None:
        while (call := self._next_call()) is not None:
            call.send()

    def _next_call(self) -> AsyncCall | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._is_under_way = False
            return None


def next_pause(delay: float, timeout: float | None) -> float | None:
    """Return in how many seconds a busy daemon is called again; None for not any more.

    Args:
        delay: Seconds that the call was put off so far.
        timeout: Seconds a call may take, of which half may go by in this way; None for no limit.
    """
    if timeout is not None and delay > timeout / 2:
        return None
    return random.uniform(*(NEXT_PAUSE if delay else FIRST_PAUSE))


def _start(call: AsyncCall | ThreadCall) -> FutureResult:
    try:
        call.start()
    except RuntimeError as fault:  # there are no more threads
        call.fail(fault)
    return call.result


def _current_context() -> ContextState:
    """Return what the calling thread's context sends along, as a context for another thread.

    Not whom the thread serves: who waits in the background does not keep a client waiting.
    """
    state, context = get_state(), ContextState()
    context.correlation = state.get_correlation()
    if state.outgoing:
        context.outgoing = dict(state.outgoing)
    return context


@contextmanager
def _showing(context: ContextState) -> Iterator[None]:
    """Let the context of the calling thread be *context* while the block runs."""
    before = get_state()
    set_state(context)
    try:
        yield
    finally:
        set_state(before)
