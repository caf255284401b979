"""What a proxy hands out for a method's name: something to call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike.errors import ConnectionClosedError, TimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .link import Link


class RemoteMethod:
    """A method of a remote object.

    Args:
        link: Whose settings say how often a failed call is repeated.
        invoke: Does the call: the link's, or that of a proxy whose class overrides it.
        name: The method's name; a dotted one is refused by every daemon.
    """

    __slots__ = ("_invoke", "_link", "_name")

    def __init__(self, link: Link, invoke: Callable[..., Any], name: str) -> None:
        self._link = link
        self._invoke = invoke
        self._name = name

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the remote method; repeat the call after a lost connection as the proxy says."""
        if not self._link.max_retries:
            return self._invoke(self._name, args, kwargs)
        return self._call_patiently(args, kwargs)

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

    def _call_patiently(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return repeat(self._link.max_retries, lambda: self._invoke(self._name, args, kwargs))


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
