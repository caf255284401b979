"""The library a peer program runs with: a stock Pyro5 or Pyro4, or pyrolike.

The peer programs have one text for all. They take every Pyro name from here, so that what a test
proves with one of the libraries on a side is the same thing it proves with the other. The choice is
made by the environment, because decorators need it while a module is being imported; nobody else in
the tests imports Pyro5 or Pyro4.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

LIBRARY_VARIABLE = "PEER_LIBRARY"
"""Environment variable with the library's name; absent means pyrolike."""

MODULES = {
    "pyro5": ("Pyro5.api", "Pyro5.errors"),
    "pyro4": ("tests.support.peers.pyro4_names", "tests.support.peers.pyro4_names"),
    "pyrolike": ("pyrolike.api", "pyrolike.errors"),
}
"""The modules ``api`` and ``errors`` of each library."""

name: str = os.environ.get(LIBRARY_VARIABLE, "pyrolike")
"""``pyro5``, ``pyro4`` or ``pyrolike``."""

api: Any = importlib.import_module(MODULES[name][0])
"""The library's ``api`` module."""

errors: Any = importlib.import_module(MODULES[name][1])
"""The library's exceptions."""
