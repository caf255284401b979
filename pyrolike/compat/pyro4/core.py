"""The module ``Pyro4.core``: our core, and the two decorators' worth that early Pyro4 had more."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pyrolike
from pyrolike.core import (
    DAEMON_NAME,
    NAMESERVER_NAME,
    URI,
    BatchProxy,
    Daemon,
    DaemonObject,
    Proxy,
    SerializedBlob,
    batch,
    behavior,
    callback,
    current_context,
    oneway,
    type_meta,
)
from pyrolike.objects import expose as expose_plainly

from .naming import locateNS as _locateNS, resolve as _resolve

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DAEMON_NAME",
    "NAMESERVER_NAME",
    "URI",
    "BatchProxy",
    "Daemon",
    "DaemonObject",
    "Proxy",
    "SerializedBlob",
    "_locateNS",
    "_resolve",
    "batch",
    "behavior",
    "callback",
    "current_context",
    "expose",
    "oneway",
    "type_meta",
]


def expose(
    method_or_class: Any = None,
    instance_mode: Any = "session",
    instance_creator: Callable[[Any], object] | None = None,
) -> Any:
    """Mark a method, a property or a class as remotely accessible; see `pyrolike.expose`.

    Up to 4.45 it chose the instance mode too: ``@expose(instance_mode="single")`` on a class is
    ``@behavior`` and ``@expose`` together.
    """
    if method_or_class is not None:
        return expose_plainly(method_or_class)
    set_behavior = behavior(instance_mode, instance_creator)

    def expose_class(clazz: Any) -> Any:
        return expose_plainly(set_behavior(clazz))

    return expose_class


def async_copy(proxy: Proxy) -> Any:
    """Return a copy of *proxy* whose calls return futures; *proxy* itself is left alone.

    That is what ``Pyro4.async`` did, as long as it was no keyword. ``asyncproxy`` switches the
    proxy itself.
    """
    other: Any = copy.copy(proxy)
    other._pyroAsync()
    return other


def __getattr__(name: str) -> Any:
    if name == "asyncproxy":
        return getattr(pyrolike, name)
    raise AttributeError(f"module 'Pyro4.core' has no attribute {name!r}")
