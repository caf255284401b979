"""Results that will be there later, and functions that are called later."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from pyrolike import _background, futures
from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.futures import Future, FutureResult, _ExceptionWrapper
from pyrolike.serializers import ExceptionWrapper
from tests.support.serving import HeldTask

PATIENCE = 20.0
LONG = 3600.0


def failed(fault: BaseException) -> FutureResult:
    result = FutureResult()
    result.set_value(_ExceptionWrapper(fault))
    return result


def fail(*_: Any) -> Any:
    raise ZeroDivisionError("fails")


# -- a result and its value


def test_a_value_is_there_once_it_was_set() -> None:
    result = FutureResult()
    assert not result.ready
    assert not result.wait(0)
    assert not result.wait(-1)
    result.value = 3
    assert result.ready
    assert result.wait()
    assert result.wait(0)
    assert result.value == result.value == result.get_value() == 3


def test_any_number_of_threads_wait_for_a_value() -> None:
    result, values = FutureResult(), []
    threads = [threading.Thread(target=lambda: values.append(result.value)) for _ in range(5)]
    for thread in threads:
        thread.start()
    result.set_value("word")
    for thread in threads:
        thread.join(PATIENCE)
    assert values == ["word"] * 5


def test_an_exception_is_raised_whenever_the_value_is_read() -> None:
    fault = KeyError("k")
    result = failed(fault)
    assert result.ready
    assert result.wait()
    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            result.value  # noqa: B018
        assert caught.value is fault


def test_the_traceback_does_not_grow_by_each_reader_and_shows_where_it_comes_from() -> None:
    result = FutureResult().then(fail)
    result.value = 1
    lengths = set()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            result.value  # noqa: B018
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert frames[-1].name == "fail"
        lengths.add(len(frames))
    assert len(lengths) == 1


def test_a_result_whose_exception_was_read_goes_without_the_garbage_collector() -> None:
    result = failed(ValueError("v"))
    reference = weakref.ref(result)
    gc.disable()
    try:

        def read(result: FutureResult) -> None:
            try:
                result.value  # noqa: B018
            except ValueError:
                del result

        read(result)
        del result
        assert reference() is None
    finally:
        gc.enable()


def test_a_value_can_be_set_again() -> None:
    result = FutureResult()
    result.value = 1
    result.value = 2
    assert result.value == 2
    result.set_cancelled()
    with pytest.raises(RuntimeError, match="cancelled"):
        result.value  # noqa: B018
    result.value = 3
    assert result.value == 3


def test_a_cancelled_result_is_ready_and_stays_so_when_the_value_comes_late() -> None:
    result = FutureResult()
    result.set_cancelled()
    assert result.ready
    assert result.bring("late")
    with pytest.raises(RuntimeError, match="the future has been cancelled"):
        result.value  # noqa: B018


def test_a_result_shows_its_state() -> None:
    result = FutureResult()
    assert repr(result) == "<FutureResult, not ready>"
    result.value = "word"
    assert repr(result) == "<FutureResult, 'word'>"
    assert repr(failed(KeyError("k"))) == "<FutureResult, raises KeyError('k')>"


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_result_cannot_be_copied_or_pickled(make: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="its value can"):
        make(FutureResult())


def test_who_waits_tells_its_host() -> None:
    told: list[str] = []

    class Host:
        answers_itself = True

        def is_own(self, address: Any) -> bool:
            return False

        def begin_wait(self) -> None:
            told.append("begin")

        def end_wait(self) -> None:
            told.append("end")

    before = get_state()
    set_state(ContextState())
    get_state().host = Host()
    try:
        result = FutureResult()
        assert not result.wait(0)
        result.value = 1
        assert told == ["begin", "end"]
        assert result.value == 1
        assert told == ["begin", "end"]  # nothing to wait for
    finally:
        set_state(before)


def test_a_wait_that_could_never_end_is_refused() -> None:
    result = FutureResult(check_wait=fail)
    with pytest.raises(ZeroDivisionError):
        result.wait()
    assert not result.wait(0)
    result.value = 1
    assert result.wait()


# -- chains


def test_a_chain_runs_in_order_and_its_last_value_is_the_result() -> None:
    result = FutureResult()
    assert result.then(lambda v, a, k=0: v + a + k, 1, k=2) is result
    result.then(lambda v: v * 10)
    result.value = 1
    assert result.value == 40


def test_the_result_is_not_ready_before_its_chain_has_run() -> None:
    result = FutureResult()
    result.then(lambda _: result.ready)
    result.value = 1
    assert result.value is False


def test_what_is_added_while_the_chain_runs_runs_too() -> None:
    result = FutureResult()
    result.then(lambda v: (result.then(lambda w: w * 10), v + 1)[1])
    result.value = 1
    assert result.value == 20


def test_a_function_that_is_added_to_a_ready_result_is_called_at_once() -> None:
    result, threads = FutureResult(), []
    result.value = 1

    def note(value: int, more: int) -> int:
        threads.append(threading.current_thread())
        return value + more

    assert result.then(note, more=4) is result
    assert result.value == 5
    assert threads == [threading.current_thread()]
    with pytest.raises(ZeroDivisionError):
        result.then(fail)
    assert result.value == 5


def test_a_function_that_is_added_behind_an_exception_is_left_out() -> None:
    result = failed(KeyError("k"))
    assert result.then(fail) is result
    with pytest.raises(KeyError):
        result.value  # noqa: B018


def test_a_function_that_fails_ends_the_chain_and_its_error_is_the_result() -> None:
    errors: list[Any] = []
    result = FutureResult()
    result.then(fail).then(errors.append).iferror(lambda e: errors.append((e, result.ready)))
    result.value = 1
    assert result.ready
    with pytest.raises(ZeroDivisionError) as caught:
        result.value  # noqa: B018
    assert errors == [(caught.value, False)]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_a_function_means_for_the_whole_program_goes_on_and_is_the_result_too(
    kind: type[BaseException],
) -> None:
    def leave(_: Any) -> None:
        raise kind

    result = FutureResult().then(leave).then(fail)
    with pytest.raises(kind):
        result.value = 1
    with pytest.raises(kind):
        result.value  # noqa: B018


def test_an_exception_skips_the_chain() -> None:
    called: list[Any] = []
    result = FutureResult().then(called.append)
    result.set_value(_ExceptionWrapper(KeyError("k")))
    assert called == []
    assert isinstance(result._outcome, ExceptionWrapper)


def test_the_last_handler_is_told_of_an_exception() -> None:
    told: list[Any] = []
    result = FutureResult()
    assert result.iferror(fail) is result
    result.iferror(told.append)
    result.set_cancelled()
    assert [str(fault) for fault in told] == ["the future has been cancelled"]


def test_a_handler_that_is_set_too_late_is_never_called() -> None:
    assert failed(KeyError("k")).iferror(fail).ready


def test_what_a_handler_raises_is_logged_and_costs_nobody_the_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = FutureResult().iferror(fail)
    with caplog.at_level(logging.ERROR, "pyrolike.futures"):
        result.set_value(_ExceptionWrapper(KeyError("k")))
    assert "handler of a future's error has failed itself" in caplog.text
    with pytest.raises(KeyError):
        result.value  # noqa: B018


def test_no_handler_means_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        failed(KeyError("k"))
        FutureResult().then(fail).value = 1
    assert caplog.text == ""


@pytest.mark.parametrize("set_it", [FutureResult.set_cancelled, lambda r: r.set_value("set")])
def test_a_result_that_is_set_while_its_chain_runs_keeps_that(
    set_it: Callable[[FutureResult], None],
) -> None:
    called: list[Any] = []
    result = FutureResult()
    result.then(lambda _: set_it(result)).then(called.append)
    result.value = 1
    assert called == []
    assert result._outcome == "set" or "cancelled" in str(result._outcome)


def test_a_result_that_is_set_by_its_handler_keeps_that() -> None:
    result = FutureResult()
    result.iferror(lambda _: result.set_value("instead"))
    result.set_value(_ExceptionWrapper(KeyError("k")))
    assert result.value == "instead"


def test_a_ready_result_keeps_nothing_of_its_chain() -> None:
    class Thing:
        def __call__(self, *_: Any) -> None: ...

    thing = Thing()
    reference = weakref.ref(thing)
    result = FutureResult(thing).then(thing).iferror(thing)
    result.value = 1
    del thing
    gc.collect()
    assert reference() is None


def test_a_forked_child_does_not_wait_for_what_comes_in_the_parent() -> None:
    open_one = FutureResult().then(fail).iferror(fail)
    ready_one = FutureResult()
    ready_one.value = 5
    for result in open_one, ready_one:
        result.after_fork()
    with pytest.raises(RuntimeError, match="parent process"):
        open_one.value  # noqa: B018
    assert ready_one.value == 5


def test_a_wrapper_raises_the_object_itself() -> None:
    fault = KeyError("k")
    with pytest.raises(KeyError) as caught:
        _ExceptionWrapper(fault).raiseIt()
    assert caught.value is fault


# -- futures


def test_a_future_calls_its_function_in_another_thread() -> None:
    future = Future(lambda a, b=0: (a, b, threading.current_thread()))
    assert (future.chain, future.exceptionhandler, future.call_delay) == ([], None, 0)
    assert (future.cancelled, future.completed) == (False, False)
    a, b, thread = future(3, b=4).value
    assert (a, b) == (3, 4)
    assert thread is not threading.current_thread()
    assert future.completed
    assert not future.cancelled
    assert callable(future.callable)


def test_a_future_needs_a_function() -> None:
    not_callable: Any = 3
    with pytest.raises(TypeError, match="something to call, not 3"):
        Future(not_callable)


def test_a_futures_chain_runs_before_its_result_is_ready() -> None:
    future = Future(lambda: 4).then(lambda v, a: v + a, 6).then(lambda v: v * 10)
    assert future().value == 100


def test_a_futures_handler_hears_of_function_and_chain() -> None:
    told: list[Any] = []
    for future in Future(fail).then(told.append), Future(lambda: 1).then(fail):
        with pytest.raises(ZeroDivisionError) as caught:
            future.iferror(told.append)().value  # noqa: B018
        assert told.pop() is caught.value
        assert told == []


def test_a_future_is_called_once() -> None:
    held = HeldTask()
    future = Future(held)
    result = future()
    with pytest.raises(RuntimeError, match="called already"):
        future()
    held.may_end.set()
    assert result.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="called already"):
        future()
    with pytest.raises(AttributeError, match="add to the chain of its result"):
        future.then(fail)
    assert not hasattr(future, "chain")
    assert future.iferror(fail) is future
    assert not future.delay(1)
    assert not future.cancel()


def test_a_future_that_runs_cannot_be_cancelled() -> None:
    held = HeldTask()
    future = Future(held)
    result = future()
    assert held.is_running.wait(PATIENCE)
    assert not future.cancel()
    assert not future.delay(LONG)
    assert not future.cancelled
    held.may_end.set()
    assert result.value is None


def test_a_cancelled_future_is_not_called() -> None:
    future = Future(fail)
    assert future.cancel()
    assert future.cancel()
    assert future.cancelled
    with pytest.raises(RuntimeError, match="the future has been cancelled"):
        future()
    assert "cancelled" in repr(future)


def test_a_future_that_is_cancelled_during_its_delay_never_calls_its_function() -> None:
    told: list[Any] = []
    future = Future(fail).iferror(told.append)
    assert future.delay(LONG)
    result = future()
    assert not result.ready
    assert not future.completed
    assert future.cancel()
    assert future.cancel()
    with pytest.raises(RuntimeError, match="the future has been cancelled"):
        result.value  # noqa: B018
    assert str(told[0]) == "the future has been cancelled"
    assert (future.cancelled, future.completed) == (True, True)
    assert not future.delay(1)
    with pytest.raises(RuntimeError, match="called already"):
        future()
    future._evaluate()  # an alarm that could not be stopped any more
    assert len(told) == 1


def test_a_delay_can_be_changed_while_it_runs() -> None:
    future = Future(lambda: 3)
    future.delay(LONG)
    result = future()
    assert future.delay(2 * LONG)
    assert not result.ready
    assert future.delay(0)
    assert result.value == 3


def test_a_function_is_called_after_the_delay() -> None:
    future = Future(futures.monotonic)
    future.delay(0.05)
    before = futures.monotonic()
    assert future().value - before >= 0.05


def test_a_handler_can_be_set_during_the_delay() -> None:
    told: list[Any] = []
    future = Future(fail)
    future.delay(LONG)
    result = future()
    future.iferror(told.append).delay(0)
    assert result.wait(PATIENCE)
    assert len(told) == 1


def test_an_alarm_that_went_off_before_the_delay_was_prolonged_does_nothing() -> None:
    future = Future(fail)
    future.delay(LONG)
    result = future()
    future._evaluate()
    assert not result.ready
    future.cancel()


@pytest.mark.parametrize("seconds", [-1, "x", float("nan"), None])
def test_a_delay_must_be_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(ValueError, match="a delay is a number of seconds"):
        Future(fail).delay(seconds)


def test_what_ends_the_thread_of_a_function_is_the_result() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        Future(leave)().value  # noqa: B018


def test_a_future_shows_its_state() -> None:
    future = Future(len)
    assert repr(future) == "<Future of <built-in function len>, not called>"
    future("word").wait()
    assert repr(future) == "<Future of <built-in function len>, called>"


def test_a_future_that_was_called_is_done_in_a_forked_child() -> None:
    called, fresh = Future(fail), Future(lambda: 2)
    called.delay(LONG)
    called()
    for future in called, fresh:
        future.after_fork()
    assert called.completed
    assert fresh().value == 2
    called._evaluate()


def test_no_more_threads_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_background, "run", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        Future(len)("word")
