"""The package ``Pyro5.compatibility``: what it offers is to run Pyro4's programs, as we do."""

from __future__ import annotations

import sys
from typing import Any

from pyrolike.compat.registering import register

__path__: list[str] = []
"""It is a package, for there is ``import Pyro5.compatibility.Pyro4``."""


def __getattr__(name: str) -> Any:
    if name != "Pyro4":
        raise AttributeError(f"module 'Pyro5.compatibility' has no attribute {name!r}")
    register("Pyro4")
    return sys.modules["Pyro4"]
