"""Many calls in one request."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from pyrolike.errors import PyroError
from pyrolike.objects.calls import raise_remote
from pyrolike.serializers import ExceptionWrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from .proxy import Proxy


class RecordedMethod:
    """Stands for a method in a batch: a call of it is written down, not made."""

    __slots__ = ("_name", "_record")

    def __init__(self, record: Callable[[tuple[str, Any, Any]], None], name: str) -> None:
        self._record = record
        self._name = name

    def __call__(self, /, *args: Any, **kwargs: Any) -> None:
        """Record the call."""
        self._record((self._name, args, kwargs))

    def __getattr__(self, name: str) -> RecordedMethod:
        if name.startswith("__"):
            raise AttributeError(name)
        return RecordedMethod(self._record, f"{self._name}.{name}")


class BatchProxy:
    """Records calls to a proxy's object and sends them together when it is called itself.

    Not for several threads at once; the proxy itself may be shared.

    Args:
        proxy: For whose object the calls are.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._calls: list[tuple[str, Any, Any]] = []
        self._was_called = False

    def __getattr__(self, name: str) -> RecordedMethod:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return RecordedMethod(self._record, name)

    def _record(self, call: tuple[str, Any, Any]) -> None:
        self._calls.append(call)

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
        other._calls = list(self._calls)
        return other

    def __repr__(self) -> str:
        return f"<BatchProxy with {len(self._calls)} calls for {self._proxy._pyroUri}>"

    @overload
    def __call__(self, oneway: Literal[False] = False) -> Iterator[Any]: ...
    @overload
    def __call__(self, oneway: Literal[True]) -> None: ...
    @overload
    def __call__(self, oneway: bool) -> Iterator[Any] | None: ...

    def __call__(self, oneway: bool = False) -> Iterator[Any] | None:
        """Make the recorded calls, in one request, and forget them.

        Args:
            oneway: Do not wait for results.

        Returns:
            The results in order, or None if *oneway*. Where a call has failed, its exception is
            raised when the iteration comes to it; the calls after it were not made.

        Raises:
            CommunicationError: The exchange failed; the recorded calls are forgotten all the same.
            AttributeError: One of the names is not exposed: none of the results can be had.
            PyroError: The batch was called before, and no call was recorded since.

        Pyro: keeps the calls if sending failed, so that a reused batch repeats them; and makes an
        empty batch of a second call. An empty first one is fine here too.
        """
        if self._was_called and not self._calls:
            raise PyroError(
                "this batch was called already and has forgotten its calls: record new ones first, "
                "or keep the results of the first time in a list"
            )
        calls, self._calls = self._calls, []
        self._was_called = True
        results = self._proxy._pyroInvokeBatch(calls, oneway)
        return None if oneway else _unwrapped(results)


def batch(proxy: Proxy) -> BatchProxy:
    """Return a `BatchProxy` for *proxy*."""
    return BatchProxy(proxy)


def _unwrapped(results: Sequence[Any]) -> Iterator[Any]:
    pending = deque(results)
    del results
    while pending:
        if isinstance(pending[0], ExceptionWrapper):
            # In no variable here: the traceback would hold it, and it the traceback.
            raise_remote(pending.popleft().exception)
        yield pending.popleft()
