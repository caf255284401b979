"""Many calls in one request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, overload

from pyrolike.errors import PyroError
from pyrolike.objects.calls import raise_remote
from pyrolike.serializers import ExceptionWrapper

from .asynchronous import start_batch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from pyrolike.futures import FutureResult

    from .proxy import Proxy

RecordedCall: TypeAlias = "tuple[str, tuple[Any, ...], dict[str, Any]]"
"""A method's name, positional and keyword arguments."""


def _record(calls: list[RecordedCall], name: str, /, *args: Any, **kwargs: Any) -> None:
    calls.append((name, args, kwargs))


class RecordedMethod(partial[None]):
    """Stands for a method in a batch: a call of it is written down, not made.

    A partial function, because Python calls that faster than an object with a ``__call__``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<RecordedMethod {self.args[1]!r}>"

    def __getattr__(self, name: str) -> RecordedMethod:
        if name.startswith("__"):
            raise AttributeError(name)
        calls, own = self.args
        return RecordedMethod(_record, calls, f"{own}.{name}")


class BatchProxy:
    """Records calls to a proxy's object and sends them together when it is called itself.

    Not for several threads at once; the proxy itself may be shared.

    Args:
        proxy: For whose object the calls are.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._calls: list[RecordedCall] = []  # the same as long as the batch lives
        self._was_called = False

    def __getattr__(self, name: str) -> RecordedMethod:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        # Kept, so that the next call of it does not come here again.
        self.__dict__[name] = method = RecordedMethod(_record, self._calls, name)
        return method

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def __copy__(self) -> BatchProxy:
        other = type(self)(self._proxy)
        other._calls += self._calls
        return other

    def __repr__(self) -> str:
        return f"<BatchProxy with {len(self._calls)} calls for {self._proxy._pyroUri}>"

    @overload
    def __call__(
        self, oneway: Literal[False] = False, asynchronous: Literal[False] = False
    ) -> Iterator[Any]: ...
    @overload
    def __call__(self, oneway: Literal[True], asynchronous: Literal[False] = False) -> None: ...
    @overload
    def __call__(
        self, oneway: Literal[False] = False, *, asynchronous: Literal[True]
    ) -> FutureResult: ...
    @overload
    def __call__(
        self, oneway: bool = False, asynchronous: bool = False, **options: bool
    ) -> Iterator[Any] | FutureResult | None: ...

    def __call__(
        self, oneway: bool = False, asynchronous: bool = False, **options: bool
    ) -> Iterator[Any] | FutureResult | None:
        """Make the recorded calls, in one request, and forget them.

        Args:
            oneway: Do not wait for results.
            asynchronous: Do not wait for results now: they will be the value of what is returned.
            options: Takes ``async``, which is how early Pyro4 has called *asynchronous*.

        Returns:
            The results in order, or None if *oneway*. Where a call has failed, its exception is
            raised when the iteration comes to it; the calls after it were not made.

        Raises:
            CommunicationError: The exchange failed; the recorded calls are forgotten all the same.
            AttributeError: One of the names is not exposed: none of the results can be had.
            PyroError: The batch was called before, and no call was recorded since; or it should be
                one-way and asynchronous.

        Pyro: keeps the calls if sending failed, and those of an asynchronous batch always, so that
        a reused batch repeats them; and makes an empty batch of a second call. An empty first one
        is fine here too.
        """
        asynchronous = bool(options.pop("async", asynchronous))
        if options:
            raise TypeError(f"a batch knows no option {next(iter(options))!r}")
        if oneway and asynchronous:
            raise PyroError("a batch that is called one-way has no results to come later")
        if self._was_called and not self._calls:
            raise PyroError(
                "this batch was called already and has forgotten its calls: record new ones first, "
                "or keep the results of the first time in a list"
            )
        calls = self._calls.copy()
        self._calls.clear()
        self._was_called = True
        if asynchronous:
            return start_batch(self._proxy, calls, _unwrapped)
        results = self._proxy._pyroInvokeBatch(calls, oneway)
        return None if oneway else _unwrapped(results)


def batch(proxy: Proxy) -> BatchProxy:
    """Return a `BatchProxy` for *proxy*."""
    return BatchProxy(proxy)


def _unwrapped(results: list[Any]) -> Iterator[Any]:
    kinds = list(map(type, results))
    if ExceptionWrapper not in kinds:
        yield from results
        return
    place = kinds.index(ExceptionWrapper)
    failure = results[place].exception
    del results[place:]
    yield from results
    try:
        raise_remote(failure)
    finally:
        del failure  # the traceback refers to this frame, and must not come back to itself
