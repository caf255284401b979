"""For programs that say "Pyro4" or "Pyro5": they run on pyrolike, and need not be changed.

From outside, ``python -m pyrolike.compat program.py``; from code, before anything else,
``pyrolike.compat.register("Pyro5")``. See docs/porting.
"""

from .registering import add_to_environment, register

__all__ = ["add_to_environment", "register"]
