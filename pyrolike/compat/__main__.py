"""``python -m pyrolike.compat program.py``: run a Pyro4 or Pyro5 program on pyrolike."""

from .running import main

main()
