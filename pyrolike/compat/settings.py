"""The settings as a Pyro4 or Pyro5 program expects to find them.

There is one set of settings, with Pyro5's defaults. While Pyro4 is registered alone, those of its
defaults hold that differ: its programs were written for them. What the environment or the program
has set is left alone.
"""

from __future__ import annotations

import os
from typing import Any

from pyrolike.configure import ITEMS, PREFIX, Configuration, config

registered: set[str] = set()
"""The names that stand for pyrolike in this process; see `registering`."""

PYRO4_DEFAULTS: dict[str, Any] = {
    "PREFER_IP_VERSION": 4,
    "SERIALIZERS_ACCEPTED": {"serpent", "marshal", "json"},
    "THREADPOOL_SIZE": 40,
}
"""Where Pyro4's defaults are others. ``MAX_MESSAGE_SIZE`` is not here: we do have a limit."""


def adopt_defaults() -> None:
    """Let Pyro4's defaults hold if it is registered alone, else ours."""
    for name, pyro4_value in PYRO4_DEFAULTS.items():
        old, new = ITEMS[name].default, pyro4_value
        if registered != {"Pyro4"}:
            old, new = new, old
        if f"{PREFIX}{name}" not in os.environ and getattr(config, name) == old:
            setattr(config, name, new)


def adopt_environment() -> None:
    """Take over what the environment says by now, for settings that nobody has changed."""
    now = Configuration()
    for name, item in ITEMS.items():
        if getattr(config, name) == item.default != getattr(now, name):
            setattr(config, name, getattr(now, name))


def reset(use_environment: bool) -> None:
    """Set everything back to the defaults that hold here, then to what the environment says."""
    config.reset(use_environment)
    adopt_defaults()
