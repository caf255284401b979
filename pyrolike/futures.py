"""Results that will be there later: what Pyro4 calls futures.

A `FutureResult` is where the value will be. `Future` computes one with a function of the program,
in another thread; asynchronous proxies and batches, ``pyrolike.client.asynchronous``, compute
theirs with a remote call. Both run the *chain* when the value has come: functions that each get the
value of the one before.

A result goes through three states. It is *open* until somebody brings a value or an exception.
Then, if there is a chain, it is *settling*: the chain runs, and what is added to it meanwhile runs
too. Then it is *ready*, and stays so, unless the program assigns another value.

The lock of a result guards its slots; it is not held while functions of the program run. Waiting is
done on a second lock, the gate, that is held until the result is ready.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pyrolike import _background
from pyrolike._forking import tell_of_forks
from pyrolike.callcontext import get_state
from pyrolike.serializers import ExceptionWrapper

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Future", "FutureResult", "_ExceptionWrapper"]

log = logging.getLogger("pyrolike.futures")

_ExceptionWrapper = ExceptionWrapper

CANCELLED = "the future has been cancelled"

_OPEN, _SETTLING, _READY = "open", "settling", "ready"

Step = tuple["Callable[..., Any]", tuple[Any, ...], dict[str, Any]]
"""A function of a chain, with the arguments behind the value."""


class FutureResult:
    """A value that will be there later, or the exception that there is instead.

    Any thread may use it, several at once. A result that nobody asks for does no harm; nor is
    anything said of its exception, unless `iferror` has a handler for it.

    Args:
        check_wait: Called before somebody waits without limit; raises where the value could never
            come meanwhile.

    Source: Pyro4's class of that name; the API page of the reference, B4.
    """

    __slots__ = (
        "__weakref__",
        "_chain",
        "_check_wait",
        "_gate",
        "_handler",
        "_lock",
        "_outcome",
        "_state",
        "_traceback",
    )

    def __init__(self, check_wait: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._gate = threading.Lock()
        self._gate.acquire()
        self._state = _OPEN
        self._outcome: Any = None  # the value, or an ExceptionWrapper
        self._traceback: Any = None  # where the exception comes from, before anybody has raised it
        self._chain: list[Step] = []
        self._handler: Callable[[BaseException], Any] | None = None
        self._check_wait = check_wait
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Have failed, in a forked child: what would bring the value is the parent's."""
        self._lock = threading.Lock()
        if self._state is not _READY:
            fault = RuntimeError("the value comes in the parent process, which has asked for it")
            self._chain, self._handler = [], None
            self._gate = threading.Lock()
            self._gate.acquire()
            self._conclude(ExceptionWrapper(fault))

    def __repr__(self) -> str:
        if self._state is not _READY:
            return "<FutureResult, not ready>"
        if isinstance(self._outcome, ExceptionWrapper):
            return f"<FutureResult, raises {self._outcome.exception!r}>"
        return f"<FutureResult, {self._outcome!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a result that is to come cannot be copied or pickled; its value can")

    @property
    def value(self) -> Any:
        """The value; reading waits for it, and raises the exception that there is instead.

        Assigning brings the value: the chain runs at once, in the assigning thread.
        """
        try:
            return self.get_value()
        finally:
            del self  # as there

    @value.setter
    def value(self, value: Any) -> None:
        self.set_value(value)

    @property
    def ready(self) -> bool:
        """Whether the value is there, or an exception instead. Never waits."""
        return self._state is _READY

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the result is ready.

        Args:
            timeout: Most seconds to wait; None waits for ever.

        Returns:
            Whether it is ready.

        Raises:
            PyroError: The value could not come as long as this thread waits.
        """
        if self._state is _READY:
            return True
        check_wait = self._check_wait
        if check_wait is not None and timeout is None:
            check_wait()
        seconds = -1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
        gate = self._gate
        with get_state().waiting():
            if not gate.acquire(timeout=seconds):
                return False
        gate.release()  # for the next who waits
        return True

    def get_value(self) -> Any:
        """Return what `value` gives."""
        self.wait()
        with self._lock:
            outcome, traceback = self._outcome, self._traceback
        if not isinstance(outcome, ExceptionWrapper):
            return outcome
        try:
            # With the traceback it came with: it would grow by each reader otherwise.
            raise outcome.exception.with_traceback(traceback)
        finally:
            # The traceback refers to this frame; without the names no cycle holds the result.
            del self, outcome, traceback

    def set_value(self, value: Any) -> None:
        """Bring the value, run the chain in this thread, and be ready then.

        Where there is a value already, it is replaced. A chain that is running ends with the
        function that runs, whose result is dropped.

        Args:
            value: The value; an ``_ExceptionWrapper`` is an exception instead.
        """
        if not self._begin(value, replace=True):
            self.run_chain()

    def set_cancelled(self) -> None:
        """Be ready with a RuntimeError; a value that comes later is dropped."""
        self.set_value(ExceptionWrapper(RuntimeError(CANCELLED)))

    def then(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Self:
        """Have ``call(value, *args, **kwargs)`` called, whose result then replaces the value.

        Where the result is ready, that is done at once, in this thread, and what *call* raises is
        raised here. Otherwise it is done in a thread of the background when the value has come,
        after what was added before; what *call* raises then becomes the result, and what was added
        behind is left out. So it is, in both cases, if there is an exception instead of a value.

        Returns:
            This result.

        Pyro: gives the exception, in a wrapper, to a function that is added behind it.
        """
        with self._lock:
            if self._state is not _READY:
                self._chain.append((call, args, kwargs))
                return self
            outcome = self._outcome
        if not isinstance(outcome, ExceptionWrapper):
            value = call(outcome, *args, **kwargs)
            with self._lock:
                self._conclude(value)
        return self

    def iferror(self, handler: Callable[[BaseException], Any]) -> Self:
        """Have ``handler(exception)`` called when an exception comes; before the result is ready.

        There is one handler, the last. Where the result is ready, it is never called. What the
        handler itself raises is logged.

        Returns:
            This result.
        """
        with self._lock:
            if self._state is not _READY:
                self._handler = handler
        return self

    # -- for those who bring the value ------------------------------------------------------------

    def bring(self, outcome: Any) -> bool:
        """Take the value, or an ExceptionWrapper, unless there is one; never runs a function.

        Returns:
            Whether that was all. If not, `run_chain` has to be called, which may take its time.
        """
        return self._begin(outcome, replace=False)

    def run_chain(self) -> None:
        """Run what is to be run before the result is ready."""
        while (step := self._next_step()) is not None:
            call, args, kwargs = step
            try:
                self._go_on(call(self._outcome, *args, **kwargs))
            except Exception as fault:  # noqa: BLE001  # whoever asks for the value gets it
                self._go_on(ExceptionWrapper(fault))
            except BaseException as fault:
                self._go_on(ExceptionWrapper(fault))
                self._tell_handler()
                raise
        self._tell_handler()

    def _begin(self, outcome: Any, *, replace: bool) -> bool:
        with self._lock:
            if self._state is not _OPEN:
                if replace:
                    self._conclude(outcome)
                return True
            is_error = isinstance(outcome, ExceptionWrapper)
            if self._handler is None if is_error else not self._chain:
                self._conclude(outcome)
                return True
            self._state = _SETTLING
            self._outcome = outcome
            return False

    def _next_step(self) -> Step | None:
        """Return what is to be run next; None if there is nothing, or an exception has come."""
        with self._lock:
            if self._state is not _SETTLING or isinstance(self._outcome, ExceptionWrapper):
                return None
            if self._chain:
                return self._chain.pop(0)
            self._conclude(self._outcome)
            return None

    def _go_on(self, outcome: Any) -> None:
        """Continue with what a function has returned, unless the result was set meanwhile."""
        with self._lock:
            if self._state is _SETTLING:
                self._outcome = outcome

    def _tell_handler(self) -> None:
        """Where an exception has come: have the handler called, and be ready."""
        with self._lock:
            if self._state is not _SETTLING:
                return
            handler, outcome = self._handler, self._outcome
        try:
            if handler is not None:
                handler(outcome.exception)
        except Exception:  # of the program: it must not cost it the result
            log.exception("the handler of a future's error has failed itself")
        finally:
            with self._lock:
                if self._state is _SETTLING:
                    self._conclude(outcome)

    def _conclude(self, outcome: Any) -> None:
        """Be ready. The lock is held."""
        is_first = self._state is not _READY
        self._outcome = outcome
        self._traceback = None
        if isinstance(outcome, ExceptionWrapper):
            self._traceback = outcome.exception.__traceback__
        self._state = _READY
        # They may refer to much, and will never be called.
        self._chain = []
        self._handler = self._check_wait = None
        if is_first:
            self._gate.release()


class Future:
    """A function that is to be called later, in another thread.

    Calling the future calls the function, once, and gives a `FutureResult`. Before that it can be
    given a chain, a handler for errors and a delay.

    Args:
        somecallable: The function.

    Attributes:
        callable: The function.
        chain: What `then` has added; gone once the future was called.
        exceptionhandler: What `iferror` has set, or None.
        call_delay: Seconds between calling the future and calling the function.
        cancelled: Whether it was cancelled.
        completed: Whether the function was called, or never will be.

    Source: Pyro4's class of that name; the API page of the reference, B4.
    """

    chain: list[Step]

    def __init__(self, somecallable: Callable[..., Any]) -> None:
        if not callable(somecallable):
            raise TypeError(f"a future needs something to call, not {somecallable!r}")
        self.callable = somecallable
        self.chain = []
        self.exceptionhandler: Callable[[BaseException], Any] | None = None
        self.call_delay: float = 0
        self.cancelled = False
        self.completed = False
        # Guards the attributes, those above included.
        self._lock = threading.Lock()
        self._result: FutureResult | None = None  # once it was called
        self._arguments: tuple[Any, Any] | None = None  # between being called and calling
        self._called_at = 0.0
        self._alarm: _background.Alarm | None = None  # while the delay runs
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Be done, in a forked child, if the parent has called it."""
        was_called = self._result is not None
        self._lock = threading.Lock()
        self._alarm = self._arguments = None
        self.completed = self.completed or was_called

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled else "called" if self._result else "not called"
        return f"<Future of {self.callable!r}, {state}>"

    def __call__(self, /, *args: Any, **kwargs: Any) -> FutureResult:
        """Call the function in another thread, after the delay.

        Returns:
            Where its result will be.

        Raises:
            RuntimeError: The future was called before, or is cancelled.
        """
        with self._lock:
            if self.cancelled and self._result is None:
                raise RuntimeError(CANCELLED)
            if self._result is not None or self.completed:
                raise RuntimeError("the future was called already")
            self._result = result = FutureResult()
            for call, more, named in self.chain:
                result.then(call, *more, **named)
            if self.exceptionhandler is not None:
                result.iferror(self.exceptionhandler)
            del self.chain
            self._called_at = monotonic()
            self._arguments = args, kwargs
            self._schedule()
        return result

    def delay(self, seconds: float) -> bool:
        """Call the function *seconds* after the future is called; may be changed meanwhile.

        Returns:
            Whether that has an effect: False once the function was called.

        Raises:
            ValueError: It is no number of seconds.
        """
        number: Any = seconds  # whatever the program has passed
        if not isinstance(number, (int, float)) or not number >= 0:
            raise ValueError(f"a delay is a number of seconds, not {seconds!r}")
        with self._lock:
            if self.completed:
                return False
            self.call_delay = seconds
            if self._alarm is not None:
                self._alarm.cancel()
                self._schedule()
            return True

    def cancel(self) -> bool:
        """Never call the function; the result, if the future was called, becomes a RuntimeError.

        Returns:
            Whether it is cancelled: False once the function was called.
        """
        with self._lock:
            if self.cancelled:
                return True
            if self.completed:
                return False
            self.cancelled = True
            result = self._result
            if result is None:
                return True
            self.completed = True
            self._arguments = None
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
        result.set_cancelled()
        return True

    def then(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Self:
        """Add ``call(value, *args, **kwargs)`` to the chain: its result replaces the value.

        Returns:
            This future.

        Raises:
            AttributeError: The future was called: add it to the result.
        """
        with self._lock:
            if self._result is not None:
                raise AttributeError("the future was called: add to the chain of its result")
            self.chain.append((call, args, kwargs))
        return self

    def iferror(self, handler: Callable[[BaseException], Any]) -> Self:
        """Have ``handler(exception)`` called if function or chain raise; before the result is set.

        Returns:
            This future.
        """
        with self._lock:
            self.exceptionhandler = handler
            if self._result is not None:
                self._result.iferror(handler)
        return self

    def _schedule(self) -> None:
        """Have the function called when it is time. The lock is held."""
        if self.call_delay:
            moment = self._called_at + self.call_delay
            self._alarm = _background.call_at(moment, self._evaluate)
        else:
            self._alarm = None
            self.completed = True
            _background.run(self._evaluate)

    def _evaluate(self) -> None:
        """Call the function and bring its result."""
        with self._lock:
            if self._alarm is not None and self._alarm.moment > monotonic():
                return  # the delay was changed when this was on its way already
            arguments, self._arguments = self._arguments, None
            result, self._alarm = self._result, None
            if arguments is None or result is None:
                return  # cancelled, or done by another alarm
            self.completed = True
        args, kwargs = arguments
        try:
            outcome: Any = self.callable(*args, **kwargs)
        except BaseException as fault:  # noqa: BLE001  # whoever asks for the value gets it
            outcome = ExceptionWrapper(fault)
        if not result.bring(outcome):
            result.run_chain()
