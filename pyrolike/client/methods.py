"""What a proxy hands out for a method's name: something to call."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pyrolike.errors import ConnectionClosedError, TimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .link import Link


class RemoteMethod(partial[Any]):
    """A method of a remote object.

    It is a `functools.partial`, because that is called without a function of Python's in between.

    Args:
        link: Whose settings say how often a failed call is repeated.
        invoke: Does the call: the link's, or that of a proxy whose class overrides it.
        name: The method's name; a dotted one is refused by every daemon.
    """

    __slots__ = ("_invoke", "_link", "_name")

    _invoke: Callable[..., Any]
    _link: Link
    _name: str

    def __new__(cls, link: Link, invoke: Callable[..., Any], name: str) -> Self:
        """See the class."""
        self = super().__new__(cls, _call, link, invoke, name)
        self._link, self._invoke, self._name = link, invoke, name
        return self

    def __getattr__(self, name: str) -> RemoteMethod:
        if name.startswith("__"):
            # Or copying, pickling, inspecting a method would seem possible.
            raise AttributeError(name)
        return RemoteMethod(self._link, self._invoke, f"{self._name}.{name}")

    def synchronous(self) -> RemoteMethod:
        """Return the method that waits for its result: this one."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a remote method cannot be copied or pickled; do that with the proxy")

    def __repr__(self) -> str:
        return f"<remote method {self._name} of {self._link.uri}>"


class DirectMethod(RemoteMethod):
    """A method of a remote object: call it, as if it were local.

    It belongs to a proxy whose class overrides nothing on the way of a call.

    Args:
        link: Makes the call.
        name: The method's name.
    """

    __slots__ = ()

    def __new__(cls, link: Link, name: str) -> Self:
        """See the class."""
        self = partial.__new__(cls, link.call, name)
        self._link, self._invoke, self._name = link, link.invoke, name
        return self


def _call(link: Link, invoke: Callable[..., Any], name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call a remote method; repeat the call after a lost connection as the proxy says."""
    return repeat(link.max_retries, lambda: invoke(name, args, kwargs))


def repeat(count: int, call: Callable[[], Any]) -> Any:
    """Return what *call* returns, making it *count* times more if its connection is lost or late.

    Raises:
        Exception: What the last attempt raised, or what the remote side raised at any.
    """
    for _ in range(count):
        try:
            return call()
        except (ConnectionClosedError, TimeoutError) as fault:
            if hasattr(fault, "_pyroTraceback"):
                raise  # the method itself raised it: the call was made, and answered
    return call()
