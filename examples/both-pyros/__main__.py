"""Runs the server, and clients with Pyro4, Pyro5 and pyrolike.

Where the real Pyros are not installed, pyrolike takes their places and speaks as they do.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("server.py")
    for name, stand_in in ("Pyro4", ["48", "Guido", "Barbara"]), ("Pyro5", ["502", "Ada", "Grace"]):
        if find_spec(name):
            show.client(f"{name.lower()}_client.py", uri, title=name)
        else:
            show.client("client.py", uri, *stand_in, title=name)
    show.client("client.py", uri, "48", "Emmy", "Sofia", title="pyrolike")
