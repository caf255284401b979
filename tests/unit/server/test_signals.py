"""What signals do to a daemon's loop condition; the whole of it is in the integration tests."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.objects import Interrupted
from pyrolike.server import Daemon, signals
from pyrolike.server.signals import until_interrupted, until_terminated
from tests.support.daemon import PATIENCE, Threads, changed_settings


class Server:
    """A server type whose loop is entered by hand."""

    def __init__(self) -> None:
        self.is_inside = True
        self.woken = threading.Event()

    def wakeup(self) -> None:
        self.woken.set()


class FakeDaemon:
    def __init__(self) -> None:
        self._pyroSignalEnd: float | None = None
        self.transportServer: Any = Server()


@pytest.fixture
def daemon() -> Any:
    return FakeDaemon()


@pytest.fixture(autouse=True)
def _handlers_are_as_before() -> Iterator[None]:
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def yes() -> bool:
    return True


def test_ctrl_c_interrupts_and_makes_the_condition_false(daemon: Any) -> None:
    with until_interrupted(daemon, yes) as condition:
        assert condition()
        with pytest.raises(Interrupted, match="by Ctrl-C"):
            signal.raise_signal(signal.SIGINT)
        assert not condition()
    assert daemon.transportServer.woken.is_set()
    assert daemon._pyroSignalEnd is not None


def test_ctrl_c_at_the_very_end_interrupts_nothing_more(daemon: Any) -> None:
    with until_interrupted(daemon, yes) as condition:
        handler: Any = signal.getsignal(signal.SIGINT)
    handler(signal.SIGINT, None)
    assert not condition()


def test_the_first_signal_counts_for_the_grace(daemon: Any) -> None:
    with until_interrupted(daemon, yes):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            first = daemon._pyroSignalEnd
    assert daemon._pyroSignalEnd == first


@pytest.mark.parametrize("until", [until_interrupted, until_terminated])
def test_the_programs_own_condition_counts_too(until: Any, daemon: Any) -> None:
    with until(daemon, lambda: False) as condition:
        assert not condition()


def test_a_daemon_that_is_closed_already_is_not_woken(daemon: Any) -> None:
    daemon.transportServer = None
    with until_interrupted(daemon, yes), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("until", "number"),
    [(until_interrupted, signal.SIGINT), (until_terminated, signal.SIGTERM)],
)
def test_a_handler_of_the_programs_own_is_left_alone(
    until: Any, number: signal.Signals, daemon: Any
) -> None:
    seen: list[int] = []

    def handle(number: int, frame: Any) -> None:
        seen.append(number)

    before = signal.signal(number, handle)
    try:
        with until(daemon, yes) as condition:
            assert condition is yes
            signal.raise_signal(number)
        assert signal.getsignal(number) is handle
    finally:
        signal.signal(number, before)
    assert seen == [number]


def test_a_handler_that_the_program_sets_meanwhile_stays(daemon: Any) -> None:
    def handle(number: int, frame: Any) -> None:
        raise AssertionError

    with until_interrupted(daemon, yes):
        signal.signal(signal.SIGINT, handle)
    assert signal.getsignal(signal.SIGINT) is handle
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_in_another_thread_nothing_is_touched(daemon: Any) -> None:
    def look() -> None:
        with until_interrupted(daemon, yes) as one, until_terminated(daemon, yes) as other:
            assert one is other is yes
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    with Threads() as threads:
        threads.start(look)


def test_where_the_system_allows_no_handlers_there_are_none(
    daemon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int, handler: Any) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    monkeypatch.setattr(signal, "signal", refuse)
    with until_interrupted(daemon, yes) as condition:
        assert condition is yes


def test_sigterm_makes_the_condition_false_and_interrupts_nothing_that_is_quick(
    daemon: Any,
) -> None:
    with until_terminated(daemon) as condition:
        assert condition()
        signal.raise_signal(signal.SIGTERM)
        assert not condition()
    assert daemon.transportServer.woken.is_set()


@pytest.mark.parametrize("has_pthread_kill", [True, False])
def test_sigterm_interrupts_what_takes_longer_than_the_grace(
    daemon: Any, has_pthread_kill: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_pthread_kill:
        monkeypatch.delattr(signal, "pthread_kill")
    elif not hasattr(signal, "pthread_kill"):
        pytest.skip("this system has none")
    with changed_settings(SIGNAL_GRACE=0.01), until_terminated(daemon) as condition:
        with pytest.raises(Interrupted, match="by SIGTERM"):
            terminate_and_wait()
        assert not condition()


def test_what_is_not_in_the_loop_is_not_interrupted(daemon: Any) -> None:
    daemon.transportServer.is_inside = False
    seen: list[int] = []

    def watch(number: int, frame: Any) -> None:
        handler(number, frame)
        seen.append(number)

    with changed_settings(SIGNAL_GRACE=0.0), until_terminated(daemon):
        handler: Any = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, watch)
        signal.raise_signal(signal.SIGTERM)
        wait_busily(lambda: len(seen) == 2)
        signal.signal(signal.SIGTERM, handler)


def test_where_there_are_no_more_threads_there_is_no_grace(
    daemon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with (
        changed_settings(SIGNAL_GRACE=PATIENCE),
        until_terminated(daemon),
        pytest.raises(Interrupted),
    ):
        terminate_and_wait()


def test_a_second_sigterm_does_what_it_would_without_us(
    daemon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[tuple[int, Any]] = []

    def note(number: int) -> None:
        raised.append((number, signal.getsignal(number)))

    with changed_settings(SIGNAL_GRACE=PATIENCE), until_terminated(daemon):
        signal.raise_signal(signal.SIGTERM)
        with monkeypatch.context() as patch:
            patch.setattr(signal, "raise_signal", note)
            _thread.interrupt_main(signal.SIGTERM)
            wait_busily(lambda: bool(raised))
    assert raised == [(signal.SIGTERM, signal.SIG_DFL)]


def test_a_reminder_that_was_called_off_sends_nothing() -> None:
    reminder = signals._Reminder(signal.SIGTERM)  # which has no handler: it would end us
    reminder.call_off()
    reminder._wait(0.0)
    reminder._is_off.wait = lambda seconds: False  # type: ignore[assignment,method-assign]
    reminder._wait(0.0)  # called off at the last moment
    assert not reminder.was_sent


def test_a_daemon_closes_with_the_grace_of_the_signal() -> None:
    with Daemon() as daemon, changed_settings(SHUTDOWN_GRACE=7.0):
        assert daemon._pyroGetGrace() == 7.0
        signals.take_note(daemon)
        assert 0.0 <= daemon._pyroGetGrace() <= 0.5
        daemon.requestLoop(lambda: False)  # begins anew
        assert daemon._pyroGetGrace() == 7.0


def test_a_request_loop_takes_ctrl_c_for_its_end() -> None:
    def press() -> bool:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError

    with Daemon() as daemon:
        daemon.requestLoop(press)
        assert daemon._pyroSignalEnd is not None


def terminate_and_wait() -> None:
    signal.raise_signal(signal.SIGTERM)
    wait_busily()


def wait_busily(condition: Any = lambda: False) -> None:
    """Wait until something interrupts us, or *condition* is true."""
    is_over = threading.Event()
    for _ in range(int(PATIENCE * 1000)):
        if condition():
            return
        is_over.wait(0.001)
    raise AssertionError("nothing has come")
