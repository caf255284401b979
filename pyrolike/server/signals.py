"""How a signal ends a request loop, whatever the loop is at.

Python runs the handler of a signal in the main thread, in the midst of what that is doing. With the
thread server that is waiting for connections, and a loop condition that turns false is enough. With
the others it may be a method, which knows nothing of the loop: it is interrupted by an exception,
its caller gets an error, and then the condition ends the loop. The exception alone would not: the
method may catch it, and what a method raises by itself ends no loop.

Handlers are set only while a loop runs in the main thread, only in the place of Python's own, and
are taken back behind it.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyrolike.configure import config
from pyrolike.objects import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .daemon import Daemon


@contextlib.contextmanager
def until_interrupted(
    daemon: Daemon, condition: Callable[[], bool]
) -> Iterator[Callable[[], bool]]:
    """Give a loop condition that Ctrl-C makes false, while the block runs.

    What runs in the main thread is interrupted as by any Ctrl-C, at once.

    Args:
        daemon: Whose loop it is.
        condition: Must be true as well.

    Raises:
        KeyboardInterrupt: Ctrl-C came, and not while a method was running.
    """
    is_over = is_left = False

    def end(number: int, frame: object) -> None:
        nonlocal is_over
        is_over = True
        take_note(daemon)
        if not is_left:
            raise Interrupted(_tell("Ctrl-C"))

    with handling(signal.SIGINT, signal.default_int_handler, end) as is_handled:
        try:
            yield (lambda: not is_over and condition()) if is_handled else condition
        finally:
            is_left = True


@contextlib.contextmanager
def until_terminated(
    daemon: Daemon, condition: Callable[[], bool] = lambda: True
) -> Iterator[Callable[[], bool]]:
    """Give a loop condition that SIGTERM makes false, while the block runs.

    What runs in the main thread may go on for SIGNAL_GRACE seconds, then it is interrupted as by
    Ctrl-C. A second SIGTERM does what the first would do without us: it ends the process.

    Args:
        daemon: Whose loop is to look at the condition at once.
        condition: Must be true as well.
    """
    is_over = is_left = False
    reminder = _Reminder(signal.SIGTERM)

    def end(number: int, frame: object) -> None:
        nonlocal is_over
        if not is_over:
            is_over = True
            take_note(daemon)
            reminder.start(config.SIGNAL_GRACE)
        elif not reminder.was_sent:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        elif not is_left and _is_looping(daemon):
            raise Interrupted(_tell("SIGTERM"))

    with handling(signal.SIGTERM, signal.SIG_DFL, end) as is_handled:
        try:
            yield (lambda: not is_over and condition()) if is_handled else condition
        finally:
            is_left = True
            reminder.call_off()


def take_note(daemon: Daemon) -> None:
    """Have *daemon* know of a signal: its calls have little time, and its loop is to look up."""
    if daemon._pyroSignalEnd is None:
        daemon._pyroSignalEnd = monotonic() + config.SIGNAL_GRACE
    server = daemon.transportServer
    if server is not None:
        server.wakeup()


def _is_looping(daemon: Daemon) -> bool:
    server = daemon.transportServer
    return server is not None and server.is_inside


def _tell(cause: str) -> str:
    """Return what the caller of an interrupted method is told."""
    return f"the call was cut off: the server was told to end by {cause}"


@contextlib.contextmanager
def handling(
    number: signal.Signals, default: Any, handler: Callable[[int, object], None]
) -> Iterator[bool]:
    """Have *handler* called for a signal while the block runs; gives whether that is so.

    It is not in other threads than the main one, and where the program has its own idea of the
    signal: that is, where what would happen is not *default*.
    """
    is_main = threading.current_thread() is threading.main_thread()
    is_ours = is_main and signal.getsignal(number) == default
    if is_ours:
        try:
            signal.signal(number, handler)
        except ValueError:
            is_ours = False  # the main thread of an interpreter that is not the main one
    try:
        yield is_ours
    finally:
        if is_ours and signal.getsignal(number) is handler:
            signal.signal(number, default)


class _Reminder:
    """Sends the main thread a signal once more in a while, unless that is called off.

    A signal, because nothing else wakes a thread that waits in the system.

    Args:
        number: The signal. The program must have a handler for it until the reminder is called off.

    Attributes:
        was_sent: It was sent, or is about to be.
    """

    def __init__(self, number: signal.Signals) -> None:
        self.was_sent = False
        self._number = number
        self._is_off = threading.Event()
        self._sending = threading.Lock()

    def start(self, seconds: float) -> None:
        """Send it in *seconds*; for the main thread, in a handler of the signal."""
        thread = threading.Thread(
            target=self._wait, args=(seconds,), name="Pyro-Signal-Reminder", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: then there is no grace
            self.was_sent = True
            _thread.interrupt_main(self._number)

    def call_off(self) -> None:
        """Send nothing any more; what was sent has arrived."""
        self._is_off.set()
        with self._sending:
            pass
        if self.was_sent and hasattr(signal, "pthread_sigmask"):
            # It changes nothing, but comes back with all signals delivered that are under way.
            signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def _wait(self, seconds: float) -> None:
        if self._is_off.wait(seconds):
            return
        with self._sending:
            if self._is_off.is_set():
                return
            self.was_sent = True
            if hasattr(signal, "pthread_kill"):
                main: Any = threading.main_thread().ident
                signal.pthread_kill(main, self._number)
            else:
                _thread.interrupt_main(self._number)
