"""The package ``Pyro5``, as its programs find it. Its modules are bound here by `register`."""

from pyrolike.callcontext import current_context
from pyrolike.configure import config

__version__ = "5.17"
"""The version whose behaviour is ours."""

__author__ = "The pyrolike developers"

__all__ = ["config", "current_context"]
