"""The package ``Pyro4``, as its programs find it. Its modules are bound here by `register`.

Only what Pyro4 spells or means in its own way is in this package. Everything else is ours under
Pyro4's names, the same objects.
"""

from typing import Any

import pyrolike

from .configuration import config
from .constants import VERSION
from .core import (
    URI,
    Daemon,
    Proxy,
    async_copy,
    batch,
    behavior,
    callback,
    current_context,
    expose,
    oneway,
)
from .naming import locateNS, resolve

__version__ = VERSION
__author__ = "The pyrolike developers"

globals()["async"] = async_copy  # a keyword by now; programs reach it with getattr

__all__ = [
    "URI",
    "Daemon",
    "Proxy",
    "batch",
    "behavior",
    "callback",
    "config",
    "current_context",
    "expose",
    "locateNS",
    "oneway",
    "resolve",
]


def __getattr__(name: str) -> Any:
    if name in ("Future", "asyncproxy"):
        return getattr(pyrolike, name)
    raise AttributeError(f"module 'Pyro4' has no attribute {name!r}")
